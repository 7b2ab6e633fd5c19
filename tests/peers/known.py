"""Traces whose calls are known beforehand, at every level of the graph."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Edge = tuple[str, str]
LEVELS = ("service", "namespace", "version", "operation", "instance")


@dataclass(frozen=True)
class Site:
    """Where a span runs; ``kind`` is set where nothing sends spans there."""

    service: str
    version: str = ""
    namespace: str = ""
    pod: str = ""
    kind: str = ""

    def name(self, level: str, operation: str) -> str:
        """The node's id at a level, written out by hand."""
        if level == "namespace":
            return self.namespace or (f"({self.kind})" if self.kind else "(none)")
        mark, part = {
            "service": ("", ""),
            "version": ("@", self.version),
            "operation": ("::", operation),
            "instance": ("/", self.pod),
        }[level]
        return f"{self.service}{mark}{part}" if part else self.service


@dataclass
class Truth:
    """Calls, failed calls and attempts by level and edge; requests by service."""

    calls: dict[str, Counter[Edge]] = field(
        default_factory=lambda: {level: Counter() for level in LEVELS}
    )
    errors: dict[str, Counter[Edge]] = field(
        default_factory=lambda: {level: Counter() for level in LEVELS}
    )
    attempts: dict[str, Counter[Edge]] = field(
        default_factory=lambda: {level: Counter() for level in LEVELS}
    )
    requests: Counter[str] = field(default_factory=Counter)

    def count(
        self, ends: tuple[Site, str, Site, str], error: bool = False, attempts: int = 1
    ) -> None:
        """One call: caller, its operation, callee, its operation."""
        caller, asked, callee, answered = ends
        for level in LEVELS:
            edge = (caller.name(level, asked), callee.name(level, answered))
            self.calls[level][edge] += 1
            self.errors[level][edge] += error
            self.attempts[level][edge] += attempts


GATEWAY = Site("edge-gateway", "", "infra", "gw-1")
STOCK = Site("stock", kind="database")
ORDERS = Site("orders", kind="queue")
STRIPE = Site("api.stripe.test", kind="external")
LEGACY = Site("legacy", kind="external")
MAILER = Site("mailer", "v1", "prod", "mailer-1")


def shop(rng: random.Random) -> Site:
    version = rng.choice(["v1", "v2"])
    return Site("shop", version, "prod", f"shop-{version}-{rng.randrange(3)}")


def cart(rng: random.Random) -> Site:
    return Site("cart", "v7", "prod", f"cart-{rng.randrange(2)}")


def pay(rng: random.Random) -> Site:
    return Site("pay", "v3", "bank", f"pay-{rng.randrange(2)}")


class Script:
    """Writes one trace span by span, and what it means into the truth."""

    def __init__(self, number: int, truth: Truth):
        self.rng = random.Random(number)
        self.truth = truth
        self.spans: list[dict[str, Any]] = []
        self.at = -self.rng.randrange(0, 600) * 1_000_000  # over ten minutes
        self.gateway()

    def span(
        self, site: Site, operation: str, kind: str, parent: str = "", **more: Any
    ) -> dict[str, Any]:
        """One span that begins now; its end is set by ``end``."""
        self.at += 50
        process = {
            "service.version": site.version,
            "k8s.namespace.name": site.namespace,
            "k8s.pod.name": site.pod,
        }
        made = {
            "id": f"{len(self.spans) + 1:016x}",
            "service": site.service,
            "operation": operation,
            "kind": kind,
            "start": self.at,
            "process": {key: value for key, value in process.items() if value},
            "tags": {},
            **({"parent": parent} if parent else {}),
            **more,
        }
        self.spans.append(made)
        if kind in ("server", "consumer"):
            self.truth.requests[site.service] += 1
        return made

    def end(self, span: dict[str, Any], error: bool = False) -> None:
        """The span ends now."""
        self.at += 50
        span["duration"] = self.at - span["start"]
        if error:
            span["tags"]["error"] = True

    def gateway(self) -> None:
        """Everything begins at the gateway."""
        root = self.span(GATEWAY, "GET /", "server")
        self.call(GATEWAY, "GET /", root["id"], shop(self.rng), "GET /cart", self.shop)
        self.end(root)

    def shop(self, site: Site, operation: str, parent: str) -> None:
        """The shop asks its cart, pays now and then, and sends mail."""
        local = self.span(site, "render", "internal", parent)
        inner = local["id"]
        self.call(site, operation, inner, cart(self.rng), "load", self.cart)
        if self.rng.random() < 0.5:
            self.call(site, operation, inner, pay(self.rng), "charge", self.pay)
        if self.rng.random() < 0.4:
            self.message(site, operation, inner)
        self.end(local)

    def cart(self, site: Site, operation: str, parent: str) -> None:
        """The cart asks its database, and itself."""
        for _ in range(self.rng.randrange(1, 4)):
            tags = {"db.system": "mysql", "db.name": "stock"}
            self.outside(site, operation, parent, STOCK, "SELECT", tags)
        if self.rng.random() < 0.3:
            client = self.span(site, "self", "client", parent)
            server = self.span(site, "recount", "server", client["id"])
            self.end(server)
            self.end(client)
            self.truth.count((site, operation, site, "recount"))

    def pay(self, site: Site, operation: str, parent: str) -> None:
        """Paying asks what sends no spans."""
        tags = {"server.address": "api.stripe.test"}
        failed = self.rng.random() < 0.3
        self.outside(site, operation, parent, STRIPE, "POST", tags, failed)
        if self.rng.random() < 0.5:
            tags = {"peer.service": "legacy"}
            self.outside(site, operation, parent, LEGACY, "book", tags)

    def outside(
        self,
        site: Site,
        operation: str,
        parent: str,
        callee: Site,
        name: str,
        tags: dict[str, Any],
        error: bool = False,
    ) -> None:
        """A call to something without spans; local spans under it hide nothing."""
        client = self.span(site, name, "client", parent, tags=dict(tags))
        if self.rng.random() < 0.3:
            self.end(self.span(site, "connect", "internal", client["id"]))
        self.end(client, error)
        self.truth.count((site, operation, callee, name), error)

    def message(self, site: Site, operation: str, parent: str) -> None:
        """A message through a queue."""
        tags = {"messaging.system": "kafka", "messaging.destination.name": "orders"}
        sent = self.span(site, "send orders", "producer", parent, tags=dict(tags))
        self.end(sent)
        self.truth.count((site, operation, ORDERS, "send orders"))
        got = self.span(MAILER, "mail", "consumer", sent["id"], tags=dict(tags))
        failed = self.rng.random() < 0.2
        self.end(got, failed)
        self.truth.count((ORDERS, "", MAILER, "mail"), failed)

    def call(
        self,
        caller: Site,
        asked: str,
        parent: str,
        callee: Site,
        answered: str,
        then: Callable[[Site, str, str], None],
    ) -> None:
        """One call, in one of the shapes in which tracers write it."""
        ends = (caller, asked, callee, answered)
        shape = self.rng.choice(
            [
                self.plain,
                self.plain,
                self.shared,
                self.tried_twice,
                self.spawned,
                self.resent,
                self.alone_first,
            ]
        )
        shape(ends, parent, then)

    def answer(
        self, ends: Any, parent: str, then: Any, error: bool = False, **more: Any
    ) -> None:
        """The callee's span and what it does."""
        server = self.span(ends[2], ends[3], "server", parent, **more)
        then(ends[2], ends[3], server["id"])
        self.end(server, error)

    def plain(self, ends: Any, parent: str, then: Any) -> None:
        """Client and server; either half may fail."""
        client = self.span(ends[0], "call", "client", parent)
        failed = self.rng.random() < 0.15
        late = self.rng.random() < 0.1  # the client gave up, the server did not know
        self.answer(ends, client["id"], then, failed)
        self.end(client, late)
        self.truth.count(ends, failed or late)

    def shared(self, ends: Any, parent: str, then: Any) -> None:
        """Both halves under one span id, as Zipkin's tracers write them."""
        client = self.span(ends[0], "call", "client", parent)
        self.answer(ends, parent, then, id=client["id"])
        self.end(client)
        self.truth.count(ends)

    def tried_twice(self, ends: Any, parent: str, then: Any) -> None:
        """A proxy's retry below one client span: the first server failed."""
        client = self.span(ends[0], "call", "client", parent)
        other = Site(
            ends[2].service, ends[2].version, ends[2].namespace, f"{ends[2].pod}-b"
        )
        self.end(self.span(other, ends[3], "server", client["id"]), error=True)
        self.answer(ends, client["id"], then)
        self.end(client)
        self.truth.count(ends, attempts=2)

    def spawned(self, ends: Any, parent: str, then: Any) -> None:
        """Attempts as client spans below the call's own."""
        client = self.span(ends[0], "call", "client", parent)
        self.end(self.span(ends[0], "try", "client", client["id"]), error=True)
        second = self.span(ends[0], "try", "client", client["id"])
        self.answer(ends, second["id"], then)
        self.end(second)
        self.end(client)
        self.truth.count(ends, attempts=2)

    def resent(self, ends: Any, parent: str, then: Any) -> None:
        """Attempts side by side, counted by the tracer itself."""
        tags = {"peer.service": ends[2].service}
        self.end(self.span(ends[0], "call", "client", parent, tags=dict(tags)), True)
        tags["http.request.resend_count"] = 1
        second = self.span(ends[0], "call", "client", parent, tags=dict(tags))
        self.answer(ends, second["id"], then)
        self.end(second)
        self.truth.count(ends, attempts=2)

    def alone_first(self, ends: Any, parent: str, then: Any) -> None:
        """A call that reached nobody, then one that did: two calls."""
        tags = {"peer.service": ends[2].service}
        first = self.span(ends[0], "call", "client", parent, tags=dict(tags))
        self.end(first, error=True)
        nobody = Site(ends[2].service)
        self.truth.count((ends[0], ends[1], nobody, "call"), error=True)
        self.plain(ends, parent, then)
