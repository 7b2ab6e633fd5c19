"""A made shop: traces of a gateway's two services as sidecars report them."""

from __future__ import annotations

from typing import Any

from dashboard.adjusters.standard import adjust
from dashboard.doctor.findings import Finding
from dashboard.doctor.judge import accusations, judge
from dashboard.traces.trace import Trace
from tests.factories import make_trace


def found_in(traces: list[Trace]) -> list[Finding]:
    """What the doctor says against somebody in unadjusted traces."""
    return accusations(judge([adjust(trace) for trace in traces]))


def told(findings: list[Finding]) -> set[tuple[str, str, str, str]]:
    """The claims alone."""
    return {(f.rule, f.service, f.version, f.certainty) for f in findings}


class Shop:
    """Made traces of a gateway, a front and a back, as sidecars report them."""

    def __init__(self, sdk: str = ""):
        self.traces: list[Trace] = []
        self.now = 0
        self.sdk = sdk

    def span(
        self,
        id: str,
        parent: str,
        service: str,
        way: str,
        start: int,
        duration: int,
        target: str = "",
        guid: str = "g",
        **tags: Any,
    ) -> dict[str, Any]:
        cluster = "inbound|9080||"
        if way == "out":
            cluster = f"outbound|9080||{target}.default.svc.cluster.local"
        process = {"telemetry.sdk.name": self.sdk} if self.sdk else {}
        return {
            "id": id,
            "parent": parent,
            "service": f"{service}.default",
            "operation": f"{target or service}.default.svc.cluster.local:9080/*",
            "kind": "server" if way == "in" else "client",
            "start": start * 1_000,  # the shop counts in ms
            "duration": duration * 1_000,
            "process": process,
            "tags": {
                "component": "proxy",
                "node_id": f"sidecar~10.0.0.1~{service}-1.default~default.svc",
                "guid:x-request-id": guid,
                "upstream_cluster": cluster,
                "http.status_code": "200",
                "istio.canonical_service": service,
                "istio.canonical_revision": "v1",
                **tags,
            },
        }

    def add(self, spans: list[dict[str, Any]]) -> None:
        number = len(self.traces) + 1
        self.traces.append(make_trace(spans, trace_id=f"{number:032x}", shuffle=number))

    def request(self, at: int, call_at: int = 10, took: int = 50) -> None:
        """A whole request: front serves, and calls back."""
        self.add(
            [
                self.span("f1", "", "front", "in", at, 100),
                self.span("f2", "f1", "front", "out", at + call_at, took, "back"),
                self.span("b1", "f2", "back", "in", at + call_at + 2, took - 4),
            ]
        )

    def broken(self, at: int, guid: str, call_guid: str) -> None:
        """The same in two pieces."""
        self.add([self.span("f1", "", "front", "in", at, 100, guid=guid)])
        self.add(
            [
                self.span("f2", "", "front", "out", at + 10, 50, "back", call_guid),
                self.span("b1", "f2", "back", "in", at + 12, 40, guid=call_guid),
            ]
        )
