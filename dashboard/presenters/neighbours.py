"""What surrounds a span: callers, the other half of its call, references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from dashboard.analysis.pairs import Pair, clients_above, pairs_of
from dashboard.presenters.colors import monogram
from dashboard.presenters.shown import Shown
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import NO_ROW, Reference, Trace

MAX_CHAIN = 24
MAX_INBOUND = 100
MAX_REFERENCES = 500
Stored = Callable[[Iterable[str]], dict[str, str]]


def span_name(trace: Trace, row: int, colours: dict[str, int]) -> dict[str, Any]:
    """Row, service and operation of a span, as the panel names it."""
    service = trace.service_name(row)
    return {
        "row": row,
        "service": service,
        "slot": colours[service],
        "monogram": monogram(service),
        "operation": trace.operation_name(row),
    }


def chain(
    shown: Shown, row: int, colours: dict[str, int]
) -> tuple[list[dict[str, Any]], int]:
    """The callers of a span, root first; and how many of the middle are left out."""
    trace = shown.trace
    parent = trace.parent
    above = []
    at = int(parent[row])
    while at >= 0:
        above.append(at)
        at = int(parent[at])
    above.reverse()
    left_off = max(len(above) - MAX_CHAIN, 0)
    if left_off:
        above = [above[0], *above[left_off + 1 :]]
    return [span_name(trace, one, colours) for one in above], left_off


def pairs(shown: Shown, row: int, colours: dict[str, int]) -> list[dict[str, Any]]:
    """The calls of which a span is one half: several for a client that tried again."""
    trace = shown.trace
    client_of = clients_above(trace)
    client = int(client_of[row])
    client = client if client >= 0 else row
    servers = np.flatnonzero(client_of == client)
    if not len(servers):
        return []
    only = np.full(len(trace), NO_ROW, np.int64)
    only[servers] = client
    found = pairs_of(trace, only)
    return [
        _pair(trace, one, row, len(found), colours)
        for one in found
        if row in (one.client, one.server)
    ]


def _pair(
    trace: Trace, pair: Pair, row: int, attempts: int, colours: dict[str, int]
) -> dict[str, Any]:
    other = pair.server if row == pair.client else pair.client
    return {
        **span_name(trace, other, colours),
        "role": "client" if row == pair.client else "server",
        "attempt": pair.attempt,
        "attempts": attempts,
        "before_ns": str(pair.before_ns),
        "after_ns": str(pair.after_ns),
        "network_ns": str(pair.network_ns),
        "before": format_duration_ns(pair.before_ns),
        "after": format_duration_ns(pair.after_ns),
        "network": format_duration_ns(pair.network_ns),
        "clocks_disagree": pair.clocks_disagree,
        "asynchronous": pair.asynchronous,
        "text": _pair_text(pair),
    }


def _pair_text(pair: Pair) -> str:
    values = {
        "before": format_duration_ns(pair.before_ns),
        "after": format_duration_ns(pair.after_ns),
        "network": format_duration_ns(pair.network_ns),
    }
    if pair.asynchronous:
        if pair.before_ns < 0:
            return _(
                "The clocks of both sides disagree: the message seems to arrive before "
                "it is sent."
            )
        return _("The message was taken up %(before)s after it was sent.") % values
    if pair.network_ns < 0:
        return _("The server worked on after the client had given up or gone on.")
    if pair.clocks_disagree:
        words = _(
            "The clocks of both sides disagree. On the way there and back %(network)s "
            "passed."
        )
    else:
        words = _(
            "%(before)s on the way to the server, %(after)s on the way back: "
            "%(network)s of network and waiting."
        )
    return words % values


def references(
    shown: Shown, row: int, colours: dict[str, int], stored: Stored | None
) -> list[dict[str, Any]]:
    """The references of a span: rows of this trace, or other traces and whether here.

    ``stored`` tells which of some trace ids are stored (by their keys); without it
    nothing is told of other traces.
    """
    trace = shown.trace
    named = trace.references_of(row)[:MAX_REFERENCES]
    key = trace_key(trace.trace_id)
    above = int(trace.parent[row])
    rows = _rows_of(trace, {ref.span_id for ref in named if _is_here(ref, key)})
    if above >= 0:
        rows[trace.span_ids[above]] = above
    others = {ref.trace_id for ref in named if not _is_here(ref, key)}
    have = stored(others) if stored is not None and others else {}
    found = []
    for ref in named:
        here = _is_here(ref, key)
        place = rows.get(ref.span_id) if here else None
        known = have.get(trace_key(ref.trace_id))
        names = {"service": "", "slot": 0, "monogram": "", "operation": ""}
        if place is not None:
            names = span_name(trace, place, colours)
        found.append(
            {
                "kind": ref.kind,
                "trace_id": ref.trace_id,
                "span_id": ref.span_id,
                **names,
                "row": place,
                "here": here,
                "found": place is not None if here else bool(known),
                "stored": None if here or stored is None else bool(known),
                "stored_id": known or "",
                "is_parent": place is not None and place == above,
                "tags": ref.tags,
            }
        )
    return found


def inbound(
    shown: Shown, row: int, colours: dict[str, int]
) -> tuple[list[dict[str, Any]], int]:
    """Spans of this trace that link to this one without being its children.

    And children by FOLLOWS_FROM, for whom this one does not wait.
    """
    trace = shown.trace
    key, own = trace_key(trace.trace_id), trace.span_ids[row]
    found: list[dict[str, Any]] = []
    count = 0
    for other, named in trace.references.items():
        for ref in named:
            if ref.span_id != own or not _is_here(ref, key) or other == row:
                continue
            if ref.kind == "CHILD_OF" and trace.parent[other] == row:
                continue
            count += 1
            if len(found) < MAX_INBOUND:
                found.append({**span_name(trace, other, colours), "kind": ref.kind})
    return found, count


def _is_here(ref: Reference, key: str) -> bool:
    return trace_key(ref.trace_id) == key


def _rows_of(trace: Trace, wanted: set[str]) -> dict[str, int]:
    """Rows of some span ids; of several with one id the first."""
    found: dict[str, int] = {}
    if wanted:
        for row, span_id in enumerate(trace.span_ids):
            if span_id in wanted:
                found.setdefault(span_id, row)
    return found
