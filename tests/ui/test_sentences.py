"""The summary in words, on real traces of a mesh and on made ones."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.test import override_settings

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.analysis.attempts import find_attempts
from dashboard.analysis.summary import summarise
from dashboard.graph.histogram import bucket_of
from dashboard.graph.slowness import Known
from dashboard.presenters.sentences import MAX_ROWS, sentences, trace_state
from dashboard.presenters.shown import Shown
from dashboard.sources.detect import decode
from dashboard.traces.trace import Trace
from tests.factories import make_trace, rows_by_id
from tests.peers.running import ROOT

Span = dict[str, Any]
MESH = ROOT / "tests/fixtures/mesh"


def shown_of(raw: Trace, growing: bool = False, known: Known | None = None) -> Shown:
    trace = adjust(raw)
    found = analyse(trace)
    path = found.critical
    extra = {
        "self_ns": found.self_ns,
        "critical_row": path.row,
        "critical_start_ns": path.start_ns,
        "critical_end_ns": path.end_ns,
    }
    summary = msgspec.to_builtins(summarise(trace, found))
    complete = not growing and not found.orphan_count
    return Shown(trace, extra, summary, growing, complete, lambda wanted: known)


def told(shown: Shown, code: str) -> list[dict[str, Any]]:
    return [one for one in sentences(shown) if one["code"] == code]


def faulty(flags: str, kind: str = "client", **tags: Any) -> Span:
    cluster = "outbound|9080|v2|ratings.default.svc.cluster.local"
    return {
        "id": "f",
        "parent": "r",
        "service": "reviews.default",
        "operation": "ratings.default.svc.cluster.local:9080/*",
        "kind": kind,
        "tags": {"response_flags": flags, "upstream_cluster": cluster, **tags},
    }


ROOT_SPAN: Span = {
    "id": "r",
    "service": "web",
    "operation": "GET /",
    "kind": "server",
    "duration": 100_000,
}


@pytest.mark.parametrize(
    "name", ["jaeger/zipkin-retry.json", "zipkin/zipkin-retry.json"]
)
def test_a_retry_in_a_real_mesh_is_told_with_its_spans(name: str) -> None:
    raw = decode((MESH / name).read_bytes()).traces[0]
    shown = shown_of(raw)
    (retry,) = told(shown, "attempts")
    assert retry["text"].startswith("reviews.default tried ratings.default")
    assert "2 times until it succeeded" in retry["text"]
    assert [shown.trace.service_name(row) for row in retry["rows"]] == [
        "ratings.default"
    ] * 2
    (error,) = told(shown, "error")
    assert "began in ratings.default" in error["text"]
    assert "HTTP 503" in error["text"]
    assert "stopped at reviews.default" in error["text"]
    assert error["row"] == retry["rows"][0]


@pytest.mark.parametrize("path", sorted(MESH.glob("*/*.json")), ids=lambda p: p.stem)
def test_every_sentence_on_a_real_mesh_leads_to_spans(path: Any) -> None:
    for raw in decode(path.read_bytes()).traces:
        shown = shown_of(raw)
        found = sentences(shown)
        assert found[0]["code"] == "time"
        for one in found:
            assert one["row"] == one["rows"][0]
            assert all(0 <= row < len(shown.trace) for row in one["rows"])
            assert "%(" not in one["text"]


def test_where_the_time_went_is_told_in_shares() -> None:
    spans = [
        ROOT_SPAN,
        {
            "id": "a",
            "parent": "r",
            "service": "db",
            "operation": "q",
            "duration": 60_000,
        },
        {
            "id": "b",
            "parent": "r",
            "service": "cache",
            "operation": "get",
            "start": 60_000,
            "duration": 30_000,
        },
    ]
    shown = shown_of(make_trace(spans))
    found = told(shown, "time")
    assert [one["text"].replace("\u202f", " ") for one in found] == [
        "60 % of the time is in db: q.",
        "Another 30 % is in cache: get.",
        "Another 10 % is in web: GET /.",
    ]
    at = rows_by_id(shown.trace)
    assert [one["rows"] for one in found] == [[at["a"]], [at["b"]], [at["r"]]]


def test_an_unusual_span_is_told_and_a_usual_one_is_not() -> None:
    spans = [
        {**ROOT_SPAN, "duration": 2_000_000},
        {
            "id": "a",
            "parent": "r",
            "service": "ratings",
            "operation": "get",
            "duration": 1_800_000,
        },
    ]
    usual = {bucket_of(30_000_000): 400}
    known = Known(
        {("ratings", "get"): usual, ("web", "GET /"): {bucket_of(2 * 10**9): 400}},
        0,
        59,
    )
    shown = shown_of(make_trace(spans), known=known)
    (found,) = told(shown, "unusual")
    assert "ratings get took 1.80" in found["text"]
    assert "95 of 100 take under 3" in found["text"]
    assert "400 calls in the last 60 minutes" in found["text"]
    assert found["rows"] == [rows_by_id(shown.trace)["a"]]
    few = Known({("ratings", "get"): {bucket_of(30_000_000): 19}}, 0, 59)
    assert told(shown_of(make_trace(spans), known=few), "unusual") == []
    assert told(shown_of(make_trace(spans)), "unusual") == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("FI", "told to fail calls of reviews.default to ratings"),
        ("DI", "told to delay calls of reviews.default to ratings"),
        ("UH", "found no healthy host of ratings"),
        ("UT", "ratings did not answer reviews.default in time"),
        ("URX", "All retries of reviews.default to ratings failed"),
        ("UF", "could not connect to ratings"),
        ("XX", "reviews.default to ratings: XX"),
    ],
)
def test_envoys_flags_are_told_in_words(flags: str, words: str) -> None:
    (found,) = told(shown_of(make_trace([ROOT_SPAN, faulty(flags)])), "fault")
    assert words in found["text"]
    assert found["rows"] == [1]


def test_several_flags_and_a_caller_that_left_are_told() -> None:
    shown = shown_of(make_trace([ROOT_SPAN, faulty("URX,UF")]))
    (found,) = told(shown, "fault")
    assert "could not connect to ratings." in found["text"]
    gone = faulty("DC", "server", upstream_cluster="inbound|9080||")
    (found,) = told(shown_of(make_trace([ROOT_SPAN, gone])), "fault")
    assert "was not done when its caller went away" in found["text"]
    assert told(shown_of(make_trace([ROOT_SPAN, faulty("-")])), "fault") == []


def test_the_reason_of_an_error_is_told_in_words() -> None:
    shown = shown_of(make_trace([ROOT_SPAN, faulty("UF", error=True)]))
    (found,) = told(shown, "error")
    assert "(The connection to the callee failed)" in found["text"]


def test_repeats_are_told_with_their_sum() -> None:
    spans = [ROOT_SPAN] + [
        {
            "id": f"q{n}",
            "parent": "r",
            "service": "mysql",
            "operation": "SELECT",
            "start": n * 100,
            "duration": 90,
        }
        for n in range(700)
    ]
    shown = shown_of(make_trace(spans))
    (found,) = told(shown, "repeat")
    assert "mysql SELECT ran 700 times under one span of web" in found["text"]
    assert "63.0" in found["text"]
    assert found["row_count"] == 700
    assert len(found["rows"]) == MAX_ROWS
    with override_settings(SPANBOARD_REPEAT_LEAST=800):
        assert told(shown, "repeat") == []


def test_attempts_follow_one_another_and_all_but_the_last_failed() -> None:
    def tries(*outcomes: bool, gap: int = 20_000) -> Trace:
        spans = [ROOT_SPAN] + [
            {
                "id": f"t{n}",
                "parent": "r",
                "service": "web",
                "operation": "call",
                "kind": "client",
                "start": n * gap,
                "duration": 10_000,
                "tags": {} if good else {"error": True},
            }
            for n, good in enumerate(outcomes)
        ]
        return adjust(make_trace(spans))

    (found,) = find_attempts(tries(False, False, True))
    assert found.succeeded
    assert len(found.rows) == 3
    (found,) = find_attempts(tries(False, False))
    assert not found.succeeded
    for none in (
        tries(True, True),
        tries(False, True, True),
        tries(True, False),
        tries(False),
        tries(False, True, gap=1_000),
    ):
        assert find_attempts(none) == []


def test_what_is_missing_is_told_and_the_state_says_why() -> None:
    orphan = {
        "id": "o",
        "parent": "gone",
        "service": "mail",
        "kind": "server",
        "tags": {"remote.service": "queue"},
    }
    shown = shown_of(make_trace([ROOT_SPAN, orphan]))
    (found,) = told(shown, "incomplete")
    assert "name a caller that is missing, probably of queue" in found["text"]
    assert trace_state(shown)["code"] == "incomplete"
    assert "1 span names a caller" in trace_state(shown)["why"]
    growing = shown_of(make_trace([ROOT_SPAN, orphan]), growing=True)
    assert "wait for a caller" in told(growing, "incomplete")[0]["text"]
    assert trace_state(growing)["code"] == "growing"
    assert "10 s" in trace_state(growing)["why"]
    headless = shown_of(make_trace([orphan]))
    assert "beginning is missing" in trace_state(headless)["why"]
    whole = shown_of(make_trace([ROOT_SPAN]))
    assert trace_state(whole)["code"] == "complete"
    assert told(whole, "incomplete") == told(whole, "beginnings") == []
    two = shown_of(make_trace([ROOT_SPAN, {"id": "x", "service": "job"}]))
    assert told(two, "beginnings")[0]["row_count"] == 2


def test_names_with_percent_signs_and_no_spans_break_nothing() -> None:
    hostile = "%s %(share)s {0} <b>"
    spans = [{**ROOT_SPAN, "service": hostile, "operation": hostile}]
    (found,) = told(shown_of(make_trace(spans)), "time")
    assert hostile in found["text"]
    assert sentences(shown_of(make_trace([]))) == []


RATINGS = "ratings.default.svc.cluster.local:9080/*"
REVIEWS = "reviews.default.svc.cluster.local:9080/*"
PAGE = "productpage.default.svc.cluster.local:9080/productpage*"


def proxied(
    name: str, parent: str, service: str, flags: str = "-", **more: Any
) -> Span:
    """A proxy's span as a real mesh makes it; failed unless its flag says nothing."""
    kind = more.pop("kind", "server")
    host = more["operation"].partition(":")[0]
    cluster = "inbound|9080||" if kind == "server" else f"outbound|9080||{host}"
    tags = {
        "component": "proxy",
        "http.status_code": more.pop("status", "200"),
        "response_flags": flags,
        "upstream_cluster": cluster,
    }
    if tags["http.status_code"] != "200":
        tags["error"] = True
    return {
        "id": name,
        "parent": parent,
        "service": f"{service}.default",
        "kind": kind,
        "tags": tags,
        **more,
    }


def test_a_dead_application_is_told_once_as_a_mesh_shows_it() -> None:
    spans = [
        proxied("4", "", "reviews", operation=REVIEWS, duration=89_000),
        proxied(
            "5",
            "4",
            "reviews",
            "URX",
            kind="client",
            status="503",
            operation=RATINGS,
            start=500,
            duration=80_000,
        ),
    ]
    spans += [
        proxied(
            f"6{n}",
            "5",
            "ratings",
            "UF",
            status="503",
            operation=RATINGS,
            start=1_000 + n * 20_000,
            duration=300,
        )
        for n in range(3)
    ]
    shown = shown_of(make_trace(spans))
    (fault,) = told(shown, "fault")
    assert fault["text"] == (
        "ratings.default could not connect to its own application (3 ×)."
    )
    assert fault["row_count"] == 3
    (tried,) = told(shown, "attempts")
    assert tried["text"] == f"reviews.default tried {RATINGS} 3 times; all failed."


def test_an_injected_delay_and_those_who_gave_up_are_told() -> None:
    spans = [proxied("2", "", "productpage", operation=PAGE, duration=6_000_000)]
    for n in range(2):
        start = 1_000 + n * 3_000_000
        gone = {"status": "0", "operation": REVIEWS}
        spans += [
            proxied(
                f"3{n}",
                "2",
                "productpage",
                "DC",
                kind="client",
                start=start,
                duration=3_000_000,
                **gone,
            ),
            proxied(
                f"4{n}",
                f"3{n}",
                "reviews",
                "DC",
                start=start + 500,
                duration=2_999_000,
                **gone,
            ),
            proxied(
                f"5{n}",
                f"4{n}",
                "reviews",
                "DI",
                kind="client",
                operation=RATINGS,
                start=start + 1_000,
                duration=7_000_000,
            ),
        ]
    shown = shown_of(make_trace(spans))
    assert [one["text"] for one in told(shown, "fault")] == [
        "As a test, the mesh was told to delay calls of reviews.default to ratings "
        "(2 ×).",
        "productpage.default gave up waiting for reviews (2 ×).",
        "reviews.default was not done when its caller went away (2 ×).",
    ]


def test_what_the_error_says_is_not_said_again() -> None:
    call = faulty("UH", error=True)
    shown = shown_of(make_trace([ROOT_SPAN, call]))
    assert "no healthy host" in told(shown, "error")[0]["text"]
    assert told(shown, "fault") == []
    injected = shown_of(make_trace([ROOT_SPAN, faulty("FI", error=True)]))
    assert "As a test" in told(injected, "fault")[0]["text"]
