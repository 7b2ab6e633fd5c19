"""Groups of traces to compare: two searches, each loaded up to a number of traces."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

from dashboard.analysis.compare import similarity
from dashboard.models import TraceRecord
from dashboard.reads.traces import Bound, find_traces, load, load_whole
from dashboard.traces.builder import Problem
from dashboard.traces.collector import no_collection
from dashboard.traces.query import TraceQuery
from dashboard.traces.trace import Trace

DEFAULT_TRACES = 100  # of each group
MAX_TRACES = 200
MAX_SPANS = 100_000  # of each group
SEARCH_S = 2.0  # for the search of one group, at most
MAX_ALIKE = 300  # traces that are looked at for those alike
ALIKE_S = 1.5


@dataclass(slots=True)
class Group:
    """One side: its search, its newest traces, and what was left out."""

    query: TraceQuery
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    records: list[TraceRecord] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    matched: int = 0
    exact: bool = True  # whether ``matched`` is the true number
    shared: int = 0  # left out because the other group holds them too
    too_large: int = 0  # left out for their spans


def read_group(text: str) -> Group:
    """A group from its search as a query string; nothing is loaded."""
    parameters = parse_qs(text.lstrip("?"), keep_blank_values=False)
    query, problems, unknown = TraceQuery.read(parameters)
    return Group(replace(query, after=None), problems, unknown)


def find_group(group: Group, limit: int) -> None:
    """Find the records of a group, page by page."""
    until = time.monotonic() + SEARCH_S
    query = replace(group.query, limit=limit, after=None)
    while True:
        found = find_traces(query)
        if not group.records:
            group.matched = found.matched
            group.exact = found.bound is Bound.EXACT
        group.records += found.records
        left = limit - len(group.records)
        if left <= 0 or found.after is None:
            break
        if time.monotonic() > until:
            group.exact = False
            break
        query = replace(query, after=found.after, limit=left)
    group.matched = max(group.matched, len(group.records))


def load_groups(a: Group, b: Group) -> None:
    """Load the traces of both; what both hold counts for b alone."""
    of_b = {record.pk for record in b.records}
    kept = [record for record in a.records if record.pk not in of_b]
    a.shared = len(a.records) - len(kept)
    a.records = kept
    for group in (a, b):
        load_traces(group)


def load_traces(group: Group) -> None:
    """Load whole traces as long as their spans fit."""
    spans = 0
    chosen: list[TraceRecord] = []
    for record in group.records:
        if spans + record.span_count > MAX_SPANS and chosen:
            group.too_large += 1
            continue
        spans += record.span_count
        chosen.append(record)
    group.records = chosen
    pks = [record.pk for record in chosen]
    with no_collection():
        for first in range(0, len(pks), 25):
            part = pks[first : first + 25]
            found = TraceRecord.objects.defer("contribution").in_bulk(part)
            group.traces += [load_whole(found[pk]) for pk in part if pk in found]


@dataclass(frozen=True, slots=True)
class Alike:
    """A stored trace and how alike it is to another, 0..1."""

    record: TraceRecord
    similarity: float


def find_alike(record: TraceRecord, least: float = 0.0) -> tuple[list[Alike], int]:
    """Traces of the same root that call alike, the most alike first; how many were
    looked at. Those that cannot reach ``least`` by their number of spans are not."""
    query = TraceQuery(
        service=record.root_service,
        operation=record.root_operation,
        source=record.source.name,
        limit=MAX_ALIKE,
    )
    until = time.monotonic() + ALIKE_S
    mine = load(record).trace
    looked = 0
    found: list[Alike] = []
    for other in _full(find_traces(query).records):
        if other.pk == record.pk or time.monotonic() > until:
            continue
        looked += 1
        sizes = sorted((other.span_count, record.span_count))
        if sizes[0] < least * sizes[1]:
            continue
        alike = similarity(mine, load(other).trace)
        if alike >= least:
            found.append(Alike(other, alike))
    found.sort(key=lambda one: (-one.similarity, one.record.duration_us))
    return found, looked


def _full(records: list[TraceRecord]) -> Iterable[TraceRecord]:
    """The same with their columns, some at a time."""
    for first in range(0, len(records), 25):
        pks = [record.pk for record in records[first : first + 25]]
        rows = TraceRecord.objects.defer("details", "contribution").in_bulk(pks)
        yield from (rows[pk] for pk in pks if pk in rows)
