"""The stored traces behind a node or an edge: exactly those that count for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from django.db.models import QuerySet

from dashboard.graph.contribution import call_keys, request_rows
from dashboard.graph.link import link
from dashboard.graph.mesh import MeshNames
from dashboard.graph.packing import pack_key
from dashboard.graph.tables import Words
from dashboard.models import TraceRecord, TraceTerm
from dashboard.reads.rollups import frames_of
from dashboard.reads.traces import load, visible_sources
from dashboard.traces.trace import Flag, Trace

MAX_NEWEST = 400  # traces looked at for their number
MAX_LONGEST = 200  # and for the slowest
MAX_FAILED = 100
MAX_EXAMPLES = 8
MAX_TERMS = 40
BEFORE_US = 3_600_000_000  # a call may belong to a minute long after its trace's start
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: keys of one table, in the minutes of a window."""

    table: str  # a table of edges or of requests
    keys: frozenset[Words]
    terms: tuple[int, ...]  # each such trace has one of these
    first: int
    last: int
    source: str = ""


@dataclass(slots=True)
class Example:
    """One call or request in one trace."""

    record: TraceRecord
    span_id: str
    start_us: int
    duration_us: int
    failed: bool


@dataclass(slots=True)
class Share:
    """What one trace has of it."""

    pk: int
    count: int = 0
    errors: int = 0
    slowest: int = 0  # bucket


@dataclass(slots=True)
class Examples:
    """The traces, the slowest calls and failed ones among them."""

    slowest: list[Example] = field(default_factory=list)
    failed: list[Example] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    whole: bool = True  # false where there were more traces than were looked at
    inside: bool = True  # every one of them starts in the window, and none else does

    def add(self, other: Examples) -> None:
        """Put those of another part beside these."""
        self.slowest = sorted(
            self.slowest + other.slowest, key=lambda e: -e.duration_us
        )[:MAX_EXAMPLES]
        self.failed = sorted(self.failed + other.failed, key=lambda e: -e.start_us)[
            :MAX_EXAMPLES
        ]
        self.trace_ids = list(dict.fromkeys(self.trace_ids + other.trace_ids))
        self.whole = self.whole and other.whole
        self.inside = self.inside and other.inside


def examples(wanted: Wanted) -> Examples:
    """Exact examples; which of many traces were looked at is told by ``whole``."""
    result = Examples()
    if not wanted.keys or not wanted.terms:
        return result
    candidates = _candidates(wanted)
    newest = list(candidates.order_by("-start_us")[: MAX_NEWEST + 1])
    result.whole = len(newest) <= MAX_NEWEST
    records = {record.pk: record for record in newest[:MAX_NEWEST]}
    if not result.whole:
        for record in candidates.order_by("-duration_us")[:MAX_LONGEST]:
            records.setdefault(record.pk, record)
        failed = candidates.filter(error_count__gt=0).order_by("-start_us")
        for record in failed[:MAX_FAILED]:
            records.setdefault(record.pk, record)
    keys = {pack_key(words) for words in wanted.keys}
    shares = []
    for record in records.values():
        share = _share(record, wanted, keys)
        if share.count:
            shares.append(share)
            result.trace_ids.append(record.trace_id)
        in_window = wanted.first <= record.start_us // MINUTE_US <= wanted.last
        result.inside = result.inside and in_window == bool(share.count)
    by_time = sorted(shares, key=lambda s: (-s.slowest, -records[s.pk].start_us))
    by_failure = sorted(
        (share for share in shares if share.errors),
        key=lambda s: (-records[s.pk].start_us, s.pk),
    )
    chosen = {s.pk for s in (*by_time[:MAX_EXAMPLES], *by_failure[:MAX_EXAMPLES])}
    full = TraceRecord.objects.select_related("source").in_bulk(chosen)
    found = {pk: _examples_in(record, wanted) for pk, record in full.items()}
    for share in by_time[:MAX_EXAMPLES]:
        if found.get(share.pk):
            result.slowest.append(max(found[share.pk], key=lambda e: e.duration_us))
    for share in by_failure[:MAX_EXAMPLES]:
        bad = [example for example in found.get(share.pk, ()) if example.failed]
        if bad:
            result.failed.append(max(bad, key=lambda e: e.duration_us))
    result.slowest.sort(key=lambda e: -e.duration_us)
    return result


def _candidates(wanted: Wanted) -> QuerySet[TraceRecord]:
    """Counted traces with one of the terms that may have a call in the window."""
    after_us = wanted.first * MINUTE_US - BEFORE_US
    before_us = (wanted.last + 1) * MINUTE_US
    having = TraceTerm.objects.filter(
        term__in=wanted.terms[:MAX_TERMS],
        start_us__gte=after_us,
        start_us__lt=before_us,
    )
    records = TraceRecord.objects.filter(
        source__in=visible_sources(wanted.source), pk__in=having.values("record")
    )
    if not wanted.source:
        records = records.filter(counted=True)
    return records.defer("columns", "details", "summary")


def _share(record: TraceRecord, wanted: Wanted, keys: set[bytes]) -> Share:
    share = Share(record.pk)
    if not record.contribution:
        return share
    frame = frames_of(record.contribution, (wanted.table,)).get(wanted.table)
    if frame is None:
        return share
    ends = np.cumsum(frame.lengths).tolist()
    minutes = frame.minute.tolist()
    for row, key in enumerate(frame.keys):
        if key in keys and wanted.first <= minutes[row] <= wanted.last:
            share.count += int(frame.count[row])
            share.errors += int(frame.errors[row])
            buckets = frame.bucket[ends[row] - int(frame.lengths[row]) : ends[row]]
            share.slowest = max(share.slowest, int(buckets.max(initial=0)))
    return share


def _examples_in(record: TraceRecord, wanted: Wanted) -> list[Example]:
    trace = load(record).trace
    if wanted.table.endswith("edge"):
        return list(_calls_in(record, trace, wanted))
    return list(_requests_in(record, trace, wanted))


def _in_window(start_ns: int, wanted: Wanted) -> bool:
    return wanted.first <= start_ns // (MINUTE_US * 1_000) <= wanted.last


def _calls_in(record: TraceRecord, trace: Trace, wanted: Wanted) -> Iterable[Example]:
    callee_at = 1 if wanted.table == "edge" else 2
    ends = {(words[0], words[callee_at]) for words in wanted.keys}
    for call in link(trace):
        if (call.caller, call.callee) not in ends:
            continue
        if not _in_window(call.start_ns, wanted):
            continue
        if wanted.keys & call_keys(trace, call, wanted.table):
            row = call.caller_row if call.caller_row >= 0 else call.callee_row
            yield Example(
                record,
                trace.span_ids[row],
                call.start_ns // 1_000,
                call.duration_ns // 1_000,
                call.error,
            )


def _requests_in(
    record: TraceRecord, trace: Trace, wanted: Wanted
) -> Iterable[Example]:
    mesh = MeshNames(trace)
    for row in request_rows(trace, mesh).tolist():
        name = mesh.names[mesh.service[row]]
        version, namespace = trace.fact("version", row), trace.fact("namespace", row)
        key: Words = (name, version, namespace)
        if wanted.table == "entry":
            key = (name, trace.operation_name(row))
        elif wanted.table == "instance":
            key = (name, trace.fact("pod", row), version, namespace)
        if key in wanted.keys and _in_window(int(trace.start_ns[row]), wanted):
            yield Example(
                record,
                trace.span_ids[row],
                int(trace.start_ns[row]) // 1_000,
                int(trace.duration_ns[row]) // 1_000,
                bool(trace.flags[row] & Flag.ERROR),
            )
