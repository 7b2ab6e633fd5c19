"""Finds each span's parent row; knows shared ids and orphans."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat

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
    A span whose same-trace references all lead nowhere is an orphan. Ids that
    differ in leading zeros only are one id.
    """
    ids, parent_ids = trace.span_ids, trace.parent_ids
    count = len(ids)
    index = dict(zip(reversed(ids), range(count - 1, -1, -1), strict=True))
    parent = list(map(index.get, parent_ids, repeat(NO_ROW)))
    flags = trace.flags.copy()
    halves = Halves(trace, index) if len(index) < count else None
    if halves is not None:
        for row, parent_id in enumerate(parent_ids):
            if parent_id in halves.shared:
                parent[row] = halves.resolve(parent_id, row)
        for row, client in halves.client_of.items():
            parent[row] = client
            flags[row] |= Flag.SHARED
    lost = [
        row
        for row, parent_id in enumerate(parent_ids)
        if parent[row] < 0 and (parent_id or row in trace.references)
    ]
    if lost:
        warnings = list(trace.warnings)
        search = Search(trace, index, halves)
        for row in lost:
            parent[row], missing = search.parent_of(row)
            if missing:
                flags[row] |= Flag.ORPHAN
                warnings.append(Warning("orphan", row, {"parent": missing}, True))
        trace = replace(trace, warnings=warnings)
    return replace(trace, parent=np.array(parent, np.int32), flags=flags)


class Search:
    """Looks for parents that are not simply the row of the one id named."""

    def __init__(self, trace: Trace, index: dict[str, int], halves: Halves | None):
        self.trace = trace
        self.index = index
        self.halves = halves
        self.key = trace_key(trace.trace_id)
        self.by_value: dict[str, str] = {}

    def parent_of(self, row: int) -> tuple[int, str]:
        """The parent's row, and the id that is missing where there is none."""
        references = self.trace.references.get(row, ())
        own = [r for r in references if trace_key(r.trace_id) == self.key]
        own.sort(key=lambda reference: reference.kind != "CHILD_OF")
        names = [r.span_id for r in own] or [self.trace.parent_ids[row]]
        for name in names:
            found = self._find(name, row)
            if found >= 0:
                return found, ""
        return NO_ROW, names[0]

    def _find(self, name: str, row: int) -> int:
        if name and name not in self.index:
            if not self.by_value:
                self.by_value = {trace_key(known): known for known in self.index}
            name = self.by_value.get(trace_key(name), name)
        if self.halves is not None and name in self.halves.shared:
            return self.halves.resolve(name, row)
        return self.index.get(name, NO_ROW)


class Halves:
    """Spans that share an id: the client half of a call and its server halves."""

    def __init__(self, trace: Trace, index: dict[str, int]):
        self.trace = trace
        self.index = index
        self.services: list[int] = trace.service.tolist()
        self.kinds: list[int] = trace.kind.tolist()
        self.client_of: dict[int, int] = {}
        self.only_server: dict[str, int] = {}
        self.shared: dict[str, list[int]] = {}
        # Ids of server halves whose client half is not here.
        self.headless: set[str] = set()
        # Server halves of an id and a service, by endpoint, earliest first.
        self.of_service: dict[tuple[str, int], dict[str, int]] = {}
        for row, span_id in enumerate(trace.span_ids):
            if index[span_id] != row:
                self.shared.setdefault(span_id, [index[span_id]]).append(row)
        for span_id, rows in self.shared.items():
            self._sort(span_id, rows)

    def _sort(self, span_id: str, rows: list[int]) -> None:
        trace = self.trace
        servers = [r for r in rows if self.kinds[r] in SERVER_KINDS]
        clients = [r for r in rows if self.kinds[r] not in SERVER_KINDS]
        servers.sort(key=lambda r: (int(trace.start_ns[r]), trace.service_name(r)))
        for row in servers:
            half = self.of_service.setdefault((span_id, self.services[row]), {})
            half.setdefault(trace.fact("endpoint", row), row)
        if len(servers) == 1:
            self.only_server[span_id] = servers[0]
        if clients:
            self.index[span_id] = clients[0]
            for row in servers:
                self.client_of[row] = clients[0]
        elif servers:
            self.index[span_id] = servers[0]
            if all(trace.flags[r] & Flag.SHARED for r in servers):
                self.headless.add(span_id)

    def resolve(self, span_id: str, row: int) -> int:
        """The half that is the parent of a row which names the id."""
        half = self.of_service.get((span_id, self.services[row]))
        if half is not None:
            found = half.get(self.trace.fact("endpoint", row), row)
            if found != row:
                return found
            for candidate in half.values():
                if candidate != row:
                    return candidate
        if span_id in self.headless and self.kinds[row] not in SERVER_KINDS:
            return NO_ROW  # it names the client half of its own service
        first = self.index.get(span_id, NO_ROW)
        server = self.only_server.get(span_id, row)
        if server == row or self.services[first] == self.services[row]:
            return first
        return server
