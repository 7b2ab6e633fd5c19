// Reads the binary payload: a JSON header, then typed arrays (docs/api.md).

const TYPES = { "<f8": Float64Array, "<i4": Int32Array, "<u4": Uint32Array, "<u2": Uint16Array, "|u1": Uint8Array };

/** Fetch a payload and give {header, columns}; raises Error with the status. */
export async function fetchPayload(url) {
  const response = await fetch(url, { credentials: "same-origin", mode: "cors" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return readPayload(await response.arrayBuffer());
}

/** Parse a payload's bytes. */
export function readPayload(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = {};
  for (const [name, type, offset, count] of header.columns) {
    columns[name] = new TYPES[type](buffer, 4 + length + offset, count);
  }
  return { header, columns };
}
