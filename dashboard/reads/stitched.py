"""Traces that are one request, put together for the eye."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.analysis.summary import Summary, summarise
from dashboard.doctor.stitch import Seam, stitch
from dashboard.models import TraceRecord
from dashboard.reads.traces import find_record, load_whole
from dashboard.traces import codec
from dashboard.traces.trace import Trace

MOST_PIECES = 8
MOST_SPANS = 20_000
MAX_KEPT = 4
_kept: dict[tuple[tuple[int, int], ...], Stitched] = {}
_lock = threading.Lock()


@dataclass(slots=True)
class Stitched:
    """Several traces as one: the trace without details, and the blob of these."""

    records: list[TraceRecord]
    trace: Trace
    extra: dict[str, np.ndarray]
    summary: Summary
    details: bytes
    seams: list[Seam]


def stitched(trace_ids: list[str]) -> Stitched | None:
    """The traces together, or ``None`` where one is not stored.

    Raises ``ValueError`` with a sentence for too many of them, or too large ones.
    """
    if not 2 <= len(trace_ids) <= MOST_PIECES:
        raise ValueError(f"Name 2 to {MOST_PIECES} trace ids with + between them.")
    found = [find_record(trace_id) for trace_id in dict.fromkeys(trace_ids)]
    records = [record for record in found if record is not None]
    if len(records) < len(found) or len(records) < 2:
        return None
    if sum(record.span_count for record in records) > MOST_SPANS:
        raise ValueError(f"These traces have more than {MOST_SPANS} spans together.")
    key = tuple((record.pk, record.version) for record in records)
    with _lock:
        if key in _kept:
            return _kept[key]
    whole, seams = stitch([load_whole(_full(record)) for record in records])
    trace = adjust(whole)
    analysis = analyse(trace)
    path = analysis.critical
    made = Stitched(
        records,
        trace,
        {
            "self_ns": analysis.self_ns,
            "critical_row": path.row,
            "critical_start_ns": path.start_ns,
            "critical_end_ns": path.end_ns,
        },
        summarise(trace, analysis),
        codec.encode_details(trace),
        seams,
    )
    with _lock:
        _kept[key] = made
        while len(_kept) > MAX_KEPT:
            del _kept[next(iter(_kept))]
    return made


def _full(record: TraceRecord) -> TraceRecord:
    """The record with its details, which finding it left out."""
    return TraceRecord.objects.get(pk=record.pk)
