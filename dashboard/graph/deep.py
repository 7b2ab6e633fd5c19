"""Where the calls of a trace happen: operations, instances, and paths of calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


class Sites:
    """Answers for one trace what a row's request, instance and namespace are."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.entries: dict[int, int] = {}

    def entry(self, row: int) -> int:
        """The row of the request that a span works for, in its own service."""
        trace, seen, at = self.trace, [], row
        while at not in self.entries:
            seen.append(at)
            above = int(trace.parent[at])
            if (
                above < 0
                or trace.service[above] != trace.service[at]
                or trace.kind[at] in SERVERS
            ):
                self.entries[at] = at
                break
            at = above
        found = self.entries[at]
        for passed in seen:
            self.entries[passed] = found
        return found

    def operations(self, call: Call) -> tuple[str, str]:
        """Operations of the caller's request and of the callee's.

        A side without spans has none, but a callee without spans is told apart by
        the client span's name.
        """
        trace = self.trace
        caller = callee = ""
        if call.caller_row >= 0:
            caller = trace.operation_name(self.entry(call.caller_row))
        if call.callee_row >= 0:
            callee = trace.operation_name(call.callee_row)
        elif call.caller_row >= 0:
            callee = trace.operation_name(call.caller_row)
        return caller, callee

    def facts(self, key: str, call: Call) -> tuple[str, str]:
        """A fact of the caller's span and of the callee's."""
        if key not in self.trace.facts:
            return "", ""
        caller = self.trace.fact(key, call.caller_row) if call.caller_row >= 0 else ""
        callee = self.trace.fact(key, call.callee_row) if call.callee_row >= 0 else ""
        return caller, callee


@dataclass(slots=True)
class Path:
    """Calls that follow from one another, and how many last calls went that way."""

    words: tuple[str, ...]  # service, operation, service, operation …
    calls: int = 0
    errors: int = 0
    sum_ns: int = 0


def paths(trace: Trace, calls: list[Call], sites: Sites) -> list[Path]:
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
    above = _callers(trace, calls)
    leads_on = {number for number in above if number >= 0}
    prefixes: dict[tuple[int, str, str], int] = {}
    chain: list[tuple[int, str, str]] = []  # previous in the chain, service, operation

    def step(before: int, service: str, operation: str) -> int:
        key = (before, service, operation)
        number = prefixes.setdefault(key, len(chain))
        if number == len(chain):
            chain.append(key)
        return number

    place: dict[int, int] = {}
    found: dict[int, Path] = {}
    for number in _top_down(above):
        call = calls[number]
        caller, callee = sites.operations(call)
        before = above[number]
        start = place[before] if before >= 0 else step(-1, call.caller, caller)
        end = place[number] = step(start, call.callee, callee)
        if number in leads_on:
            continue
        path = found.get(end)
        if path is None:
            path = found[end] = Path(CUT)
        path.calls += 1
        path.errors += call.error
        path.sum_ns += call.duration_ns
    # The busiest are kept, equal ones by their words: whatever the input's order.
    words_of = {end: _words(chain, end) for end in found}
    ranked = sorted(found, key=lambda end: (-found[end].calls, words_of[end]))
    merged: dict[tuple[str, ...], Path] = {}
    for rank, end in enumerate(ranked):
        path = found[end]
        path.words = words_of[end] if rank < MAX_PATHS else CUT
        same = merged.setdefault(path.words, path)
        if same is not path:  # paths that differ only beyond what is kept
            same.calls += path.calls
            same.errors += path.errors
            same.sum_ns += path.sum_ns
    return list(merged.values())


def _words(chain: list[tuple[int, str, str]], end: int) -> tuple[str, ...]:
    found: list[str] = []
    at = end
    while at >= 0:
        at, service, operation = chain[at]
        found += [operation, service]
    found.reverse()
    return tuple(found[: 2 * MAX_NODES])


def _top_down(above: list[int]) -> Iterator[int]:
    """Calls so that each comes after the call that led to it."""
    below: dict[int, list[int]] = {}
    for number, before in enumerate(above):
        below.setdefault(before, []).append(number)
    work = list(reversed(below.get(-1, [])))
    while work:
        number = work.pop()
        yield number
        work.extend(reversed(below.get(number, [])))


def _callers(trace: Trace, calls: list[Call]) -> list[int]:
    """For each call the number of the call that led to it, or -1.

    A call led to another where the other's caller span is in the subtree of its
    callee's span, the innermost such; and a message into a queue leads to the
    call out of it whose consumer is the producer's child.
    """
    arrived: dict[int, int] = {}
    for number, call in enumerate(calls):
        if call.callee_row >= 0 and (
            call.callee_row not in arrived
            or calls[arrived[call.callee_row]].caller_row < 0 <= call.caller_row
        ):
            arrived[call.callee_row] = number
    sent: dict[tuple[int, str], int] = {}
    for number, call in enumerate(calls):
        if call.caller_row >= 0 and call.callee_row < 0:
            sent[call.caller_row, call.callee] = number
    result = [-1] * len(calls)
    order = sorted(
        (call.caller_row, number)
        for number, call in enumerate(calls)
        if call.caller_row >= 0
    )
    callees = sorted(arrived)
    subtree = trace.subtree
    open_rows: list[int] = []
    next_callee = 0
    for row, number in order:
        while next_callee < len(callees) and callees[next_callee] <= row:
            callee = callees[next_callee]
            next_callee += 1
            while open_rows and open_rows[-1] + subtree[open_rows[-1]] <= callee:
                open_rows.pop()
            open_rows.append(callee)
        while open_rows and open_rows[-1] + subtree[open_rows[-1]] <= row:
            open_rows.pop()
        if open_rows and arrived[open_rows[-1]] != number:
            result[number] = arrived[open_rows[-1]]
    for number, call in enumerate(calls):
        if call.caller_row < 0 <= call.callee_row:
            producer = int(trace.parent[call.callee_row])
            result[number] = sent.get((producer, call.caller), -1)
    return result
