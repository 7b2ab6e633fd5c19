"""Jaeger's query API v3 (OTLP JSON), answered from the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.presenters import jaeger_v3 as shapes
from dashboard.presenters.jaeger_v1 import kind_word
from dashboard.reads.served import (
    Served,
    columns_of,
    operation_names,
    service_names,
    whole_trace,
)
from dashboard.reads.traces import find_record
from dashboard.traces.details import encode
from dashboard.traces.query import TraceQuery
from dashboard.views.api.answers import (
    DEFAULT_LIMIT,
    BadParameter,
    Budget,
    TooMuch,
    boolean,
    duration_us,
    first,
    integer,
    json_answer,
    search_limit,
    spelling,
    string_map,
    time_us,
    trace_id_of,
)

NOT_FOUND = "No traces found"
PARTIAL = "X-Spanboard-Partial"  # v3 has no place for it in the body
Answer = Callable[..., HttpResponse]


def _view(answer: Answer) -> Callable[..., HttpResponse]:
    """Refuse bad parameters in v3's shape."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest, **more: Any) -> HttpResponse:
        try:
            return answer(request, **more)
        except BadParameter as problem:
            return _fault(request, 400, str(problem))
        except TooMuch as problem:
            return _fault(request, 413, str(problem))

    return view


def _fault(request: HttpRequest, code: int, text: str) -> HttpResponse:
    body = encode({"error": {"httpCode": code, "message": text}})
    return json_answer(request, body, code)


@_view
def services(request: HttpRequest) -> HttpResponse:
    """``/api/v3/services``."""
    return json_answer(request, encode({"services": service_names()}))


@_view
def operations(request: HttpRequest) -> HttpResponse:
    """``/api/v3/operations``; none without a service, as in Jaeger."""
    wanted = first(request, "spanKind", "span_kind")
    found = [
        {"name": name, "spanKind": kind_word(kind, "internal")}
        for name, kind in operation_names(first(request, "service"))
        if wanted in ("", kind_word(kind, "internal"))
    ]
    return json_answer(request, encode({"operations": found}))


@_view
def trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    """``/api/v3/traces/<id>``."""
    wanted = _named("trace_id", trace_id_of, trace_id)
    for names in (("startTime", "start_time"), ("endTime", "end_time")):
        if first(request, *names):
            _read(request, time_us, *names)
    raw = _read(request, boolean, "rawTraces", "raw_traces")
    record = find_record(wanted)
    if record is None:
        return _fault(request, 404, NOT_FOUND)
    budget = Budget(settings.SPANBOARD_QUERY_MAX_BYTES)
    blocks = shapes.resource_spans_json(whole_trace(record), raw)
    return json_answer(request, shapes.traces_json(map(budget.take, blocks)))


@_view
def traces(request: HttpRequest) -> HttpResponse:
    """``/api/v3/traces``: a search; all traces in one list of blocks."""
    served = _search(request)
    raw = _read(request, boolean, "query.rawTraces", "query.raw_traces")
    budget = Budget(settings.SPANBOARD_QUERY_MAX_BYTES)
    blocks = [
        budget.take(block)
        for record in served.records()
        for block in shapes.resource_spans_json(whole_trace(record), raw)
    ]
    if not blocks and not served.cut:
        return _fault(request, 404, NOT_FOUND)
    return _partial(served, json_answer(request, shapes.traces_json(blocks)))


@_view
def trace_summaries(request: HttpRequest) -> HttpResponse:
    """``/api/v3/trace-summaries``: what a list needs, without the spans."""
    served = _search(request)
    found = [shapes.summary_object(columns_of(record)) for record in served.records()]
    return _partial(served, json_answer(request, encode({"summaries": found})))


def _partial(served: Served, response: HttpResponse) -> HttpResponse:
    if served.cut:
        response[PARTIAL] = f"checked={served.checked}"
    return response


def _named(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except BadParameter as problem:
        raise BadParameter(f"malformed parameter {name}: {problem}") from None


def _read(request: HttpRequest, read: Callable[[str], Any], *names: str) -> Any:
    """A parameter's value; a fault names it as the client wrote it."""
    return _named(spelling(request, *names), read, first(request, *names))


def _search(request: HttpRequest) -> Served:
    """The ``query.…`` parameters, in camelCase or with underscores."""
    if first(request, "query.filter"):
        raise BadParameter("query.filter is not supported")
    earliest = ("query.startTimeMin", "query.start_time_min")
    latest = ("query.startTimeMax", "query.start_time_max")
    if not first(request, *earliest) or not first(request, *latest):
        raise BadParameter("query.startTimeMin and query.startTimeMax are required")
    start_us = _read(request, time_us, *earliest)
    end_us = _read(request, time_us, *latest)
    depth = ("query.searchDepth", "query.search_depth", "query.num_traces")
    limit = DEFAULT_LIMIT
    if first(request, *depth):
        limit = _read(request, integer, *depth)
    least_us = _read(request, duration_us, "query.durationMin", "query.duration_min")
    most_us = _read(request, duration_us, "query.durationMax", "query.duration_max")
    if start_us > end_us:
        raise BadParameter("query.startTimeMin must be before query.startTimeMax")
    query = replace(
        TraceQuery(),
        service=first(request, "query.serviceName", "query.service_name"),
        operation=first(request, "query.operationName", "query.operation_name"),
        tags=string_map(first(request, "query.attributes"), "query.attributes"),
        min_duration_us=least_us or None,
        max_duration_us=most_us or None,
        limit=search_limit(limit, spelling(request, *depth)),
    )
    return Served(query, start_us, end_us)
