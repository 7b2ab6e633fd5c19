"""The trace page's data for damaged and for made-up traces: never a fault."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.analysis.link_patterns import read_patterns
from dashboard.analysis.summary import summarise
from dashboard.graph.slowness import Known
from dashboard.presenters.payload import build_payload
from dashboard.presenters.shown import Shown
from dashboard.presenters.span_details import Opened, more_of, span_details, whole_value
from dashboard.presenters.waterfall import first_rows, header, payload_head
from dashboard.sources.detect import decode
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Trace
from tests.core.test_fuzz import BODIES, EXAMPLES, damage
from tests.factories import make_trace

LINK = {"url": "https://x.example/#{span.kind}", "text": "#{error}"}
PATTERNS = read_patterns(
    json.dumps([{**LINK, "type": kind} for kind in ("traces", "tags", "logs")])
)
MAX_OPENED = 30


def survives(raw: Trace, growing: bool) -> None:
    """All that the page asks for, as JSON."""
    trace = adjust(raw)
    if not len(trace):
        return
    found = analyse(trace)
    path = found.critical
    extra = {
        "self_ns": found.self_ns,
        "critical_row": path.row,
        "critical_start_ns": path.start_ns,
        "critical_end_ns": path.end_ns,
    }
    summary = msgspec.to_builtins(summarise(trace, found))
    everything = {
        (service, operation): {0: 30, 80: 30}
        for service in trace.services
        for operation in trace.operations
    }
    known = Known(everything, 0, 10**9, holds_own=True)
    shown = Shown(trace, extra, summary, growing, False, lambda wanted: known, PATTERNS)
    json.dumps([header(shown), first_rows(shown)])
    body = build_payload(trace, extra, payload_head(shown))
    length = int.from_bytes(body[:4], "little")
    told = json.loads(body[4 : 4 + length])
    for sentence in told["sentences"]:
        assert sentence["rows"]
        assert sentence["text"]
    for row in range(min(len(trace), MAX_OPENED)):
        opened = Opened(shown, row, trace.details.__getitem__)
        details = span_details(opened, lambda ids: {})
        json.dumps(details)
        for tag in details["tags"]:
            assert whole_value(opened, tag["at"], 0)["size"] == tag["size"]
        for part in ("tags", "process", "logs"):
            json.dumps(more_of(opened, part, 0))


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=EXAMPLES // 8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_values(name: str, seed: int) -> None:
    content = json.dumps(damage(name, random.Random(seed)))
    try:
        decoded = decode(content.encode("utf-8", "surrogatepass"), salvage=True)
    except BadTracePayload as problem:
        assert str(problem)
        return
    for raw in decoded.traces:
        survives(raw, growing=bool(seed % 2))


def made_up(chance: random.Random) -> list[dict[str, Any]]:
    """Spans with cycles, orphans, all kinds and flags, and odd times."""
    kinds = ["client", "server", "internal", "unset", "producer", "consumer"]
    count = chance.randrange(1, 40)
    clusters = [
        "",
        "-",
        "inbound|9080||",
        "outbound|x|v1|a.b.svc.cluster.local",
        "outbound||||",
        "||||",
    ]
    return [
        {
            "id": f"{n:x}",
            "parent": chance.choice(["", f"{chance.randrange(count + 5):x}"]),
            "service": chance.choice(["a", "b", ""]),
            "operation": chance.choice(["x", "y"]),
            "kind": chance.choice(kinds),
            "start": chance.choice([None, chance.randrange(-1_000, 10**7)]),
            "duration": chance.choice([0, 1, chance.randrange(10**6)]),
            "tags": {
                "error": chance.choice([True, False, ""]),
                "response_flags": chance.choice(["-", "", "DC", "UF,URX", "?,,"]),
                "upstream_cluster": chance.choice(clusters),
                "node_id": chance.choice(["", "~~", "sidecar~1.2.3.4~p~d"]),
                "peer.address": chance.choice(["", "1.2.3.4:5", ":::", "1.2.3.4"]),
            },
            "process": {"host.name": chance.choice(["h1", "h2"])},
            "references": chance.choice(
                [
                    [],
                    [("FOLLOWS_FROM", "4bf92f3577b34da6a3ce929d0e0e4736", "1")],
                    [("CHILD_OF", "x" * 40, "1"), ("FOLLOWS_FROM", "", "")],
                ]
            ),
        }
        for n in range(count)
    ]


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_made_up_traces(seed: int) -> None:
    chance = random.Random(seed)
    survives(make_trace(made_up(chance)), growing=chance.random() < 0.5)
