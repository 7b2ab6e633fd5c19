"""One span for the panel: its times, tags, logs, neighbours and place among others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from dashboard.analysis.summary import describe_error
from dashboard.presenters import neighbours, text
from dashboard.presenters.colors import monogram, slots
from dashboard.presenters.envoy import envoy_facts, reason
from dashboard.presenters.link_values import name_finder
from dashboard.presenters.shown import Shown
from dashboard.presenters.slowness import slowness
from dashboard.presenters.tags import (
    MAX_ITEMS,
    MAX_WHOLE,
    TagWriter,
    at_address,
    following,
)
from dashboard.traces.details import read_details
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Kind, Log, SpanDetails, Tag, Trace

PARTS = ("tags", "process", "logs", "references")


@dataclass(frozen=True, slots=True)
class Opened:
    """A span that somebody opened: ``read`` gives any row's stored details."""

    shown: Shown
    row: int
    read: Callable[[int], bytes]

    def details(self) -> SpanDetails:
        """The span's own details."""
        return read_details(self.read(self.row))

    def writer(self, details: SpanDetails) -> TagWriter:
        """Writes the span's tags with their links."""
        find = name_finder(self.shown, self.row, details, self.read)
        return TagWriter(self.shown.patterns, find)

    def process(self) -> tuple[Tag, ...]:
        """Tags of the span's process."""
        trace = self.shown.trace
        return trace.processes[trace.process[self.row]].tags


def span_details(
    opened: Opened, stored: neighbours.Stored | None = None
) -> dict[str, Any]:
    """Everything about one span; long lists and values begin here and go on by page."""
    shown, row = opened.shown, opened.row
    trace, details, process = shown.trace, opened.details(), opened.process()
    writer = opened.writer(details)
    origin = int(trace.start_ns.min())
    colours = slots(trace.services)
    operation = (trace.service_name(row), trace.operation_name(row))
    slow, why_not = slowness(shown.known([operation]), trace, row)
    chain, left_off = neighbours.chain(shown, row, colours)
    calls = neighbours.pairs(shown, row, colours)
    inbound, inbound_count = neighbours.inbound(shown, row, colours)
    above = int(trace.parent[row])
    return {
        **_figures(shown, row),
        "row": row,
        "span_id": trace.span_ids[row],
        "parent_row": above if above >= 0 else None,
        "service": operation[0],
        "slot": colours[operation[0]],
        "monogram": monogram(operation[0]),
        "operation": operation[1],
        "kind": _kind_text(int(trace.kind[row])),
        "version": trace.fact("version", row),
        "failed": bool(trace.flags[row] & Flag.ERROR),
        "error": _error_text(trace, row) if trace.flags[row] & Flag.ERROR else "",
        "slowness": slow,
        "slowness_reason": why_not,
        "children": int((trace.parent == row).sum()),
        "descendants": int(trace.subtree[row]) - 1,
        "chain": chain,
        "chain_left_off": left_off,
        "pair": calls[0] if len(calls) == 1 else None,
        "pairs": calls,
        "envoy": envoy_facts(trace, row),
        "tags": writer.tags(details.tags, "tags", "tags", 0, MAX_ITEMS),
        "tag_count": len(details.tags),
        "tags_next": following(0, len(details.tags)),
        "process": writer.tags(process, "process", "process", 0, MAX_ITEMS),
        "process_count": len(process),
        "process_next": following(0, len(process)),
        "logs": writer.logs(details.logs, origin, 0),
        "log_count": len(details.logs),
        "logs_next": following(0, len(details.logs)),
        "references": [
            {
                **ref,
                "tags": writer.tags(
                    ref["tags"], "references", f"references.{number}", 0, 20
                ),
            }
            for number, ref in enumerate(
                neighbours.references(shown, row, colours, stored)
            )
        ],
        "reference_count": len(trace.references_of(row)),
        "inbound": inbound,
        "inbound_count": inbound_count,
        "warnings": [
            text.warning_text(w.code, dict(w.values))
            for w in trace.warnings
            if w.row == row
        ]
        + list(details.warnings),
    }


def _figures(shown: Shown, row: int) -> dict[str, Any]:
    trace, extra = shown.trace, shown.extra
    origin = int(trace.start_ns.min())
    start = int(trace.start_ns[row])
    duration, own = int(trace.duration_ns[row]), int(extra["self_ns"][row])
    whole = max(int(trace.end_ns.max()) - origin, 1)
    sections = extra["critical_end_ns"] - extra["critical_start_ns"]
    critical = int(sections[extra["critical_row"] == row].sum())
    share = critical / max(int(sections.sum()), 1)
    return {
        "start_us": start // 1_000,
        "start_ns": str(start),
        "offset": format_duration_ns(start - origin),
        "duration": format_duration_ns(duration),
        "duration_ns": str(duration),
        "self_time": format_duration_ns(own),
        "self_ns": str(own),
        "share": text.share(duration / whole),
        "critical_ns": str(critical),
        "critical_time": format_duration_ns(critical),
        "critical_share": round(share, 6),
        "critical_text": _("%(share)s of the critical path")
        % {"share": text.share(share)}
        if critical
        else "",
    }


def more_of(opened: Opened, part: str, first: int) -> dict[str, Any]:
    """A further page of a long list: ``tags``, ``process``, ``logs`` or ``logs.4``.

    Raises ``ValueError`` or ``IndexError`` where there is no such list.
    """
    details = opened.details()
    found = at_address(part, _parts(opened, details), PARTS[:3])
    if isinstance(found, Tag):
        raise ValueError(part)
    writer = opened.writer(details)
    if part == "logs":
        origin = int(opened.shown.trace.start_ns.min())
        items = writer.logs(details.logs, origin, first)
    else:
        tags = tuple(one for one in found if isinstance(one, Tag))
        items = writer.tags(tags, part.split(".")[0], part, first, MAX_ITEMS)
    return {
        "part": part,
        "from": first,
        "next": following(first, len(found)),
        "count": len(found),
        "items": items,
    }


def whole_value(opened: Opened, address: str, first: int) -> dict[str, Any]:
    """A value by its address, as much as one answer holds.

    Raises ``ValueError`` or ``IndexError`` where there is none.
    """
    details = opened.details()
    found = at_address(address, _parts(opened, details), PARTS)
    if not isinstance(found, Tag):
        raise ValueError(address)
    value = text_of(found.value)
    end = first + MAX_WHOLE
    return {
        "at": address,
        "key": found.key,
        "size": len(value),
        "from": first,
        "next": end if end < len(value) else None,
        "value": value[first:end],
    }


def _parts(opened: Opened, details: SpanDetails) -> dict[str, tuple[Any, ...]]:
    references = opened.shown.trace.references_of(opened.row)
    return {
        "tags": details.tags,
        "process": opened.process(),
        "logs": details.logs,
        "references": tuple(Log(0, ref.tags) for ref in references),
    }


def _kind_text(kind: int) -> str:
    return {
        Kind.SERVER: _("server"),
        Kind.CLIENT: _("client"),
        Kind.PRODUCER: _("producer"),
        Kind.CONSUMER: _("consumer"),
        Kind.INTERNAL: _("internal"),
    }.get(Kind(kind), "")


def _error_text(trace: Trace, row: int) -> str:
    words = reason(describe_error(trace, row)["text"])
    return words or _("The span is marked as failed.")
