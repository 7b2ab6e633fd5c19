"""A body that is cut off: its whole spans are read, half a span never is."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest

from dashboard.sources.detect import decode
from dashboard.sources.jaeger.export import to_jaeger_json
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces.builder import Decoded
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace

TRACES = [
    make_trace(
        [
            {
                "id": f"{which}{n:015x}",
                "parent": f"{which}{0:015x}" if n else "",
                "operation": f"get {n} [",
                "service": "shop",
                "start": n,
                "tags": {"quote": '\\"}]', "n": n},
            }
            for n in range(4)
        ],
        trace_id=which * 32,
    )
    for which in "ab"
]
EXPORTS = {
    "jaeger": to_jaeger_json(TRACES),
    "otlp-json": to_otlp_json(TRACES),
    "zipkin": to_zipkin_json(TRACES),
}


def facts(traces: list[Trace]) -> dict[str, Any]:
    return {
        trace.span_ids[row]: (
            trace.operation_name(row),
            int(trace.start_ns[row]),
            int(trace.duration_ns[row]),
            trace.parent_ids[row],
        )
        for trace in traces
        for row in range(len(trace))
    }


@pytest.mark.parametrize("name", EXPORTS)
def test_cut_anywhere_whole_spans_are_kept_and_nothing_is_invented(name: str) -> None:
    whole = EXPORTS[name]
    every = facts(decode(whole).traces)
    assert len(every) == 8
    reached = 0
    for cut in range(20, len(whole)):
        found: Decoded | None = None
        with contextlib.suppress(BadTracePayload):  # cut before the first span ended
            found = decode(whole[:cut], salvage=True)
        kept = facts(found.traces) if found else {}
        assert kept.items() <= every.items(), cut
        assert len(kept) >= reached, cut
        reached = len(kept)
        if found:
            assert found.problems[0].code == "cut-off"
    assert reached == 8


@pytest.mark.parametrize("name", EXPORTS)
def test_a_sender_is_told_instead(name: str) -> None:
    with pytest.raises(BadTracePayload, match=r"cut off|no OTLP"):
        decode(EXPORTS[name][:-30])


def test_processes_behind_the_cut_are_unknown_those_before_it_kept() -> None:
    whole = EXPORTS["jaeger"]
    place = whole.index(b'"processes"')
    (trace, *_) = decode(whole[: place + 2], salvage=True).traces
    assert trace.services == ["unknown-service"]
    document = json.loads(whole)
    (trace, *_) = decode(json.dumps(document)[:-40].encode(), salvage=True).traces
    assert trace.services == ["shop"]


def test_gzip_that_is_cut_off_gives_what_came_of_it() -> None:
    noise = [
        {"id": f"{n:016x}", "operation": str(hash((n, "x"))), "start": n}
        for n in range(2_000)
    ]
    packed = gzip.compress(to_jaeger_json([make_trace(noise)]))
    found = decode(packed[: len(packed) // 2], salvage=True)
    assert 500 < len(found.traces[0]) < 1_500
    assert int(found.traces[0].start_ns[7]) == (START_US + 7) * 1_000
    with pytest.raises(BadTracePayload, match="gzip body is cut off"):
        decode(packed[: len(packed) // 2])


@pytest.mark.parametrize("text", [b'{"data": [}', b'{"spans": [{"a":1}', b"[[[[", b"["])
def test_what_is_broken_in_another_way_is_refused(text: bytes) -> None:
    with pytest.raises(BadTracePayload):
        decode(text, salvage=True)
