"""One trace as a graph of its operations, merged by call path or by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.analysis.compare import PathTable
from dashboard.graph.layout import place
from dashboard.traces.trace import Flag, Int64, Trace

MAX_DRAWN = 200
Merge = Literal["path", "operation"]


@dataclass(frozen=True, slots=True)
class CallNode:
    """One merged operation; times in nanoseconds.

    ``total_ns`` is the sum of the durations, ``self_ns`` of the self times,
    ``below_ns`` of the self times at and below it (by call path only, else 0).
    """

    number: int
    row: int  # the first row merged into it
    service: str
    operation: str
    count: int
    errors: int
    total_ns: int
    self_ns: int
    below_ns: int
    x: float  # column and row of the layout
    y: float


@dataclass(frozen=True, slots=True)
class CallEdge:
    """Calls from one node to another."""

    caller: int
    callee: int
    count: int
    errors: int


@dataclass(frozen=True, slots=True)
class CallGraph:
    """The nodes that are drawn, and how many there are."""

    nodes: list[CallNode]
    edges: list[CallEdge]
    total: int


def call_graph(trace: Trace, self_ns: Int64, merge: Merge) -> CallGraph:
    """The graph of an adjusted trace; ``MAX_DRAWN`` nodes with most time are kept.

    By call path a node's callers are kept with it, so what is drawn hangs
    together. Two runs of one trace give the same picture.
    """
    if not len(trace):
        return CallGraph([], [], 0)
    if merge == "path":
        number = PathTable().numbers_of(trace)
    else:
        pair = trace.service * np.int64(len(trace.operations)) + trace.operation
        _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
        # Numbered by first occurrence, as paths are.
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        number = rank[inverse.reshape(-1)]
    size = int(number.max()) + 1
    failed = (trace.flags & Flag.ERROR) != 0
    first_row = np.full(size, len(trace), np.int64)
    np.minimum.at(first_row, number, np.arange(len(trace)))
    own = _sums(number, self_ns, size)
    below = _below(trace, number, first_row, own) if merge == "path" else own
    kept = np.lexsort((np.arange(size), -below))[:MAX_DRAWN]
    drawn = np.zeros(size, bool)
    drawn[kept] = True
    edges = _edges(trace, number, failed, drawn)
    # Names that sort as the numbers do keep the layout in order of first calls.
    names = tuple(f"{n:07d}" for n in sorted(kept.tolist()))
    lines = tuple((f"{e.caller:07d}", f"{e.callee:07d}") for e in edges)
    positions = place((names, tuple(e for e in lines if e[0] != e[1])))
    count = np.bincount(number, minlength=size)
    errors = np.bincount(number[failed], minlength=size)
    total = _sums(number, trace.duration_ns, size)
    nodes = [
        CallNode(
            n,
            int(first_row[n]),
            trace.service_name(int(first_row[n])),
            trace.operation_name(int(first_row[n])),
            int(count[n]),
            int(errors[n]),
            int(total[n]),
            int(own[n]),
            int(below[n]) if merge == "path" else 0,
            *positions[f"{n:07d}"],
        )
        for n in sorted(kept.tolist())
    ]
    return CallGraph(nodes, edges, size)


def _sums(number: Int64, values: Int64, size: int) -> Int64:
    found = np.zeros(size, np.int64)
    np.add.at(found, number, values)
    return found


def _below(trace: Trace, number: Int64, first_row: Int64, own: Int64) -> Int64:
    """Sums over subtrees of paths; a path's number is greater than its caller's."""
    above_row = trace.parent[first_row]
    above = np.where(above_row >= 0, number[above_row], -1).tolist()
    sums = own.tolist()
    for path in range(len(sums) - 1, -1, -1):
        if above[path] >= 0:
            sums[above[path]] += sums[path]
    return np.array(sums, np.int64)


def _edges(
    trace: Trace, number: Int64, failed: np.ndarray, drawn: np.ndarray
) -> list[CallEdge]:
    rows = np.flatnonzero(trace.parent >= 0)
    caller, callee = number[trace.parent[rows]], number[rows]
    seen = drawn[caller] & drawn[callee]
    rows, caller, callee = rows[seen], caller[seen], callee[seen]
    width = len(drawn)
    pairs, inverse = np.unique(caller * width + callee, return_inverse=True)
    count = np.bincount(inverse.reshape(-1), minlength=len(pairs))
    errors = np.bincount(inverse.reshape(-1)[failed[rows]], minlength=len(pairs))
    return [
        CallEdge(pair // width, pair % width, calls, bad)
        for pair, calls, bad in zip(
            pairs.tolist(), count.tolist(), errors.tolist(), strict=True
        )
    ]
