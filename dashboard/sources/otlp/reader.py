"""Common half of the OTLP decoders: spans of any trace order become Traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.traces.builder import NOT_GIVEN, Problem, TraceBuilder
from dashboard.traces.details import write_details
from dashboard.traces.ids import from_base64, trace_key
from dashboard.traces.trace import Kind, Log, Reference, SpanDetails, Tag, Trace

STATUS = {0: "", 1: "OK", 2: "ERROR"}


class OtlpReader:
    """Groups spans by trace while they are read."""

    def __init__(self) -> None:
        self.builders: dict[str, TraceBuilder] = {}
        self.problems: list[Problem] = []
        self.spans = 0

    def problem(self, code: str, where: str, **values: Any) -> None:
        """Note what could not be read."""
        self.problems.append(Problem(code, where, values))

    def add(
        self,
        *,
        trace_id: str,
        span_id: str,
        parent_id: str,
        name: str,
        kind: int,
        start_ns: int,
        end_ns: int,
        resource: tuple[Tag, ...],
        resource_key: Any,
        scope: tuple[str, str],
        tags: list[Tag],
        logs: list[Log],
        links: list[Reference],
        status: int,
        message: str,
        trace_state: str,
        repairs: Sequence[tuple[str, dict[str, Any]]] = (),
    ) -> None:
        """Add one span; ids are lowercase hex, ``repairs`` become warnings."""
        key = trace_key(trace_id)
        builder = self.builders.get(key)
        if builder is None:
            builder = self.builders[key] = TraceBuilder(trace_id)
        row = len(builder)
        service = ""
        for tag in resource:
            if tag.key == "service.name":
                service = str(tag.value)
        process = builder.process(
            service,
            tuple(tag for tag in resource if tag.key != "service.name"),
            resource_key,
        )
        if STATUS.get(status):
            tags.append(Tag("otel.status_code", "string", STATUS[status]))
        if message:
            tags.append(Tag("otel.status_description", "string", message))
        if scope[0]:
            tags.append(Tag("otel.scope.name", "string", scope[0]))
        if scope[1]:
            tags.append(Tag("otel.scope.version", "string", scope[1]))
        if trace_state:
            tags.append(Tag("w3c.tracestate", "string", trace_state))
        duration_ns = end_ns - start_ns if end_ns else NOT_GIVEN
        for code, values in repairs:
            builder.warn(code, row, **values)
        references: tuple[Reference, ...] = ()
        if links:
            parents = [Reference("CHILD_OF", trace_id, parent_id)] if parent_id else []
            references = tuple(parents + links)
        if kind not in Kind._value2member_map_:
            builder.warn("bad-kind", row, value=str(kind))
            kind = 0
        builder.span(
            span_id,
            "" if references else parent_id,
            start_ns,
            duration_ns,
            name,
            kind,
            process,
            write_details(SpanDetails(tuple(tags), tuple(logs))),
            tags,
            references,
        )
        self.spans += 1

    def traces(self) -> list[Trace]:
        """The traces read so far, each unadjusted."""
        for builder in self.builders.values():
            builder.check_units(1)
        return [builder.finish() for builder in self.builders.values()]


def read_id(value: Any, digits: int) -> str:
    """Lowercase hex of an id in hex or base64, ``""`` when it is none."""
    if not isinstance(value, str) or not value:
        return ""
    if len(value) <= 32 and len(value) % 2 == 0:
        try:
            number = int(value, 16)
        except ValueError:
            pass  # base64 is tried next
        else:
            if len(value) in (16, 32) or len(value) < 16:
                return value.lower() if number else ""
    found = from_base64(value)
    return found if len(found) in (digits, 16, 32) and int(found or "0", 16) else ""
