"""Marks failed spans from status, error tag, HTTP and gRPC codes."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import Flag, Int32, Kind, Trace

SERVER_GRPC = {"2", "4", "12", "13", "14", "15"}
GRPC_NAMES = {
    name: str(code)
    for code, name in enumerate(
        [
            "ok",
            "cancelled",
            "unknown",
            "invalidargument",
            "deadlineexceeded",
            "notfound",
            "alreadyexists",
            "permissiondenied",
            "resourceexhausted",
            "failedprecondition",
            "aborted",
            "outofrange",
            "unimplemented",
            "internal",
            "unavailable",
            "dataloss",
            "unauthenticated",
        ]
    )
}
GRPC_NAMES["canceled"] = GRPC_NAMES["cancelled"]


def mark_errors(trace: Trace) -> Trace:
    """Set ``Flag.ERROR`` (definitions, "error marks").

    A status decides before everything else: OK overrides codes, ERROR fails.
    Then the error tag, then for clients HTTP 400 and above and every gRPC code
    but 0, for servers the gRPC codes 2, 4, 12-15; HTTP codes of servers do not.
    A server span that ended because its caller went away is no error.
    """
    count = len(trace)
    values = trace.fact_values
    failed = np.zeros(count, bool)
    status = _lookup(trace, "otel.status_code", values)
    if status is not None:
        words = [value.upper() for value in values]
        is_ok = _matches(status, [w == "OK" for w in words])
        is_error = _matches(status, [w in ("ERROR", "2") for w in words])
    else:
        is_ok = is_error = np.zeros(count, bool)
    failed |= is_error
    tag = _lookup(trace, "error", values)
    if tag is not None:
        used = set(tag.tolist())
        true = [i in used and _is_true(value) for i, value in enumerate(values)]
        failed |= _matches(tag, true)
    client = (trace.kind == Kind.CLIENT) | (trace.kind == Kind.PRODUCER)
    codes = np.zeros(count, bool)
    http = _lookup(trace, "http.status_code", values)
    if http is not None:
        codes |= client & _matches(http, [_number(value) >= 400 for value in values])
    grpc = _lookup(trace, "grpc.status_code", values)
    if grpc is not None:
        names = [_grpc_code(value) for value in values]
        codes |= client & _matches(grpc, [n.isdigit() and n != "0" for n in names])
        codes |= ~client & _matches(grpc, [n in SERVER_GRPC for n in names])
    failed |= codes & ~is_ok
    flags = _lookup(trace, "response_flags", values)
    if flags is not None:
        gone = _matches(flags, ["DC" in value.split(",") for value in values])
        failed &= ~(gone & (trace.kind == Kind.SERVER))
    trace.flags = np.where(
        failed, trace.flags | Flag.ERROR, trace.flags & ~np.uint16(Flag.ERROR)
    ).astype(np.uint16)
    return trace


def _lookup(trace: Trace, key: str, values: list[str]) -> Int32 | None:
    column = trace.facts.get(key)
    return column if column is not None and values else None


def _matches(column: Int32, table: list[bool]) -> np.ndarray:
    return np.where(column >= 0, np.array(table, bool)[column], False)


def _is_true(value: str) -> bool:
    word = value.strip().lower()
    if word in ("", "false"):
        return False
    try:
        return float(word) != 0
    except ValueError:
        return True


def _grpc_code(value: str) -> str:
    """Number of a gRPC code; libraries write 14, UNAVAILABLE and Unavailable."""
    if number := _number(value):
        return str(number)
    word = value.rpartition(".")[2].replace("_", "").strip().lower()
    return GRPC_NAMES.get(word, word)


def _number(value: str) -> int:
    """A code as a whole number, also where a library wrote 404.0; else 0."""
    digits = value.removesuffix(".0")
    return (
        int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 9 else 0
    )
