"""The doctor's page, its signs on other pages, and traces stitched together."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from dashboard.access.person import LOCAL
from dashboard.actions import doctor
from dashboard.actions.sources import receiver_source
from dashboard.doctor_models import Diagnosis
from dashboard.models import TraceRecord
from dashboard.presenters.doctor_advice import headers_for, snippets
from tests.store.test_doctor import broken, moved, nothing_kept, store, whole

pytestmark = pytest.mark.django_db
__all__ = ["nothing_kept"]


@pytest.fixture
def found() -> Diagnosis:
    """A certain finding of three requests in two halves each."""
    store(receiver_source(), moved([*broken(), *whole(0)], 60, "a"))
    doctor.check_sources()
    return Diagnosis.objects.get()


def test_the_page_says_who_what_and_what_to_change(
    client: Client, found: Diagnosis
) -> None:
    page = client.get("/doctor").content.decode()
    assert "front v1 does not pass the trace context on to back" in page
    assert "3 of its 3 calls began a new trace" in page
    assert "1 service has a fault." in page
    for name in ("x-request-id", "x-b3-traceid", "x-ot-span-context"):
        assert f"<code>{name}</code>" in page
    assert "traceparent</code>" not in page  # this mesh speaks B3
    assert "private static final String[] FORWARD" in page
    assert "<rect" in page
    assert "/stitched/" in page


def test_nothing_found_and_nothing_stored_have_their_words(client: Client) -> None:
    assert "Nobody is accused of anything." in client.get("/doctor").content.decode()
    answer = client.get("/doctor?finding=77").content.decode()
    assert "not here any more" in answer


def test_scripts_get_the_same(client: Client, found: Diagnosis) -> None:
    data = client.get("/doctor.json").json()
    [one] = data["findings"]
    assert (one["rule"], one["service"], one["version"], one["certainty"]) == (
        "context-lost",
        "front.default",
        "v1",
        "certain",
    )
    assert one["state"] == "open"
    assert data["silent"] == [["back.default", "v1", "calls-nobody"]]


def test_a_version_without_a_sidecar_is_not_said_to_have_one(
    client: Client, found: Diagnosis
) -> None:
    found.evidence["values"]["well"] = ["v2"]
    found.save()
    assert "Version v2 behind the same kind" in client.get("/doctor").content.decode()
    found.evidence["dialect"] = ""
    found.save()
    page = client.get("/doctor").content.decode()
    assert "Version v2 does it right." in page
    assert "sidecar" not in page


def test_a_finding_can_be_called_no_fault(client: Client, found: Diagnosis) -> None:
    answer = client.post(f"/doctor/{found.pk}/judge", {"dismiss": "1"})
    assert answer.status_code == 302
    assert client.get("/doctor.json").json()["findings"][0]["state"] == "dismissed"
    assert "does not pass" not in client.get("/doctor?state=open").content.decode()
    client.post(f"/doctor/{found.pk}/judge", {"dismiss": "0"})
    assert client.get("/doctor.json").json()["findings"][0]["state"] == "open"
    assert client.get(f"/doctor/{found.pk}/judge").status_code == 405


def test_other_pages_bear_a_sign(client: Client, found: Diagnosis) -> None:
    page = client.get("/graph.json?lookback=1h").json()
    nodes = {n["id"]: n for n in page["nodes"]}
    assert nodes["front.default"]["findings"][0]["words"] == "context lost"
    assert "findings" not in nodes["back.default"]
    versions = client.get("/graph.json?lookback=1h&level=version").json()["nodes"]
    assert sum("findings" in node for node in versions) == 1
    for record in TraceRecord.objects.all():
        trace = client.get(f"/trace/{record.trace_id}").content.decode()
        assert "front v1 does not pass the trace context on to back" in trace
        assert "Open both halves as one" in trace
    assert 'title="Open findings">1<' in client.get("/search").content.decode()
    Diagnosis.objects.update(certainty="suspect")
    assert (
        "Open both halves as one"
        not in client.get(f"/trace/{found.evidence['traces'][0]}").content.decode()
    )
    Diagnosis.objects.update(certainty="certain")
    doctor.dismiss(found, LOCAL, True)
    assert 'title="Open findings"' not in client.get("/search").content.decode()


def test_two_halves_are_one_trace_on_their_page(
    client: Client, found: Diagnosis
) -> None:
    ids = "+".join(found.evidence["pairs"][0])
    page = client.get(f"/stitched/{ids}")
    assert page.status_code == 200
    text = page.content.decode()
    assert "stands below the request with the same x-request-id" in text
    payload = client.get(f"/stitched/{ids}/payload").content
    assert b'"seams":[[1,true]]' in payload
    rows = client.get(f"/stitched/{ids}/statistics").json()
    assert rows
    names = [client.get(f"/stitched/{ids}/span/{n}").json() for n in range(3)]
    assert [n["service"] for n in names] == ["front.default"] * 2 + ["back.default"]
    assert client.get(f"/stitched/{ids}/span/3").status_code == 404
    assert client.get(f"/stitched/{ids}/find?q=back").json()["rows"]
    assert client.get(f"/stitched/{ids}/spans.csv").status_code == 200
    assert client.get(f"/stitched/{ids}/events?frames=0").status_code == 200
    assert TraceRecord.objects.count() == 6  # nothing was stored


@pytest.mark.parametrize(
    ("ids", "status"),
    [("ab", 400), ("zz+yy", 404), ("+".join(["ab"] * 9), 400), ("ab+cd", 404)],
)
def test_what_can_not_be_stitched_is_told(
    client: Client, ids: str, status: int
) -> None:
    assert client.get(f"/stitched/{ids}").status_code == status
    assert client.get(f"/stitched/{ids}/payload").status_code == 404


def test_hostile_names_are_text(client: Client) -> None:
    traces = broken()
    for trace in traces:
        trace.services = [f"<img src=x onerror=alert(1)>{s}" for s in trace.services]
    store(receiver_source(), moved(traces, 60, "a"))
    doctor.check_sources()
    page = client.get("/doctor").content.decode()
    assert "<img" not in page
    assert "&lt;img" in page


@pytest.mark.parametrize("dialect", ["b3", "w3c", ""])
def test_snippets_name_exactly_the_headers_of_the_dialect(dialect: str) -> None:
    names = headers_for(dialect)
    assert ("traceparent" in names) is (dialect != "b3")
    assert ("x-b3-traceid" in names) is (dialect != "w3c")
    for snippet in snippets(names)[:4]:
        assert all(f'"{name}"' in snippet["code"] for name in names)


def test_a_stranger_and_a_viewer(found: Diagnosis, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    stranger = Client(SERVER_NAME="traces.example", REMOTE_ADDR="10.9.8.7")
    for path in ("/doctor", "/doctor.json", "/stitched/ab+cd"):
        assert stranger.get(path).status_code == 401
    settings.SPANBOARD_ANONYMOUS = "viewer"
    assert stranger.get("/doctor").status_code == 200
    assert stranger.post(f"/doctor/{found.pk}/judge").status_code == 401
