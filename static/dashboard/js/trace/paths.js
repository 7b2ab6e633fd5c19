// Spans merged by call path: equal chains of (service, operation) are one path.

/**
 * Paths of a model: {path: number of each row, first: first row of each path,
 * above: the path above, -1 for roots}. A path's number is greater than that of
 * the path above. One pass, nothing recursive.
 */
export function callPaths(model) {
  model.paths ??= find(model);
  return model.paths;
}

function find({ count, parent, columns, header }) {
  const path = new Uint32Array(count);
  const first = [];
  const above = [];
  const width = header.operations.length || 1;
  const known = new Map(); // below each path: its steps
  for (let row = 0; row < count; row += 1) {
    const up = parent[row] < 0 ? -1 : path[parent[row]];
    let steps = known.get(up);
    if (!steps) known.set(up, (steps = new Map()));
    const step = columns.service[row] * width + columns.operation[row];
    let number = steps.get(step);
    if (number === undefined) {
      number = first.length;
      steps.set(step, number);
      first.push(row);
      above.push(up);
    }
    path[row] = number;
  }
  return { path, first, above };
}
