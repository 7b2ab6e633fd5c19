"""The one way of traces into the store, and its announcement."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import numpy as np
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from dashboard.actions import meters
from dashboard.actions.arrivals import Arrival, count_arrivals
from dashboard.actions.insert import insert_models
from dashboard.actions.locks import hold_traces, is_passing
from dashboard.actions.prepare import Prepared, book_all, prepare
from dashboard.actions.terms import insert_terms, list_terms, term_rows
from dashboard.actions.vocabulary import note_words, words_of
from dashboard.analysis.analyse import Analysis
from dashboard.analysis.summary import summarise
from dashboard.graph.contribution import Contribution
from dashboard.live.events import TRACES, publish
from dashboard.models import (
    GROWING,
    RollupDelta,
    Source,
    Tombstone,
    TraceRecord,
    TraceTerm,
)
from dashboard.storing import note_stored
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.ids import trace_key
from dashboard.traces.merge import merge
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
MAX_TRIES = 6
BATCH = 100
EMPTY = Contribution()


@dataclass(slots=True)
class IngestResult:
    """What an ingest did, in numbers of traces (and spans)."""

    created: int = 0
    grown: int = 0
    unchanged: int = 0
    buried: int = 0  # deleted before; not stored again
    spans: int = 0
    added_spans: int = 0  # without those that were stored before
    keys: list[str] = field(default_factory=list)

    def add(self, other: IngestResult) -> None:
        """Sum up."""
        self.created += other.created
        self.grown += other.grown
        self.unchanged += other.unchanged
        self.buried += other.buried
        self.spans += other.spans
        self.added_spans += other.added_spans
        self.keys += other.keys


class Changed(Exception):
    """Somebody else wrote a trace of this batch first."""


def ingest(
    source: Source, traces: list[Trace], *, replace: bool, timed: bool = True
) -> IngestResult:
    """Store traces of one source, each in full or not at all, and announce them.

    ``replace``: each trace is the source's whole present answer (pulled) and
    replaces an earlier one; else (pushed) its spans are merged into what is
    stored. Storing the same again changes nothing. ``timed``: they come as they
    happen, so that their lag counts; what is fetched from the past does not.
    """
    result = IngestResult()
    for first in range(0, len(traces), BATCH):
        part = traces[first : first + BATCH]
        for attempt in range(MAX_TRIES):
            try:
                with no_collection():
                    done = _ingest_batch(source, part, replace, timed)
                break
            except (Changed, IntegrityError):
                if attempt == MAX_TRIES - 1:
                    raise
                log.debug("traces changed while they were merged; trying again")
            except OperationalError as problem:
                if attempt == MAX_TRIES - 1 or not is_passing(problem):
                    raise
        result.add(done)
        meters.created_traces.labels(source.kind).inc(done.created)
        meters.grown_traces.labels(source.kind).inc(done.grown)
        # Fewer than before when a repair of late spans removes doubles.
        meters.stored_spans.labels(source.kind).inc(max(0, done.added_spans))
        _announce(done)
    return result


def _announce(done: IngestResult) -> None:
    """Tell the pages, once the outermost transaction is in the database."""

    def tell() -> None:
        publish(TRACES, {"keys": done.keys})

    if done.keys:
        note_stored()
        transaction.on_commit(tell)


def _group(traces: list[Trace]) -> dict[str, Trace]:
    """One trace per key: pieces of one trace in one batch are merged."""
    found: dict[str, Trace] = {}
    for trace in traces:
        if not len(trace):
            continue
        key = trace_key(trace.trace_id)
        found[key] = merge(found[key], trace) if key in found else trace
    return found


def _ingest_batch(
    source: Source, traces: list[Trace], whole: bool, timed: bool
) -> IngestResult:
    result = IngestResult()
    groups = _group(traces)
    buried = {
        stone.trace_key
        for stone in Tombstone.objects.filter(source=source, trace_key__in=groups)
    }
    for key in buried & groups.keys():
        del groups[key]
        result.buried += 1
    records = TraceRecord.objects.filter(source=source, trace_key__in=groups)
    if whole:
        records = records.defer("columns", "details")
    olds = {record.trace_key: record for record in records}
    now = timezone.now()
    ready = []
    for key, trace in groups.items():
        old = olds.get(key)
        if whole and old is not None and len(trace) == old.span_count:
            result.unchanged += 1  # backends only ever add spans
            continue
        prepared = prepare(key, trace, old, whole, now)
        if old is not None and (
            old.digest == prepared.digest
            or (whole and len(prepared.trace) < old.span_count)
        ):
            result.unchanged += 1
            continue
        ready.append(prepared)
    if ready:
        delta = book_all(ready)
        with transaction.atomic():
            _write(source, ready, now, delta)
            count_arrivals(source.pk, map(_arrival, ready), now, timed=timed)
        for prepared in ready:
            result.created += prepared.old is None
            result.grown += prepared.old is not None
            result.spans += len(prepared.trace)
            before = prepared.old.span_count if prepared.old else 0
            result.added_spans += len(prepared.trace) - before
            result.keys.append(prepared.key)
    return result


def _arrival(prepared: Prepared) -> Arrival:
    analysis, old = prepared.analysis, prepared.old
    start_us = analysis.start_ns // 1_000
    return Arrival(
        old is None,
        len(prepared.trace) - (old.span_count if old else 0),
        start_us,
        start_us + analysis.duration_ns // 1_000,
    )


def _write(
    source: Source, ready: list[Prepared], now: datetime, delta: Contribution
) -> None:
    """Write traces; ``delta`` is the sum of their contributions."""
    keys = [prepared.key for prepared in ready]
    hold_traces(keys)
    held = TraceRecord.objects.select_for_update().filter(trace_key__in=keys)
    # A deleted copy that counted goes on counting for its trace.
    stones = set(
        Tombstone.objects.filter(trace_key__in=keys, counted=True).values_list(
            "trace_key", flat=True
        )
    )
    siblings: dict[str, list[TraceRecord]] = {}
    for record in held.defer("columns", "details", "summary"):
        siblings.setdefault(record.trace_key, []).append(record)
    overlaps: dict[int, Contribution] = defaultdict(Contribution)
    create, terms = [], []
    words: set[tuple[str, str, int]] = set()
    for prepared in ready:
        present = siblings.get(prepared.key, [])
        mine = next((r for r in present if r.source_id == source.pk), None)
        old = prepared.old
        if (mine is None) != (old is None) or (
            mine is not None and old is not None and mine.version != old.version
        ):
            raise Changed(prepared.key)
        record = _fill(mine or TraceRecord(source=source), prepared, now)
        before = Contribution.from_bytes(mine.contribution) if mine else EMPTY
        delta.merge(before, -1)
        others = [r for r in present if r.source_id != source.pk]
        _settle_overlap(
            record,
            prepared,
            before,
            mine is None,
            others,
            overlaps,
            prepared.key in stones,
        )
        record.contribution = prepared.packed
        if mine is None:
            create.append(record)
        else:
            record.save()
            TraceTerm.objects.filter(record=record).delete()
            terms += term_rows(record, prepared.terms)
        words |= words_of(prepared.trace)
    insert_models(create)
    by_key = {prepared.key: prepared for prepared in ready}
    for record in create:
        terms += term_rows(record, by_key[record.trace_key].terms)
    insert_terms(terms)
    note_words(source.pk, words, now)
    write_delta(source.pk, delta)
    for source_id, overlap in overlaps.items():
        write_delta(source_id, overlap, overlap=True)


def _fill(record: TraceRecord, prepared: Prepared, now: datetime) -> TraceRecord:
    trace, analysis = prepared.trace, prepared.analysis
    summary = summarise(trace, analysis)
    path = analysis.critical
    extra: dict[str, np.ndarray] = {
        "self_ns": analysis.self_ns,
        "critical_row": path.row,
        "critical_start_ns": path.start_ns,
        "critical_end_ns": path.end_ns,
    }
    record.columns = codec.encode_columns(trace, extra)
    record.details = codec.encode_details(trace)
    record.trace_id = trace.trace_id[:32]
    record.trace_key = prepared.key
    record.start_us = summary.start_us
    record.duration_us = summary.duration_us
    record.max_span_us = int(trace.duration_ns.max()) // 1_000
    record.last_span_at = now
    record.settled = _has_settled(analysis, now, record.pk is None)
    record.arrived_at = record.arrived_at or now
    record.span_count = summary.span_count
    record.error_count = summary.error_count
    record.orphan_count = summary.orphan_count
    record.service_count = len(summary.services)
    record.root_service = summary.root_service
    record.root_operation = summary.root_operation
    record.summary = msgspec.to_builtins(summary)
    record.digest = prepared.digest
    record.byte_size = len(record.columns) + len(record.details)
    if record.pk is not None:
        record.version += 1
    return record


def _has_settled(analysis: Analysis, now: datetime, is_new: bool) -> bool:
    """A trace that ended long before it arrived is not growing."""
    end_s = (analysis.start_ns + analysis.duration_ns) / 1e9
    return is_new and now.timestamp() - end_s > 6 * settings.SPANBOARD_GROWING_SECONDS


def _settle_overlap(
    record: TraceRecord,
    prepared: Prepared,
    before: Contribution,
    is_new: bool,
    others: list[TraceRecord],
    overlaps: dict[int, Contribution],
    is_buried: bool,
) -> None:
    """A trace held by several sources counts from the one with most spans.

    Where a deleted copy counted, it goes on doing so, and no living copy counts;
    the fullest living one is shown. What is taken off is booked on the source
    whose copy does not count, so that both go together when it is removed.
    """
    was_counted = record.counted if not is_new else True
    best = max([*others, record], key=lambda r: (r.span_count, -(r.source_id or 0)))
    record.listed = best is record
    record.counted = best is record and not is_buried
    if not is_new and not was_counted:
        overlaps[record.source_id].merge(before)
    if not record.counted:
        overlaps[record.source_id].merge(prepared.share, -1)
    for other in others:
        counts = other is best and not is_buried
        if counts != other.counted:
            share = Contribution.from_bytes(other.contribution)
            overlaps[other.source_id].merge(share, 1 if counts else -1)
        if (counts, other is best) != (other.counted, other.listed):
            if other.listed != (other is best):
                list_terms([other.pk], other is best)
            other.counted, other.listed = counts, other is best
            other.save(update_fields=["counted", "listed"])


def write_delta(source_id: int, delta: Contribution, *, overlap: bool = False) -> None:
    """Append a change of the rollups; call it inside the write's transaction."""
    minutes = [minute for _, minute, _, _ in delta.items()]
    if minutes:
        RollupDelta.objects.create(
            source_id=source_id,
            first_minute=min(minutes),
            last_minute=max(minutes),
            overlap=overlap,
            payload=delta.to_bytes(),
        )


def settle_traces() -> int:
    """Mark traces that no longer grow and announce them; returns how many."""
    before = timezone.now() - timedelta(seconds=settings.SPANBOARD_GROWING_SECONDS)
    with transaction.atomic():
        # Not those that are being written: waiting for them could be a deadlock.
        free = TraceRecord.objects.select_for_update(skip_locked=True)
        rows = list(
            free.filter(GROWING, last_span_at__lt=before).values_list(
                "pk", "trace_key"
            )[:2000]
        )
        if not rows:
            return 0
        changed = TraceRecord.objects.filter(pk__in=[row[0] for row in rows]).update(
            settled=True
        )
    publish(TRACES, {"keys": [row[1] for row in rows]})
    return changed
