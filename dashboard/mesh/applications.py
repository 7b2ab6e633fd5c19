"""Bookinfo's own services: small, and each forwards headers as it is told."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Mapping

from dashboard.mesh.forwarding import hand_on
from dashboard.mesh.http import Answer, Request, Server, ask
from dashboard.mesh.page import product_page
from dashboard.mesh.pods import APP_PORT, OUTBOUND_PORT, Pod, pods_of
from dashboard.mesh.resources import port_of
from dashboard.mesh.state import State

log = logging.getLogger(__name__)
REVIEWS_TIMEOUT_S = 3.0  # as Istio's sample: two tries of three seconds
RATINGS_TIMEOUT_S = 10.0
WORK_MS = {"productpage": 2, "details": 1, "reviews": 2, "ratings": 1}
STARS = {"Reviewer1": 5, "Reviewer2": 4}
TEXTS = {
    "Reviewer1": "An extremely entertaining play by Shakespeare.",
    "Reviewer2": "Absolutely fun and entertaining.",
}


class Application:
    """One pod's application; ``state`` is shared and read anew by each request."""

    def __init__(self, pod: Pod, base: str, state: State):
        self.pod, self.base, self.state = pod, base, state
        self.ip = pod.ip(base)
        self.server = Server(self.ip, APP_PORT, self.handle)
        self.last: dict[str, str] = {}  # headers of the request before, for leaks
        self.random = random.Random(pod.key)

    async def handle(self, request: Request) -> Answer:
        """Answer one request."""
        path = request.path.partition("?")[0]
        if path in ("/health", "/healthz"):
            return Answer(200, b'{"status": "ok"}')
        state = self.state
        tries = int(request.headers.get("x-envoy-attempt-count", "1") or 1)
        work_ms = WORK_MS[self.pod.service] + state.slow_ms.get(self.pod.key, 0)
        await asyncio.sleep(work_ms / 1000)
        if tries <= state.flaky.get(self.pod.key, 0):
            return Answer(503, b'{"error": "busy, try again"}')
        mode = state.mode_of(self.pod.key)
        seen = (self.last or request.headers) if mode == "leaked" else request.headers
        self.last = request.headers
        headers = hand_on(mode, seen)
        match self.pod.service:
            case "productpage":
                return await self.page(path, headers)
            case "details":
                return _json(
                    {
                        "id": 0,
                        "author": "William Shakespeare",
                        "year": 1595,
                        "pages": 200,
                        "publisher": "PublisherA",
                        "language": "English",
                    }
                )
            case "reviews":
                return await self.reviews(headers)
            case _:
                return _json({"id": 0, "ratings": STARS})

    async def page(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Details, then reviews (twice if need be), then the page: always a 200."""
        if path not in ("/productpage", "/", "/index.html"):
            return Answer(404, b"not here", kind="text/plain")
        details = await self.call("details", "/details/0", headers)
        for _ in range(2):
            reviews = await self.call(
                "reviews", "/reviews/0", headers, REVIEWS_TIMEOUT_S
            )
            if reviews.status == 200:
                break
        return Answer(
            200, product_page(details, reviews), kind="text/html; charset=utf-8"
        )

    async def reviews(self, headers: Mapping[str, str]) -> Answer:
        """v1 has no stars; v2 and v3 ask ratings."""
        stars: dict[str, int] = {}
        fault = ""
        if self.pod.version != "v1":
            answer = await self.call("ratings", "/ratings/0", headers)
            if answer.status == 200:
                stars = json.loads(answer.body)["ratings"]
            else:
                fault = "Ratings service is currently unavailable"
        reviews = [
            {
                "reviewer": reviewer,
                "text": text,
                **({"stars": stars[reviewer]} if reviewer in stars else {}),
            }
            for reviewer, text in TEXTS.items()
        ]
        found = {"id": 0, "version": self.pod.version, "reviews": reviews}
        return _json({**found, "fault": fault} if fault else found)

    async def call(
        self,
        service: str,
        path: str,
        headers: Mapping[str, str],
        timeout_s: float = RATINGS_TIMEOUT_S,
    ) -> Answer:
        """Ask another service, through the sidecar if there is one."""
        ip, port, source = self.ip, OUTBOUND_PORT, None
        if self.pod.key in self.state.untraced:
            pod = self.random.choice(pods_of(service))
            ip, port, source = pod.ip(self.base), port_of(pod, self.state), self.ip
        return await ask(
            ip,
            port,
            path,
            host=f"{service}:{APP_PORT}",
            headers={"user-agent": f"{self.pod.service}/1.0", **headers},
            timeout_s=timeout_s,
            source_ip=source,
        )

    async def job(self) -> Answer:
        """What its cron job does: a call that belongs to no request."""
        service = self.pod.calls[0]
        return await self.call(service, f"/{service}/0", {})


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode())
