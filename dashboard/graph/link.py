"""From one adjusted trace to the calls between services, each counted once."""

from __future__ import annotations

from itertools import pairwise, repeat

import numpy as np

from dashboard.graph.attempts import join_attempts, join_in_turn, may_join
from dashboard.graph.calls import Call, Sender, Senders, broker_of, senders_of
from dashboard.graph.peers import PeerNames, is_inbound
from dashboard.graph.rows import (
    CLIENT,
    CLIENTS,
    CONSUMER,
    LOCAL,
    PRODUCER,
    SERVER,
    SERVERS,
    Rows,
)
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Int64, Trace


def link(trace: Trace, senders: Senders | None = None) -> list[Call]:
    """The calls of a trace, in display order of their caller's span.

    ``senders`` are producers in other traces, to which links may lead.
    """
    return Linker(trace, senders or {}).calls()


class Linker(Rows):
    """Finds the calls of one trace.

    What can be told from columns alone is (a call with one callee, a call to a
    peer, a child in another service); the rest is looked at span by span.
    """

    def __init__(self, trace: Trace, senders: Senders):
        super().__init__(trace)
        self.senders = senders
        self.timed = False  # whether times decided what is one call
        self.own_senders: dict[tuple[str, str], Sender] | None = None
        self.called: set[int] = set()  # callees of a client some levels above
        self.peers = PeerNames(trace, self.known)

    def calls(self) -> list[Call]:
        """All calls."""
        kind = self.trace.kind
        calling = self.is_client & ~self.spawned
        one_child = np.diff(self.edges) == 1
        first = np.append(self.children, 0)[self.edges[:-1]]
        direct = calling & one_child & (kind == CLIENT)
        direct &= self.services[first] != self.services
        leaves = calling & ~self.branching
        rows: list[int] = []
        found: list[Call] = []
        simple = np.flatnonzero(direct)
        self._add(rows, found, simple, self._directly(simple, first[simple], True))
        self._add_peers(rows, found, np.flatnonzero(leaves))
        for row in np.flatnonzero(calling & ~leaves & ~direct).tolist():
            calls = self._of_client(row)
            rows += [row] * len(calls)
            found += calls
        self._add_plain(rows, found)
        for row in np.flatnonzero(kind == CONSUMER).tolist():
            calls = self._of_consumer(row)
            rows += [row] * len(calls)
            found += calls
        if "remote.service" in self.trace.facts:
            roots = (kind == SERVER) & (self.trace.parent < 0)
            for row in np.flatnonzero(roots).tolist():
                calls = self._of_root(row)
                rows += [row] * len(calls)
                found += calls
        order = np.argsort(np.array(rows, np.int64), kind="stable")
        found = [found[place] for place in order.tolist()]
        self.timed |= may_join(self.trace, found)
        return join_attempts(self.trace, found)

    @staticmethod
    def _add(
        rows: list[int], found: list[Call], where: Int64, calls: list[Call]
    ) -> None:
        rows += where.tolist()
        found += calls

    def _directly(self, above: Int64, below: Int64, waits: bool) -> list[Call]:
        """Calls from rows to rows, one each; ``waits``: as the caller saw them."""
        trace, count = self.trace, len(above)
        length, error = trace.duration_ns[below], self.fails[below]
        if waits:
            length, error = trace.duration_ns[above], error | self.fails[above]
        queued = (trace.kind[above] == PRODUCER) | (trace.kind[below] == CONSUMER)
        name = self.names.__getitem__
        callers, callees = self.services[above], self.services[below]
        columns = (
            map(name, callers.tolist()),
            map(name, callees.tolist()),
            above.tolist(),
            below.tolist(),
            trace.start_ns[above].tolist(),
            length.tolist(),
            error.tolist(),
            repeat(1, count),
            repeat("", count),
            repeat("service", count),
            queued.tolist(),
            (callers == callees).tolist(),
            self.versions_of(above),
            self.versions_of(below),
        )
        return list(map(Call._make, zip(*columns, strict=True)))

    def _add_peers(self, rows: list[int], found: list[Call], leaves: Int64) -> None:
        """Calls of clients under which nothing matters, to the peers they name."""
        trace = self.trace
        peers = [self.peers.of(row) for row in leaves.tolist()]
        named = [place for place, peer in enumerate(peers) if peer is not None]
        where = leaves[named]
        begin, length = trace.start_ns[where].tolist(), trace.duration_ns[where]
        columns = zip(
            where.tolist(),
            [peers[place] for place in named],
            begin,
            length.tolist(),
            self.fails[where].tolist(),
            (trace.kind[where] == PRODUCER).tolist(),
            self.versions_of(where),
            strict=True,
        )
        for row, peer, start_ns, duration_ns, failed, queued, version in columns:
            assert peer is not None
            caller = self.names[self.service[row]]
            found.append(
                Call(
                    caller,
                    peer.name,
                    row,
                    -1,
                    start_ns,
                    duration_ns,
                    failed,
                    1,
                    "" if peer.name.lower() in self.known else "callee",
                    peer.kind,
                    queued,
                    peer.name == caller,
                    version,
                    peer.version,
                )
            )
        rows += where.tolist()

    def _add_plain(self, rows: list[int], found: list[Call]) -> None:
        """Children in another service under spans that are no clients."""
        plain = self.foreign & ~self.is_client[self.above]
        below, above = self.below[plain], self.above[plain]
        kept = np.ones(len(below), bool)
        for place in np.flatnonzero(self.trace.kind[below] == CONSUMER).tolist():
            kept[place] = not self._broker(int(below[place]))
        if self.called:
            kept &= ~np.isin(below, list(self.called))
        below, above = below[kept], above[kept]
        self._add(rows, found, above, self._directly(above, below, False))

    def _of_client(self, row: int) -> list[Call]:
        queue = self.kind[row] == PRODUCER
        if queue:
            brokers = self._brokers_of(row)
            if brokers:
                call = self._virtual(row, 0)
                return [
                    call._replace(
                        callee=name,
                        virtual="" if name.lower() in self.known else "callee",
                        node_kind="queue",
                        self_call=False,
                    )
                    for name in brokers
                ]
        below = self.children_of(row)
        if len(below) == 1 and self.service[below[0]] != self.service[row]:
            return [self._call(row, below[0], 1, self.failed[row])]
        carriers, spawned = [row], 0
        for carrier in carriers:
            for child in self.children_of(carrier):
                if self.spawned[child]:
                    carriers.append(child)
                    spawned += 1
                elif self._is_local(child, row):
                    carriers.append(child)
        callees: dict[int, list[int]] = {}
        own_servers = []
        for carrier in carriers:
            for child in self.children_of(carrier):
                if self.service[child] != self.service[row]:
                    callees.setdefault(self.service[child], []).append(child)
                    if self.kind[carrier] not in CLIENTS:
                        self.called.add(child)
                elif self.kind[child] in SERVERS and not is_inbound(
                    self.trace, carrier
                ):
                    own_servers.append(child)
        if own_servers:
            callees[self.service[row]] = own_servers
        found = []
        for rows in callees.values():
            found.extend(self._to_callee(row, rows, spawned))
        if not found:
            found = [self._virtual(row, spawned)]
            if spawned and not found[0].callee:
                found = self._of_wrapper(row)
        return [call for call in found if call.callee]

    def _brokers_of(self, row: int) -> list[str]:
        """The queue that a producer names, else those that its consumers name."""
        own = self._broker(row)
        if own:
            return [own]
        named = (
            self._broker(child)
            for child in self.children_of(row)
            if self.kind[child] == CONSUMER
        )
        return sorted({name for name in named if name})

    def _is_local(self, row: int, client: int) -> bool:
        """A span inside the client's process, under which its callee may hang."""
        kind = self.kind[row]
        return self.service[row] == self.service[client] and kind in LOCAL

    def _of_wrapper(self, row: int) -> list[Call]:
        """Calls of the clients below one that names no peer and reaches nobody."""
        self.timed = True
        by_peer: dict[str, list[Call]] = {}
        work = [row]
        for above in work:
            for child in self.children_of(above):
                if not self.spawned[child]:
                    continue
                call = self._virtual(child, 0)
                if call.callee:
                    by_peer.setdefault(call.callee, []).append(call)
                else:
                    work.append(child)
        return [
            call
            for calls in by_peer.values()
            for call in join_in_turn(calls, self.trace.span_ids)
        ]

    def _to_callee(self, row: int, rows: list[int], spawned: int) -> list[Call]:
        if len(rows) == 1:
            return [self._call(row, rows[0], max(spawned, 1), self.failed[row])]
        self.timed = True
        rows.sort(key=lambda r: (self.start[r], self.trace.span_ids[r]))
        servers = [r for r in rows if self.kind[r] in SERVERS]
        rows = servers or rows[:1]
        in_turn = all(
            self.end[a] <= self.start[b] and self.failed[a] for a, b in pairwise(rows)
        )
        if in_turn:
            attempts = max(len(rows), spawned, 1)
            return [self._call(row, rows[-1], attempts, self.failed[row])]
        return [
            self._call(row, callee, 1, self.failed[callee] or self.failed[row])
            for callee in rows
        ]

    def _call(self, row: int, callee: int, attempts: int, error: bool) -> Call:
        if attempts == 1:
            error = error or self.failed[callee]
        return Call(
            caller=self.names[self.service[row]],
            callee=self.names[self.service[callee]],
            caller_row=row,
            callee_row=callee,
            start_ns=self.start[row],
            duration_ns=self.end[row] - self.start[row],
            error=error,
            attempts=attempts,
            virtual="",
            node_kind="service",
            asynchronous=self.kind[row] == PRODUCER or self.kind[callee] == CONSUMER,
            self_call=self.service[row] == self.service[callee],
            caller_version=self.version(row),
            callee_version=self.version(callee),
        )

    def _virtual(self, row: int, spawned: int) -> Call:
        """A call to a peer that sent no spans; its callee is empty if unnamed."""
        peer = self.peers.of(row)
        return Call(
            caller=self.names[self.service[row]],
            callee=peer.name if peer else "",
            caller_row=row,
            callee_row=-1,
            start_ns=self.start[row],
            duration_ns=self.end[row] - self.start[row],
            error=self.failed[row],
            attempts=max(spawned, 1),
            virtual="" if peer and peer.name.lower() in self.known else "callee",
            node_kind=peer.kind if peer else "external",
            asynchronous=self.kind[row] == PRODUCER,
            self_call=peer is not None and peer.name == self.names[self.service[row]],
            caller_version=self.version(row),
            callee_version=peer.version if peer else "",
        )

    def _broker(self, row: int) -> str:
        return broker_of(self.trace, row)

    def _of_consumer(self, row: int) -> list[Call]:
        """Broker → consumer where one is named on either side, else by links.

        A consumer that no producer is above may name its producers by links, many
        of them when it takes a batch: each is the caller of one call.
        """
        above = self.parent[row]
        broker = self._broker(row)
        if not broker and above >= 0 and self.kind[above] == PRODUCER:
            broker = self._broker(above)
        if broker:
            return [self._from_virtual(row, broker, "queue", True)]
        return self._of_links(row, above)

    def _of_links(self, row: int, above: int) -> list[Call]:
        trace, found = self.trace, []
        brokers: set[str] = set()
        keys = {
            (trace_key(reference.trace_id), reference.span_id): None
            for reference in trace.references.get(row, ())
        }
        counted = ""  # the service whose call leads here from the parent
        if above >= 0 and self.service[above] != self.service[row]:
            counted = self.names[self.service[above]]
            keys.pop((trace_key(trace.trace_id), trace.span_ids[above]), None)
            if self.kind[above] == PRODUCER:
                counted = ""  # other links are other messages
        for key in keys:
            sender = self._own_senders().get(key) or self.senders.get(key)
            if sender is None or sender.service == counted:
                continue
            if sender.broker:
                brokers.add(sender.broker)
                continue
            call = self._from_virtual(row, sender.service, "service", True)
            same = sender.service == self.names[self.service[row]]
            found.append(
                call._replace(virtual="", caller_version=sender.version, self_call=same)
            )
        return found + [
            self._from_virtual(row, broker, "queue", True) for broker in sorted(brokers)
        ]

    def _own_senders(self) -> dict[tuple[str, str], Sender]:
        if self.own_senders is None:
            self.own_senders = senders_of([self.trace])
        return self.own_senders

    def _of_root(self, row: int) -> list[Call]:
        """Caller → service for a server root that names its caller."""
        caller = self.trace.fact("remote.service", row)
        if not caller or caller == self.names[self.service[row]]:
            return []
        caller = self.known.get(caller.lower(), caller)
        return [self._from_virtual(row, caller, "service", False)]

    def _from_virtual(
        self, row: int, caller: str, node_kind: str, asynchronous: bool
    ) -> Call:
        return Call(
            caller=caller,
            callee=self.names[self.service[row]],
            caller_row=-1,
            callee_row=row,
            start_ns=self.start[row],
            duration_ns=self.end[row] - self.start[row],
            error=self.failed[row],
            attempts=1,
            virtual="" if caller.lower() in self.known else "caller",
            node_kind=node_kind,
            asynchronous=asynchronous,
            self_call=False,
            caller_version="",
            callee_version=self.version(row),
        )
