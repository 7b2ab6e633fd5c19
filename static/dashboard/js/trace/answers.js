// What the server tells beside the spans: pairs, repeats and missing callers.

/** For each client half, the row of the server half that its row can show; else -1. */
export function readPairs(columns, count, parent) {
  const pair = new Int32Array(count).fill(-1);
  const told = columns.pair;
  if (!told?.length) return pair;
  for (let row = 0; row < count; row += 1) {
    if (!told[row]) continue;
    const other = row + told[row];
    // Mutual, and nothing local between them: else both keep their rows.
    if (parent[other] === row && told[other] === -told[row]) pair[row] = other;
  }
  return pair;
}

/** Repeats with their rows, and for each row the repeat it belongs to (or -1). */
export function readRepeats(columns, count) {
  const repeatOfRow = new Int32Array(count).fill(-1);
  const repeats = [];
  let at = 0;
  for (let i = 0; i < (columns.repeatCount?.length ?? 0); i += 1) {
    const rows = new Uint32Array(columns.repeatCount[i]);
    let row = 0;
    for (let k = 0; k < rows.length; k += 1) {
      row += columns.repeatMembers[at + k];
      rows[k] = row;
      repeatOfRow[row] = i;
    }
    at += rows.length;
    repeats.push({ rows, min: columns.repeatMin[i], median: columns.repeatMedian[i], max: columns.repeatMax[i], total: columns.repeatTotal[i], wall: columns.repeatWall[i] });
  }
  return { repeats, repeatOfRow };
}

/** Callers that are named but not here, each with the rows below it. */
export function readMissing(header, columns) {
  const missing = (header.placeholders ?? []).map((one) => ({ ...one, rows: [] }));
  for (let i = 0; i < (columns.orphanRow?.length ?? 0); i += 1) missing[columns.orphanOf[i]]?.rows.push(columns.orphanRow[i]);
  return missing.filter((one) => one.rows.length);
}
