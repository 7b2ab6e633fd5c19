"""One way to ask a backend over HTTP: time-outs, size cap, no foreign redirects."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from dashboard.traces.errors import (
    PayloadTooLarge,
    SourceTimeout,
    SourceUnavailable,
    Throttled,
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
    concurrency: int = 4  # requests at once, of all that ask through one client


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


@dataclass(slots=True)
class Meter:
    """What answers took since the last reading, and the backend's clock."""

    count: int = 0
    total_s: float = 0.0
    clock_offset_s: float = 0.0  # its clock less ours; whole seconds at best
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, took_s: float, date: str) -> None:
        """One answer came."""
        offset_s = None
        if date:
            try:
                offset_s = parsedate_to_datetime(date).timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                offset_s = None
        with self.lock:
            self.count += 1
            self.total_s += took_s
            if offset_s is not None:
                self.clock_offset_s = offset_s

    def read(self) -> float:
        """The mean of milliseconds since the last reading; 0 without any."""
        with self.lock:
            mean_ms = self.total_s / self.count * 1e3 if self.count else 0.0
            self.count, self.total_s = 0, 0.0
        return mean_ms


def retry_after_s(value: str) -> float | None:
    """The seconds of a ``Retry-After``, which is a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


class HttpBackend:
    """Asks one backend; safe to use from several threads."""

    def __init__(
        self, settings: HttpSettings, transport: httpx.BaseTransport | None = None
    ):
        self.settings = settings
        self.meter = Meter()
        self._slots = threading.BoundedSemaphore(max(1, settings.concurrency))
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
        # Whoever asks waits here for a place, so that all together keep the limit.
        if not self._slots.acquire(timeout=2 * self.settings.timeout_s):
            raise SourceTimeout(
                f"{self._name} is asked {self.settings.concurrency} questions at once "
                "already (SPANBOARD_PULL_CONCURRENCY), and none was answered in time."
            )
        try:
            return self._follow(url, parameters)
        finally:
            self._slots.release()

    def _follow(self, url: str, parameters: dict[str, Any] | None) -> Answer:
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
        began = time.monotonic()
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
                self.meter.note(
                    time.monotonic() - began, response.headers.get("date", "")
                )
                wait_s = retry_after_s(response.headers.get("retry-after", ""))
                if response.status_code == 429 or (
                    response.status_code == 503 and wait_s is not None
                ):
                    pause = "" if wait_s is None else f" of {wait_s:.0f} s"
                    raise Throttled(
                        f"{self._name} asks for a pause{pause} "
                        f"(status {response.status_code}).",
                        wait_s,
                    )
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
