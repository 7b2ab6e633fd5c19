"""Pairs the client and the server span of one call and measures what lies between."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboard.traces.trace import NO_ROW, Int32, Int64, Kind, Trace

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


def clients_above(trace: Trace) -> Int64:
    """The client half's row of each server half's row, ``NO_ROW`` for all others.

    A server half belongs to the nearest client half above it with nothing but
    local spans of the client's service (INTERNAL or without a kind) between them.
    Jumps double in length, so a long chain of local spans costs no more.
    """
    kind, parent = trace.kind, trace.parent
    count = len(trace)
    # One more entry stands for "nothing above": numpy's -1 reads the last one.
    jump = np.full(count + 1, NO_ROW, np.int64)
    rows = np.arange(count)
    server, client = np.isin(kind, SERVERS), np.isin(kind, CLIENTS)
    local = ~(server | client)
    same = local & (parent >= 0)
    same[same] = trace.service[parent[same]] == trace.service[same]
    jump[:count] = np.where(local, np.where(same, parent, NO_ROW), rows)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    found = np.full(count, NO_ROW, np.int64)
    found[server] = jump[parent[server]]
    lost = found >= 0
    lost[lost] = ~client[found[lost]]
    found[lost] = NO_ROW
    return found


def pair_distances(trace: Trace) -> Int32:
    """Of each row the distance to its other half's row, 0 where it has none.

    Both halves of a pair point at each other. A client with several servers
    points at none of them; each of them points at it.
    """
    client = clients_above(trace)
    servers = np.flatnonzero(client >= 0)
    clients = client[servers]
    distance = np.zeros(len(trace), np.int32)
    distance[servers] = clients - servers
    only = np.bincount(clients, minlength=len(trace))[clients] == 1
    distance[clients[only]] = (servers - clients)[only]
    return distance


def pair_spans(trace: Trace) -> list[Pair]:
    """All pairs of an adjusted trace, in display order of their server."""
    return pairs_of(trace, clients_above(trace))


def pairs_of(trace: Trace, client_of: Int64) -> list[Pair]:
    """The pairs that ``client_of`` (of each server's row the client's) names."""
    found: list[Pair] = []
    kinds = trace.kind
    skew = trace.skew_ns
    start = trace.start_ns if skew is None else trace.start_ns + skew
    length = trace.duration_ns
    for server in np.flatnonzero(client_of >= 0).tolist():
        client = int(client_of[server])
        queued = bool(kinds[client] == Kind.PRODUCER or kinds[server] == Kind.CONSUMER)
        before = int(start[server] - start[client])
        after = int(start[client] + length[client] - start[server] - length[server])
        found.append(
            Pair(
                client=client,
                server=server,
                attempt=0,
                before_ns=before,
                after_ns=0 if queued else after,
                network_ns=0 if queued else int(length[client] - length[server]),
                asynchronous=queued,
                clocks_disagree=before < 0 or (after < 0 and not queued),
            )
        )
    return _numbered(trace, found)


def _numbered(trace: Trace, pairs: list[Pair]) -> list[Pair]:
    """Attempts counted by start, equal ones by span id, whatever the input."""

    def place(pair: Pair) -> tuple[int, str]:
        return int(trace.start_ns[pair.server]), trace.span_ids[pair.server]

    attempt_of: dict[int, int] = {}
    attempts: dict[int, int] = {}
    for pair in sorted(pairs, key=place):
        attempts[pair.client] = attempts.get(pair.client, 0) + 1
        attempt_of[pair.server] = attempts[pair.client]
    return [replace(pair, attempt=attempt_of[pair.server]) for pair in pairs]
