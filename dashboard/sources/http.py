"""One way to ask a backend over HTTP: time-outs, size cap, no foreign redirects."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from dashboard.traces.errors import (
    PayloadTooLarge,
    SourceTimeout,
    SourceUnavailable,
)

MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach a backend; secrets are left out of its text form."""

    url: str
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca_file: str = ""
    insecure_tls: bool = False
    timeout_s: float = 20.0
    max_bytes: int = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """A backend's answer, read to its end."""

    status: int
    content_type: str
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether a web page came instead of data."""
        return "text/html" in self.content_type or self.body[:64].lstrip().startswith(
            b"<"
        )


class HttpBackend:
    """Asks one backend; safe to use from several threads."""

    def __init__(
        self, settings: HttpSettings, transport: httpx.BaseTransport | None = None
    ):
        self.settings = settings
        parts = urlsplit(settings.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceUnavailable(
                f"“{settings.url}” is no address of a backend. Write it like "
                "http://jaeger:16686."
            )
        headers = dict(settings.headers)
        headers.setdefault("Accept", "application/json")
        auth: httpx.Auth | None = None
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        elif settings.user:
            auth = httpx.BasicAuth(settings.user, settings.password)
        verify: Any = not settings.insecure_tls
        if settings.ca_file and not settings.insecure_tls:
            import ssl

            try:
                verify = ssl.create_default_context(cafile=settings.ca_file)
            except OSError as problem:
                raise SourceUnavailable(
                    f"The file of the authority, {settings.ca_file}, can not be used "
                    f"({problem.strerror or problem}). Check SPANBOARD_JAEGER_CA."
                ) from problem
        self.client = httpx.Client(
            headers=headers,
            auth=auth,
            verify=verify,
            timeout=httpx.Timeout(settings.timeout_s, connect=5.0),
            follow_redirects=False,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def get(self, path: str, parameters: dict[str, Any] | None = None) -> Answer:
        """GET a path below the backend's address.

        Raises ``SourceTimeout``, ``SourceUnavailable`` or ``PayloadTooLarge``
        (answer too large), each with a sentence for people.
        """
        url = f"{self.settings.url.rstrip('/')}/{path.lstrip('/')}"
        home = urlsplit(url)
        deadline = time.monotonic() + self.settings.timeout_s
        for _ in range(MAX_REDIRECTS + 1):
            answer, location = self._get(url, parameters, deadline)
            if location is None:
                return answer
            target = urlsplit(urljoin(url, location))
            if (target.scheme, target.netloc) != (home.scheme, home.netloc):
                raise SourceUnavailable(
                    f"{self._name} redirects to another host ({target.netloc}), "
                    "perhaps to a sign-in page. Spanboard does not follow."
                )
            url, parameters = target.geturl(), None
        raise SourceUnavailable(f"{self._name} redirects in circles.")

    @property
    def _name(self) -> str:
        parts = urlsplit(self.settings.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}".rstrip("/")

    def _get(
        self, url: str, parameters: dict[str, Any] | None, deadline: float
    ) -> tuple[Answer, str | None]:
        limit = self.settings.max_bytes
        try:
            with self.client.stream("GET", url, params=parameters) as response:
                if response.is_redirect:
                    nothing = Answer(response.status_code, "", b"")
                    return nothing, response.headers.get("location", "")
                parts, size = [], 0
                for part in response.iter_bytes():
                    size += len(part)
                    if size > limit:
                        raise PayloadTooLarge(
                            f"{self._name} answers with more than "
                            f"{limit // 2**20} MiB. Ask for less, or raise "
                            "SPANBOARD_JAEGER_MAX_BYTES."
                        )
                    if time.monotonic() > deadline:
                        raise SourceTimeout(self._slow())
                    parts.append(part)
                kind = response.headers.get("content-type", "")
                return Answer(response.status_code, kind, b"".join(parts)), None
        except httpx.TimeoutException as problem:
            raise SourceTimeout(self._slow()) from problem
        except httpx.HTTPError as problem:
            reason = str(problem) or type(problem).__name__
            raise SourceUnavailable(
                f"{self._name} can not be reached ({reason})."
            ) from problem

    def _slow(self) -> str:
        return f"{self._name} did not answer within {self.settings.timeout_s:g} s."
