"""From one adjusted trace to the calls between services, each counted once."""

from __future__ import annotations

import itertools

import numpy as np

from dashboard.graph.calls import Call, Sender, Senders, broker_of, senders_of
from dashboard.graph.peers import PeerNames, is_inbound
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Flag, Kind, Trace

CLIENTS = (int(Kind.CLIENT), int(Kind.PRODUCER))
SERVERS = (int(Kind.SERVER), int(Kind.CONSUMER))
LOCAL = (int(Kind.UNSET), int(Kind.INTERNAL))
# Plain numbers: an enum's attribute costs too much in a loop over all spans.
SERVER, CLIENT = int(Kind.SERVER), int(Kind.CLIENT)
PRODUCER, CONSUMER = int(Kind.PRODUCER), int(Kind.CONSUMER)


def link(trace: Trace, senders: Senders | None = None) -> list[Call]:
    """The calls of a trace, in display order of their caller's span.

    ``senders`` are producers in other traces, to which links may lead.
    """
    return Linker(trace, senders or {}).calls()


class Linker:
    """Finds the calls of one trace."""

    def __init__(self, trace: Trace, senders: Senders):
        self.trace = trace
        self.senders = senders
        self.kind = trace.kind.tolist()
        self.service = trace.service.tolist()
        self.parent = trace.parent.tolist()
        self.failed = ((trace.flags & Flag.ERROR) != 0).tolist()
        self.start = trace.start_ns.tolist()
        self.end = trace.end_ns.tolist()
        self.names = trace.services
        version = trace.facts.get("version")
        self.versions = [] if version is None else version.tolist()
        used = set(self.service)
        self.known = {trace.services[s].lower(): trace.services[s] for s in used}
        self.own_senders: dict[tuple[str, str], Sender] | None = None
        self.called: set[int] = set()  # callees of a client some levels above
        self.peers: PeerNames | None = None
        self._look_at_children()

    def _look_at_children(self) -> None:
        """Children of each row, and which rows have any that matter."""
        trace, count = self.trace, len(self.trace)
        parent = trace.parent.astype(np.int64)
        below = np.flatnonzero(parent >= 0)
        above = parent[below]
        order = np.argsort(above, kind="stable")
        self.child_rows: list[int] = below[order].tolist()
        edges = np.searchsorted(above[order], np.arange(count + 1))
        self.child_edges: list[int] = edges.tolist()
        same = trace.service[below] == trace.service[above]
        foreign = np.zeros(count, bool)
        foreign[above[~same]] = True
        kind = trace.kind[below]
        # An inner span, an attempt or a loop-back's server: the callee may be deeper.
        near = same & (kind != PRODUCER)
        branching = foreign.copy()
        branching[above[near]] = True
        self.calls_others: list[bool] = foreign.tolist()
        self.is_branching: list[bool] = branching.tolist()

    def _version(self, row: int) -> str:
        if not self.versions or self.versions[row] < 0:
            return ""
        return self.trace.fact_values[self.versions[row]]

    def _children(self, row: int) -> list[int]:
        return self.child_rows[self.child_edges[row] : self.child_edges[row + 1]]

    def calls(self) -> list[Call]:
        """All calls."""
        found: list[Call] = []
        for row, kind in enumerate(self.kind):
            if kind in CLIENTS:
                if self._is_spawned(row):
                    continue
                if self.is_branching[row]:
                    found.extend(self._of_client(row))
                else:
                    call = self._virtual(row, 0)
                    if call.callee:
                        found.append(call)
                continue
            if self.calls_others[row]:
                found.extend(self._of_plain(row))
            if kind == CONSUMER:
                found.extend(self._of_consumer(row))
            elif kind == SERVER and self.parent[row] < 0:
                found.extend(self._of_root(row))
        return self._join_attempts(found)

    def _is_spawned(self, row: int) -> bool:
        """A client span directly under a client span of its service: an attempt."""
        above = self.parent[row]
        return (
            above >= 0
            and self.kind[row] == CLIENT
            and self.kind[above] == CLIENT
            and self.service[above] == self.service[row]
        )

    def _of_client(self, row: int) -> list[Call]:
        queue = self.kind[row] == PRODUCER
        if queue and self._broker(row):
            return [self._virtual(row, 0)]
        below = self._children(row)
        if len(below) == 1 and self.service[below[0]] != self.service[row]:
            return [self._call(row, below[0], 1, self.failed[row])]
        carriers, spawned = [row], 0
        for carrier in carriers:
            for child in self._children(carrier):
                if self._is_spawned(child):
                    carriers.append(child)
                    spawned += 1
                elif self._is_local(child, row):
                    carriers.append(child)
        callees: dict[int, list[int]] = {}
        own_servers = []
        for carrier in carriers:
            for child in self._children(carrier):
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

    def _is_local(self, row: int, client: int) -> bool:
        """A span inside the client's process, under which its callee may hang."""
        kind = self.kind[row]
        return self.service[row] == self.service[client] and kind in LOCAL

    def _of_wrapper(self, row: int) -> list[Call]:
        """Calls of the clients below one that names no peer and reaches nobody."""
        by_peer: dict[str, list[Call]] = {}
        work = [row]
        for above in work:
            for child in self._children(above):
                if not self._is_spawned(child):
                    continue
                call = self._virtual(child, 0)
                if call.callee:
                    by_peer.setdefault(call.callee, []).append(call)
                else:
                    work.append(child)
        found: list[Call] = []
        for calls in by_peer.values():
            calls.sort(key=lambda c: (c.start_ns, self.trace.span_ids[c.caller_row]))
            in_turn = all(
                a.start_ns + a.duration_ns <= b.start_ns and a.error
                for a, b in itertools.pairwise(calls)
            )
            if not in_turn or len(calls) == 1:
                found.extend(calls)
                continue
            first, last = calls[0], calls[-1]
            found.append(
                last._replace(
                    caller_row=first.caller_row,
                    start_ns=first.start_ns,
                    duration_ns=last.start_ns + last.duration_ns - first.start_ns,
                    attempts=len(calls),
                )
            )
        return found

    def _to_callee(self, row: int, rows: list[int], spawned: int) -> list[Call]:
        rows.sort(key=lambda r: (self.start[r], self.trace.span_ids[r]))
        servers = [r for r in rows if self.kind[r] in SERVERS]
        rows = servers or rows[:1]
        in_turn = all(
            self.end[a] <= self.start[b] and self.failed[a]
            for a, b in itertools.pairwise(rows)
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
            caller_version=self._version(row),
            callee_version=self._version(callee),
        )

    def _virtual(self, row: int, spawned: int) -> Call:
        """A call to a peer that sent no spans; its callee is empty if unnamed."""
        trace = self.trace
        if self.peers is None:
            self.peers = PeerNames(trace, self.known)
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
            caller_version=self._version(row),
            callee_version=peer.version if peer else "",
        )

    def _of_plain(self, row: int) -> list[Call]:
        """Children in another service under a span that is no client."""
        found = []
        for child in self._children(row):
            if self.service[child] == self.service[row] or child in self.called:
                continue
            if self.kind[child] == CONSUMER and self._broker(child):
                continue
            call = self._call(row, child, 1, self.failed[child])
            found.append(
                call._replace(
                    duration_ns=self.end[child] - self.start[child],
                    error=self.failed[child],
                )
            )
        return found

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
            callee_version=self._version(row),
        )

    def _join_attempts(self, calls: list[Call]) -> list[Call]:
        """Join what repeats one call: resend counts, and a proxy's spawned spans."""
        trace = self.trace
        if "resend_count" not in trace.facts and "component" not in trace.facts:
            return calls
        found: list[Call] = []
        last_of: dict[tuple[int, str], int] = {}
        for call in calls:
            row = call.caller_row
            if row < 0 or self.kind[row] != CLIENT:
                found.append(call)
                continue
            key = (self.parent[row], call.callee)
            place = last_of.get(key)
            if place is not None and self._repeats(found[place], row):
                before = found[place]
                found[place] = call._replace(
                    start_ns=before.start_ns,
                    duration_ns=self.end[row] - before.start_ns,
                    attempts=before.attempts + call.attempts,
                    caller_row=before.caller_row,
                )
                continue
            last_of[key] = len(found)
            found.append(call)
        return found

    def _repeats(self, before: Call, row: int) -> bool:
        count = self.trace.fact("resend_count", row)
        if count.isdigit() and int(count) > 0:
            return True
        spawned = (
            self.trace.fact("component", row) == "proxy"
            and self.trace.operation_name(row).startswith("router ")
            and self.trace.operation_name(before.caller_row).startswith("router ")
        )
        finished = before.start_ns + before.duration_ns <= self.start[row]
        return spawned and before.error and finished
