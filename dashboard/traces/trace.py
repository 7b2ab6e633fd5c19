"""One trace as columns; knows nothing of where it came from or how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Uint8 = NDArray[np.uint8]
Uint16 = NDArray[np.uint16]

FEW = 100  # rows up to which plain lists beat arrays
NO_ROW = -1
"""Value of ``parent`` for a root, and of a fact column where the fact is absent."""


class Kind(IntEnum):
    """Span kinds, numbered as in OTLP's ``SpanKind``."""

    UNSET = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Flag(IntFlag):
    """What is known of one span beside its numbers (column ``Trace.flags``)."""

    ERROR = 1  # failed, by the rules of docs/correctness.md ("error marks")
    ORPHAN = 2  # names a parent in this trace that is not there
    SHARED = 4  # server half of a call whose client half has the same span id
    WARNED = 8  # at least one Warning names this row
    NO_START = 16  # the source gave no start; start_ns is inherited
    MOVED = 32  # clock-skew correction moves it when drawn
    NO_DURATION = 64  # the source gave no (or a negative) duration
    RENAMED = 128  # its id was derived, because another span had the same
    LOGS = 256  # its details hold logs


@dataclass(frozen=True, slots=True)
class Warning:
    """A repair or a doubt, as a code with values; presenters make the sentence.

    ``row`` is the span's row, or ``NO_ROW`` for the whole trace.
    ``structural`` warnings come from adjusters and are found anew each time the
    trace is adjusted; the others came from decoding and stay with the span.
    """

    code: str
    row: int = NO_ROW
    values: Mapping[str, Any] = field(default_factory=dict)
    structural: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A link to another span: ``kind`` is ``CHILD_OF`` or ``FOLLOWS_FROM``."""

    kind: str
    trace_id: str
    span_id: str
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag (attribute); ``type`` is Jaeger's: string, bool, int64, float64, binary."""

    key: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True)
class Log:
    """A log (event) of a span, at ``at_ns`` nanoseconds since the epoch."""

    at_ns: int
    fields: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """A process (resource): the service's name and what runs it."""

    service: str
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanDetails:
    """What is decoded only when somebody opens the span."""

    tags: tuple[Tag, ...] = ()
    logs: tuple[Log, ...] = ()
    warnings: tuple[str, ...] = ()  # the source's own words, as text


@dataclass(slots=True)
class Trace:
    """A trace as parallel columns: row ``i`` of each column is one span.

    After decoding, rows are in the order of the source and ``parent``, ``depth``
    and ``subtree`` are empty. After ``adjusters.standard.adjust`` rows are in
    display order (depth first, siblings by start), so that the subtree of row
    ``i`` is rows ``i`` to ``i + subtree[i] - 1``.

    Times are integer nanoseconds since the epoch, raw as the source gave them:
    clock-skew correction is kept apart in ``skew_ns`` (to be added when drawn).
    """

    trace_id: (
        str  # lowercase hex as in the source, e.g. "4bf92f3577b34da6a3ce929d0e0e4736"
    )
    span_ids: list[str]  # lowercase hex, e.g. "00f067aa0ba902b7"
    parent_ids: list[str]  # span id of the only same-trace CHILD_OF reference, or ""
    references: dict[
        int, tuple[Reference, ...]
    ]  # all references of rows with other shapes
    start_ns: Int64
    duration_ns: Int64
    service: Int32  # index into services
    operation: Int32  # index into operations
    kind: Uint8
    flags: Uint16
    process: Int32  # index into processes
    services: list[str]
    operations: list[str]
    processes: list[Process]
    details: Sequence[bytes]  # JSON per span, see traces.details; b"" = nothing
    facts: dict[str, Int32] = field(default_factory=dict)  # see traces.facts
    fact_values: list[str] = field(default_factory=list)
    warnings: list[Warning] = field(default_factory=list)
    parent: Int32 = field(default_factory=lambda: np.empty(0, np.int32))
    depth: Int32 = field(default_factory=lambda: np.empty(0, np.int32))
    subtree: Int32 = field(default_factory=lambda: np.empty(0, np.int32))
    skew_ns: Int64 | None = None

    def __len__(self) -> int:
        return len(self.span_ids)

    @property
    def end_ns(self) -> Int64:
        """End of each span, nanoseconds since the epoch."""
        return self.start_ns + self.duration_ns

    def service_name(self, row: int) -> str:
        """Service of the span in ``row``."""
        return self.services[self.service[row]]

    def operation_name(self, row: int) -> str:
        """Operation of the span in ``row``."""
        return self.operations[self.operation[row]]

    def fact(self, key: str, row: int) -> str:
        """Value of a fact (a tag that analysis needs) of one span, or ``""``."""
        column = self.facts.get(key)
        if column is None or column[row] < 0:
            return ""
        return self.fact_values[column[row]]

    def rows_where(self, key: str, holds: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Of each row whether it has the fact and its value is such.

        ``holds`` is asked once for each different value.
        """
        column = self.facts.get(key)
        if column is None:
            return np.zeros(len(self), bool)
        if len(column) <= FEW:
            values = self.fact_values
            numbers = column.tolist()
            good = {n: holds(values[n]) for n in set(numbers) if n >= 0}
            return np.array([good.get(n, False) for n in numbers], bool)
        used = np.flatnonzero(np.bincount(column[column >= 0]))
        table = np.zeros(len(self.fact_values) + 1, bool)  # the last one: none
        table[used] = [holds(self.fact_values[number]) for number in used.tolist()]
        return table[column]

    def references_of(self, row: int) -> tuple[Reference, ...]:
        """All references of one span, in the order of the source."""
        found = self.references.get(row)
        if found is not None:
            return found
        if self.parent_ids[row]:
            return (Reference("CHILD_OF", self.trace_id, self.parent_ids[row]),)
        return ()

    def take(self, rows: Int64) -> Trace:
        """The trace with these rows, in this order.

        ``rows`` are row numbers (a subset or a permutation); ``parent`` follows
        the move (a parent that is left out becomes ``NO_ROW``), warnings of rows
        left out go with them; ``depth`` and ``subtree`` are only kept where the
        caller computes them again.
        """
        position = np.full(len(self), NO_ROW, np.int64)
        position[rows] = np.arange(len(rows))
        order = rows.tolist()
        parent = self.parent
        if len(parent):
            old = parent[rows]
            parent = np.where(old >= 0, position[old], NO_ROW).astype(np.int32)
        where = position.tolist()
        return replace(
            self,
            span_ids=list(map(self.span_ids.__getitem__, order)),
            parent_ids=list(map(self.parent_ids.__getitem__, order)),
            references={
                where[i]: found for i, found in self.references.items() if where[i] >= 0
            },
            start_ns=self.start_ns[rows],
            duration_ns=self.duration_ns[rows],
            service=self.service[rows],
            operation=self.operation[rows],
            kind=self.kind[rows],
            flags=self.flags[rows],
            process=self.process[rows],
            details=list(map(self.details.__getitem__, order)),
            facts={key: column[rows] for key, column in self.facts.items()},
            warnings=[
                w if w.row < 0 else replace(w, row=where[w.row])
                for w in self.warnings
                if w.row < 0 or where[w.row] >= 0
            ],
            parent=parent,
            depth=self.depth[rows] if len(self.depth) else self.depth,
            subtree=self.subtree[rows] if len(self.subtree) else self.subtree,
            skew_ns=None if self.skew_ns is None else self.skew_ns[rows],
        )
