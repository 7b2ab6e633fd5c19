"""All logs of one trace as plain data, cut to what a table can show."""

from __future__ import annotations

from typing import Any

from dashboard.analysis.tag_values import Frames
from dashboard.traces.details import has_logs, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Log, Trace

MAX_LOGS = 20_000
MAX_TEXT = 500  # characters of one log


def logs_of(trace: Trace, frames: Frames, wanted: str = "") -> dict[str, Any]:
    """Logs as ``[row, ns after the trace's start, name, text]``, in order of time.

    ``wanted`` keeps those whose service, name or fields hold the text; case does
    not matter. At most ``MAX_LOGS``, the earliest; ``total`` counts all.
    """
    origin = int(trace.start_ns.min()) if len(trace) else 0
    low = wanted.casefold().strip()
    found: list[tuple[int, int, str, str]] = []
    for first, ends, body in frames:
        position = 0
        for row, end in enumerate(ends.tolist(), first):
            raw, position = body[position:end], end
            if not _may_have_logs(raw):
                continue
            service = trace.service_name(row).casefold()
            for log in read_details(raw).logs:
                name, text = _words(log)
                if low and low not in f"{service} {name} {text}".casefold():
                    continue
                found.append(
                    (log.at_ns - origin, row, name[:MAX_TEXT], text[:MAX_TEXT])
                )
    found.sort(key=lambda entry: entry[:2])
    return {
        "total": len(found),
        "logs": [[row, at, name, text] for at, row, name, text in found[:MAX_LOGS]],
    }


def _may_have_logs(raw: bytes) -> bool:
    return has_logs(raw) or b'"logs"' in raw or b'"events"' in raw


def _words(log: Log) -> tuple[str, str]:
    """The name of an event and its other fields as ``key=value``."""
    name, rest = "", []
    for tag in log.fields:
        value = text_of(tag.value)
        if not name and tag.key in ("event", "message"):
            name = value
        else:
            rest.append(f"{tag.key}={value}")
    return name, "  ".join(rest)
