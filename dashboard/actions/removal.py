"""Removes a source with all that it gave."""

from __future__ import annotations

from django.db import transaction

from dashboard.actions.ingest import write_delta
from dashboard.graph.contribution import Contribution
from dashboard.live.events import SOURCES, TRACES, publish
from dashboard.models import Source, TraceRecord


def remove_source(source: Source) -> None:
    """Remove a source, its traces and its rollups.

    Traces that another source holds as well count from that one afterwards.
    """
    with transaction.atomic():
        mine = TraceRecord.objects.filter(source=source, counted=True)
        others = TraceRecord.objects.exclude(source=source).filter(
            trace_key__in=mine.values("trace_key")
        )
        heirs: dict[str, TraceRecord] = {}
        for record in others.defer("columns", "details", "summary").iterator(200):
            best = heirs.get(record.trace_key)
            if best is None or record.span_count > best.span_count:
                heirs[record.trace_key] = record
        for heir in heirs.values():
            heir.counted = True
            heir.save(update_fields=["counted"])
            share = Contribution.from_bytes(heir.contribution)
            write_delta(heir.source_id, share, overlap=True)
        source.delete()
    publish(SOURCES, {"source": 0})
    publish(TRACES, {"keys": [], "source": 0, "all": True})
