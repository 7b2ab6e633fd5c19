"""Jaeger's HTTP query API, v1 up to 2.20 and v3, whichever the server speaks."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from dashboard.sources.base import Asked, Found, Listed, Listing, TraceSource
from dashboard.sources.http import Answer, HttpBackend, HttpSettings
from dashboard.sources.jaeger.parse import Told, parse_new, parse_v1
from dashboard.sources.otlp.parse import parse_json
from dashboard.traces.builder import Decoded
from dashboard.traces.errors import (
    BadAnswer,
    BadTracePayload,
    PayloadTooLarge,
    SourceError,
    SourceUnavailable,
    TraceNotFound,
)
from dashboard.traces.trace import Trace

MAX_STORED = 100_000  # digests kept


class JaegerSource(TraceSource):
    """Pulls one Jaeger; finds out by body which API its search answers to."""

    def __init__(
        self, settings: HttpSettings, transport: httpx.BaseTransport | None = None
    ):
        self.http = HttpBackend(settings, transport)
        self.api = ""  # "v1" or "v3" once known
        self.stored: dict[bytes, Told] = {}  # by digest of a trace's bytes
        self.lock = threading.Lock()
        self.snake_case = False  # v3 before 2.19 wants query.service_name
        self.summaries: bool | None = None  # since 2.19; unknown before the first ask

    def mean_answer_ms(self) -> float:
        """What answers took since the last call."""
        return self.http.meter.read()

    def clock_offset_s(self) -> float:
        """Its clock less ours, by the date of its last answer."""
        return self.http.meter.clock_offset_s

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def list_services(self) -> list[str]:
        """Service names; the first call finds out which API there is.

        An unknown path is a web page with status 200 in older versions, so only
        a JSON object of the right shape counts as an answer.
        """
        if self.api != "v3":
            answer = self.http.get("api/services")
            found = self._object(answer)
            if found is not None and isinstance(found.get("data"), list | None):
                if answer.status == 200:
                    self.api = "v1"
                    return _names(found.get("data"))
                self._raise(answer, found)
            if self.api == "v1":
                self._raise(answer, found)
        answer = self.http.get("api/v3/services")
        found = self._object(answer)
        if found is not None and answer.status == 200 and "services" in found:
            self.api = "v3"
            return _names(found["services"])
        if answer.is_html:
            raise SourceUnavailable(
                f"{self.http.settings.url} answers with a web page instead of data. "
                "Is it Jaeger's query address (port 16686), and is no sign-in "
                "page in between?"
            )
        self._raise(answer, found)
        return []

    def find_traces(
        self, service: str, start_us: int, end_us: int, limit: int
    ) -> Found:
        """Search one service; asks for raw spans, since Spanboard adjusts itself.

        A trace comes again for each of its services and with each overlap: one
        whose bytes are those of a stored one is not decoded.
        """
        if not self.api:
            self.list_services()
        asked = Asked(service, start_us, end_us, limit)
        if self.api != "v1":
            return self.search(asked)
        answer = self.http.get("api/traces", _v1_parameters(asked))
        with self._readable(answer):
            decoded, unchanged, marks = parse_new(answer.body, self.stored)
        number = len(decoded.traces) + len(decoded.problems) + len(unchanged)
        return Found(
            decoded.traces,
            decoded.problems,
            number >= limit,
            tuple(unchanged),
            tuple(marks),
        )

    def note_stored(self, found: Found) -> None:
        """Keep in mind which bytes are stored, those of the newest traces."""
        with self.lock:
            self.stored.update(found.marks)
            while len(self.stored) > MAX_STORED:
                del self.stored[next(iter(self.stored))]

    def search(self, asked: Asked) -> Found:
        """Search with all conditions that Jaeger knows."""
        if not self.api:
            self.list_services()
        if self.api == "v1":
            answer = self.http.get("api/traces", _v1_parameters(asked))
            decoded = self._decode(answer, "v1")
        else:
            decoded = self._find_v3(asked)
        # What could not be read was in the answer all the same.
        found = len(decoded.traces) + len(decoded.problems)
        return Found(decoded.traces, decoded.problems, found >= asked.limit)

    def _find_v3(self, asked: Asked) -> Decoded:
        camel, snake = _v3_parameters(asked), _v3_snake_parameters(asked)
        answer = self.http.get("api/v3/traces", snake if self.snake_case else camel)
        if answer.status in (400, 500) and not self.snake_case:
            # An older version wants the other spelling. Only an answer that works
            # settles that: a passing fault must not change it for good.
            other = self.http.get("api/v3/traces", snake)
            if other.status in (200, 404) and not other.is_html:
                self.snake_case, answer = True, other
        if answer.status == 404 and not answer.is_html:
            return Decoded([], [], "otlp-json")
        return self._decode(answer, "v3")

    def list_traces(
        self, service: str, start_us: int, end_us: int, limit: int
    ) -> Listing | None:
        """The search without spans, where the server has trace-summaries.

        A server that does not have them says so by status, by a web page or by
        another shape; a passing fault settles nothing.
        """
        if self.summaries is False:
            return None
        asked = Asked(service, start_us, end_us, limit)
        parameters = _v3_parameters(asked)
        del parameters["query.rawTraces"]
        answer = self.http.get("api/v3/trace-summaries", parameters)
        found = self._object(answer)
        if answer.status == 200 and found is not None:
            rows = found.get("summaries")
            if isinstance(rows, list):
                self.summaries = True
                return Listing(_listed(rows), len(rows) >= limit)
        if answer.status in (200, 400, 404, 405) or answer.is_html:
            self.summaries = self.summaries or False
        return None

    def get_trace(self, trace_id: str) -> Trace:
        """One trace by id."""
        if not self.api:
            self.list_services()
        if self.api == "v1":
            answer = self.http.get(f"api/traces/{trace_id}", {"raw": "true"})
        else:
            answer = self.http.get(f"api/v3/traces/{trace_id}", {"rawTraces": "true"})
        if answer.status == 404 and not answer.is_html:
            raise TraceNotFound(f"{self.http.settings.url} has no trace {trace_id}.")
        decoded = self._decode(answer, self.api)
        if not decoded.traces:
            raise TraceNotFound(f"{self.http.settings.url} has no trace {trace_id}.")
        return decoded.traces[0]

    def _decode(self, answer: Answer, api: str) -> Decoded:
        with self._readable(answer):
            return parse_v1(answer.body) if api == "v1" else parse_json(answer.body)

    @contextlib.contextmanager
    def _readable(self, answer: Answer) -> Iterator[None]:
        """Refuse an answer that holds no traces; say whose it is."""
        if answer.is_html:
            raise BadAnswer(
                f"{self.http.settings.url} answers with a web page instead of traces."
            )
        if answer.status != 200:
            self._raise(answer, self._object(answer))
        try:
            yield
        except BadTracePayload as problem:
            raise BadTracePayload(
                f"{self.http.settings.url} answers with something unreadable: {problem}"
            ) from problem

    def _object(self, answer: Answer) -> dict[str, Any] | None:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _raise(self, answer: Answer, found: dict[str, Any] | None) -> None:
        text = ""
        if found is not None:
            errors = found.get("errors")
            if isinstance(errors, list) and errors and isinstance(errors[0], dict):
                text = str(errors[0].get("msg", ""))
            elif isinstance(found.get("error"), dict):
                text = str(found["error"].get("message", ""))
        said = f": {text[:300]}" if text else ""
        name = self.http.settings.url
        if answer.status in (401, 403):
            raise SourceUnavailable(
                f"{name} refuses access (status {answer.status}). Check "
                "SPANBOARD_JAEGER_TOKEN or SPANBOARD_JAEGER_USER."
            )
        if answer.status == 413:  # another Spanboard's: half the window may fit
            raise PayloadTooLarge(f"{name} answers with status 413{said}")
        if answer.status >= 400:
            raise BadAnswer(f"{name} answers with status {answer.status}{said}")
        raise SourceError(
            f"{name} answers with something that is not Jaeger's data{said}. It may "
            "have been cut off."
        )


def _names(found: Any) -> list[str]:
    return sorted({name for name in found or [] if isinstance(name, str) and name})


def _v1_parameters(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {
        "service": asked.service,
        "start": asked.start_us,
        "end": asked.end_us,
        "limit": asked.limit,
        "raw": "true",
    }
    if asked.operation:
        found["operation"] = asked.operation
    if asked.tags:
        found["tags"] = json.dumps(dict(asked.tags), ensure_ascii=False)
    if asked.min_duration_us is not None:
        found["minDuration"] = f"{asked.min_duration_us}us"
    if asked.max_duration_us is not None:
        found["maxDuration"] = f"{asked.max_duration_us}us"
    return found


def _v3_parameters(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {
        "query.serviceName": asked.service,
        "query.startTimeMin": _rfc3339(asked.start_us),
        "query.startTimeMax": _rfc3339(asked.end_us),
        "query.searchDepth": asked.limit,
        "query.rawTraces": "true",
    }
    if asked.operation:
        found["query.operationName"] = asked.operation
    if asked.tags:
        found["query.attributes"] = json.dumps(dict(asked.tags), ensure_ascii=False)
    if asked.min_duration_us is not None:
        found["query.durationMin"] = f"{asked.min_duration_us}us"
    if asked.max_duration_us is not None:
        found["query.durationMax"] = f"{asked.max_duration_us}us"
    return found


SNAKE = {
    "query.serviceName": "query.service_name",
    "query.startTimeMin": "query.start_time_min",
    "query.startTimeMax": "query.start_time_max",
    "query.searchDepth": "query.num_traces",
    "query.rawTraces": "query.raw_traces",
    "query.operationName": "query.operation_name",
    "query.durationMin": "query.duration_min",
    "query.durationMax": "query.duration_max",
}


def _v3_snake_parameters(asked: Asked) -> dict[str, Any]:
    """As servers before 2.19 spell them; those can not search by tags here."""
    found = _v3_parameters(asked)
    return {SNAKE.get(name, name): value for name, value in found.items()}


def _listed(rows: list[Any]) -> list[Listed]:
    """What can be read of summaries; zero fields are left out by the server."""
    found = []
    for row in rows:
        if not isinstance(row, dict):
            continue
        trace_id = row.get("traceId") or row.get("trace_id")
        try:
            start_us = int(row.get("minStartTimeUnixNano") or 0) // 1_000
            spans = int(row.get("spanCount") or 0)
        except (TypeError, ValueError):
            continue
        if isinstance(trace_id, str) and trace_id:
            found.append(Listed(trace_id, spans, start_us))
    return found


def _rfc3339(at_us: int) -> str:
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
