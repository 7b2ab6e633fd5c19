"""Builds a Trace span by span; every decoder ends here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashboard.traces.details import has_logs
from dashboard.traces.facts import (
    ALIASES,
    FEW,
    KINDS,
    RANK,
    FactTable,
    KeyAndValue,
    text_of,
)
from dashboard.traces.trace import (
    Flag,
    Int32,
    Int64,
    Process,
    Reference,
    Tag,
    Trace,
    Uint8,
    Uint16,
    Warning,
)

__all__ = ["KINDS", "Decoded", "Problem", "TraceBuilder"]

MAX_NS = 2**62 - 1  # a start and a duration must add up within 64 bits
NOT_GIVEN = -(2**63)
MICROSECOND = 1_000  # nanoseconds
# Starts between 2001 and 2100, in nanoseconds, are taken for true.
PLAUSIBLE_NS = (10**18, 41 * 10**17)
FINER = {1_000: {1_000: "ms"}, 1: {1_000: "µs", 1_000_000: "ms"}}
UNKNOWN_SERVICE = "unknown-service"
UNKNOWN_OPERATION = "unknown-operation"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a body that could not be read; the rest of the body was."""

    code: str
    where: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one body held: its traces, what was wrong with it, and its format."""

    traces: list[Trace]
    problems: list[Problem]
    format: str


class KnownProcess:
    """A process and its facts, read once for all the traces that it is in."""

    __slots__ = ("facts", "is_named", "process")

    def __init__(self, service: str, tags: tuple[Tag, ...]):
        self.is_named = bool(service)
        self.process = Process(service or UNKNOWN_SERVICE, tags)
        best: dict[str, int] = {}
        texts: dict[str, str] = {}
        for tag in tags:
            canonical = ALIASES.get(tag.key)
            if canonical is None or RANK[tag.key] >= best.get(canonical, 10**6):
                continue
            best[canonical] = RANK[tag.key]
            texts[canonical] = text_of(tag.value)
        self.facts = list(texts.items())


def storable(name: str) -> str:
    """A name without zero bytes, which PostgreSQL keeps in no text."""
    return name.replace("\0", "\ufffd") if "\0" in name else name


class TraceBuilder:
    """Collects the spans of one trace and makes columns of them."""

    def __init__(self, trace_id: str):
        self.trace_id = trace_id
        self.span_ids: list[str] = []
        self.parent_ids: list[str] = []
        self.references: dict[int, tuple[Reference, ...]] = {}
        self.start_ns: list[int] = []
        self.duration_ns: list[int] = []
        self.operation: list[int] = []
        self.kind: list[int] = []
        self.flags: list[int] = []
        self.process_of: list[int] = []
        self.details: list[bytes] = []
        self.warnings: list[Warning] = []
        self.services: dict[str, int] = {}
        self.operations: dict[str, int] = {}
        self.processes: list[Process] = []
        self.process_index: dict[Any, int] = {}
        self.facts = FactTable()
        self.process_facts: dict[str, dict[int, str]] = {}

    def __len__(self) -> int:
        return len(self.span_ids)

    def process(self, service: str, tags: tuple[Tag, ...], key: Any = None) -> int:
        """Number of a process; equal ones (or equal ``key``) are stored once."""
        if key is None:
            key = (service, repr(tags))
        found = self.process_index.get(key)
        if found is not None:
            return found
        return self.known_process(KnownProcess(service, tags), key)

    def known_process(self, found: KnownProcess, key: Any) -> int:
        """Number of a process that is new to this trace under this key."""
        number = self.process_index[key] = len(self.processes)
        if not found.is_named and key != "missing":
            self.warn("no-service")
        self.processes.append(found.process)
        for canonical, text in found.facts:
            self.process_facts.setdefault(canonical, {})[number] = text
        return number

    def warn(self, code: str, row: int = -1, **values: Any) -> None:
        """Leave a warning that stays with the span."""
        self.warnings.append(Warning(code, row, values))

    def span(
        self,
        span_id: str,
        parent_id: str,
        start_ns: int,
        duration_ns: int,
        operation: str,
        kind: int,
        process: int,
        details: bytes,
        tags: Iterable[KeyAndValue],
        references: tuple[Reference, ...] = (),
        flags: int = 0,
    ) -> int:
        """Add one span; returns its row.

        ``parent_id`` is the only reference where that is a same-trace CHILD_OF;
        any other shape goes into ``references``. Times out of range or negative
        are repaired with a warning; ``NOT_GIVEN`` is a duration that the source
        left out. An empty operation is shown as its absence, with a warning.
        """
        row = len(self.span_ids)
        if start_ns <= 0 or start_ns > MAX_NS:
            if start_ns:
                self.warn("start-out-of-range", row, start_us=str(start_ns // 1000))
            start_ns = 0
            flags |= Flag.NO_START
        if duration_ns == NOT_GIVEN:
            self.warn("missing-duration", row)
            duration_ns = 0
            flags |= Flag.NO_DURATION
        elif duration_ns < 0 or duration_ns > MAX_NS:
            self.warn("bad-duration", row, duration_us=str(duration_ns // 1000))
            duration_ns = 0
            flags |= Flag.NO_DURATION
        if has_logs(details):
            flags |= Flag.LOGS
        self.span_ids.append(span_id)
        self.parent_ids.append(parent_id)
        if references:
            self.references[row] = references
        self.start_ns.append(start_ns)
        self.duration_ns.append(duration_ns)
        if not operation:
            self.warn("no-operation", row)
            operation = UNKNOWN_OPERATION
        number = self.operations.get(operation)
        if number is None:
            number = self.operations[operation] = len(self.operations)
        self.operation.append(number)
        self.kind.append(kind)
        self.flags.append(flags)
        self.process_of.append(process)
        self.details.append(details)
        self.facts.add_tags(row, tags)
        return row

    def plain_span(
        self,
        span_id: str,
        parent_id: str,
        start_ns: int,
        duration_ns: int,
        operation: str,
        kind: int,
        process: int,
        details: bytes,
        facts: list[tuple[int, int, str]],
    ) -> None:
        """Add a span that needs no repair, has no logs and one parent at most.

        ``facts`` are slots, ranks and texts (``FactTable.add_found``).
        """
        row = len(self.span_ids)
        self.span_ids.append(span_id)
        self.parent_ids.append(parent_id)
        self.start_ns.append(start_ns)
        self.duration_ns.append(duration_ns)
        index = self.operations
        self.operation.append(index.setdefault(operation, len(index)))
        self.kind.append(kind)
        self.flags.append(0)
        self.process_of.append(process)
        self.details.append(details)
        if facts:
            self.facts.add_found(row, facts)

    def check_units(self, unit_ns: int, start_ns: Int64 | None = None) -> None:
        """Warn where starts look like another unit than the format's ``unit_ns``.

        Nothing is scaled: the source may mean what it says. ``start_ns`` are the
        starts where they were not added span by span.
        """
        low, high = PLAUSIBLE_NS
        if start_ns is None and len(self) < FEW:
            given = sorted(start for start in self.start_ns if start > 0)
            middle = given[len(given) // 2] if given else 0
        else:
            starts = np.array(self.start_ns) if start_ns is None else start_ns
            starts = starts[starts > 0]
            place = len(starts) // 2
            middle = int(np.partition(starts, place)[place]) if len(starts) else 0
        if middle:
            for factor, unit in FINER[unit_ns].items():
                if low <= middle * factor <= high:
                    self.warn("unit-suspect", unit=unit, start_us=str(middle // 1_000))
        for warning in self.warnings:
            if warning.code == "start-out-of-range":
                start_us = warning.values["start_us"]
                if low <= int(start_us) <= high:
                    self.warn("unit-suspect", unit="ns", start_us=start_us)
                return

    def finish(self) -> Trace:
        """The trace, unadjusted, rows in the order in which they were added."""
        return self._trace(
            self.span_ids,
            self.parent_ids,
            np.array(self.start_ns, np.int64),
            np.array(self.duration_ns, np.int64),
            np.array(self.operation, np.int32),
            np.array(self.kind, np.uint8),
            np.array(self.flags, np.uint16),
            np.array(self.process_of, np.int32),
            self.details,
        )

    def finish_columns(
        self,
        span_ids: list[str],
        parent_ids: list[str],
        start_ns: Int64,
        duration_ns: Int64,
        operations: list[str],
        process: list[int],
        details: list[bytes],
        logs: list[int],
    ) -> Trace:
        """The trace of spans that need no repair and were not added one by one.

        Starts are above 0, durations not negative, both in range; no operation is
        empty. References of other shapes, facts and warnings are in the builder.
        ``logs`` are the rows with logs.
        """
        count = len(span_ids)
        index = {name: place for place, name in enumerate(dict.fromkeys(operations))}
        self.operations = index
        flags = np.zeros(count, np.uint16)
        flags[logs] = Flag.LOGS
        return self._trace(
            span_ids,
            parent_ids,
            start_ns,
            duration_ns,
            np.fromiter(map(index.__getitem__, operations), np.int32, count),
            np.zeros(count, np.uint8),
            flags,
            np.array(process, np.int32),
            details,
        )

    def _trace(
        self,
        span_ids: list[str],
        parent_ids: list[str],
        start_ns: Int64,
        duration_ns: Int64,
        operation: Int32,
        kind: Uint8,
        flags: Uint16,
        process: Int32,
        details: list[bytes],
    ) -> Trace:
        count = len(span_ids)
        service_of = np.empty(max(len(self.processes), 1), np.int32)
        for number, found in enumerate(self.processes):
            service_of[number] = self.services.setdefault(
                found.service, len(self.services)
            )
        self.facts.fill_kinds(kind)
        return Trace(
            trace_id=self.trace_id,
            span_ids=span_ids,
            parent_ids=parent_ids,
            references=self.references,
            start_ns=start_ns,
            duration_ns=duration_ns,
            service=service_of[process] if count else np.empty(0, np.int32),
            operation=operation,
            kind=kind,
            flags=flags,
            process=process,
            services=list(map(storable, self.services)),
            operations=list(map(storable, self.operations)),
            processes=self.processes,
            details=details,
            facts=self.facts.columns(count, process, self.process_facts),
            fact_values=self.facts.values,
            warnings=self.warnings,
        )
