"""Marks failed spans from status, error tag, HTTP and gRPC codes."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import Flag, Kind, Trace

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
    where = trace.rows_where
    is_ok = where("otel.status_code", lambda text: text.upper() == "OK")
    failed = where("otel.status_code", lambda text: text.upper() in ("ERROR", "2"))
    failed |= where("error", _is_true)
    client = (trace.kind == Kind.CLIENT) | (trace.kind == Kind.PRODUCER)
    codes = client & where("http.status_code", lambda text: _number(text) >= 400)
    if "grpc.status_code" in trace.facts:
        codes |= client & where("grpc.status_code", _is_grpc_failure)
        server = where("grpc.status_code", lambda text: _grpc_code(text) in SERVER_GRPC)
        codes |= ~client & server
    failed |= codes & ~is_ok
    gone = where("response_flags", lambda text: "DC" in text.split(","))
    failed &= ~(gone & (trace.kind == Kind.SERVER))
    trace.flags = np.where(
        failed, trace.flags | Flag.ERROR, trace.flags & ~np.uint16(Flag.ERROR)
    ).astype(np.uint16)
    return trace


def _is_true(value: str) -> bool:
    word = value.strip().lower()
    if word in ("", "false"):
        return False
    try:
        return float(word) != 0
    except ValueError:
        return True


def _is_grpc_failure(value: str) -> bool:
    code = _grpc_code(value)
    return code.isdecimal() and code != "0"


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
