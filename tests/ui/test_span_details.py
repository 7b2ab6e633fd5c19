"""The JSON of one span: neighbours, links, long values, pages, hostile content."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client, override_settings

from dashboard.actions.ingest import ingest
from dashboard.actions.shares import create_snapshot_share
from dashboard.actions.sources import receiver_source
from dashboard.analysis.link_patterns import read_patterns
from dashboard.reads.traces import find_record
from dashboard.sources.detect import decode
from tests.factories import TRACE_ID, make_trace
from tests.peers.running import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
Span = dict[str, Any]
OTHER = "b" * 32


def store(*spans: Span, trace_id: str = TRACE_ID) -> dict[str, int]:
    """Store a trace; gives the row of each span id."""
    ingest(receiver_source(), [make_trace(list(spans), trace_id)], replace=False)
    record = find_record(trace_id)
    assert record is not None
    from dashboard.reads.traces import load

    return {name: row for row, name in enumerate(load(record).trace.span_ids)}


def detail(client: Client, row: int, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/trace/{TRACE_ID}/span/{row}", query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


CLIENT: Span = {
    "id": "c",
    "service": "web",
    "operation": "GET /",
    "kind": "client",
    "duration": 1_000,
    "process": {"host.name": "one"},
}
SERVER: Span = {
    "id": "s",
    "parent": "c",
    "service": "shop",
    "operation": "GET /",
    "kind": "server",
    "start": 100,
    "duration": 700,
    "process": {"host.name": "one"},
}


def test_both_halves_of_a_call_tell_the_way_between_them(client: Client) -> None:
    at = store(CLIENT, SERVER)
    found = detail(client, at["c"])
    pair = found["pair"]
    assert (pair["row"], pair["role"], pair["service"]) == (at["s"], "client", "shop")
    assert (pair["before_ns"], pair["after_ns"]) == ("100000", "200000")
    assert pair["network_ns"] == "300000"
    assert "300" in pair["text"]
    assert not pair["clocks_disagree"]
    other = detail(client, at["s"])["pair"]
    assert (other["row"], other["role"]) == (at["c"], "server")


def test_attempts_of_one_call_are_all_told(client: Client) -> None:
    again = {**SERVER, "id": "t", "start": 850, "duration": 100}
    at = store(CLIENT, SERVER, again)
    found = detail(client, at["c"])
    assert found["pair"] is None
    assert [(one["row"], one["attempt"]) for one in found["pairs"]] == [
        (at["s"], 1),
        (at["t"], 2),
    ]
    second = detail(client, at["t"])["pair"]
    assert (second["attempt"], second["attempts"]) == (2, 2)


def test_callers_children_and_the_critical_path_are_told(client: Client) -> None:
    leaf = {"id": "l", "parent": "s", "service": "db", "start": 200, "duration": 100}
    at = store(CLIENT, SERVER, leaf)
    found = detail(client, at["l"])
    assert [one["row"] for one in found["chain"]] == [at["c"], at["s"]]
    assert found["chain_left_off"] == 0
    assert found["critical_ns"] == "100000"
    assert found["critical_share"] == pytest.approx(0.1)
    assert "10" in found["critical_text"]
    top = detail(client, at["c"])
    assert (top["children"], top["descendants"], top["chain"]) == (1, 2, [])


def test_of_a_deep_chain_the_ends_are_told(client: Client) -> None:
    spans: list[Span] = [
        {"id": f"{n:x}", "parent": f"{n - 1:x}" if n else "", "start": n}
        for n in range(300)
    ]
    at = store(*spans)
    found = detail(client, at[f"{299:x}"])
    assert len(found["chain"]) == 24
    assert found["chain"][0]["row"] == at["0"]
    assert found["chain"][-1]["row"] == at[f"{298:x}"]
    assert found["chain_left_off"] == 299 - 24


def test_references_lead_to_rows_and_to_other_traces(client: Client) -> None:
    store({"id": "p", "service": "kafka"}, trace_id=OTHER)
    weird = "../../x?<script>"
    linker = {
        "id": "l",
        "service": "mail",
        "references": [
            ("CHILD_OF", TRACE_ID, "c"),
            ("FOLLOWS_FROM", TRACE_ID, "s"),
            ("FOLLOWS_FROM", TRACE_ID, "gone"),
            ("FOLLOWS_FROM", OTHER, "p"),
            ("FOLLOWS_FROM", "c" * 32, "q"),
            ("FOLLOWS_FROM", weird, "r"),
        ],
    }
    at = store(CLIENT, SERVER, linker)
    refs = detail(client, at["l"])["references"]
    assert [ref["row"] for ref in refs] == [at["c"], at["s"], None, None, None, None]
    assert [ref["here"] for ref in refs] == [True] * 3 + [False] * 3
    assert [ref["stored"] for ref in refs] == [None] * 3 + [True, False, False]
    assert [ref["found"] for ref in refs] == [True, True, False, True, False, False]
    assert refs[0]["is_parent"]
    assert refs[1]["service"] == "shop"
    assert refs[3]["url"] == f"/trace/{OTHER}?span=p"
    assert refs[4]["url"] == f"/trace/{'c' * 32}?span=q"
    assert refs[5]["url"] == ""
    found = detail(client, at["s"])
    assert [one["row"] for one in found["inbound"]] == [at["l"]]
    assert found["inbound_count"] == 1
    assert detail(client, at["c"])["inbound"] == []


def test_a_proxys_names_and_flags_are_made_plain(client: Client) -> None:
    trace = decode(
        (ROOT / "tests/fixtures/mesh/jaeger/zipkin-good.json").read_bytes()
    ).traces[0]
    ingest(receiver_source(), [trace], replace=False)
    seen = []
    for row in range(len(trace)):
        found = client.get(f"/trace/{trace.trace_id}/span/{row}").json()["envoy"]
        upstream = found["upstream"]
        seen.append((upstream["direction"], upstream["service"], upstream["port"]))
        assert found["flags"] == []
    assert ("outbound", "details", 9080) in seen
    assert ("inbound", "", 9080) in seen
    cluster = "outbound|9080|v2|reviews.default.svc.cluster.local"
    tags = {"upstream_cluster": cluster, "response_flags": "URX,UF"}
    store({**CLIENT, "tags": tags})
    found = detail(client, 0)["envoy"]
    assert found["upstream"]["text"] == "reviews in default, port 9080, subset v2"
    assert [flag["code"] for flag in found["flags"]] == [
        "retries-exhausted",
        "connection-failed",
    ]
    assert "All retries failed." in found["text"]


def test_long_values_are_cut_and_can_be_had_whole(client: Client) -> None:
    long = "é" * 2_500_000
    store({**CLIENT, "tags": {"short": "a", "long": long}})
    (short, found) = sorted(detail(client, 0)["tags"], key=lambda t: t["size"])
    assert (short["cut"], short["size"]) == (0, 1)
    assert found["size"] == 2_500_000
    assert len(found["value"]) + found["cut"] == 2_500_000
    assert len(found["value"]) <= 20_000
    whole, first = "", 0
    while first is not None:
        part = client.get(
            f"/trace/{TRACE_ID}/span/0/value", {"at": found["at"], "from": first}
        ).json()
        assert part["key"] == "long"
        whole += part["value"]
        first = part["next"]
    assert whole == long


def test_5000_tags_come_in_pages_and_no_answer_grows_without_end(
    client: Client,
) -> None:
    tags = {f"key-{n:04}": "x" * 10_000 for n in range(1_700)}
    store({**CLIENT, "tags": tags})
    answer = client.get(f"/trace/{TRACE_ID}/span/0")
    assert len(answer.content) < 1_000_000
    found = answer.json()
    assert (len(found["tags"]), found["tag_count"]) == (500, 1_700)
    keys = [tag["key"] for tag in found["tags"]]
    following = found["tags_next"]
    while following is not None:
        page = client.get(
            f"/trace/{TRACE_ID}/span/0/more", {"part": "tags", "from": following}
        ).json()
        assert page["count"] == 1_700
        keys += [tag["key"] for tag in page["items"]]
        following = page["next"]
    assert keys == list(tags)
    assert page["items"][-1]["at"] == "tags.1699"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("value", {"at": "tags.0"}, 200),
        ("value", {"at": "tags"}, 400),
        ("value", {"at": "tags.x"}, 400),
        ("value", {"at": "tags.-1"}, 400),
        ("value", {"at": "tags.0.0"}, 400),
        ("value", {"at": "tags.99"}, 404),
        ("value", {"at": "__class__"}, 400),
        ("value", {"at": "logs.0.0"}, 404),
        ("value", {"at": "tags.0", "from": "-1"}, 400),
        ("value", {"at": "tags.0", "from": "9" * 30}, 400),
        ("value", {}, 400),
        ("more", {"part": "tags"}, 200),
        ("more", {"part": "logs"}, 200),
        ("more", {"part": "process", "from": "7000"}, 200),
        ("more", {"part": "tags.0"}, 400),
        ("more", {"part": "details"}, 400),
        ("more", {"part": "logs.3"}, 404),
        ("more", {"part": "tags", "v": "99"}, 409),
        ("value", {"at": "tags.0", "v": "99"}, 409),
    ],
)
def test_bad_addresses_are_refused(
    client: Client, path: str, query: dict[str, str], status: int
) -> None:
    store({**CLIENT, "tags": {"a": "b"}})
    answer = client.get(f"/trace/{TRACE_ID}/span/0/{path}", query)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["ok"] is False
        assert answer.json()["error"]
    assert client.get(f"/trace/{TRACE_ID}/span/9/{path}", query).status_code in (
        404,
        409,
    )


def test_only_whole_http_values_are_links(client: Client) -> None:
    tags = {
        "good": "https://example.com/a?b=c",
        "script": "javascript:alert(1)",
        "blank": "https://example.com/ x",
        "within": "see https://example.com",
        "long": "https://example.com/" + "x" * 30_000,
    }
    store({**CLIENT, "tags": tags})
    urls = {tag["key"]: tag["url"] for tag in detail(client, 0)["tags"]}
    assert urls == {
        "good": tags["good"],
        "script": "",
        "blank": "",
        "within": "",
        "long": "",
    }


PATTERNS = read_patterns(
    json.dumps(
        [
            {
                "type": "tags",
                "key": "user",
                "text": "User #{user} on #{host.name} of #{tenant} in #{spanID}",
                "url": "https://a.example.com/#{tenant}/#{user}/#{trace.traceID}",
            },
            {
                "type": "process",
                "key": "host.name",
                "text": "Host",
                "url": "https://b.example.com/#{host.name}",
            },
            {
                "type": "traces",
                "text": "Logs of #{traceName}",
                "url": "https://c.example.com/#{traceID}",
            },
        ]
    )
)


@override_settings(SPANBOARD_LINK_PATTERNS=PATTERNS)
def test_patterns_look_in_span_process_and_callers(client: Client) -> None:
    hostile = "x/../?q=<script>#\u202e"
    at = store(
        {**CLIENT, "tags": {"tenant": "acme", "user": "other"}},
        {**SERVER, "process": {"host.name": "two"}, "tags": {"user": hostile}},
    )
    found = detail(client, at["s"])
    (link,) = found["tags"][0]["links"]
    assert link["text"] == f"User {hostile} on two of acme in s"
    beginning, _, rest = link["url"].partition("acme/")
    assert beginning == "https://a.example.com/"
    user, _, trace_id = rest.partition("/")
    assert unquote(user) == hostile
    assert trace_id == TRACE_ID
    assert found["process"][0]["links"] == [
        {"text": "Host", "url": "https://b.example.com/two"}
    ]
    page = client.get(f"/trace/{TRACE_ID}")
    assert page.context["head"]["links"] == [
        {"text": "Logs of web: GET /", "url": f"https://c.example.com/{TRACE_ID}"}
    ]


@override_settings(SPANBOARD_LINK_PATTERNS=PATTERNS)
def test_a_snapshot_has_pages_and_values_but_no_links_to_the_outside(
    client: Client,
) -> None:
    store(
        {
            **CLIENT,
            "tags": {"tenant": "acme", "user": "ann"},
            "references": [("FOLLOWS_FROM", OTHER, "p")],
        }
    )
    record = find_record(TRACE_ID)
    assert record is not None
    _, token = create_snapshot_share(record, days=1)
    found = client.get(f"/s/{token}/span/0").json()
    assert all(tag["links"] == [] for tag in found["tags"])
    assert found["references"][0]["url"] == ""
    assert found["references"][0]["stored"] is None
    assert client.get(f"/s/{token}").context["head"]["links"] == []
    value = client.get(f"/s/{token}/span/0/value", {"at": "tags.0"})
    assert value.json()["value"] == "acme"
    assert value["Cache-Control"] == "no-store"
    more = client.get(f"/s/{token}/span/0/more", {"part": "tags", "from": "1"})
    assert [tag["key"] for tag in more.json()["items"]] == ["user"]
    assert client.get("/s/nobody/span/0/more").status_code == 404
