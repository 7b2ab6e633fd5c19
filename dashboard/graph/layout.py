"""Places nodes left to right, callers before callees; calm when nodes come and go."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from threading import Lock

import networkx as nx
import numpy as np

from dashboard.graph.groups import Shape

log = logging.getLogger(__name__)
try:
    import fast_sugiyama
except ImportError:  # no wheel for this machine: the plain layering below serves
    fast_sugiyama = None
Positions = dict[str, tuple[float, float]]  # column and row
Sizes = Mapping[str, tuple[float, float]]  # columns and rows that a node takes
ONE = (1.0, 1.0)
GAP = 0.4  # rows between parts that are not connected
QUICK_ABOVE = 120  # nodes; with more the layouter leaves its slowest step out
PLAIN_ABOVE = 500  # edges; with more its order is no better than the plain one
SWEEPS = 8
KEEP_SHARE = 0.7  # of the nodes must stay in their columns to keep a picture
_remembered: OrderedDict[Hashable, Positions] = OrderedDict()
_lock = Lock()
MAX_REMEMBERED = 128


def place(shape: Shape, view: Hashable = None) -> Positions:
    """Positions of all nodes, equal for equal shapes.

    With a ``view``, nodes that its last picture had keep their places where the
    columns allow it, and new ones get free places near their neighbours.
    """
    if view is None:
        return stack(_columns_of(shape))
    columns = _columns_of(shape)
    with _lock:
        before = _remembered.get(view)
    found = _adapt(before, columns, shape) if before else None
    if found is None:
        found = stack(columns)
    with _lock:
        _remembered[view] = found
        _remembered.move_to_end(view)
        while len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return found


def forget_layouts() -> None:
    """Drop all that is kept of pictures."""
    _columns_of.cache_clear()
    with _lock:
        _remembered.clear()


Parts = tuple[tuple[tuple[str, ...], ...], ...]  # parts, columns, names


def stack(parts: Parts, sizes: Sizes | None = None) -> Positions:
    """Positions from columns in order; parts below one another, the single ones packed."""
    sizes = sizes or {}
    result: Positions = {}
    top, singles = 0.0, []
    widest = 1.0
    for part in parts:
        if len(part) == 1 and len(part[0]) == 1 and len(parts) > 1:
            singles.append(part[0][0])
            continue
        heights = [sum(sizes.get(n, ONE)[1] for n in layer) for layer in part]
        height, x = max(heights), 0.0
        for layer, own in zip(part, heights, strict=True):
            y = top + (height - own) / 2  # each column is centred on the tallest
            for name in layer:
                result[name] = (x, y)
                y += sizes.get(name, ONE)[1]
            x += max(sizes.get(name, ONE)[0] for name in layer)
        widest = max(widest, x)
        top += height + GAP
    _pack(singles, sizes, top, max(widest, len(singles) ** 0.5), result)
    return result


def _pack(
    names: Iterable[str], sizes: Sizes, top: float, width: float, result: Positions
) -> None:
    """Rows of nodes that nothing connects."""
    x = row_height = 0.0
    for name in names:
        wide, high = sizes.get(name, ONE)
        if x and x + wide > width:
            x, top, row_height = 0.0, top + row_height, 0.0
        result[name] = (x, top)
        x += wide
        row_height = max(row_height, high)


@lru_cache(maxsize=256)
def _columns_of(shape: Shape) -> Parts:
    nodes, edges = shape
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    parts = sorted(
        nx.weakly_connected_components(graph), key=lambda part: (-len(part), min(part))
    )
    return tuple(_layers(graph.subgraph(part)) for part in parts)


def columns_of(shape: Shape) -> Parts:
    """The parts of a graph, each as columns of names in the order that crosses least."""
    return _columns_of(shape)


def _layers(graph: nx.DiGraph) -> tuple[tuple[str, ...], ...]:
    order = _sugiyama(graph)
    column = _columns(graph)
    layers: dict[int, list[str]] = defaultdict(list)
    for name in sorted(graph.nodes):
        layers[column[name]].append(name)
    found = [layers[number] for number in sorted(layers)]
    if order:
        for layer in found:
            layer.sort(key=lambda name: (order.get(name, 0.0), name))
    else:
        found = _barycentres(graph, found)
    return tuple(tuple(layer) for layer in found)


def _columns(graph: nx.DiGraph) -> dict[str, int]:
    """The column of each node: the longest way from a root.

    Calls that close a cycle are left out, so its members stand side by side. Where
    nearly everything calls everything that way would be one long line: then a
    node's column is its level in the least-squares sense.
    """
    order, back = _order(graph)
    found: dict[str, int] = {}
    for name in order:
        above = [
            found[other] + 1
            for other in graph.predecessors(name)
            if (other, name) not in back
        ]
        found[name] = max(above, default=0)
    if max(found.values()) < max(10, 2 * len(found) ** 0.5):
        return found
    return _levels(graph)


def _order(graph: nx.DiGraph) -> tuple[list[str], set[tuple[str, str]]]:
    """Callers before callees, and the calls left out since they close a cycle."""
    state: dict[str, int] = {}
    order: list[str] = []
    back: set[tuple[str, str]] = set()
    roots = sorted(graph.nodes, key=lambda n: (graph.in_degree(n) > 0, n))
    for root in roots:
        if root in state:
            continue
        state[root] = 1
        work = [(root, iter(sorted(graph.successors(root))))]
        while work:
            name, below = work[-1]
            for other in below:
                if other not in state:
                    state[other] = 1
                    work.append((other, iter(sorted(graph.successors(other)))))
                    break
                if state[other] == 1:
                    back.add((name, other))
            else:
                state[name] = 2
                order.append(name)
                work.pop()
    order.reverse()
    return order, back


def _levels(graph: nx.DiGraph) -> dict[str, int]:
    """Levels for which the callees of all are nearest to one below their callers."""
    names = sorted(graph.nodes)
    number = {name: n for n, name in enumerate(names)}
    laplacian = np.zeros((len(names), len(names)))
    imbalance = np.zeros(len(names))
    for caller, callee in graph.edges:
        u, v = number[caller], number[callee]
        laplacian[u, u] += 1
        laplacian[v, v] += 1
        laplacian[u, v] -= 1
        laplacian[v, u] -= 1
        imbalance[u] -= 1
        imbalance[v] += 1
    laplacian[0] += 1  # one of many solutions: that whose levels add up to 0
    level = np.linalg.solve(laplacian, imbalance)
    # A graph that is all circles has no direction; then it is spread by its order.
    wanted = max(2.0, (0.75 * len(names)) ** 0.5)
    if np.ptp(level) < wanted - 1:
        level = np.argsort(np.argsort(level, kind="stable")) * wanted / len(names)
        return {name: int(level[n]) for name, n in number.items()}
    whole = np.rint(level - level.min()).astype(int)
    used = {value: n for n, value in enumerate(sorted(set(whole.tolist())))}
    return {name: used[int(whole[n])] for name, n in number.items()}


def _sugiyama(graph: nx.DiGraph) -> dict[str, float]:
    """Order across the columns by the Rust layouter, or nothing."""
    edges = graph.number_of_edges()
    if fast_sugiyama is None or not 0 < edges <= PLAIN_ABOVE:
        return {}
    quick = graph.number_of_nodes() > QUICK_ABOVE
    options = (
        {"crossing_minimization": "barycenter", "transpose": False} if quick else {}
    )
    try:
        found = fast_sugiyama.from_edges(sorted(graph.edges), **options).to_dict()
        return {name: float(x) for name, (x, _) in found.items()}
    except Exception:  # a foreign extension; any fault of it must not cost the page
        log.warning("fast-sugiyama failed; the plain layering is used", exc_info=True)
        return {}


def _barycentres(graph: nx.DiGraph, layers: list[list[str]]) -> list[list[str]]:
    """Sweeps of the barycentre rule, to the right and back."""
    layers = [list(layer) for layer in layers]
    at = {name: i - len(layer) / 2 for layer in layers for i, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        near = graph.pred if sweep % 2 == 0 else graph.succ
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            middle = {
                name: sum(at[other] for other in near[name]) / len(near[name])
                if near[name]
                else at[name]
                for name in layer
            }
            layer.sort(key=lambda name: (middle[name], name))
            for i, name in enumerate(layer):
                at[name] = i - len(layer) / 2
    return layers


def _adapt(before: Positions, columns: Parts, shape: Shape) -> Positions | None:
    """The picture before with what came and went; nothing if too much has moved."""
    column = {
        name: float(number)
        for part in columns
        for number, layer in enumerate(part)
        for name in layer
    }
    for part in columns:
        if len(part) == 1 and len(part[0]) == 1:  # packed, wherever there was room
            name = part[0][0]
            column[name] = before.get(name, (0.0, 0.0))[0]
    stays = {n: p for n, p in before.items() if column.get(n) == p[0]}
    if len(stays) == len(column):
        return stays
    if len(stays) < KEEP_SHARE * max(len(column), len(before)):
        return None
    result = dict(stays)
    taken: dict[float, list[float]] = defaultdict(list)
    for x, y in stays.values():
        taken[x].append(y)
    near: dict[str, list[str]] = defaultdict(list)
    for caller, callee in shape[1]:
        near[caller].append(callee)
        near[callee].append(caller)
    for name in sorted(column.keys() - stays.keys(), key=lambda n: (column[n], n)):
        x = column[name]
        rows = [result[other][1] for other in near[name] if other in result]
        wanted = sum(rows) / len(rows) if rows else max(taken[x], default=-1.0) + 1.0
        y = _free(wanted, taken[x])
        taken[x].append(y)
        result[name] = (x, y)
    return result


def _free(wanted: float, taken: list[float]) -> float:
    """The free row nearest to the one wanted, not above the picture."""
    places = [max(wanted, 0.0)]
    for y in taken:
        places += [y + 1.0, y - 1.0]
    free = [
        y for y in places if y >= 0 and all(abs(y - other) >= 0.999 for other in taken)
    ]
    return min(free, key=lambda y: (abs(y - wanted), y))


Box = tuple[float, float, float, float]  # x0, y0, x1, y1: columns and rows
EDGE = 0.35  # room between an open group's box and its members


def place_groups(
    shape: Shape, group_of: Mapping[str, str], view: Hashable = None
) -> tuple[Positions, dict[str, Box]]:
    """Positions where some nodes are members of open groups, and the groups' boxes.

    ``group_of`` names the group of each such member. A group is laid out by
    itself, then placed as a whole among the others.
    """
    if not group_of:
        return place(shape, view), {}
    nodes, edges = shape
    outer = {
        name: f"\0{group_of[name]}" if name in group_of else name for name in nodes
    }
    inner: dict[str, list[str]] = defaultdict(list)
    inside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    between = set()
    for name in nodes:
        if name in group_of:
            inner[outer[name]].append(name)
    for u, v in edges:
        if outer[u] == outer[v]:
            inside[outer[u]].append((u, v))
        else:
            between.add((outer[u], outer[v]))
    placed, sizes = {}, {}
    for group, members in inner.items():
        placed[group] = stack(columns_of((tuple(members), tuple(inside[group]))))
        x1 = max(x for x, _ in placed[group].values()) + 1
        y1 = max(y for _, y in placed[group].values()) + 1
        sizes[group] = (x1 + 2 * EDGE, y1 + 2 * EDGE)
    whole = (tuple(sorted(set(outer.values()))), tuple(sorted(between)))
    result, boxes = {}, {}
    for name, (x, y) in stack(columns_of(whole), sizes).items():
        if name not in placed:
            result[name] = (x, y)
            continue
        wide, high = sizes[name]
        boxes[name[1:]] = (x, y, x + wide - 1, y + high - 1)
        for member, (dx, dy) in placed[name].items():
            result[member] = (x + EDGE + dx, y + EDGE + dy)
    return result, boxes
