"""Jaeger's query API v1, answered from the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.presenters import jaeger_v1 as shapes
from dashboard.reads.served import (
    Served,
    operation_names,
    service_names,
    whole_trace,
)
from dashboard.reads.traces import find_record
from dashboard.traces.query import TraceQuery
from dashboard.views.api.answers import (
    DEFAULT_LIMIT,
    DEFAULT_LOOKBACK_US,
    BadParameter,
    Budget,
    TooMuch,
    boolean,
    duration_us,
    first,
    integer,
    json_answer,
    search_limit,
    string_map,
    trace_id_of,
)

NOT_FOUND = "trace not found"
Errors = list[dict[str, Any]] | None
Answer = Callable[..., bytes | HttpResponse]


def _view(answer: Answer) -> Callable[..., HttpResponse]:
    """A view of a function that gives a body; faults get Jaeger's envelope."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest, **more: Any) -> HttpResponse:
        status = 200
        try:
            body = answer(request, **more)
        except BadParameter as problem:
            status, body = 400, _fault(400, str(problem))
        except TooMuch as problem:
            status, body = 413, _fault(413, str(problem))
        if isinstance(body, HttpResponse):
            return body
        if first(request, "prettyPrint") not in ("", "false"):
            body = msgspec.json.format(body, indent=4)
        return json_answer(request, body, status)

    return view


def _fault(code: int, text: str) -> bytes:
    return shapes.envelope(None, errors=[{"code": code, "msg": text}])


@_view
def services(request: HttpRequest) -> bytes:
    """``/api/services``."""
    names = service_names()
    return shapes.envelope(names, total=len(names))


@_view
def service_operations(request: HttpRequest, service: str) -> bytes:
    """``/api/services/<service>/operations``: names only."""
    names = list(dict.fromkeys(name for name, _ in operation_names(service)))
    return shapes.envelope(names, total=len(names))


@_view
def operations(request: HttpRequest) -> bytes:
    """``/api/operations``: names and kinds."""
    service = first(request, "service")
    if not service:
        raise BadParameter("parameter 'service' is required")
    wanted = first(request, "spanKind")
    found = [
        {"name": name, "spanKind": shapes.kind_word(kind)}
        for name, kind in operation_names(service)
    ]
    found = [entry for entry in found if wanted in ("", entry["spanKind"])]
    return shapes.envelope(found, total=len(found))


@_view
def traces(request: HttpRequest) -> bytes:
    """``/api/traces``: a search, or some traces by id."""
    served, trace_ids, raw = _search(request)
    budget = Budget(settings.SPANBOARD_QUERY_MAX_BYTES)
    if trace_ids:
        return _by_ids(trace_ids, raw, budget)
    found = [
        budget.take(shapes.trace_json(whole_trace(record), raw))
        for record in served.records()
    ]
    errors: Errors = None
    if served.cut:
        errors = [
            {
                "code": 200,
                "msg": f"Only the newest {served.checked:,} traces that may match "
                "were looked at. Ask for a shorter time.",
            }
        ]
    return shapes.traces_envelope(found, errors)


def _by_ids(trace_ids: list[str], raw: bool, budget: Budget) -> bytes:
    found: list[bytes] = []
    missing: list[dict[str, Any]] = []
    for trace_id in dict.fromkeys(trace_ids):
        record = find_record(trace_id)
        if record is None:
            missing.append({"msg": NOT_FOUND, "traceID": shapes.id_in_v1(trace_id)})
        else:
            found.append(budget.take(shapes.trace_json(whole_trace(record), raw)))
    return shapes.traces_envelope(found, missing or None)


@_view
def trace(request: HttpRequest, trace_id: str) -> bytes | HttpResponse:
    """``/api/traces/<id>``."""
    wanted = trace_id_of(trace_id)
    for name in ("start", "end"):
        _time(request, name, 0)
    raw = _named("raw", boolean, first(request, "raw"))
    record = find_record(wanted)
    if record is None:
        return json_answer(request, _fault(404, NOT_FOUND), 404)
    budget = Budget(settings.SPANBOARD_QUERY_MAX_BYTES)
    body = budget.take(shapes.trace_json(whole_trace(record), raw))
    return shapes.traces_envelope([body], None)


def _named(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except BadParameter as problem:
        raise BadParameter(f"unable to parse param '{name}': {problem}") from None


def _time(request: HttpRequest, name: str, default: int) -> int:
    text = first(request, name)
    return int(_named(name, integer, text)) if text else default


def _search(request: HttpRequest) -> tuple[Served, list[str], bool]:
    """What is asked, checked in Jaeger's order and refused in its words."""
    now_us = time.time_ns() // 1_000
    lookback_us = _named("lookback", duration_us, _lookback(request))
    start_us = _time(request, "start", now_us - (lookback_us or DEFAULT_LOOKBACK_US))
    end_us = _time(request, "end", now_us)
    tags: dict[str, str] = {}
    for text in request.GET.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon:
            raise BadParameter(
                "malformed 'tag' parameter, expecting key:value, received: "
                + text[:200]
            )
        tags[key] = value
    for text in request.GET.getlist("tags"):
        tags.update(string_map(text, "tags"))
    text = first(request, "limit")
    limit = integer(text) if text else DEFAULT_LIMIT
    least_us = _named("minDuration", duration_us, first(request, "minDuration"))
    most_us = _named("maxDuration", duration_us, first(request, "maxDuration"))
    try:
        trace_ids = [trace_id_of(text) for text in request.GET.getlist("traceID")]
    except BadParameter as problem:
        raise BadParameter(f"cannot parse traceID param: {problem}") from None
    search_limit(len(trace_ids) or 1, "traceID")
    raw = _named("raw", boolean, first(request, "raw"))
    service = first(request, "service")
    if not trace_ids and not service:
        raise BadParameter("parameter 'service' is required")
    limit = DEFAULT_LIMIT if trace_ids else search_limit(limit, "limit")
    if start_us > end_us:
        raise BadParameter("invalid parameter: start time must be before end time")
    if least_us and most_us and most_us < least_us:
        raise BadParameter("'maxDuration' should be greater than 'minDuration'")
    query = replace(
        TraceQuery(),
        service=service,
        operation=first(request, "operation"),
        tags=tuple(tags.items()),
        min_duration_us=least_us or None,
        max_duration_us=most_us or None,
        limit=limit,
    )
    return Served(query, start_us, end_us), trace_ids, raw


def _lookback(request: HttpRequest) -> str:
    text = first(request, "lookback")
    return "" if text == "custom" else text
