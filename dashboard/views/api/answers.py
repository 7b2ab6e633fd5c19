"""What both generations of Jaeger's query API share: answers and parameters."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import brotli
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from dashboard.traces.durations import parse_duration
from dashboard.traces.ids import normalise_trace_id

INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")
TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)\Z"
)
TRUE = {"1", "t", "T", "true", "TRUE", "True"}
FALSE = {"0", "f", "F", "false", "FALSE", "False"}
MAX_LIMIT = 10_000
DEFAULT_LIMIT = 100
DEFAULT_LOOKBACK_US = 2 * 86_400_000_000
BROTLI_FROM = 500  # bytes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadParameter(ValueError):
    """A parameter that can not be used; the text is what Jaeger says."""


def json_answer(request: HttpRequest, body: bytes, status: int = 200) -> HttpResponse:
    """JSON, with brotli where the client takes it (gzip is the middleware's)."""
    response = HttpResponse(status=status, content_type="application/json")
    accepts = request.headers.get("Accept-Encoding", "")
    if "br" in accepts and len(body) >= BROTLI_FROM:
        body = brotli.compress(body, quality=4)
        response["Content-Encoding"] = "br"
    response.content = body
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def first(request: HttpRequest, *names: str) -> str:
    """The first value of the first parameter that is there, as Go reads it."""
    for name in names:
        values = request.GET.getlist(name)
        if values and values[0]:
            return str(values[0]).replace("\0", "")
    return ""


def spelling(request: HttpRequest, *names: str) -> str:
    """The name that the client uses for a parameter; the first when it uses none."""
    return next((name for name in names if first(request, name)), names[0])


def integer(text: str) -> int:
    """A number; raises ``BadParameter``."""
    if not INTEGER.match(text) or not -(2**63) <= int(text) < 2**63:
        shown = json.dumps(text[:100], ensure_ascii=False)
        raise BadParameter(f"strconv.ParseInt: parsing {shown}: invalid syntax")
    return int(text)


def boolean(text: str) -> bool:
    """A truth value as Go writes it; nothing is false."""
    if text and text not in TRUE | FALSE:
        shown = json.dumps(text[:100], ensure_ascii=False)
        raise BadParameter(f"strconv.ParseBool: parsing {shown}: invalid syntax")
    return text in TRUE


def duration_us(text: str) -> int | None:
    """Microseconds of a duration with its unit; nothing is ``None``."""
    if not text:
        return None
    shown = json.dumps(text[:100], ensure_ascii=False)
    try:
        found = 0 if text == "0" else parse_duration(text)
    except (ValueError, OverflowError):
        what = "missing unit in" if INTEGER.match(text) else "invalid"
        raise BadParameter(f"time: {what} duration {shown}") from None
    if found > 2**63 - 1:
        raise BadParameter(f"time: invalid duration {shown}")
    return found // 1_000


def time_us(text: str) -> int:
    """Microseconds since the epoch of a time in RFC 3339."""
    match = TIME.match(text)
    try:
        if not match:
            raise ValueError(text)
        zone = "+00:00" if match[3] == "Z" else match[3]
        at = datetime.fromisoformat(match[1] + zone)
    except ValueError:
        shown = json.dumps(text[:100], ensure_ascii=False)
        raise BadParameter(
            f"parsing time {shown}: write it like 2026-01-31T12:00:00Z"
        ) from None
    whole_s = (at - EPOCH) // timedelta(seconds=1)
    return whole_s * 1_000_000 + int((match[2] or "").ljust(9, "0")[:6])


def string_map(text: str, what: str) -> tuple[tuple[str, str], ...]:
    """A JSON object of strings; nothing is an empty one."""
    if not text:
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    else:
        found = {} if found is None else found
    if not isinstance(found, dict) or not all(
        isinstance(value, str) for value in found.values()
    ):
        raise BadParameter(
            f"malformed '{what}' parameter, cannot unmarshal JSON: it must be an "
            "object of strings"
        )
    return tuple(found.items())


def search_limit(number: int, name: str) -> int:
    """A usable limit; raises ``BadParameter`` instead of cutting it silently."""
    if number <= 0:
        raise BadParameter(f"invalid parameter: {name} must be greater than 0")
    if number > MAX_LIMIT:
        raise BadParameter(f"invalid parameter: {name} must be at most {MAX_LIMIT}")
    return number


def trace_id_of(text: str) -> str:
    """A trace id in hex; raises ``BadParameter``."""
    try:
        return normalise_trace_id(text)
    except ValueError as problem:
        raise BadParameter(str(problem)) from None


class TooMuch(Exception):
    """An answer beyond SPANBOARD_QUERY_MAX_BYTES."""

    def __init__(self, limit: int):
        super().__init__(
            f"The answer is larger than {limit // 2**20} MiB. Ask for a shorter time "
            "or a smaller limit, or raise SPANBOARD_QUERY_MAX_BYTES."
        )


class Budget:
    """Adds up the bytes of an answer while it is made."""

    def __init__(self, limit: int):
        self.limit = limit
        self.used = 0

    def take(self, part: bytes) -> bytes:
        """Count a part; raises ``TooMuch``."""
        self.used += len(part)
        if self.used > self.limit:
            raise TooMuch(self.limit)
        return part
