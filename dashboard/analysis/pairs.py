"""Pairs the client and the server span of one call and measures what lies between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.traces.trace import Kind, Trace

CLIENTS = (int(Kind.CLIENT), int(Kind.PRODUCER))
SERVERS = (int(Kind.SERVER), int(Kind.CONSUMER))


@dataclass(frozen=True, slots=True)
class Pair:
    """The two halves of one call, or of one attempt of it; times in nanoseconds.

    ``network_ns`` is what the client waited for beyond the server's work: a
    difference of durations, so that no clock enters it. ``before_ns`` and
    ``after_ns`` are its two parts by the clocks, after skew correction; where
    either is negative the clocks disagree by more than the call itself can tell
    and ``clocks_disagree`` is set. Between producer and consumer nobody waits:
    there ``network_ns`` is 0 and ``before_ns`` is the delivery.
    """

    client: int  # row
    server: int  # row
    attempt: int  # 1 for the first server under this client, by start
    before_ns: int
    after_ns: int
    network_ns: int
    asynchronous: bool
    clocks_disagree: bool


def pair_spans(trace: Trace) -> list[Pair]:
    """All pairs of an adjusted trace, in display order of their server.

    A server half belongs to the nearest client half above it with nothing but
    local spans of the client's service (INTERNAL or without a kind) between them.
    """
    kind = trace.kind
    found: list[Pair] = []
    parent, service = trace.parent.tolist(), trace.service.tolist()
    kinds = kind.tolist()
    skew = trace.skew_ns
    start = trace.start_ns if skew is None else trace.start_ns + skew
    length = trace.duration_ns
    attempts: dict[int, int] = {}
    for server in np.flatnonzero(np.isin(kind, SERVERS)).tolist():
        client = parent[server]
        local = client
        while (
            client >= 0
            and kinds[client] not in (*CLIENTS, *SERVERS)
            and service[client] == service[local]
        ):
            client = parent[client]
        if client < 0 or kinds[client] not in CLIENTS:
            continue
        if service[client] != service[local]:
            continue
        attempts[client] = attempt = attempts.get(client, 0) + 1
        queued = kinds[client] == Kind.PRODUCER or kinds[server] == Kind.CONSUMER
        before = int(start[server] - start[client])
        after = int(start[client] + length[client] - start[server] - length[server])
        found.append(
            Pair(
                client=client,
                server=server,
                attempt=attempt,
                before_ns=before,
                after_ns=0 if queued else after,
                network_ns=0 if queued else int(length[client] - length[server]),
                asynchronous=queued,
                clocks_disagree=before < 0 or (after < 0 and not queued),
            )
        )
    return found
