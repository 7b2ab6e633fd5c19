"""Where the calls of a trace happen: operations, instances, and paths of calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import nsmallest
from operator import itemgetter

import numpy as np

from dashboard.adjusters.roots import main_root
from dashboard.graph.calls import Call
from dashboard.traces.trace import Int64, Kind, Trace

MAX_PATHS = 40  # of one trace; calls on others are counted as cut
MAX_NODES = 32  # of one path; the end of a longer one is left out
CUT = ("",)  # the key of what was left out
SERVERS = (int(Kind.SERVER), int(Kind.CONSUMER))


def entry_rows(trace: Trace) -> Int64:
    """Of each row the row of the request that it works for, in its own service.

    Jumps double in length, so a chain of 100,000 spans takes 17 of them.
    """
    parent, service = trace.parent, trace.service
    stops = (parent < 0) | (service[parent] != service)
    stops |= np.isin(trace.kind, SERVERS)
    jump = np.where(stops, np.arange(len(trace)), parent).astype(np.int64)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            return jump
        jump = further


@dataclass(slots=True)
class Path:
    """Calls that follow from one another, and how many last calls went that way."""

    words: tuple[str, ...]  # service, operation, service, operation …
    calls: int = 0
    errors: int = 0
    sum_ns: int = 0


class Ends:
    """Where calls begin and end, as columns; -1 stands for a side without spans."""

    def __init__(self, trace: Trace, calls: list[Call]):
        count = len(calls)
        self.trace = trace
        self.caller, self.callee = (
            np.fromiter(map(itemgetter(place), calls), np.int64, count)
            for place in _ROWS
        )
        operation = np.append(trace.operation, -1)
        entry = np.append(operation[entry_rows(trace)], -1)
        # A callee without spans is told apart by the client span's name.
        self.operations = (
            entry[self.caller],
            np.where(self.callee >= 0, operation[self.callee], operation[self.caller]),
        )

    def facts(self, key: str) -> tuple[Int64, Int64]:
        """A fact of both ends, as places in the trace's fact values."""
        absent = np.full(len(self.trace), -1, np.int32)
        column = np.append(self.trace.facts.get(key, absent), -1).astype(np.int64)
        return column[self.caller], column[self.callee]


def paths(trace: Trace, calls: list[Call], ends: Ends) -> list[Path]:
    """The paths of a trace from its entries to the calls that lead no further.

    At most ``MAX_PATHS``; the calls on further ones are counted under ``CUT``.
    A trace without calls has one path, its main entry.
    """
    if not len(trace):
        return []
    if not calls:
        row = main_root(trace)
        failed = bool(trace.flags[row] & 1)
        words = (trace.service_name(row), trace.operation_name(row))
        return [Path(words, 1, int(failed), int(trace.duration_ns[row]))]
    above = _callers(trace, calls, ends)
    services: dict[str, int] = {}
    width = len(trace.operations) + 1
    codes = [
        [
            services.setdefault(name, len(services)) * width + operation + 1
            for name, operation in zip(
                map(name_of, calls), column.tolist(), strict=True
            )
        ]
        for name_of, column in zip(_NAMES, ends.operations, strict=True)
    ]
    steps = len(services) * width
    prefixes: dict[int, int] = {}  # previous step of the chain and code → step
    place = [-1] * len(calls)
    # A call comes after the one that led to it, which began further up.
    turn = np.where(ends.caller >= 0, 2 * ends.caller, 2 * ends.callee - 1)
    for number in np.argsort(turn, kind="stable").tolist():
        before = above[number]
        if before >= 0:
            start = place[before]
        else:
            start = prefixes.setdefault(codes[0][number], len(prefixes))
        key = (start + 1) * steps + codes[1][number]
        place[number] = prefixes.setdefault(key, len(prefixes))
    leads_on = {number for number in above if number >= 0}
    found: dict[int, Path] = {}
    for number, call in enumerate(calls):
        if number in leads_on:
            continue
        path = found.get(place[number])
        if path is None:
            path = found[place[number]] = Path(CUT)
        path.calls += 1
        path.errors += call.error
        path.sum_ns += call.duration_ns
    chain = list(prefixes)
    names = list(services)

    def words_of(end: int) -> tuple[str, ...]:
        words: list[str] = []
        while end >= 0:
            before, code = divmod(chain[end], steps)
            service, operation = divmod(code, width)
            words += ["" if not operation else trace.operations[operation - 1]]
            words.append(names[service])
            end = before - 1
        words.reverse()
        return tuple(words[: 2 * MAX_NODES])

    return _busiest(found, words_of)


def _busiest(
    found: dict[int, Path], words_of: Callable[[int], tuple[str, ...]]
) -> list[Path]:
    """The paths with most calls, then most time; ties by words, whatever the input."""

    def weight(end: int) -> tuple[int, int]:
        return -found[end].calls, -found[end].sum_ns

    heavy = nsmallest(MAX_PATHS, map(weight, found))
    words = {end: words_of(end) for end in found if weight(end) <= heavy[-1]}
    ranked = sorted(words, key=lambda end: (weight(end), words[end]))
    kept = {end: words[end] for end in ranked[:MAX_PATHS]}
    merged: dict[tuple[str, ...], Path] = {}
    for end, path in found.items():
        path.words = kept.get(end, CUT)
        same = merged.setdefault(path.words, path)
        if same is not path:  # cut, or they differ only beyond what is kept
            same.calls += path.calls
            same.errors += path.errors
            same.sum_ns += path.sum_ns
    return list(merged.values())


def _callers(trace: Trace, calls: list[Call], ends: Ends) -> list[int]:
    """For each call the number of the call that led to it, or -1.

    A call led to another where the other's caller span is in the subtree of its
    callee's span, the innermost such; and a message into a queue leads to the
    call out of it whose consumer is the producer's child.
    """
    caller, callee = ends.caller, ends.callee
    numbers = np.arange(len(calls))
    # The call that reached each row: the first, but one with a caller's span first.
    arrived = np.full(len(trace) + 1, -1, np.int64)
    for some in (caller < 0, caller >= 0):
        those = np.flatnonzero(some & (callee >= 0))[::-1]
        arrived[callee[those]] = those
    parent = trace.parent.astype(np.int64)
    reached = (arrived[:-1] >= 0) | (parent < 0)
    jump = np.where(reached, np.arange(len(trace)), parent)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    led = np.where(caller >= 0, arrived[jump[caller]], -1)
    led[led == numbers] = -1
    result: list[int] = led.tolist()
    out = np.flatnonzero((caller < 0) & (callee >= 0)).tolist()
    if out:
        into = np.flatnonzero((caller >= 0) & (callee < 0)).tolist()
        sent = {(calls[n].caller_row, calls[n].callee): n for n in into}
        for number in out:
            producer = int(parent[calls[number].callee_row])
            result[number] = sent.get((producer, calls[number].caller), -1)
    return result


_ROWS = tuple(map(Call._fields.index, ("caller_row", "callee_row")))
_NAMES = tuple(itemgetter(Call._fields.index(name)) for name in ("caller", "callee"))
