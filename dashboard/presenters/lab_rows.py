"""The switches of the mesh lab, each with what to look for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from dashboard.mesh.pods import APPS

CALLED = ["ratings", "reviews", "details"]
PODS = [pod.key for pod in reversed(APPS)]
CALLERS = ["productpage:v1", "reviews:v2", "reviews:v3"]
JOBS = ["reviews:v2", "ratings:v1", "details:v1", "reviews:v1"]


@dataclass(slots=True)
class Row:
    """One switch. ``shape`` says what its value is in the state: a ``table`` of
    targets and numbers, a ``list`` of targets, or a ``number``."""

    name: str
    shape: str
    title: str
    text: str
    targets: list[str] = field(default_factory=list)
    unit: str = ""
    value: float = 0
    least: float = 1
    most: float = 60_000
    is_on: bool = False
    target: str = ""
    look_url: str = ""

    def read(self, switches: dict[str, Any]) -> Row:
        """Set by what the mesh says; of several targets the first is shown."""
        held = switches.get(self.name)
        self.is_on = bool(held)
        self.target = self.targets[0] if self.targets else ""
        if not held:
            return self
        if self.shape == "number":
            self.value = held
        else:
            self.target = next(iter(held))
            if isinstance(held, dict):
                self.value = held[self.target]
        return self

    def as_dict(self) -> dict[str, Any]:
        """For the template."""
        return asdict(self)


def _flag(flag: str) -> str:
    query = {"lookback": "5m", "tags": f'{{"response_flags":"{flag}"}}'}
    return f"{reverse('dashboard:search')}?{urlencode(query)}"


def _graph() -> str:
    return f"{reverse('dashboard:graph')}?{urlencode({'lookback': '5m'})}"


def _search(**query: str) -> str:
    return f"{reverse('dashboard:search')}?{urlencode({'lookback': '5m', **query})}"


def fault_rows(switches: dict[str, Any], simulated: bool) -> list[Row]:
    """Faults; the simulation has those that need no proxy."""
    rows = [
        Row(
            "delay_ms",
            "table",
            _("Delay"),
            _(
                "The caller's Envoy waits before it passes the call on. Look for a long "
                "client span with the flag DI and a late, short server span below it: "
                "the callee is not slow."
            ),
            CALLED,
            "ms",
            2000,
            look_url=_flag("DI"),
        ),
        Row(
            "abort",
            "table",
            _("Abort"),
            _(
                "The caller's Envoy answers by itself. Look for a failed client span "
                "(flag FI) without a server span: the callee never heard of it. The "
                "page still answers 200."
            ),
            CALLED,
            _("status"),
            500,
            200,
            599,
            look_url=_flag("FI"),
        ),
        Row(
            "dead",
            "list",
            _("Dead application"),
            _(
                "Nothing listens behind the sidecar. Look for three failed server spans "
                "(UF) under one client span (URX): Envoy tried twice more."
            ),
            PODS,
            look_url=_flag("URX"),
        ),
        Row(
            "no_endpoints",
            "list",
            _("No endpoints"),
            _(
                "The service has no pod. Look for a client span that fails at once with "
                "UH, and nothing below it."
            ),
            CALLED,
            look_url=_flag("UH"),
        ),
        Row(
            "slow_ms",
            "table",
            _("Slow version"),
            _(
                "One version takes longer. Look at the graph by version: only its edge "
                "is slow. In the waterfall the critical path runs through it."
            ),
            ["reviews:v3", *(key for key in PODS if key != "reviews:v3")],
            "ms",
            400,
            look_url=_graph(),
        ),
        Row(
            "timeout_ms",
            "table",
            _("Time-out"),
            _(
                "Callers wait no longer than this. Make the service slow as well, then "
                "look for 504 with UT at the caller and DC at the callee, who was left "
                "and did nothing wrong."
            ),
            ["reviews", "ratings", "details"],
            "ms",
            200,
            look_url=_flag("UT"),
        ),
        Row(
            "flaky",
            "table",
            _("First tries fail"),
            _(
                "So many first tries of each call answer 503. Up to the number of "
                "retries the caller's span is fine, only failed server spans below it "
                "tell. Beyond, it fails with URX."
            ),
            ["ratings:v1", "details:v1", "reviews:v2"],
            _("tries"),
            1,
            1,
            10,
            look_url=_search(service="ratings.default", error="true"),
        ),
        Row(
            "leave_ms",
            "number",
            _("The visitor leaves"),
            _(
                "The browser hangs up. Look for status 0 and DC at the gateway and "
                "productpage, while deeper spans end well: nobody made a mistake."
            ),
            unit="ms",
            value=5,
            look_url=_flag("DC"),
        ),
        Row(
            "untraced",
            "list",
            _("No sidecar"),
            _(
                "A pod outside the mesh. Look for a hop that is missing: productpage "
                "seems to call ratings itself."
            ),
            ["reviews:v2", "reviews:v3", "details:v1"],
            look_url=_graph(),
        ),
        Row(
            "cron",
            "table",
            _("A job of its own"),
            _(
                "The application calls another one now and then, for no request. Look "
                "for traces that begin there. They look like lost context and are none."
            ),
            JOBS,
            _("s between"),
            2,
            0.1,
            3600,
            look_url=_search(service="reviews.default"),
        ),
        Row(
            "probe_s",
            "number",
            _("Health probes"),
            _("The kubelet asks each pod. Look for traces of one server span."),
            unit=_("s between"),
            value=5,
            least=0.1,
            most=3600,
            look_url=_search(service="details.default"),
        ),
    ]
    if simulated:
        rows = _simulated(rows)
    return [row.read(switches) for row in rows]


def _simulated(rows: list[Row]) -> list[Row]:
    """The rows that the simulation has, in its own words: there are no proxies."""
    texts = {
        "delay_ms": _(
            "The network takes longer. Look for a long client span with a late, short "
            "server span below it: the callee is not slow."
        ),
        "abort": _(
            "The call fails before it arrives. Look for a failed client span without a "
            "server span: the callee never heard of it. The page still answers 200."
        ),
        "dead": _(
            "Nothing listens. Look for a failed client span (503) without a server span."
        ),
        "slow_ms": "",
        "cron": "",
    }
    links = {
        "delay_ms": _search(minDuration="1s"),
        "abort": _search(error="true"),
        "dead": _search(error="true"),
        "cron": _search(service="reviews"),
    }
    found = []
    for row in rows:
        if row.name in texts:
            row.text = texts[row.name] or row.text
            row.look_url = links.get(row.name, row.look_url)
            found.append(row)
    return found


def modes(simulated: bool) -> dict[str, tuple[str, str]]:
    """Ways to forward: name and what to look for."""
    found = {
        "all": (
            _("all headers"),
            _("The context travels on: one request, one trace."),
        ),
        "none": (
            _("nothing"),
            _(
                "Its calls begin traces of their own. Look for a trace that ends at this "
                "service, and another one that begins there."
            ),
        ),
        "request-id": (
            _("only x-request-id"),
            _(
                "The trace falls into the same pieces, but both carry one request id: "
                "compare guid:x-request-id."
            ),
        ),
        "no-request-id": (
            _("all but x-request-id"),
            _(
                "The trace stays whole. The request id changes on the way, so logs of "
                "one request can't be found together."
            ),
        ),
        "no-span-id": (
            _("no span id"),
            _(
                "A trace id alone is half a context, which Envoy ignores: the trace falls "
                "into pieces with one request id."
            ),
        ),
        "no-sampled": (
            _("all but the sampling decision"),
            _(
                "Nothing to see: the request id carries the decision too. That is why it "
                "must travel on."
            ),
        ),
        "ids-only": (
            _("only trace and span id"),
            _(
                "The sampling decision is lost. Set sampling to 30 %, then look for calls "
                "whose parent nobody reported."
            ),
        ),
        "old-list": (
            _("the list of old articles"),
            _(
                "Seven headers of the B3 years. Enough for the Zipkin tracers; with "
                "--tracer otel the trace falls apart, since traceparent is missing."
            ),
        ),
        "traceparent": (
            _("traceparent and x-request-id"),
            _(
                "Enough for --tracer otel and zipkin-w3c, not for a mesh that speaks B3."
            ),
        ),
        "leaked": (
            _("headers of another request"),
            _(
                "Calls hang in the trace of the request before, often after its end. Look "
                "for a trace with a call too many, and one with a call too few."
            ),
        ),
    }
    if simulated:
        return {name: found[name] for name in ("all", "none", "leaked")}
    return found
