"""Shares of the service graph: what is kept, for whom, and what leaves with it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
import zstandard
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone

from dashboard.actions import people, shares
from dashboard.actions.ingest import ingest
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.sources import ensure_source
from dashboard.models import RollupBlock, RollupDelta, TraceRecord
from dashboard.share_models import ShareEvent, ShareLink, Snapshot
from tests.factories import START_US, make_trace
from tests.planted import IN_TAGS
from webapp.env import origin_of

pytestmark = pytest.mark.django_db(transaction=True)
AWAY = {"SERVER_NAME": "traces.example", "REMOTE_ADDR": "10.9.8.7"}
MAIL = "jdoe@planted.example"
TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
SECRETS = (MAIL, "jdoe", TOKEN, "10.11.12.13", "planted.example")
WINDOW = {"start": START_US - 600_000_000, "end": START_US + 600_000_000}


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


@pytest.fixture
def filled() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    traces = []
    for number in range(6):
        spans: list[dict[str, Any]] = [
            {"id": "01", "service": "web", "kind": "server", "duration": 900},
            {
                "id": "02",
                "parent": "01",
                "service": "web",
                "kind": "client",
                "start": 10,
                "duration": 500,
            },
            {
                "id": "03",
                "parent": "02",
                "service": f"mail-{MAIL}",
                "operation": f"GET /users/{MAIL}/{TOKEN}",
                "kind": "server",
                "start": 20,
                "duration": 400,
                "tags": {"error": number < 3},
                "process": {
                    "service.version": "1.2.3.4",
                    "k8s.pod.name": "pod-10.11.12.13",
                },
            },
            {
                "id": "04",
                "parent": "03",
                "service": f"mail-{MAIL}",
                "kind": "client",
                "start": 30,
                "duration": 50,
                "tags": {"peer.service": "10.11.12.13"},
            },
        ]
        traces.append(make_trace(spans, f"{number + 1:032x}"))
    ingest(source, traces, replace=True)


def share(client: Client, status: int = 200, **fields: Any) -> dict[str, Any]:
    state = fields.pop("state", {})
    query = urlencode({**WINDOW, **state}) if fields.get("kind") != "live" else ""
    form = {"state": query, "days": 3, "audience": "anyone", **fields}
    answer = client.post("/shares/graph/new", form)
    assert answer.status_code == status, answer.content[:400]
    found: dict[str, Any] = json.loads(answer.content)
    return found


def token_of(answer: dict[str, Any]) -> str:
    return urlsplit(answer["url"]).path.rsplit("/", 1)[1]


def page_data(content: bytes) -> dict[str, Any]:
    text = content.decode().split('id="graph-data" type="application/json">')[1]
    found: dict[str, Any] = json.loads(text.split("</script>")[0])
    return found


def opened(client: Client, token: str) -> bytes:
    answer = client.get(f"/s/{token}", follow=True)
    assert answer.status_code == 200
    return bytes(answer.content)


@pytest.mark.parametrize(
    "level", ["service", "version", "operation", "instance", "namespace"]
)
def test_no_name_that_tells_a_secret_leaves(
    filled: None, client: Client, level: str
) -> None:
    answer = share(client, state={"level": level})
    assert answer["redaction"]["total"] > 0 or level == "namespace"
    token = token_of(answer)
    stranger = Client(**AWAY)
    page = opened(stranger, token)
    data = page_data(page)
    panels = [
        stranger.get(f"/s/{token}/panel.json", {"id": node["id"]}).content
        for node in data["nodes"]
    ] + [
        stranger.get(
            f"/s/{token}/panel.json", {"caller": e["caller"], "callee": e["callee"]}
        ).content
        for e in data["edges"]
    ]
    svg = stranger.get(f"/s/{token}/picture.svg").content
    ElementTree.fromstring(svg)
    stored = zstandard.decompress(bytes(Snapshot.objects.get().content))
    rest = json.dumps(
        [
            *ShareLink.objects.values_list("state", "note"),
            *Snapshot.objects.values_list("title", "source_name"),
        ]
    ).encode()
    for place in (page, svg, stored, rest, *panels):
        for secret in SECRETS:
            assert secret.encode() not in place


def test_places_and_figures_are_those_of_the_page(filled: None, client: Client) -> None:
    own = client.get("/graph.json", WINDOW).json()
    data = page_data(opened(client, token_of(share(client))))
    for name in ("x", "y", "calls", "errors", "p95_text", "rate_text", "kind_text"):
        assert sorted(n[name] for n in own["nodes"]) == sorted(
            n[name] for n in data["nodes"]
        )
    assert len(own["edges"]) == len(data["edges"])
    assert sorted(e["calls"] for e in own["edges"]) == sorted(
        e["calls"] for e in data["edges"]
    )
    assert (data["start_us"], data["end_us"]) == (own["start_us"], own["end_us"])
    assert data["live"] is False
    assert not any(edge["traces_url"] for edge in data["edges"])
    assert own["sentence"]["traffic"] == data["sentence"]["traffic"]


def test_it_outlives_the_traces_and_the_figures_of_the_window(
    filled: None, client: Client
) -> None:
    token = token_of(share(client))
    before = page_data(opened(client, token))
    fold_rollups()
    TraceRecord.objects.all().delete()
    RollupBlock.objects.all().delete()
    RollupDelta.objects.all().delete()
    assert page_data(opened(client, token)) == before


def test_what_is_chosen_opens_by_its_clean_name(filled: None, client: Client) -> None:
    state = {"node": f"mail-{MAIL}", "view": "table", "uiFind": MAIL}
    token = token_of(share(client, state=state))
    answer = client.get(f"/s/{token}")
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert set(query) == {"node", "view"}
    data = page_data(opened(client, token))
    assert query["node"][0] in {node["id"] for node in data["nodes"]}


def test_names_by_hand_and_filters_with_secrets_go(
    filled: None, client: Client
) -> None:
    state = {"hide": f"service = mail-{MAIL}"}
    token = token_of(share(client, state=state, field="web"))
    page = opened(client, token)
    assert b"web" not in page.split(b'id="graph-data"')[1].split(b"</script>")[0]
    assert MAIL.encode() not in page
    assert page_data(page)["counts"]["hidden_nodes"] == 1


def test_the_preview_tells_the_same_counts_and_stores_nothing(
    filled: None, client: Client
) -> None:
    state = urlencode({**WINDOW, "level": "operation"})
    answer = client.get("/shares/graph/preview", {"state": state})
    found = answer.json()
    made = share(client, state={"level": "operation"})
    assert found["total"] == made["redaction"]["total"] > 0
    assert any(MAIL in one["before"]["text"] for one in found["examples"])
    assert not any(MAIL in one["after"]["text"] for one in found["examples"])
    assert answer["Cache-Control"] == "no-store"
    assert Snapshot.objects.count() == 1
    assert Client(**AWAY).get("/shares/graph/preview").status_code == 401


@pytest.mark.parametrize(
    "state",
    [
        {"base": "hour"},
        {"paths": "web"},
        {"questions": "1"},
        {"find": "errors >"},
        {"start": "x"},
    ],
)
def test_what_can_not_be_kept_is_refused_with_a_sentence(
    filled: None, client: Client, state: dict[str, str]
) -> None:
    assert share(client, 400, state=state)["error"]
    assert not Snapshot.objects.exists()


def test_audience_expiry_and_revocation_are_those_of_every_share(
    filled: None, client: Client, settings: Any
) -> None:
    answer = share(client, audience="signed-in", note="look")
    token = token_of(answer)
    stranger = Client(**AWAY)
    for part in ("", "/panel.json?id=web", "/picture.svg", "/picture.png"):
        assert stranger.get(f"/s/{token}{part}").status_code == 404
    link = ShareLink.objects.get()
    assert link.note == "look"
    assert ShareEvent.objects.get().kind == "graph"
    assert ShareEvent.objects.get().trace_id == ""
    member = Client(**AWAY)
    member.force_login(people.add_user("ada", "lorry-mildew-42", "viewer"))
    sharer = Client(**AWAY)
    sharer.force_login(people.add_user("bea", "lorry-mildew-42", "sharer"))
    assert share(sharer)["ok"]
    ShareLink.objects.filter(owner_name="bea").delete()
    assert member.get(f"/s/{token}", follow=True).status_code == 200
    assert member.post("/shares/graph/new", {"state": ""}).status_code == 403
    assert stranger.post("/shares/graph/new", {"state": ""}).status_code == 401
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert member.get(f"/s/{token}").status_code == 404
    shares.expire_shares()
    assert not any(bytes(one.content) for one in Snapshot.objects.all())
    settings.SPANBOARD_SHARE_ANYONE = False
    assert "SPANBOARD_SHARE_ANYONE" in share(client, 400)["error"]


def test_what_belongs_to_traces_is_not_there(filled: None, client: Client) -> None:
    token = token_of(share(client))
    for part in ("payload", "span/0", "find?q=a", "download?format=jaeger", "rows"):
        assert client.get(f"/s/{token}/{part}").status_code == 404
    missing = client.get(f"/s/{token}/panel.json", {"id": "nobody"})
    assert missing.status_code == 404
    assert missing.json()["error"]
    assert client.post(f"/s/{token}/seen").status_code == 204
    assert ShareLink.objects.get().opened_count == 1


def test_an_allow_list_holds_for_versions_pods_and_peers(
    filled: None, client: Client, settings: Any
) -> None:
    settings.SPANBOARD_REDACT_ALLOW = ["error"]
    data = page_data(
        opened(client, token_of(share(client, state={"level": "version"})))
    )
    assert not any("1.2.3.4" in node["label"] for node in data["nodes"])
    assert any("[not-allowed" in node["label"] for node in data["nodes"])
    settings.SPANBOARD_REDACT_ALLOW = []
    data = page_data(
        opened(client, token_of(share(client, state={"level": "version"})))
    )
    assert any("1.2.3.4" in node["label"] for node in data["nodes"])


def test_a_live_share_shows_now_with_clean_names(filled: None, client: Client) -> None:
    answer = share(client, kind="live")
    token = token_of(answer)
    page = opened(Client(**AWAY), token)
    data = page_data(page)
    assert data["live"] is True
    assert {"web"} < {node["service"] for node in data["nodes"]}
    assert f"ws/s/{token}/graph" in page.decode()
    for secret in SECRETS:
        assert secret.encode() not in page
    assert Client(**AWAY).get(f"/s/{token}/panel.json?id=web").status_code == 404
    assert Client(**AWAY).get(f"/s/{token}/picture.png").status_code == 200
    late = client.post(
        "/shares/graph/new", {"kind": "live", "state": urlencode(WINDOW)}
    )
    assert late.status_code == 400


def test_only_named_origins_may_frame_links_for_anyone(
    filled: None, client: Client, settings: Any
) -> None:
    plain, closed = (
        token_of(share(client)),
        token_of(share(client, audience="signed-in")),
    )
    answer = client.get(f"/s/{plain}", follow=True)
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    settings.SPANBOARD_EMBED_ORIGINS = ["https://wiki.example", "http://a.test:8000"]
    answer = client.get(f"/s/{plain}?uiEmbed=v0", follow=True)
    policy = answer["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://wiki.example http://a.test:8000" in policy
    assert "script-src 'self'" in policy
    assert "X-Frame-Options" not in answer
    assert not answer.cookies
    assert b"topbar" not in answer.content
    for path in (f"/s/{closed}", "/graph", "/", "/s/nothing"):
        other = client.get(path, follow=True)
        assert "wiki.example" not in other["Content-Security-Policy"]
        assert other["X-Frame-Options"] == "SAMEORIGIN"
    assert share(client)["framed"] is True
    assert share(client, audience="signed-in")["framed"] is False
    picture = f"/s/{plain}/picture.svg"
    assert client.get(picture)["Cross-Origin-Resource-Policy"] == "cross-origin"
    # Links for anyone are switched off: who is local may open it, in no frame.
    settings.SPANBOARD_SHARE_ANYONE = False
    other = client.get(f"/s/{plain}?uiEmbed=v0", follow=True)
    assert other.status_code == 200
    assert "wiki.example" not in other["Content-Security-Policy"]
    assert other["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get(picture)["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_framed_page_keeps_the_state_it_was_shared_with(
    filled: None, client: Client
) -> None:
    token = token_of(share(client, state={"node": "web"}))
    answer = client.get(f"/s/{token}?uiEmbed=v0&uiTheme=dark")
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query == {"node": ["web"], "uiEmbed": ["v0"], "uiTheme": ["dark"]}
    assert client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "word",
    ["*", "https://*.example", "wiki.example", "https://a/b", "https://a;b", "'none'"],
)
def test_what_is_no_origin_is_refused_at_the_start(word: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SPANBOARD_EMBED_ORIGINS"):
        origin_of(word)


def test_a_large_graph_is_kept_and_drawn_within_bounds(client: Client) -> None:
    spans: list[dict[str, Any]] = [{"id": "root", "service": "web", "kind": "server"}]
    spans += [
        {
            "id": f"s{number}",
            "parent": "root" if number < 30 else f"s{number // 30}",
            "service": f"service-{number}",
            "kind": "server",
            "start": number,
        }
        for number in range(1, 700)
    ]
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    ingest(source, [make_trace(spans)], replace=True)
    token = token_of(share(client, state={"group": "none", "node": "web"}))
    data = page_data(opened(client, token))
    assert len(data["nodes"]) == 700
    kept = [
        client.get(f"/s/{token}/panel.json", {"id": node["id"]}).status_code
        for node in data["nodes"]
    ]
    assert kept.count(200) == 60
    assert client.get(f"/s/{token}/panel.json", {"id": "web"}).status_code == 200
    svg = client.get(f"/s/{token}/picture.svg?width=2000").content
    root = ElementTree.fromstring(svg)
    assert int(root.attrib["width"]) * int(root.attrib["height"]) <= 16_100_000
    assert client.get(f"/s/{token}/picture.png?width=2000").content[:4] == b"\x89PNG"
    grouped = token_of(share(client))
    closed = page_data(opened(client, grouped))
    assert any(node["members"] for node in closed["nodes"])
    assert all(one["caller"] and one["callee"] for one in closed["edges"])


@pytest.mark.parametrize("level", ["service", "operation", "instance", "version"])
def test_planted_secrets_in_names_are_in_no_answer(client: Client, level: str) -> None:
    planted = [
        one for one in IN_TAGS if one.key == "message" and one.name != "very long"
    ]
    assert len(planted) > 40
    spans: list[dict[str, Any]] = [{"id": "root", "service": "web", "kind": "server"}]
    for number, one in enumerate(planted):
        spans.append(
            {
                "id": f"s{number}",
                "parent": "root",
                "service": f"s{number} {one.value}",
                "operation": one.value,
                "kind": "server",
                "start": number,
                "process": {"service.version": one.value, "k8s.pod.name": one.value},
            }
        )
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    ingest(source, [make_trace(spans)], replace=True)
    token = token_of(share(client, state={"level": level, "group": "none"}))
    stranger = Client(**AWAY)
    places = [
        opened(stranger, token).decode(),
        stranger.get(f"/s/{token}/picture.svg").content.decode(),
        zstandard.decompress(bytes(Snapshot.objects.get().content)).decode(),
    ]
    live = token_of(
        json.loads(
            client.post(
                "/shares/graph/new",
                {
                    "kind": "live",
                    "audience": "anyone",
                    "state": f"level={level}&group=none",
                },
            ).content
        )
    )
    places.append(opened(stranger, live).decode())
    for one in planted:
        for mark in one.marks:
            for place in places:
                assert mark not in place, one.name
                assert json.dumps(mark)[1:-1] not in place, one.name
