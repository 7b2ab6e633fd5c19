"""One request to Bookinfo's product page, in virtual time.

Each function starts its spans at a given time and returns when it ended and
with which HTTP status; ``later`` ends a span when its time has come.
"""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from dashboard.demo.mesh import MS, Later, Mesh, fail

Ended = tuple[int, int]  # end in ns, HTTP status
NETWORK_NS = 400_000


class Request:
    """The request and the way it takes through the services."""

    def __init__(self, mesh: Mesh, later: Later):
        self.mesh = mesh
        self.later = later

    def end(self, span: Span, at_ns: int) -> None:
        """End a span at its time."""
        self.later(at_ns, span)

    def call(
        self,
        caller: tuple[str, str],
        callee: tuple[str, str],
        path: str,
        parent: Context | None,
        start_ns: int,
        resend: int = 0,
    ) -> Ended:
        """A client span and, behind the network, the callee's server span."""
        mesh = self.mesh
        attributes: dict[str, str | int] = {
            "http.request.method": "GET",
            "url.full": f"http://{callee[0]}:9080{path}",
            "server.address": callee[0],
            "server.port": 9080,
        }
        if resend:
            attributes["http.request.resend_count"] = resend
        state = mesh.switches.state
        parent = self.handed_on(caller, parent)
        span, context = mesh.start(
            *caller, f"GET {callee[0]}", SpanKind.CLIENT, parent, start_ns, attributes
        )
        if callee[0] in state.abort:
            end_ns, status = start_ns + NETWORK_NS, state.abort[callee[0]]
        elif ":".join(callee) in state.dead:
            end_ns, status = start_ns + NETWORK_NS, 503
        else:
            begin_ns = start_ns + NETWORK_NS + state.delay_ms.get(callee[0], 0) * MS
            end_ns, status = self.serve(callee, path, context, begin_ns)
        end_ns += mesh.took(0.3)
        span.set_attribute("http.response.status_code", status)
        if status >= 400:
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", str(status))
        if resend == 0:
            mesh.calls[caller[0], callee[0]] += 1
            mesh.errors[caller[0], callee[0]] += status >= 400
        elif status < 400:
            mesh.errors[caller[0], callee[0]] -= 1
        self.end(span, end_ns)
        return end_ns, status

    def handed_on(
        self, caller: tuple[str, str], context: Context | None
    ) -> Context | None:
        """The context that an application's call carries, as the switches say."""
        key = ":".join(caller)
        mode = self.mesh.switches.state.mode_of(key)
        if mode == "none":
            return None
        if mode == "leaked" and context is not None:
            before = self.mesh.before.get(key)
            self.mesh.before[key] = context
            return before or context
        return context

    def serve(
        self, callee: tuple[str, str], path: str, parent: Context | None, start_ns: int
    ) -> Ended:
        """The callee's server span around its work."""
        span, context = self.mesh.start(
            *callee,
            f"GET {path.rsplit('/', 1)[0] + '/{id}' if path[-1].isdigit() else path}",
            SpanKind.SERVER,
            parent,
            start_ns,
            {"http.request.method": "GET", "url.path": path, "http.route": path},
        )
        work = {
            "productpage": self.productpage,
            "details": self.details,
            "reviews": self.reviews,
            "ratings": self.ratings,
        }[callee[0]]
        slow_ns = self.mesh.switches.state.slow_ms.get(":".join(callee), 0) * MS
        begin_ns = start_ns + self.mesh.took(0.4) + slow_ns
        end_ns, status = work(callee[1], context, begin_ns, span)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        self.end(span, end_ns)
        return end_ns, status

    def gateway(self, start_ns: int) -> int:
        """The request as it enters; returns its end."""
        mesh = self.mesh
        me = ("istio-ingressgateway", "v1")
        span, context = mesh.start(
            *me,
            "GET /productpage",
            SpanKind.SERVER,
            None,
            start_ns,
            {"http.request.method": "GET", "url.path": "/productpage"},
        )
        end_ns, status = self.call(
            me,
            ("productpage", "v1"),
            "/productpage",
            context,
            start_ns + mesh.took(0.3),
        )
        span.set_attribute("http.response.status_code", status)
        self.end(span, end_ns + MS // 5)
        return end_ns + MS // 5

    def productpage(
        self, version: str, context: Context, at_ns: int, span: Span
    ) -> Ended:
        """Details and reviews, sometimes at the same time; then the page."""
        me = ("productpage", version)
        details_end, _ = self.call(me, ("details", "v1"), "/details/0", context, at_ns)
        parallel = self.mesh.chance(0.3)
        weights = self.mesh.switches.state.weights
        (asked,) = self.mesh.random.choices(list(weights), list(weights.values()))
        reviews = ("reviews", asked)
        begin = at_ns + MS // 4 if parallel else details_end + self.mesh.took(0.5)
        reviews_end, _ = self.call(me, reviews, "/reviews/0", context, begin)
        end_ns = max(details_end, reviews_end)
        page, _ = self.mesh.start(
            *me, "render productpage.html", SpanKind.INTERNAL, context, end_ns
        )
        end_ns += self.mesh.took(3.5)
        self.end(page, end_ns)
        return end_ns + MS // 10, 200

    def details(self, version: str, context: Context, at_ns: int, span: Span) -> Ended:
        """Mostly from memory; now and then from a books service outside."""
        end_ns = at_ns + self.mesh.took(4)
        if self.mesh.chance(0.12):
            outside, _ = self.mesh.start(
                "details",
                version,
                "GET /books/v1/volumes",
                SpanKind.CLIENT,
                context,
                at_ns,
                {
                    "http.request.method": "GET",
                    "url.full": "https://www.googleapis.com/books/v1/volumes?q=isbn:0",
                    "server.address": "www.googleapis.com",
                    "http.response.status_code": 200,
                },
            )
            end_ns = at_ns + self.mesh.took(45)
            self.mesh.calls["details", "www.googleapis.com"] += 1
            self.end(outside, end_ns)
        return end_ns + MS // 5, 200

    def reviews(self, version: str, context: Context, at_ns: int, span: Span) -> Ended:
        """v1 has no stars; v2 and v3 ask ratings, v2 twice when it fails; v3 is slow."""
        me = ("reviews", version)
        begin = at_ns + self.mesh.took(3 if version != "v3" else 70, 0.5)
        if version == "v1":
            return begin, 200
        end_ns, status = self.call(me, ("ratings", "v1"), "/ratings/0", context, begin)
        if status >= 500 and version == "v2":
            again = end_ns + self.mesh.took(5)
            end_ns, status = self.call(
                me, ("ratings", "v1"), "/ratings/0", context, again, resend=1
            )
        if status >= 500:
            span.add_event("reviews are shown without stars", timestamp=end_ns)
        return end_ns + self.mesh.took(1), 200

    def ratings(self, version: str, context: Context, at_ns: int, span: Span) -> Ended:
        """Queries to mysql: one, sometimes one per row; some wait for a lock."""
        queries = 30 if self.mesh.chance(0.08) else 1
        for _ in range(queries):
            at_ns = self.query(
                context, at_ns, "SELECT Rating FROM ratings WHERE ID = ?"
            )
        if self.mesh.chance(0.07):
            text = "Lock wait timeout exceeded; try restarting transaction"
            statement = "SELECT Rating FROM ratings WHERE ID = ? FOR UPDATE"
            at_ns = self.query(context, at_ns, statement, 420, text)
            end_ns = at_ns
            fail(span, text, end_ns)
            return end_ns + MS, 503
        return at_ns + self.mesh.took(0.8), 200

    def query(
        self,
        context: Context,
        at_ns: int,
        statement: str,
        median_ms: float = 2.5,
        fault: str = "",
    ) -> int:
        """One query to the database, which sends no spans itself."""
        span, _ = self.mesh.start(
            "ratings",
            "v1",
            statement.split(" WHERE")[0],
            SpanKind.CLIENT,
            context,
            at_ns,
            {
                "db.system.name": "mysql",
                "db.query.text": statement,
                "server.address": "mysqldb",
                "server.port": 3306,
                "peer.service": "mysql",
            },
        )
        end_ns = at_ns + self.mesh.took(median_ms)
        self.mesh.calls["ratings", "mysql"] += 1
        if fault:
            fail(span, fault, end_ns)
            self.mesh.errors["ratings", "mysql"] += 1
        self.end(span, end_ns)
        return end_ns
