"""What a row tells beside its name: the HTTP status, and a peer that sent no spans."""

from __future__ import annotations

import numpy as np

from dashboard.graph.peers import PEER_FACTS, PeerNames
from dashboard.traces.trace import Kind, Trace

Columns = list[tuple[str, np.ndarray]]


def mark_columns(trace: Trace) -> tuple[Columns, list[tuple[str, str]]]:
    """Columns ``status`` and ``peer`` (0: none), and the peers' names and kinds.

    ``peer`` is one more than the index of a name; it is told for calls below which
    no span of another service hangs. Columns without content are left out.
    """
    columns: Columns = []
    status = _status(trace)
    if status.any():
        columns.append(("status", status))
    peer, names = _peers(trace)
    if names:
        columns.append(("peer", peer.astype("<u2" if len(names) < 2**16 else "<u4")))
    return columns, names


def _status(trace: Trace) -> np.ndarray:
    said = trace.facts.get("http.status_code")
    if said is None:
        return np.zeros(len(trace), "<u2")
    table = np.zeros(len(trace.fact_values) + 1, "<u2")  # the last is for "not said"
    for number in np.unique(said[said >= 0]).tolist():
        word = trace.fact_values[number]
        if word.isascii() and word.isdigit() and len(word) == 3:
            table[number] = int(word)
    return table[said]


def _peers(trace: Trace) -> tuple[np.ndarray, list[tuple[str, str]]]:
    peer = np.zeros(len(trace), np.int64)
    names: dict[tuple[str, str], int] = {}
    rows = _silent_calls(trace)
    if not len(rows):
        return peer, []
    # Rows that say the same are named once; codes stay small by numbering anew.
    columns: list[np.ndarray] = [trace.kind, trace.service, trace.operation]
    columns += [trace.facts[key] for key in PEER_FACTS if key in trace.facts]
    codes = np.zeros(len(rows), np.int64)
    if "component" not in trace.facts:
        columns[1:3] = []  # only a proxy's peer may be in the span's name
    for column in columns:
        values = column[rows].astype(np.int64) + 1
        codes = np.unique(codes * (values.max() + 1) + values, return_inverse=True)[1]
    finder = PeerNames(trace, {name.lower(): name for name in trace.services})
    _, firsts, member = np.unique(codes, return_index=True, return_inverse=True)
    found = np.zeros(len(firsts), np.int64)
    for number, first in enumerate(firsts.tolist()):
        named = finder.of(int(rows[first]))
        if named is not None:
            key = (named.name, named.kind)
            found[number] = names.setdefault(key, len(names) + 1)
    peer[rows] = found[member.reshape(-1)]
    return peer, list(names)


def _silent_calls(trace: Trace) -> np.ndarray:
    """Rows of calls below which no span of another service hangs."""
    calls = (trace.kind == Kind.CLIENT) | (trace.kind == Kind.PRODUCER)
    answered = np.zeros(len(trace), bool)
    below = np.flatnonzero(trace.parent >= 0)
    above = trace.parent[below]
    answered[above[trace.service[below] != trace.service[above]]] = True
    return np.flatnonzero(calls & ~answered)
