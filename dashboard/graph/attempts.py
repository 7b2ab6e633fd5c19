"""Joins the attempts of one call: what was sent again, and what a proxy repeated."""

from __future__ import annotations

from itertools import pairwise

from dashboard.graph.calls import Call
from dashboard.traces.trace import Kind, Trace

CLIENT = int(Kind.CLIENT)


def join_attempts(trace: Trace, calls: list[Call]) -> list[Call]:
    """Join what repeats one call: resend counts, and a proxy's spawned spans.

    ``calls`` are in display order of their caller's span.
    """
    if not _may_repeat(trace):
        return calls
    kind, parent = trace.kind.tolist(), trace.parent.tolist()
    found: list[Call] = []
    last_of: dict[tuple[int, str], int] = {}
    for call in calls:
        row = call.caller_row
        if row < 0 or kind[row] != CLIENT:
            found.append(call)
            continue
        key = (parent[row], call.callee)
        place = last_of.get(key)
        if place is not None and _repeats(trace, found[place], row):
            before = found[place]
            end_ns = int(trace.start_ns[row] + trace.duration_ns[row])
            found[place] = call._replace(
                start_ns=before.start_ns,
                duration_ns=end_ns - before.start_ns,
                attempts=before.attempts + call.attempts,
                caller_row=before.caller_row,
            )
            continue
        last_of[key] = len(found)
        found.append(call)
    return found


def may_join(trace: Trace, calls: list[Call]) -> bool:
    """Whether any two calls could be attempts of one, times aside."""
    if not _may_repeat(trace):
        return False
    rows = [(trace.parent[c.caller_row], c.callee) for c in calls if c.caller_row >= 0]
    return len(set(rows)) < len(rows)


def _may_repeat(trace: Trace) -> bool:
    """Whether any span says that it is sent again, or is a proxy's."""
    if "resend_count" in trace.facts:
        return True
    return bool(trace.rows_where("component", lambda text: text == "proxy").any())


def _repeats(trace: Trace, before: Call, row: int) -> bool:
    count = trace.fact("resend_count", row)
    if count.isdecimal() and int(count) > 0:
        return True
    spawned = (
        trace.fact("component", row) == "proxy"
        and trace.operation_name(row).startswith("router ")
        and trace.operation_name(before.caller_row).startswith("router ")
    )
    finished = before.start_ns + before.duration_ns <= trace.start_ns[row]
    return bool(spawned and before.error and finished)


def join_in_turn(calls: list[Call], span_ids: list[str]) -> list[Call]:
    """One call where they follow one another and all but the last failed."""
    calls.sort(key=lambda call: (call.start_ns, span_ids[call.caller_row]))
    in_turn = all(
        a.start_ns + a.duration_ns <= b.start_ns and a.error for a, b in pairwise(calls)
    )
    if not in_turn or len(calls) == 1:
        return calls
    first, last = calls[0], calls[-1]
    return [
        last._replace(
            caller_row=first.caller_row,
            start_ns=first.start_ns,
            duration_ns=last.start_ns + last.duration_ns - first.start_ns,
            attempts=len(calls),
        )
    ]
