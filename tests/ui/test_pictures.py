"""Pictures of shares by URL: what they say, to whom, and that no name gets out of it."""

from __future__ import annotations

import struct
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from dashboard.actions import shares
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.models import TraceRecord
from dashboard.presenters.picture_pen import Pen
from dashboard.share_models import ShareLink
from tests.factories import make_trace

pytestmark = pytest.mark.django_db
AWAY = {"SERVER_NAME": "traces.example", "REMOTE_ADDR": "10.9.8.7"}
HOSTILE = "\"'><script>alert(1)</script><image href='http://evil.example/x'/>\x07\u202e&amp;]]>"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


def stored(service: str = "shop", operation: str = "GET /cart") -> TraceRecord:
    spans = [
        {"id": "a" * 16, "service": service, "operation": operation, "duration": 9_000},
        {
            "id": "b" * 16,
            "parent": "a" * 16,
            "service": "pay",
            "operation": "charge",
            "start": 1_000,
            "duration": 4_000,
            "tags": {"error": True, "user": "jdoe@example.org"},
        },
    ]
    ingest(upload_source(), [make_trace(spans)], replace=True)
    return TraceRecord.objects.get()


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def png_size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = struct.unpack(">II", png[16:24])
    return wide, high


def test_a_trace_is_drawn_with_its_rows_and_when_it_was_captured() -> None:
    _, token = shares.create_snapshot_share(stored(), days=1)
    answer = Client(**AWAY).get(f"/s/{token}/picture.svg")
    assert answer["Content-Type"].startswith("image/svg+xml")
    said = texts(answer.content)
    assert "shop GET /cart" in said
    assert {"shop", "GET /cart", "pay", "charge"} <= set(said)
    assert any(words.startswith("9") and words.endswith("ms") for words in said)
    year = str(timezone.now().year)
    assert any("captured" in words and year in words for words in said)
    assert "captured" in said[-1]


def test_size_and_theme_are_as_asked_and_bounded() -> None:
    _, token = shares.create_snapshot_share(stored(), days=1)
    client = Client(**AWAY)
    usual = png_size(client.get(f"/s/{token}/picture.png").content)
    small = png_size(client.get(f"/s/{token}/picture.png?width=400").content)
    huge = png_size(client.get(f"/s/{token}/picture.png?width=999999").content)
    odd = png_size(client.get(f"/s/{token}/picture.png?width=-5").content)
    assert (usual[0], small[0], huge[0], odd[0]) == (1240, 400, 2000, 1240)
    light = client.get(f"/s/{token}/picture.svg").content
    dark = client.get(f"/s/{token}/picture.svg?theme=dark").content
    assert light != dark
    assert texts(light) == texts(dark)
    assert b"#12161c" in dark


def test_only_the_audience_sees_it_and_only_open_pictures_go_to_other_sites() -> None:
    record = stored()
    closed, token = shares.create_snapshot_share(record, days=1, audience="signed-in")
    opened, other = shares.create_snapshot_share(record, days=1, audience="anyone")
    stranger = Client(**AWAY)
    for kind in ("svg", "png"):
        assert stranger.get(f"/s/{token}/picture.{kind}").status_code == 404
        here = Client(SERVER_NAME="localhost").get(f"/s/{token}/picture.{kind}")
        assert here.status_code == 200
        assert here["Cross-Origin-Resource-Policy"] == "same-origin"
        answer = stranger.get(f"/s/{other}/picture.{kind}")
        assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
    shares.revoke_share(opened)
    assert stranger.get(f"/s/{other}/picture.png").status_code == 404
    assert ShareLink.objects.get(pk=closed.pk).opened_count == 0


def test_hostile_names_stay_text() -> None:
    _, token = shares.create_snapshot_share(stored(HOSTILE, HOSTILE * 3), days=1)
    client = Client(**AWAY)
    answer = client.get(f"/s/{token}/picture.svg")
    root = ElementTree.fromstring(answer.content)
    drawn = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert drawn <= {"svg", "title", "rect", "path", "text", "circle"}
    for element in root.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert "href" not in "".join(element.attrib)
    assert "<script>" in "".join(texts(answer.content))
    assert png_size(client.get(f"/s/{token}/picture.png").content)[0] == 1240


def test_a_redacted_value_is_in_no_picture() -> None:
    record = stored("shop", "GET /users/jdoe@example.org")
    _, token = shares.create_snapshot_share(record, days=1)
    svg = Client(**AWAY).get(f"/s/{token}/picture.svg").content
    assert b"jdoe" not in svg
    assert "[e-mail 1]" in " ".join(texts(svg))


def test_attributes_and_texts_can_not_be_left() -> None:
    pen = Pen(100, 100)
    pen.text(0, 0, '<a href="javascript:1">\x0b\ud800', room=1e6)
    pen.add("rect", fill='"><x/>')
    root = ElementTree.fromstring(pen.svg('</title><x y="', 100, 'en"'))
    assert [element.tag for element in root] == [
        f"{SVG}title",
        f"{SVG}text",
        f"{SVG}rect",
    ]


def test_a_tall_picture_stays_within_bounds() -> None:
    root = ElementTree.fromstring(Pen(760, 20_000).svg("tall", 2000, "en"))
    wide, high = int(root.attrib["width"]), int(root.attrib["height"])
    assert wide * high <= 16_100_000
    assert abs(high / wide - 20_000 / 760) < 0.1


def test_a_stored_trace_is_downloaded_as_a_picture() -> None:
    record = stored()
    client = Client(SERVER_NAME="localhost")
    answer = client.get(f"/trace/{record.trace_id}/download?format=svg")
    assert "attachment" in answer["Content-Disposition"]
    said = texts(answer.content)
    assert "shop GET /cart" in said
    assert not any("captured" in words for words in said)
    # That of a share tells when it was captured, as its page does.
    _, token = shares.create_snapshot_share(record, days=1)
    answer = client.get(f"/s/{token}/download?format=svg")
    assert "captured" in texts(answer.content)[-1]
