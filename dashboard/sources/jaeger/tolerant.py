"""A Jaeger trace with bad values in it: only those are lost, each with a warning."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from dashboard.sources.jaeger.build import add_span, encoded_tags
from dashboard.sources.jaeger.shapes import JaegerReference, JaegerSpan
from dashboard.sources.jaeger.tags import process_of
from dashboard.sources.json_text import tolerant_json
from dashboard.traces.builder import MICROSECOND, NOT_GIVEN, Problem, TraceBuilder
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import id_text
from dashboard.traces.trace import Trace

_raw_list = msgspec.json.Decoder(list[Raw])


def build_tolerantly(raw: Any, problems: list[Problem], position: int) -> Trace | None:
    """A trace with bad values in it: only the bad values are lost."""
    try:
        found = tolerant_json(bytes(raw)) if isinstance(raw, bytes | Raw) else raw
    except BadTracePayload as problem:
        problems.append(
            Problem("unreadable-trace", f"trace {position}", {"text": str(problem)})
        )
        return None
    if not isinstance(found, dict):
        problems.append(Problem("not-a-trace", f"trace {position}", {}))
        return None
    spans = found.get("spans")
    if spans is not None and not isinstance(spans, list):
        problems.append(Problem("not-a-list", f"spans of trace {position}", {}))
    spans = spans if isinstance(spans, list) else []
    trace_id = id_text(found.get("traceID"))
    if not trace_id:
        ids = [id_text(s.get("traceID")) for s in spans if isinstance(s, dict)]
        trace_id = next((text for text in ids if text), "")
    trace_id = trace_id.lower()
    builder = TraceBuilder(trace_id)
    processes = found.get("processes")
    numbers = {
        str(name): builder.process(*process_of(content), str(name))
        for name, content in (processes if isinstance(processes, dict) else {}).items()
    }
    for place, content in enumerate(spans):
        if not isinstance(content, dict) or not id_text(content.get("spanID")):
            where = f"trace {trace_id or position}, span {place}"
            problems.append(Problem("not-a-span", where, {}))
            continue
        _add_tolerant(builder, content, numbers, trace_id)
    builder.check_units(MICROSECOND)
    return builder.finish()


def _add_tolerant(
    builder: TraceBuilder,
    content: dict[str, Any],
    numbers: dict[str, int],
    trace_id: str,
) -> None:
    row = len(builder)
    if not isinstance(content["spanID"], str):
        builder.warn("numeric-id", row, value=str(content["spanID"])[:40])
    references = []
    given = content.get("references")
    for entry in given if isinstance(given, list) else []:
        if isinstance(entry, dict) and id_text(entry.get("spanID")):
            references.append(
                JaegerReference(
                    _text(entry.get("refType")) or "CHILD_OF",
                    id_text(entry.get("traceID")),
                    id_text(entry.get("spanID")),
                    entry.get("tags"),
                )
            )
        elif entry is not None:
            builder.warn("bad-reference", row)
    if given is not None and not isinstance(given, list):
        builder.warn("bad-reference", row)
    for name in ("tags", "logs"):
        if content.get(name) is not None and not isinstance(content[name], list):
            builder.warn(f"unreadable-{name}", row)
    start = _integer(builder, row, content.get("startTime"), "startTime", 0)
    duration = _integer(builder, row, content.get("duration"), "duration", NOT_GIVEN)
    span = JaegerSpan(
        spanID=id_text(content["spanID"]),
        startTime=start,
        operationName=_clean(_text(content.get("operationName"))),
        duration=duration,
        references=references,
        tags=Raw(encoded_tags(content.get("tags"))),
        logs=_raw_list.decode(encoded_tags(content.get("logs")) or b"[]"),
        processID=_text(content.get("processID")),
        process=content.get("process"),
        warnings=content.get("warnings"),
    )
    add_span(builder, span, numbers, trace_id)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _integer(
    builder: TraceBuilder, row: int, value: Any, name: str, absent: int
) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None:
        return absent
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        builder.warn("bad-number", row, field=name, value=str(value)[:100])
        return absent
