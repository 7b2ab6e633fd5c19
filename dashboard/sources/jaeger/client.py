"""Jaeger's HTTP query API, v1 up to 2.20 and v3, whichever the server speaks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from dashboard.sources.base import Found, TraceSource
from dashboard.sources.http import Answer, HttpBackend, HttpSettings
from dashboard.sources.jaeger.parse import parse_v1
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


class JaegerSource(TraceSource):
    """Pulls one Jaeger; finds out by body which API its search answers to."""

    def __init__(
        self, settings: HttpSettings, transport: httpx.BaseTransport | None = None
    ):
        self.http = HttpBackend(settings, transport)
        self.api = ""  # "v1" or "v3" once known
        self.snake_case = False  # v3 before 2.19 wants query.service_name

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
        """Search one service; asks for raw spans, since Spanboard adjusts itself."""
        if not self.api:
            self.list_services()
        if self.api == "v1":
            answer = self.http.get(
                "api/traces",
                {
                    "service": service,
                    "start": start_us,
                    "end": end_us,
                    "limit": limit,
                    "raw": "true",
                },
            )
            decoded = self._decode(answer, "v1")
        else:
            decoded = self._find_v3(service, start_us, end_us, limit)
        # What could not be read was in the answer all the same.
        found = len(decoded.traces) + len(decoded.problems)
        return Found(decoded.traces, decoded.problems, found >= limit)

    def _find_v3(self, service: str, start_us: int, end_us: int, limit: int) -> Decoded:
        camel = {
            "query.serviceName": service,
            "query.startTimeMin": _rfc3339(start_us),
            "query.startTimeMax": _rfc3339(end_us),
            "query.searchDepth": limit,
            "query.rawTraces": "true",
        }
        snake = {
            "query.service_name": service,
            "query.start_time_min": _rfc3339(start_us),
            "query.start_time_max": _rfc3339(end_us),
            "query.num_traces": limit,
            "query.raw_traces": "true",
        }
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
        if answer.is_html:
            raise BadAnswer(
                f"{self.http.settings.url} answers with a web page instead of traces."
            )
        if answer.status != 200:
            self._raise(answer, self._object(answer))
        try:
            return parse_v1(answer.body) if api == "v1" else parse_json(answer.body)
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


def _rfc3339(at_us: int) -> str:
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
