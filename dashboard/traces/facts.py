"""Facts: the few tags that analysis asks for, under one name each.

Old and new OpenTelemetry conventions, Zipkin's and Envoy's names are mapped to
one canonical key. A span's own tag goes before its process's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from dashboard.traces.trace import Int32, Int64, Kind, Uint8

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
KINDS = {kind.name.lower(): int(kind) for kind in Kind}
KINDS["unspecified"] = int(Kind.UNSET)
NOT_ERRORS = {"", "false", "0"}
MAX_FACT = 1_000  # characters kept of one value
FEW = 200  # rows below which plain lists beat arrays


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
        self.rows: dict[int, list[int]] = {}  # by slot
        self.found: dict[int, list[int]] = {}
        self.filled: dict[int, Int32] = {}  # columns by slot, -1 where unknown
        self.last_rank: dict[int, int] = {}

    def add_tags(self, row: int, tags: Iterable[KeyAndValue]) -> None:
        """Note the facts among one row's tags."""
        find = SLOT_AND_RANK.get
        self.add_found(
            row,
            [
                (*found, value if type(value := tag.value) is str else text_of(value))
                for tag in tags
                if (found := find(tag.key)) is not None
            ],
        )

    def add_found(self, row: int, found: Iterable[tuple[int, int, str]]) -> None:
        """Note slot, rank and text of one row's facts.

        Of several names of one fact the one of lowest rank counts, and of equal
        ones the first; but a true error goes before a false one.
        """
        index, rows_of, last_rank = self.index, self.rows, self.last_rank
        for slot, rank, text in found:
            rows = rows_of.get(slot)
            if rows is None:
                rows = rows_of[slot] = []
                self.found[slot] = []
            elif rows[-1] == row and rank >= last_rank[slot] and is_false(slot, text):
                continue
            last_rank[slot] = rank
            if slot == KIND_SLOT:
                number = KINDS.get(text.lower(), 0)
            else:
                known = index.get(text)
                number = self._number(text) if known is None else known
            rows.append(row)
            self.found[slot].append(number)

    def add_block(
        self,
        rows: Int64,
        count: int,
        where: Int64,
        slots: Int64,
        ranks: Int64,
        false: Int64,
        values: Int32,
    ) -> None:
        """Note facts of many rows (of ``count``) at once, by the same rules.

        A fact belongs to row ``rows[where]``; the facts of one row are in the order
        of its tags. ``false`` is 0 for true errors, ``values`` see ``values_of``.
        """
        if not len(slots):
            return
        block = np.full((len(FACT_KEYS), len(rows)), -1, np.int32)
        block[slots, where] = values
        present = np.bincount(slots, minlength=len(FACT_KEYS))
        filled = (block >= 0).sum(axis=1)
        if (filled < present).any():  # some facts have several names
            turn = np.arange(len(slots))
            # The best comes last and stays: low ranks, early tags, true errors.
            order = np.lexsort((np.where(false, -turn, turn), -ranks * false, -false))
            block[slots[order], where[order]] = values[order]
        for slot in np.flatnonzero(present).tolist():
            whole = self.filled.get(slot)
            if whole is None:
                whole = self.filled[slot] = np.full(count, -1, np.int32)
            whole[rows] = block[slot]

    def values_of(self, slots: list[int], texts: list[str]) -> list[int]:
        """Numbers of texts; those of a span's kind are its codes."""
        index, values = self.index, self.values
        numbers = []
        for slot, text in zip(slots, texts, strict=True):
            if slot == KIND_SLOT:
                numbers.append(KINDS.get(text.lower(), 0))
                continue
            number = index.get(text)
            if number is None:
                if len(text) > MAX_FACT:
                    number = self._number(text)
                else:
                    number = index[text] = len(values)
                    values.append(text)
            numbers.append(number)
        return numbers

    def fill_kinds(self, kind: Uint8) -> None:
        """Give rows without a kind that of their ``span.kind`` tag."""
        lacks = kind == 0
        if KIND_SLOT in self.filled:
            found = self.filled[KIND_SLOT]
            lacks &= found >= 0
            kind[lacks] = found[lacks]
            lacks = kind == 0
        if KIND_SLOT in self.rows:
            rows = np.array(self.rows[KIND_SLOT], np.int64)
            codes = np.array(self.found[KIND_SLOT], np.int32)
            kind[rows] = np.where(lacks[rows], codes, kind[rows])

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
        if count < FEW and not self.filled:
            return self._few_columns(count, process.tolist(), of_process)
        result: dict[str, Int32] = {}
        for key, by_process in of_process.items():
            table = np.full(max(int(process.max(initial=-1)) + 1, 1), -1, np.int32)
            for number, value in by_process.items():
                if number < len(table):
                    table[number] = self._number(value)
            result[key] = table[process] if count else np.empty(0, np.int32)
        for slot, filled in self.filled.items():
            key = FACT_KEYS[slot]
            if slot != KIND_SLOT:
                column = result.get(key)
                result[key] = (
                    filled if column is None else np.where(filled < 0, column, filled)
                )
        for slot in sorted(self.rows):
            key = FACT_KEYS[slot]
            if slot == KIND_SLOT:
                continue
            column = result.get(key)
            if column is None:
                column = result[key] = np.full(count, -1, np.int32)
            column[np.array(self.rows[slot], np.int64)] = self.found[slot]
        return result

    def _few_columns(
        self, count: int, process: list[int], of_process: dict[str, dict[int, str]]
    ) -> dict[str, Int32]:
        """The same by plain lists."""
        result: dict[str, list[int]] = {}
        last = max(process, default=-1)
        for key, by_process in of_process.items():
            numbers = {
                one: self._number(text)
                for one, text in by_process.items()
                if one <= max(last, 0)
            }
            result[key] = [numbers.get(one, -1) for one in process]
        for slot in sorted(self.rows):
            if slot == KIND_SLOT:
                continue
            column = result.setdefault(FACT_KEYS[slot], [-1] * count)
            for row, value in zip(self.rows[slot], self.found[slot], strict=True):
                column[row] = value
        if not result:
            return {}
        return dict(zip(result, np.array(list(result.values()), np.int32), strict=True))


def is_false(slot: int, text: str) -> bool:
    """Whether a fact is anything but a true error."""
    return slot != ERROR_SLOT or text in NOT_ERRORS


def text_of(value: object) -> str:
    """A tag's value as text: ``true``/``false`` for booleans."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    return "" if value is None else str(value)
