"""Places nodes left to right, callers before callees; calm when nodes come and go."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from threading import Lock

import networkx as nx
import numpy as np

from dashboard.graph.groups import Shape

Positions = dict[str, tuple[float, float]]  # column and row
Sizes = Mapping[str, tuple[float, float]]  # columns and rows that a node takes
ONE = (1.0, 1.0)
GAP = 0.4  # rows between parts that are not connected
SWEEPS = 12
LINE, LINE_LUMP = 10, 4  # columns that are no line yet, however few the nodes
MAX_WAYPOINTS = 4_000  # with more, long calls do not push others aside
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
    column = _columns(graph)
    found = _Ordering(graph, column).layers()
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
    # Without circles a long line may be what there is; in a lump it never is.
    least = LINE_LUMP if back else LINE
    if max(found.values()) < max(least, 2 * len(found) ** 0.5):
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


Point = str | tuple[str, str, int]  # a node, or where a call passes a column


class _Ordering:
    """The order in each column that crosses least, by sweeps of the barycentre rule.

    A call over several columns passes each at a waypoint, which takes room as a node
    does, so that the call does not run through others. The same graph always gets
    the same order (a foreign layouter did not: its hash tables are seeded anew).
    """

    def __init__(self, graph: nx.DiGraph, column: dict[str, int]):
        columns: dict[int, list[Point]] = defaultdict(list)
        for name in sorted(graph):
            columns[column[name]].append(name)
        self.before: dict[Point, list[Point]] = defaultdict(list)
        self.after: dict[Point, list[Point]] = defaultdict(list)
        calls = []
        for caller, callee in sorted(graph.edges):
            left, right = sorted((caller, callee), key=column.__getitem__)
            if column[left] != column[right]:
                calls.append((left, right))
        length = sum(column[right] - column[left] - 1 for left, right in calls)
        self.passes = length <= MAX_WAYPOINTS
        for left, right in dict.fromkeys(calls):
            at: Point = left
            for number in range(column[left] + 1, column[right]):
                if not self.passes:
                    break
                waypoint = (left, right, number)
                columns[number].append(waypoint)
                self._connect(at, waypoint)
                at = waypoint
            self._connect(at, right)
        self.columns = [columns[number] for number in sorted(columns)]
        self.at: dict[Point, float] = {}
        for layer in self.columns:
            self._number(layer)

    def _connect(self, left: Point, right: Point) -> None:
        self.after[left].append(right)
        self.before[right].append(left)

    def _number(self, layer: list[Point]) -> None:
        for place, point in enumerate(layer):
            self.at[point] = place - len(layer) / 2

    def layers(self) -> list[list[str]]:
        """Names column by column, after the sweep that crossed least."""
        best = self._crossings()
        kept = [list(layer) for layer in self.columns]
        for sweep in range(SWEEPS):
            rightwards = sweep % 2 == 0
            near = self.before if rightwards else self.after
            for layer in self.columns if rightwards else reversed(self.columns):
                middle = {point: self._middle(point, near) for point in layer}
                layer.sort(key=middle.__getitem__)
                self._number(layer)
            found = self._crossings()
            if found < best or not self.passes:
                best, kept = found, [list(layer) for layer in self.columns]
        return [[p for p in layer if isinstance(p, str)] for layer in kept]

    def _middle(
        self, point: Point, near: Mapping[Point, list[Point]]
    ) -> tuple[float, float]:
        others = near.get(point)
        own = self.at[point]
        if not others:
            return own, own
        return sum(self.at[other] for other in others) / len(others), own

    def _crossings(self) -> int:
        """Crossings between neighbouring columns; only where calls have waypoints."""
        total = 0
        if not self.passes:
            return total
        for layer in self.columns[:-1]:
            seen: list[float] = []
            for point in layer:
                ends = sorted(self.at[other] for other in self.after.get(point, ()))
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total


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
