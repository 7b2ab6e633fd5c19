"""Removes a source with all that it gave."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from dashboard.actions.ingest import write_delta
from dashboard.actions.terms import list_terms
from dashboard.graph.contribution import Contribution
from dashboard.live.events import SOURCES, TRACES, publish
from dashboard.models import Source, Tombstone, TraceRecord


def remove_source(source: Source) -> None:
    """Remove a source, its traces and its rollups.

    Traces that another source holds as well count from that one afterwards.
    """
    with transaction.atomic():
        mine = TraceRecord.objects.filter(source=source).filter(
            Q(counted=True) | Q(listed=True)
        )
        stones = Tombstone.objects.filter(source=source, counted=True)
        counted = set(mine.filter(counted=True).values_list("trace_key", flat=True))
        counted |= set(stones.values_list("trace_key", flat=True))
        others = TraceRecord.objects.exclude(source=source).filter(
            Q(trace_key__in=mine.values("trace_key"))
            | Q(trace_key__in=stones.values("trace_key"))
        )
        heirs: dict[str, TraceRecord] = {}
        for record in others.defer("columns", "details", "summary").iterator(200):
            best = heirs.get(record.trace_key)
            if best is None or record.span_count > best.span_count:
                heirs[record.trace_key] = record
        list_terms([heir.pk for heir in heirs.values()], True)
        for key, heir in heirs.items():
            heir.listed = True
            if key in counted and not heir.counted:
                heir.counted = True
                share = Contribution.from_bytes(heir.contribution)
                write_delta(heir.source_id, share, overlap=True)
            heir.save(update_fields=["counted", "listed"])
        source.delete()
    publish(SOURCES, {})
    publish(TRACES, {"all": True})
