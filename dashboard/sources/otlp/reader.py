"""Common half of the OTLP decoders: spans of any trace order become Traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.traces.builder import (
    NOT_GIVEN,
    KnownProcess,
    Problem,
    TraceBuilder,
)
from dashboard.traces.details import write_details
from dashboard.traces.ids import from_base64, trace_key
from dashboard.traces.trace import Kind, Log, Reference, SpanDetails, Tag, Trace

STATUS = {0: "", 1: "OK", 2: "ERROR"}


class ProcessOf:
    """A resource as the process of its spans, in any number of traces."""

    def __init__(self, found: KnownProcess, key: Any):
        self.found = found
        self.key = key

    def number_in(self, builder: TraceBuilder) -> int:
        """Its number among the processes of a trace."""
        number = builder.process_index.get(self.key)
        if number is None:
            number = builder.known_process(self.found, self.key)
        return number


def read_resource(resource: Sequence[Tag]) -> KnownProcess:
    """The process that a resource's attributes describe."""
    service = ""
    for tag in resource:
        if tag.key == "service.name":
            service = str(tag.value)
    rest = tuple(tag for tag in resource if tag.key != "service.name")
    return KnownProcess(service, rest)


class OtlpReader:
    """Groups spans by trace while they are read."""

    def __init__(self) -> None:
        self.builders: dict[str, TraceBuilder] = {}
        self.problems: list[Problem] = []
        self.spans = 0

    def problem(self, code: str, where: str, **values: Any) -> None:
        """Note what could not be read."""
        self.problems.append(Problem(code, where, values))

    def builder(self, key: str, trace_id: str) -> TraceBuilder:
        """The builder of a trace, by its key."""
        found = self.builders.get(key)
        if found is None:
            found = self.builders[key] = TraceBuilder(trace_id)
        return found

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
        process: ProcessOf,
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
        builder = self.builder(trace_key(trace_id), trace_id)
        row = len(builder)
        number = process.number_in(builder)
        tags += status_tags(status, message)
        tags += scope_tags(scope)
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
            number,
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


def status_tags(code: int, message: str) -> list[Tag]:
    """A span's status as tags."""
    tags = []
    if STATUS.get(code):
        tags.append(Tag("otel.status_code", "string", STATUS[code]))
    if message:
        tags.append(Tag("otel.status_description", "string", message))
    return tags


def scope_tags(scope: tuple[str, str]) -> list[Tag]:
    """A scope's name and version as tags."""
    names = ("otel.scope.name", "otel.scope.version")
    found = zip(names, scope, strict=True)
    return [Tag(name, "string", text) for name, text in found if text]


def number_tag(key: str, value: float) -> Tag:
    """A tag with a floating-point number; what is none in JSON is text."""
    if value != value or value in (float("inf"), float("-inf")):
        return Tag(key, "string", {True: "NaN"}.get(value != value, str(value)))
    return Tag(key, "float64", value)


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
