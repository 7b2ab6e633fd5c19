"""Jaeger's v1 JSON into traces: a strict fast path, a tolerant one behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from dashboard.sources.jaeger.build import EMPTY, build_trace
from dashboard.sources.jaeger.shapes import Answer, Envelope, JaegerTrace
from dashboard.sources.jaeger.tags import TagScan
from dashboard.sources.jaeger.tolerant import build_tolerantly
from dashboard.sources.json_text import tolerant_json, without_lone_surrogates
from dashboard.traces.builder import Decoded, Problem
from dashboard.traces.collector import no_collection
from dashboard.traces.details import encode
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Trace

Told = tuple[str, int]  # a trace's id and its start in µs

_answer = msgspec.json.Decoder(Answer)
_traces = msgspec.json.Decoder(list[JaegerTrace])
_envelope = msgspec.json.Decoder(Envelope)
_raw_list = msgspec.json.Decoder(list[Raw])
_trace = msgspec.json.Decoder(JaegerTrace)


def parse_v1(body: bytes) -> Decoded:
    """Traces of a Jaeger answer, download or list.

    Takes ``{"data": [...]}``, ``{"data": {...}}``, a list of traces or one
    trace. Raises ``BadTracePayload`` when the body is no such JSON.
    """
    with no_collection():
        return _parse(without_lone_surrogates(body))


def parse_new(
    body: bytes, known: Mapping[bytes, Told]
) -> tuple[Decoded, list[Told], list[tuple[bytes, Told]]]:
    """Of an answer the traces whose bytes are not known yet.

    Returns them, what is known of the others by the digest of their bytes, and the
    digests of those that were read.
    """
    with no_collection():
        body = without_lone_surrogates(body)
        problems: list[Problem] = []
        traces: list[Trace] = []
        unchanged: list[Told] = []
        marks: list[tuple[bytes, Told]] = []
        scan = TagScan()
        for place, raw in enumerate(_split(body)):
            mark = b""
            if isinstance(raw, bytes | Raw):
                mark = hashlib.blake2b(raw, digest_size=16).digest()
                if mark in known:
                    unchanged.append(known[mark])
                    continue
            trace = _one(raw, scan, problems, place)
            if trace is not None and len(trace):
                traces.append(trace)
                if mark:
                    start_us = int(trace.start_ns.min()) // 1_000
                    marks.append((mark, (trace.trace_id, start_us)))
        return Decoded(traces, problems, "jaeger"), unchanged, marks


def _parse(body: bytes) -> Decoded:
    problems: list[Problem] = []
    scan = TagScan()
    try:
        if body.lstrip()[:1] == b"[":
            whole = _traces.decode(body)
        else:
            whole = _answer.decode(body).data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        whole = []  # the look at each trace alone finds what can be read
    if whole and all(found.traceID for found in whole):
        traces = [build_trace(found, scan) for found in whole]
    else:
        traces = []
        for place, raw in enumerate(_split(body)):
            trace = _one(raw, scan, problems, place)
            if trace is not None:
                traces.append(trace)
    return Decoded([trace for trace in traces if len(trace)], problems, "jaeger")


def _one(
    raw: Any, scan: TagScan, problems: list[Problem], position: int
) -> Trace | None:
    """One trace, by the strict path where its JSON is as Jaeger writes it."""
    try:
        found = _trace.decode(raw if isinstance(raw, bytes | Raw) else encode(raw))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return build_tolerantly(raw, problems, position)
    if not found.traceID and found.spans:
        return build_tolerantly(raw, problems, position)
    return build_trace(found, scan)


def _split(body: bytes) -> list[Any]:
    """The traces of a body, undecoded where the body is strict JSON."""
    try:
        if body.lstrip()[:1] == b"[":
            return list(_raw_list.decode(body))
        envelope = _envelope.decode(body)
        data = bytes(envelope.data)
        if data == b"null":
            return []
        if data:
            return list(_raw_list.decode(data)) if data[:1] == b"[" else [data]
        if bytes(envelope.spans) not in EMPTY[:2]:
            return [body]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # the tolerant reader below takes it
    found = tolerant_json(body)
    if isinstance(found, dict) and "data" in found:
        found = found["data"]
    if found is None:
        return []
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise BadTracePayload(
            "The body is JSON but holds no traces: expected Jaeger's "
            '{"data": [...]}, a list of traces or one trace.'
        )
    return found
