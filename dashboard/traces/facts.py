"""Facts: the few tags that analysis asks for, under one name each.

Old and new OpenTelemetry conventions, Zipkin's and Envoy's names are mapped to
one canonical key. A span's own tag goes before its process's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from dashboard.traces.trace import Int32

ALIASES: dict[str, str] = {
    "error": "error",
    "otel.status_code": "otel.status_code",
    "otel.status_description": "status_message",
    "error.message": "status_message",
    "error.type": "error.type",
    "http.status_code": "http.status_code",
    "http.response.status_code": "http.status_code",
    "http.method": "http.method",
    "http.request.method": "http.method",
    "http.request.resend_count": "resend_count",
    "http.resend_count": "resend_count",
    "rpc.grpc.status_code": "grpc.status_code",
    "grpc.status_code": "grpc.status_code",
    "grpc-status": "grpc.status_code",
    "rpc.response.status_code": "grpc.status_code",
    "peer.service": "peer.service",
    "service.peer.name": "peer.service",
    "db.system": "db.system",
    "db.system.name": "db.system",
    "db.type": "db.system",
    "db.name": "db.name",
    "db.namespace": "db.name",
    "db.instance": "db.name",
    "messaging.system": "messaging.system",
    "messaging.destination": "messaging.destination",
    "messaging.destination.name": "messaging.destination",
    "message_bus.destination": "messaging.destination",
    "server.address": "server.address",
    "net.peer.name": "server.address",
    "net.sock.peer.name": "server.address",
    "server.socket.domain": "server.address",
    "peer.hostname": "server.address",
    "server.port": "server.port",
    "net.peer.port": "server.port",
    "network.peer.port": "server.port",
    "net.sock.peer.port": "server.port",
    "server.socket.port": "server.port",
    "peer.port": "server.port",
    "net.peer.ip": "net.peer.ip",
    "network.peer.address": "net.peer.ip",
    "net.sock.peer.addr": "net.peer.ip",
    "server.socket.address": "net.peer.ip",
    "peer.ipv4": "net.peer.ip",
    "remote.service": "remote.service",
    "component": "component",
    "upstream_cluster": "upstream_cluster",
    "upstream_address": "upstream_address",
    "response_flags": "response_flags",
    "node_id": "node_id",
    "guid:x-request-id": "request_id",
    "peer.address": "peer.address",
    "istio.canonical_revision": "version",
    "service.version": "version",
    "istio.namespace": "namespace",
    "k8s.namespace.name": "namespace",
    "service.namespace": "namespace",
    "istio.canonical_service": "canonical_service",
    "k8s.pod.name": "pod",
    "service.instance.id": "pod",
    "host.id": "host",
    "host.ip": "host",
    "host.name": "host",
    "ip": "host",
    "hostname": "host",
    "telemetry.sdk.name": "sdk",
    "endpoint": "endpoint",
    "sampler.type": "sampler.type",
    "sampler.param": "sampler.param",
    "span.kind": "span.kind",
}
FACT_KEYS = tuple(dict.fromkeys(ALIASES.values()))
# Where several names of one fact stand on one span, the earlier one is taken.
RANK = {name: rank for rank, name in enumerate(ALIASES)}
SLOTS = {key: slot for slot, key in enumerate(FACT_KEYS)}
SLOT_AND_RANK = {name: (SLOTS[key], RANK[name]) for name, key in ALIASES.items()}
KIND_SLOT, ERROR_SLOT = SLOTS["span.kind"], SLOTS["error"]
NOT_ERRORS = {"", "false", "0"}
MAX_FACT = 1_000  # characters kept of one value


class KeyAndValue(Protocol):
    """What a decoder's tag must have."""

    @property
    def key(self) -> str:
        """The tag's name."""

    @property
    def value(self) -> Any:
        """Its value, of any type."""


class FactTable:
    """Collects facts row by row and gives them as columns of indices."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.index: dict[str, int] = {}
        self.rows: list[list[int]] = [[] for _ in FACT_KEYS]
        self.found: list[list[int]] = [[] for _ in FACT_KEYS]
        self.last_row = [-1] * len(FACT_KEYS)
        self.last_rank = [0] * len(FACT_KEYS)

    def add_tags(self, row: int, tags: Iterable[KeyAndValue]) -> str:
        """Note the facts among one row's tags; gives its span kind, ``""`` if none.

        Of several names of one fact the one of lowest rank counts, and of equal
        ones the first; but a true error goes before a false one.
        """
        kind = ""
        index, last_row, last_rank = self.index, self.last_row, self.last_rank
        find = SLOT_AND_RANK.get
        for tag in tags:
            found = find(tag.key)
            if found is None:
                continue
            slot, rank = found
            value = tag.value
            text = value if type(value) is str else text_of(value)
            if (
                last_row[slot] == row
                and rank >= last_rank[slot]
                and (slot != ERROR_SLOT or text in NOT_ERRORS)
            ):
                continue
            last_row[slot], last_rank[slot] = row, rank
            if slot == KIND_SLOT:
                kind = text
                continue
            number = index.get(text)
            if number is None:
                number = self._number(text)
            self.rows[slot].append(row)
            self.found[slot].append(number)
        return kind

    def _number(self, text: str) -> int:
        text = text[:MAX_FACT]
        number = self.index.setdefault(text, len(self.values))
        if number == len(self.values):
            self.values.append(text)
        return number

    def columns(
        self, count: int, process: Int32, of_process: dict[str, dict[int, str]]
    ) -> dict[str, Int32]:
        """Columns for ``count`` rows.

        ``of_process`` gives each process's own facts (key → process → value),
        which fill rows that have none.
        """
        result: dict[str, Int32] = {}
        for key, by_process in of_process.items():
            table = np.full(max(int(process.max(initial=-1)) + 1, 1), -1, np.int32)
            for number, value in by_process.items():
                if number < len(table):
                    table[number] = self._number(value)
            result[key] = table[process] if count else np.empty(0, np.int32)
        for key, rows, values in zip(FACT_KEYS, self.rows, self.found, strict=True):
            if not rows:
                continue
            column = result.get(key)
            if column is None:
                column = result[key] = np.full(count, -1, np.int32)
            column[np.array(rows, np.int64)] = values
        return result


def text_of(value: object) -> str:
    """A tag's value as text: ``true``/``false`` for booleans."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    return "" if value is None else str(value)
