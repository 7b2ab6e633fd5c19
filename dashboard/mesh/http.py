"""As much HTTP/1.1 as the mesh's own services need: bodies with a length."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

MAX_BODY = 1 << 20
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


@dataclass(slots=True)
class Request:
    """What was asked; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What comes back; ``status`` 0: nobody answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


Handler = Callable[[Request], Awaitable[Answer]]


async def read_head(
    reader: asyncio.StreamReader,
) -> tuple[list[str], dict[str, str]]:
    """The words of the first line, and the headers."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return first.split(" ", 2), headers


class Server:
    """One listening service; ``listen`` and ``shut`` may take turns."""

    def __init__(self, ip: str, port: int, handler: Handler):
        self.ip, self.port, self.handler = ip, port, handler
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Take connections."""
        if self.server is None:
            self.server = await asyncio.start_server(
                self._serve, self.ip, self.port, backlog=512
            )

    async def shut(self) -> None:
        """Refuse new connections and break the open ones, as a dead process does."""
        if self.server is None:
            return
        server, self.server = self.server, None
        server.close()
        for writer in list(self.open):
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            asyncio.CancelledError,
            ValueError,
        ):
            pass  # the other side left or speaks no HTTP: nobody is there to be told
        finally:
            self.open.discard(writer)
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        words, headers = await read_head(reader)
        length = int(headers.get("content-length", "0"))
        if len(words) != 3 or not 0 <= length <= MAX_BODY:
            return False
        body = await reader.readexactly(length) if length else b""
        answer = await self.handler(Request(words[0], words[1], headers, body))
        keep = headers.get("connection", "").lower() != "close"
        lines = [
            f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Other')}",
            f"content-type: {answer.kind}",
            f"content-length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        if not keep:
            lines.append("connection: close")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body)
        await writer.drain()
        return keep


async def ask(
    ip: str,
    port: int,
    path: str,
    *,
    host: str = "",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
    method: str = "GET",
    body: bytes = b"",
    source_ip: str | None = None,
) -> Answer:
    """One request over a connection of its own; status 0 when it came to nothing."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                ip, port, local_addr=(source_ip, 0) if source_ip else None
            )
            try:
                lines = [
                    f"{method} {path} HTTP/1.1",
                    f"host: {host or f'{ip}:{port}'}",
                    "connection: close",
                    f"content-length: {len(body)}",
                    *(f"{name}: {value}" for name, value in (headers or {}).items()),
                ]
                head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
                writer.write(head + body)
                await writer.drain()
                words, found = await read_head(reader)
                if "content-length" in found:
                    data = await reader.readexactly(int(found["content-length"]))
                else:
                    data = _unchunked(await reader.read(), found)
                return Answer(int(words[1]), data, found)
            finally:
                # Gone at once, so that an Envoy notices a client that gave up.
                with contextlib.suppress(OSError):
                    writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
        return Answer(0)


def _unchunked(data: bytes, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return data
    found: list[bytes] = []
    place = 0
    while True:
        end = data.index(b"\r\n", place)
        size = int(data[place:end], 16)
        if not size:
            return b"".join(found)
        found.append(data[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
