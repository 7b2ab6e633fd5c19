"""The demo's services: one tracer each, one exporter for all of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from dashboard.demo.switches import Demo

MS = 1_000_000
Later = Callable[[int, Span], None]


class Mesh:
    """Tracers by service and version; counts the calls it makes, as the truth."""

    def __init__(
        self,
        endpoint_url: str,
        headers: dict[str, str] | None = None,
        seed: int | None = None,
        switches: Demo | None = None,
    ):
        self.switches = switches or Demo()
        self.before: dict[str, Context | None] = {}  # of the last request, for leaks
        self.random = random.Random(seed)
        exporter = OTLPSpanExporter(endpoint=endpoint_url, headers=headers, timeout=5)
        self.processor = BatchSpanProcessor(
            exporter, max_queue_size=20_000, schedule_delay_millis=250
        )
        self.tracers: dict[tuple[str, str], trace.Tracer] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self.spans = 0

    def tracer(self, service: str, version: str = "v1") -> trace.Tracer:
        """The tracer of one version of a service."""
        key = (service, version)
        if key not in self.tracers:
            resource = Resource.create(
                {
                    "service.name": service,
                    "service.version": version,
                    "service.namespace": "bookinfo",
                    "service.instance.id": f"{service}-{version}-7d4f",
                    "host.name": f"node-{sum(map(ord, service)) % 3 + 1}",
                }
            )
            provider = TracerProvider(
                sampler=ParentBased(Switched(self.switches)),
                resource=resource,
                shutdown_on_exit=False,
            )
            provider.add_span_processor(self.processor)
            self.tracers[key] = provider.get_tracer("bookinfo.demo", "1.0")
        return self.tracers[key]

    def start(
        self,
        service: str,
        version: str,
        name: str,
        kind: SpanKind,
        parent: Context | None,
        start_ns: int,
        attributes: dict[str, str | int] | None = None,
    ) -> tuple[Span, Context]:
        """A started span and the context below it."""
        self.spans += 1
        span = self.tracer(service, version).start_span(
            name,
            context=parent or Context(),
            kind=kind,
            start_time=start_ns,
            attributes=attributes,
        )
        return span, trace.set_span_in_context(span, parent or Context())

    def took(self, median_ms: float, spread: float = 0.35) -> int:
        """A log-normal duration in ns."""
        return round(median_ms * MS * self.random.lognormvariate(0, spread))

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.random.random() < share

    def close(self) -> None:
        """Send what is waiting."""
        self.processor.shutdown()


class Switched(Sampler):
    """Samples so many per cent, as the switches say."""

    def __init__(self, switches: Demo) -> None:
        self.switches = switches

    def should_sample(
        self, parent_context: Context | None, trace_id: int, *args: Any, **kwargs: Any
    ) -> SamplingResult:
        """By the trace id, as ratio samplers do."""
        limit = TraceIdRatioBased.TRACE_ID_LIMIT
        share = self.switches.state.sampling / 100
        if trace_id & limit < share * (limit + 1):
            return SamplingResult(Decision.RECORD_AND_SAMPLE)
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """For logs."""
        return "as switched"


def fail(span: Span, text: str, at_ns: int, kind: str = "OperationalError") -> None:
    """Mark a span as failed, with an exception event as SDKs record it."""
    span.set_status(Status(StatusCode.ERROR, text))
    span.set_attribute("error.type", kind)
    span.add_event(
        "exception",
        {"exception.type": kind, "exception.message": text},
        timestamp=at_ns,
    )
