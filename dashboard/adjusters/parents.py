"""Finds each span's parent row; knows shared ids and orphans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.traces.ids import trace_key
from dashboard.traces.trace import NO_ROW, Flag, Kind, Trace, Warning

SERVER_KINDS = (int(Kind.SERVER), int(Kind.CONSUMER))


def link_parents(trace: Trace) -> Trace:
    """Fill the parent column (definitions, "parent" and "duplicates").

    The parent is the first CHILD_OF that resolves in this trace, else the first
    FOLLOWS_FROM that does. A server half that shares its client's id is the
    client's child, and children go to the half on their own endpoint: a server
    half of their service (of their address, where several are known), else the
    client half if that is of their service, else the only server half.
    A span whose same-trace references all lead nowhere is an orphan.
    """
    count = len(trace)
    index: dict[str, int] = {}
    shared: dict[str, list[int]] = {}
    kinds = trace.kind.tolist()
    for row, span_id in enumerate(trace.span_ids):
        other = index.setdefault(span_id, row)
        if other != row:
            shared.setdefault(span_id, [other]).append(row)
    flags = trace.flags.copy()
    client_of: dict[int, int] = {}
    only_server: dict[str, int] = {}
    services = trace.service.tolist()
    # Server halves of a shared id and a service, by endpoint, earliest first.
    halves: dict[tuple[str, int], dict[str, int]] = {}
    for span_id, rows in shared.items():
        servers = [r for r in rows if kinds[r] in SERVER_KINDS]
        clients = [r for r in rows if kinds[r] not in SERVER_KINDS]
        servers.sort(key=lambda r: (int(trace.start_ns[r]), trace.service_name(r)))
        for row in servers:
            half = halves.setdefault((span_id, services[row]), {})
            half.setdefault(trace.fact("endpoint", row), row)
        if len(servers) == 1:
            only_server[span_id] = servers[0]
        if clients:
            index[span_id] = clients[0]
            for row in servers:
                client_of[row] = clients[0]
                flags[row] |= Flag.SHARED
        elif servers:
            index[span_id] = servers[0]
    key = trace_key(trace.trace_id)
    parent = np.full(count, NO_ROW, np.int32)
    warnings = list(trace.warnings)

    def resolve(span_id: str, row: int) -> int:
        half = halves.get((span_id, services[row]))
        if half is not None:
            found = half.get(trace.fact("endpoint", row), row)
            if found != row:
                return found
            for candidate in half.values():
                if candidate != row:
                    return candidate
        first = index.get(span_id, NO_ROW)
        server = only_server.get(span_id, row)
        if server == row or services[first] == services[row]:
            return first
        return server

    for row, parent_id in enumerate(trace.parent_ids):
        if row in client_of:
            parent[row] = client_of[row]
            continue
        if parent_id:
            found = resolve(parent_id, row) if shared else index.get(parent_id, NO_ROW)
            parent[row] = found
            if found < 0:
                flags[row] |= Flag.ORPHAN
                warnings.append(Warning("orphan", row, {"parent": parent_id}, True))
            continue
        references = trace.references.get(row)
        if not references:
            continue
        own = [ref for ref in references if trace_key(ref.trace_id) == key]
        own.sort(key=lambda ref: ref.kind != "CHILD_OF")
        for ref in own:
            found = resolve(ref.span_id, row)
            if found >= 0:
                parent[row] = found
                break
        else:
            if own:
                flags[row] |= Flag.ORPHAN
                missing = own[0].span_id
                warnings.append(Warning("orphan", row, {"parent": missing}, True))
    return replace(trace, parent=parent, flags=flags, warnings=warnings)
