"""Calls between services and the senders of messages, as found in traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Kind, Trace


class Call(NamedTuple):
    """One logical call (definitions, "service dependency links")."""

    caller: str
    callee: str
    caller_row: int  # -1 where the caller sent no span
    callee_row: int  # -1 where the callee sent no span
    start_ns: int
    duration_ns: int
    error: bool
    attempts: int
    virtual: str  # "" or which side sent no spans: "caller", "callee"
    node_kind: str  # of the virtual side: service, database, queue, external
    asynchronous: bool
    self_call: bool
    caller_version: str
    callee_version: str


class Sender(NamedTuple):
    """The producer span in another trace that a consumer's link names."""

    service: str
    version: str
    broker: str


Senders = Mapping[tuple[str, str], Sender]  # by trace key and span id


def senders_of(traces: Iterable[Trace]) -> dict[tuple[str, str], Sender]:
    """All producer spans of adjusted traces, for ``link``."""
    found = {}
    for trace in traces:
        for row in np.flatnonzero(trace.kind == Kind.PRODUCER).tolist():
            found[trace_key(trace.trace_id), trace.span_ids[row]] = Sender(
                trace.service_name(row),
                trace.fact("version", row),
                broker_of(trace, row),
            )
    return found


def broker_of(trace: Trace, row: int) -> str:
    """The queue that a producer or consumer span names, or an empty text."""
    fact = trace.fact
    return fact("messaging.destination", row) or fact("remote.service", row)
