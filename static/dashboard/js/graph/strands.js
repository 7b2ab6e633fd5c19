// Lines to draw: an edge is one line, or one for each version of its caller.

const FAILING = 0.05;

/** Share as the server writes it: whole percent, one digit below one. */
function percent(share) {
  const value = share * 100;
  return `${value < 1 ? value.toFixed(1) : Math.round(value)}\u202f%`;
}

/** Lines of the graph. Each has the fields of its edge, a key of its own, and its version's figures. */
export function strands(data, detail) {
  const found = [];
  for (const edge of data.edges) {
    const versions = detail === "full" ? data.byId.get(edge.caller)?.versions ?? [] : [];
    const parts = new Map();
    for (const pair of versions.length > 1 ? edge.pairs : []) {
      const part = parts.get(pair.caller_version) ?? { calls: 0, errors: 0, rate: 0 };
      for (const name of ["calls", "errors", "rate"]) part[name] += pair[name];
      parts.set(pair.caller_version, part);
    }
    const known = [...parts.keys()].every((version) => versions.some((other) => other.version === version));
    if (!parts.size || !known) { found.push(Object.assign(Object.create(edge), { key: edge.id, line: -1 })); continue; }
    versions.forEach(({ version, calls }, line) => {
      const part = parts.get(version);
      if (!part) return;
      const share = part.calls ? part.errors / part.calls : 0;
      found.push(Object.assign(Object.create(edge), part, { key: `${edge.id}\0${version}`, line, asked: calls, attempts: part.calls, error_share: share, error_text: part.errors ? percent(share) : "", failing: share >= FAILING }));
    });
  }
  return found;
}

/** The id of the edge that a line belongs to. */
export function edgeOf(key) {
  return key?.split("\0").slice(0, 2).join("\0") ?? null;
}
