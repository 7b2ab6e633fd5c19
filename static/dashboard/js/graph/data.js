// What the server tells of the graph, in one shape, and live changes applied to it.

export const key = {
  nodes: (node) => node.id,
  edges: (edge) => `${edge.caller}\0${edge.callee}`,
};

const FIGURES = { calls: 0, calls_text: "", errors: 0, error_share: 0, error_text: "", rate: 0, rate_text: "", p50_us: 0, p95_us: 0, p50_text: "–", p95_text: "–" };
const NODE = { members: 0, versions: [], slot: 0, virtual: false, kind: "service", kind_text: "", monogram: "", group: "" };
const EDGE = { pairs: [], attempts: 0, asynchronous: false, failing: false, sentence: "" };

function fill(item, usual) {
  for (const [name, value] of Object.entries(usual)) item[name] ??= value;
}

/** Fill what a smaller answer (a comparison, paths) leaves out. */
export function whole(data) {
  for (const node of data.nodes) {
    node.id ??= node.service;
    node.label ??= node.service;
    node.group ??= node.namespace ?? "";
    fill(node, NODE);
    fill(node, FIGURES);
  }
  for (const edge of data.edges) {
    edge.id = key.edges(edge);
    fill(edge, EDGE);
    fill(edge, FIGURES);
  }
  data.groups ??= [];
  data.grouped ??= "";
  data.names ??= data.nodes.map((node) => [node.id, node.group]);
  data.counts ??= { nodes: data.nodes.length, edges: data.edges.length, shown_nodes: data.nodes.length, shown_edges: data.edges.length };
  data.overlay ??= null;
  data.seconds ??= Math.max((data.end_us - data.start_us) / 1e6, 1);
  return index(data);
}

/** Look-ups that every part of the page needs. */
function index(data) {
  data.byId = new Map(data.nodes.map((node) => [node.id, node]));
  data.byEdge = new Map(data.edges.map((edge) => [edge.id, edge]));
  data.out = new Map(data.nodes.map((node) => [node.id, []]));
  data.in = new Map(data.nodes.map((node) => [node.id, []]));
  for (const edge of data.edges) {
    data.out.get(edge.caller)?.push(edge);
    data.in.get(edge.callee)?.push(edge);
  }
  return data;
}

/** The data after a live change; items that did not change stay the same objects. */
export function changed(data, message) {
  const next = { ...data };
  for (const kind of ["nodes", "edges"]) {
    const now = new Map(data[kind].map((item) => [key[kind](item), item]));
    for (const item of message[kind]) now.set(item.id ?? (kind === "nodes" ? item.service : key.edges(item)), item);
    for (const gone of message[`removed_${kind}`]) now.delete(Array.isArray(gone) ? gone.join("\0") : gone);
    next[kind] = [...now.values()];
  }
  for (const name of ["sentence", "band", "updated_us", "start_us", "end_us", "seconds", "counts", "groups", "names", "shape"]) {
    if (message[name] !== undefined) next[name] = message[name];
  }
  return whole(next);
}

/** A neighbourhood: ids of the node, its callers and its callees. */
export function around(data, id) {
  const found = new Set([id]);
  for (const edge of data.out.get(id) ?? []) found.add(edge.callee);
  for (const edge of data.in.get(id) ?? []) found.add(edge.caller);
  return found;
}
