"""Facts: the few tags that analysis asks for, under one name each.

Old and new OpenTelemetry conventions, Zipkin's and Envoy's names are mapped to
one canonical key. A span's own tag goes before its process's.
"""

from __future__ import annotations

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
    "http.url": "http.url",
    "url.full": "http.url",
    "http.request.resend_count": "resend_count",
    "http.resend_count": "resend_count",
    "rpc.grpc.status_code": "grpc.status_code",
    "grpc.status_code": "grpc.status_code",
    "grpc-status": "grpc.status_code",
    "peer.service": "peer.service",
    "service.peer.name": "peer.service",
    "db.system": "db.system",
    "db.system.name": "db.system",
    "db.type": "db.system",
    "db.name": "db.name",
    "db.namespace": "db.name",
    "db.instance": "db.name",
    "db.statement": "db.statement",
    "db.query.text": "db.statement",
    "messaging.system": "messaging.system",
    "messaging.destination": "messaging.destination",
    "messaging.destination.name": "messaging.destination",
    "message_bus.destination": "messaging.destination",
    "rpc.system": "rpc.system",
    "server.address": "server.address",
    "net.peer.name": "server.address",
    "peer.hostname": "server.address",
    "server.port": "server.port",
    "net.peer.port": "server.port",
    "peer.port": "server.port",
    "net.peer.ip": "net.peer.ip",
    "network.peer.address": "net.peer.ip",
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
    "span.kind": "span.kind",
}
FACT_KEYS = tuple(dict.fromkeys(ALIASES.values()))
# Where several names of one fact stand on one span, the earlier one is taken.
RANK = {name: rank for rank, name in enumerate(ALIASES)}
MAX_FACT = 1_000  # characters kept of one value


class FactTable:
    """Collects facts row by row and gives them as columns of indices."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.index: dict[str, int] = {}
        self.rows: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, key: str, row: int, value: str) -> None:
        """Note one fact of one row."""
        value = value[:MAX_FACT]
        found = self.index.get(value)
        if found is None:
            found = self.index[value] = len(self.values)
            self.values.append(value)
        pair = self.rows.get(key)
        if pair is None:
            pair = self.rows[key] = ([], [])
        pair[0].append(row)
        pair[1].append(found)

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
                value = value[:MAX_FACT]
                found = self.index.get(value)
                if found is None:
                    found = self.index[value] = len(self.values)
                    self.values.append(value)
                if number < len(table):
                    table[number] = found
            result[key] = table[process] if count else np.empty(0, np.int32)
        for key, (rows, values) in self.rows.items():
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
