"""To each format and back: nothing is lost that the format can hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.sources.detect import decode
from dashboard.sources.jaeger.export import to_jaeger_json
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces.builder import TraceBuilder
from dashboard.traces.details import read_details, write_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Kind, Log, Reference, SpanDetails, Tag, Trace

TRACE_ID = "00ab4bf92f3577b34da6a3ce929d0e0e"
BASE_NS = 1_790_000_000_000_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = TEXT.filter(bool).map(lambda word: "k." + word)
TAGS = st.one_of(
    st.tuples(KEYS, st.just("string"), TEXT),
    st.tuples(KEYS, st.just("bool"), st.booleans()),
    st.tuples(KEYS, st.just("int64"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(
        KEYS, st.just("float64"), st.floats(allow_nan=False, allow_infinity=False)
    ),
    st.tuples(KEYS, st.just("binary"), st.sampled_from(["AAEC", "/w=="])),
).map(lambda found: Tag(*found))
SPANS = st.fixed_dictionaries(
    {
        "name": TEXT.filter(bool),
        "start": st.integers(0, 10**9),
        "duration": st.integers(0, 10**9),
        "kind": st.sampled_from(list(Kind)),
        "tags": st.lists(TAGS, max_size=4, unique_by=lambda tag: tag.key),
        "logs": st.lists(
            st.tuples(st.integers(0, 10**9), TEXT, st.lists(TAGS, max_size=2)),
            max_size=2,
        ),
        "links": st.lists(
            st.tuples(st.integers(1, 2**64 - 1), st.lists(TAGS, max_size=2)), max_size=2
        ),
        "parent": st.integers(0, 9),
        "process": st.integers(0, 1),
    }
)


def build(spans: list[dict[str, Any]], process_tags: list[Tag]) -> Trace:
    builder = TraceBuilder(TRACE_ID)
    for number, span in enumerate(spans):
        process = builder.process(
            f"service {span['process']}", tuple(process_tags[: span["process"] * 3])
        )
        parent = f"{span['parent'] + 1:016x}" if span["parent"] < number else ""
        links = tuple(
            Reference("FOLLOWS_FROM", "cd" * 16, f"{target:016x}", tuple(tags))
            for target, tags in span["links"]
        )
        own = (Reference("CHILD_OF", TRACE_ID, parent),) if parent else ()
        logs = tuple(
            Log(BASE_NS + at, (Tag("event", "string", name), *fields))
            for at, name, fields in span["logs"]
        )
        builder.span(
            f"{number + 1:016x}",
            "" if links else parent,
            BASE_NS + span["start"],
            span["duration"],
            span["name"],
            int(span["kind"]),
            process,
            write_details(SpanDetails(tuple(span["tags"]), logs)),
            [],
            own + links if links else (),
        )
    return builder.finish()


def content(trace: Trace) -> list[dict[str, Any]]:
    """All that a trace says, span by span."""
    found = []
    for row in range(len(trace)):
        details = read_details(trace.details[row])
        process = trace.processes[trace.process[row]]
        found.append(
            {
                "trace": trace.trace_id,
                "id": trace.span_ids[row],
                "references": trace.references_of(row),
                "start": int(trace.start_ns[row]),
                "duration": int(trace.duration_ns[row]),
                "operation": trace.operation_name(row),
                "kind": int(trace.kind[row]),
                "service": process.service,
                "process": sorted(process.tags, key=lambda tag: (tag.key, repr(tag))),
                "tags": list(details.tags),
                "logs": list(details.logs),
            }
        )
    # A format may group spans by process.
    return sorted(found, key=lambda span: span["id"])


TRACES = st.builds(
    build,
    st.lists(SPANS, min_size=1, max_size=8),
    st.lists(TAGS, max_size=3, unique_by=lambda tag: tag.key),
)


@settings(max_examples=80, deadline=None)
@given(TRACES)
def test_otlp_json_keeps_everything(trace: Trace) -> None:
    (again,) = decode(to_otlp_json([trace])).traces
    assert content(again) == content(trace)
    assert not again.warnings


@settings(max_examples=80, deadline=None)
@given(TRACES)
def test_jaeger_json_keeps_all_but_nanoseconds_and_links_tags(trace: Trace) -> None:
    (again,) = decode(to_jaeger_json([trace])).traces
    wanted = content(trace)
    for span in wanted:
        span["start"] //= 1_000
        span["start"] *= 1_000
        span["duration"] = span["duration"] // 1_000 * 1_000
        span["references"] = tuple(
            Reference(r.kind, r.trace_id, r.span_id) for r in span["references"]
        )
        span["logs"] = [
            Log(log.at_ns // 1_000 * 1_000, log.fields) for log in span["logs"]
        ]
        if span["kind"]:
            word = Kind(span["kind"]).name.lower()
            span["tags"].append(Tag("span.kind", "string", word))
    got = content(again)
    for span in got + wanted:  # equal microseconds are in the order of the source
        span["logs"].sort(key=repr)
    assert got == wanted


@settings(max_examples=80, deadline=None)
@given(TRACES)
def test_zipkin_keeps_all_that_it_has_a_place_for(trace: Trace) -> None:
    (again,) = decode(to_zipkin_json([trace]), format="zipkin").traces
    wanted = []
    for span in content(trace):
        parents = [r for r in span["references"] if r.kind == "CHILD_OF"]
        wanted.append(
            {
                **span,
                "references": tuple(parents),
                "start": span["start"] // 1_000 * 1_000,
                "duration": span["duration"] // 1_000 * 1_000,
                "kind": span["kind"] if span["kind"] != Kind.INTERNAL else 0,
                "process": [],
                "tags": [
                    Tag(tag.key, "string", text_of(tag.value)) for tag in span["tags"]
                ],
                "logs": sorted(
                    [
                        Log(
                            log.at_ns // 1_000 * 1_000,
                            (
                                Tag(
                                    "event",
                                    "string",
                                    ", ".join(text_of(f.value) for f in log.fields),
                                ),
                            ),
                        )
                        for log in span["logs"]
                    ],
                    key=repr,
                ),
            }
        )
    got = content(again)
    for span in got:
        span["logs"].sort(key=repr)
    assert got == wanted


@pytest.mark.parametrize("export", [to_jaeger_json, to_zipkin_json])
def test_two_halves_of_one_id_survive(export: Any) -> None:
    spans = (
        b'[{"traceId":"ab","id":"01","kind":"CLIENT","timestamp":1790000000000000,'
        b'"duration":9,"localEndpoint":{"serviceName":"a"}},'
        b'{"traceId":"ab","id":"01","kind":"SERVER","shared":true,'
        b'"timestamp":1790000000000001,"duration":5,'
        b'"localEndpoint":{"serviceName":"b"}}]'
    )
    (trace,) = decode(spans).traces
    (again,) = decode(export([trace])).traces
    assert [(s["id"], s["kind"], s["service"]) for s in content(again)] == [
        (s["id"], s["kind"], s["service"]) for s in content(trace)
    ]
