"""What real Envoys send: the shapes of each tracer, and of each way to forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.mesh import TRACERS, Mesh
from tests.peers.mesh import Collector, StartMesh
from tests.peers.need import until

pytestmark = pytest.mark.envoy
PAGE = {"zipkin": 9, "zipkin-w3c": 9, "otel": 9, "classic": 8}  # spans of one page
Spans = list[dict[str, Any]]
REQUEST_ID = "guid:x-request-id"
V2 = {"v2": 1}


def one_page(mesh: Mesh, collector: Collector, spans: int, pages: int = 1) -> Spans:
    """The spans of so many requests of the product page, all of them."""
    collector.take()
    assert mesh.send(pages) == [200] * pages
    mesh.settle()
    until(lambda: len(collector.spans) >= spans, f"{spans} spans", 10)
    found = collector.take()
    assert len(found) == spans
    return found


def service(span: dict[str, Any]) -> str:
    return str(span["localEndpoint"]["serviceName"]).partition(".")[0]


@pytest.mark.parametrize("tracer", TRACERS)
def test_shapes_of_each_tracer(
    tracer: str, start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(tracer, to=collector.url, weights=V2)
    spans = one_page(mesh, collector, PAGE[tracer])
    assert len({span["traceId"] for span in spans}) == 1
    assert len(spans[0]["traceId"]) == (16 if tracer == "classic" else 32)
    kinds = Counter((service(span), span["kind"]) for span in spans)
    gateway = Counter({("istio-ingressgateway", "SERVER"): PAGE[tracer] - 8})
    assert kinds == gateway + Counter(
        {
            ("istio-ingressgateway", "CLIENT"): 1,
            ("productpage", "SERVER"): 1,
            ("productpage", "CLIENT"): 2,
            ("details", "SERVER"): 1,
            ("reviews", "SERVER"): 1,
            ("reviews", "CLIENT"): 1,
            ("ratings", "SERVER"): 1,
        }
    )
    shared = [span for span in spans if span.get("shared")]
    ids = {span["id"] for span in spans}
    if tracer == "classic":
        assert len(shared) == 4  # all servers
        assert len(ids) == 4
    else:
        assert not shared
        assert len(ids) == 9
    (root,) = roots(spans)
    kind = "CLIENT" if tracer == "classic" else "SERVER"
    assert (service(root), root["kind"]) == ("istio-ingressgateway", kind)
    assert all(span["parentId"] in ids for span in spans if "parentId" in span)
    for span in spans:
        tags = span["tags"]
        assert tags["istio.canonical_service"] == service(span)
        assert tags["upstream_cluster"].startswith(("outbound|9080|", "inbound|9080|"))
        if span["name"].startswith("router "):
            assert REQUEST_ID not in tags  # as spawned spans are
        else:
            assert tags["node_id"].split("~")[1].startswith(f"{mesh.base}.")
            assert tags["response_flags"] == "-"
    assert {tags["upstream_cluster"] for tags in (s["tags"] for s in spans)} >= {
        "outbound|9080|v2|reviews.default.svc.cluster.local"
    }
    # A server's peer is the pod that called it.
    (ratings,) = (span for span in spans if service(span) == "ratings")
    assert ratings["tags"]["peer.address"] == f"{mesh.base}.14"


def roots(spans: Spans) -> Spans:
    """Without a parent; a server span that shares its client's id is none."""
    return [s for s in spans if "parentId" not in s and not s.get("shared")]


def whole(spans: Spans) -> bool:
    return len({span["traceId"] for span in spans}) == 1


def pieces(same_id: bool) -> Callable[[Spans], bool]:
    """Two traces, the second begun by reviews' own call."""

    def check(spans: Spans) -> bool:
        traces = Counter(span["traceId"] for span in spans)
        ids = {span["tags"].get(REQUEST_ID) for span in roots(spans)}
        return (
            sorted(traces.values()) == [2, len(spans) - 2]
            and {service(span) for span in roots(spans)}
            == {"istio-ingressgateway", "reviews"}
            and len(ids) == (1 if same_id else 2)
        )

    return check


def other_id(spans: Spans) -> bool:
    """One trace in which reviews' call has a request id of its own."""
    ids = {span["tags"].get(REQUEST_ID) for span in spans} - {None}
    return whole(spans) and len(ids) == 2


EXPECTED: dict[str, dict[str, Callable[[Spans], bool]]] = {
    "zipkin": {
        "all": whole,
        "none": pieces(False),
        "request-id": pieces(True),
        "no-request-id": other_id,
        "no-span-id": pieces(True),
        "no-sampled": whole,
        "ids-only": other_id,
        "old-list": whole,
        "traceparent": pieces(True),
    },
    "zipkin-w3c": {"old-list": whole, "traceparent": whole},
    "otel": {
        "all": whole,
        "none": pieces(False),
        "request-id": pieces(True),
        "no-request-id": other_id,
        "old-list": pieces(True),
        "traceparent": whole,
    },
    "classic": {"all": whole, "none": pieces(False), "request-id": pieces(True)},
}


@pytest.mark.parametrize("tracer", TRACERS)
def test_each_way_to_forward(
    tracer: str, start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(tracer, to=collector.url, weights=V2)
    for mode, check in EXPECTED[tracer].items():
        mesh.switch(forwarding={"reviews:v2": mode})
        spans = one_page(mesh, collector, PAGE[tracer])
        assert check(spans), (mode, spans)


def test_a_leaked_context_joins_another_request(
    start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(to=collector.url, weights=V2, forwarding={"reviews:v2": "leaked"})
    spans = one_page(mesh, collector, 27, pages=3)
    sizes = Counter(span["traceId"] for span in spans)
    # The first leaks to itself, each later one to the one before it.
    assert sorted(sizes.values()) == [7, 9, 11]


def test_cron_jobs_and_probes_are_roots_of_their_own(
    start_mesh: StartMesh, collector: Collector
) -> None:
    start_mesh(to=collector.url, cron={"reviews:v2": 0.1}, probe_s=0.2)

    def seen() -> bool:
        found = {
            (service(span), span["kind"], span["tags"].get("user_agent", ""))
            for span in roots(list(collector.spans))
        }
        return {
            ("reviews", "CLIENT", "reviews/1.0"),
            ("details", "SERVER", "kube-probe/1.31"),
        } <= found

    until(seen, "a job's and a probe's own traces", 15)


def test_an_untraced_service_leaves_a_hop_out(
    start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(to=collector.url, weights=V2, untraced=["reviews:v2"])
    spans = one_page(mesh, collector, 7)
    assert whole(spans)
    assert not [span for span in spans if service(span) == "reviews"]
    (ratings,) = (span for span in spans if service(span) == "ratings")
    assert ratings["tags"]["peer.address"] == f"{mesh.base}.14"


def test_sampling_is_switched_while_it_runs(
    start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(to=collector.url, sampling=0)
    mesh.send(5)
    mesh.settle()
    mesh.switch(sampling=100, weights=V2)
    one_page(mesh, collector, 9)


def test_mixed_tracers(start_mesh: StartMesh, collector: Collector) -> None:
    mesh = start_mesh(
        "zipkin", to=collector.url, weights=V2, tracers={"ratings": "otel"}
    )
    spans = one_page(mesh, collector, 9)
    assert {service(span) for span in roots(spans)} == {
        "istio-ingressgateway",
        "ratings",
    }
