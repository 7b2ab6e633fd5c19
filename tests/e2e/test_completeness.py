"""A burst into a real Jaeger arrives in full, and is counted exactly."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.completeness import burst, embedded

TRACES = 3_000


@pytest.mark.jaeger
def test_every_trace_of_a_burst_arrives_and_counts_once(jaeger: Any) -> None:
    with embedded(jaeger.url) as puller:
        found = burst(puller, jaeger.otlp, TRACES, 240)
    assert (found.sent, found.stored) == (TRACES, TRACES)
    assert found.verified == {
        "status": 0,
        "traces": TRACES,
        "spans": found.spans,
        "calls": sum(found.truth.values()),
        "differences": [],
    }
    assert found.edges == dict(found.truth)
