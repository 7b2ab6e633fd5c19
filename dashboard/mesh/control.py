"""The mesh's control API, on the loopback and behind a token.

GET  /state     what runs and how it is switched
POST /state     {"switch": value, …} sets switches
POST /send      {"count": n} asks for the product page n times; with
                "wait": false the answer does not wait for theirs
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.mesh.http import Answer, Request, Server
from dashboard.mesh.pods import CONTROL_PORT, GATEWAY, GATEWAY_PORT
from dashboard.mesh.state import BadState

if TYPE_CHECKING:
    from dashboard.mesh.runner import Runner

FILE = "mesh.json"
MOST_AT_ONCE = 500


class Control:
    """The API of one mesh."""

    def __init__(self, runner: Runner):
        self.runner = runner
        ip = GATEWAY.ip(runner.base)
        self.token = secrets.token_urlsafe(24)
        self.url = f"http://{ip}:{CONTROL_PORT}"
        self.gateway_url = f"http://{ip}:{GATEWAY_PORT}"
        self.server = Server(ip, CONTROL_PORT, self.handle)
        self.file: Path | None = None

    def announce(self, data_dir: Path) -> None:
        """Write where we are, and the token, for who may read the data directory."""
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"url": self.url, "token": self.token, "pid": os.getpid()})
        fresh = data_dir / f"{FILE}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as out:
            out.write(text)
        self.file = fresh.replace(data_dir / FILE)

    def withdraw(self) -> None:
        """Remove the file again."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    async def handle(self, request: Request) -> Answer:
        """Answer one question of somebody who knows the token."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return _said(403, "The token is wrong; it is in the file mesh.json.")
        try:
            body = json.loads(request.body) if request.body else {}
        except ValueError:
            return _said(400, "The body is no JSON.")
        if not isinstance(body, dict):
            return _said(400, "The body must be a JSON object.")
        match request.method, request.path:
            case "GET", "/state":
                return _json(self.state())
            case "POST", "/state":
                try:
                    await self.runner.switch(body)
                except BadState as problem:
                    return _said(400, str(problem))
                return _json(self.state())
            case "POST", "/send":
                count = body.get("count", 1)
                if not isinstance(count, int) or not 0 < count <= MOST_AT_ONCE:
                    return _said(400, f"count must be from 1 to {MOST_AT_ONCE}.")
                if body.get("wait") is False:
                    self.runner.traffic.send_soon(count)
                    return _json({"statuses": []})
                statuses = await self.runner.traffic.send(count, 4, "/productpage", {})
                return _json({"statuses": statuses})
        return _said(404, "There are GET /state, POST /state and POST /send.")

    def state(self) -> dict[str, Any]:
        """All that the lab page shows."""
        return {**self.runner.described(), "gateway": self.gateway_url}


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode())


def _said(status: int, text: str) -> Answer:
    return Answer(status, json.dumps({"error": text}).encode())
