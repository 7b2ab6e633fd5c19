"""A trace as one HTML file that opens without Spanboard and without a network."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from django.contrib.staticfiles import finders

from dashboard.presenters import text, waterfall
from dashboard.presenters.colors import slots
from dashboard.presenters.shown import Shown
from dashboard.traces.details import read_details
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Kind, Tag, Trace

MAX_ROWS = 5_000
MAX_DETAILS = 2_000  # rows whose tags and logs are in the file
MAX_VALUE = 1_000  # characters of one value
MAX_ITEMS = 60  # tags, or logs, of one span
MAX_INDENT = 20
SCRIPT = "dashboard/js/offline/trace_file.js"
STYLES = ("dashboard/css/tokens.css", "dashboard/css/export.css")


def file_context(
    shown: Shown,
    whole: Trace,
    source: str,
    snapshot: dict[str, Any] | None = None,
    notes: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """What the template of the file needs; ``whole`` has the details.

    Of a share: ``snapshot`` are the facts of its bar, ``notes`` what people wrote.
    """
    styles, script = [_own(name) for name in STYLES], _own(SCRIPT)
    return {
        "policy": _policy(styles, script),
        "styles": styles,
        "script": script,
        "snapshot": snapshot,
        "notes": [{**note, "on": _place(whole, int(note["row"]))} for note in notes],
        "whole_ns": int(whole.end_ns.max() - whole.start_ns.min()) if len(whole) else 0,
        "head": waterfall.header(shown),
        "warnings": waterfall.trace_warnings(whole)[:50],
        "source": source,
        "written": text.moment(time.time_ns() // 1_000),
        "rows": list(_rows(shown, whole)),
        "shown": text.count(min(len(whole), MAX_ROWS)),
        "with_details": text.count(min(len(whole), MAX_DETAILS)),
        "total": text.count(len(whole)),
        "cut": len(whole) > MAX_ROWS,
        "details_cut": min(len(whole), MAX_ROWS) > MAX_DETAILS,
    }


def _place(trace: Trace, row: int) -> str:
    if not 0 <= row < len(trace):
        return ""
    return f"{trace.service_name(row)} {trace.operation_name(row)[:MAX_VALUE]}"


def _policy(styles: list[str], script: str) -> str:
    """Nothing but our own styles and script may do anything, and nothing loads."""
    return (
        f"default-src 'none'; script-src {_digest(script)}; "
        f"style-src {' '.join(map(_digest, styles))}; base-uri 'none'; "
        "form-action 'none'"
    )


def _digest(text: str) -> str:
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{found}'"


def _own(name: str) -> str:
    """A file of ours as text."""
    path = finders.find(name)
    if not path:  # a build without its static files
        raise FileNotFoundError(name)
    with open(path, encoding="utf-8") as file:
        return file.read()


def _rows(shown: Shown, trace: Trace) -> Any:
    if not len(trace):
        return
    colours = slots(trace.services)
    origin = int(trace.start_ns.min())
    whole = max(int(trace.end_ns.max()) - origin, 1)
    own_ns = shown.extra["self_ns"]
    critical = _critical(shown.extra, origin, whole)
    kinds = ["" if kind == Kind.UNSET else kind.name.lower() for kind in Kind]
    for row in range(min(len(trace), MAX_ROWS)):
        start, duration = int(trace.start_ns[row]) - origin, int(trace.duration_ns[row])
        above = int(trace.parent[row])
        service = trace.service_name(row)
        depth = int(trace.depth[row])
        details = read_details(trace.details[row]) if row < MAX_DETAILS else None
        process = trace.processes[trace.process[row]]
        yield {
            "service": service,
            "show_service": above < 0 or trace.service_name(above) != service,
            "operation": trace.operation_name(row)[:MAX_VALUE],
            "slot": colours[service],
            "depth": depth,
            "indent": min(depth, MAX_INDENT),
            "deep": depth + 1 if depth > MAX_INDENT else 0,
            "failed": bool(trace.flags[row] & Flag.ERROR),
            "duration": format_duration_ns(duration),
            "x": round(start / whole * 1_000, 2),
            "width": round(max(duration / whole * 1_000, 1.5), 2),
            "critical": critical.get(row, []),
            "span_id": trace.span_ids[row],
            "kind": kinds[trace.kind[row]],
            "offset": format_duration_ns(start),
            "self": format_duration_ns(int(own_ns[row])),
            "details": details is not None,
            "tags": _tags(details.tags) if details else [],
            "process": _tags(process.tags) if details else [],
            "logs": [
                {
                    "at": format_duration_ns(log.at_ns - origin),
                    "fields": _tags(log.fields),
                }
                for log in islice(details.logs if details else (), MAX_ITEMS)
            ],
        }


def _critical(
    extra: dict[str, np.ndarray], origin: int, whole: int
) -> dict[int, list[tuple[float, float]]]:
    """Left edge and width of each row's critical sections, of 1,000."""
    found: dict[int, list[tuple[float, float]]] = {}
    for row, start, end in zip(
        extra["critical_row"].tolist(),
        extra["critical_start_ns"].tolist(),
        extra["critical_end_ns"].tolist(),
        strict=True,
    ):
        left = round((start - origin) / whole * 1_000, 2)
        width = round(max((end - start) / whole * 1_000, 0.8), 2)
        found.setdefault(row, []).append((left, width))
    return found


def _tags(tags: tuple[Tag, ...]) -> list[tuple[str, str]]:
    found = []
    for tag in tags[:MAX_ITEMS]:
        value = text_of(tag.value)
        more = f" … +{len(value) - MAX_VALUE:,}" if len(value) > MAX_VALUE else ""
        found.append((tag.key[:200], value[:MAX_VALUE] + more))
    if len(tags) > MAX_ITEMS:
        found.append(("…", f"+{len(tags) - MAX_ITEMS:,}"))
    return found
