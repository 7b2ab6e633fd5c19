"""What this process has done since it started, for ``/metrics``.

Labels are receivers, kinds of sources, tasks and pages: names from this program,
never from a trace.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # a time of its own for each counter helps nobody
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, processor time, open files
TASK_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

requests = Counter(
    "spanboard_receiver_requests",
    "Requests with spans, by HTTP status of the answer",
    ["receiver", "status"],
    registry=REGISTRY,
)
received_spans = Counter(
    "spanboard_receiver_spans",
    "Spans taken by a receiver, copies that are sent again included",
    ["receiver"],
    registry=REGISTRY,
)
received_traces = Counter(
    "spanboard_receiver_traces",
    "Traces of which a request held spans, once a request",
    ["receiver"],
    registry=REGISTRY,
)
rejected_spans = Counter(
    "spanboard_receiver_rejected_spans",
    "Spans that could not be read or stored",
    ["receiver"],
    registry=REGISTRY,
)
created_traces = Counter(
    "spanboard_stored_traces",
    "Traces stored for the first time",
    ["kind"],
    registry=REGISTRY,
)
grown_traces = Counter(
    "spanboard_grown_traces",
    "Times that a stored trace was written again with further spans",
    ["kind"],
    registry=REGISTRY,
)
stored_spans = Counter(
    "spanboard_stored_spans",
    "Spans stored that were not stored before",
    ["kind"],
    registry=REGISTRY,
)
task_seconds = Histogram(
    "spanboard_task_duration_seconds",
    "Time that background tasks took in this process",
    ["task"],
    buckets=TASK_BUCKETS_S,
    registry=REGISTRY,
)
failed_tasks = Counter(
    "spanboard_task_failures",
    "Background tasks of this process that ended with an error",
    ["task"],
    registry=REGISTRY,
)
sockets = Gauge(
    "spanboard_live_sockets",
    "Open WebSockets of this process",
    ["page"],
    registry=REGISTRY,
)
