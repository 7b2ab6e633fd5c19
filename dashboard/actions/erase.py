"""Removes a trace so that nothing of it can be found in the database's files.

Retention keeps the counts of what it deletes, and with them names of operations,
versions and pods. Erasing takes the trace out of the counts as well: the rollups
lose exactly what it had added, so that they equal what is stored and buried, as
before, and a name that no other trace has is in them no more. The stone that stays
holds the trace's id and number of spans only, so that a pull brings it not back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from dashboard.access.person import LOCAL
from dashboard.actions.ingest import write_delta
from dashboard.actions.locks import hold_traces
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.shares import delete_shares_of_trace
from dashboard.graph.contribution import Contribution
from dashboard.live.events import TRACES, publish
from dashboard.models import (
    Diagnosis,
    DoctorState,
    Note,
    SavedLink,
    Tombstone,
    TraceRecord,
    TraceTerm,
    Vocabulary,
)
from dashboard.traces import codec
from dashboard.traces.ids import trace_key
from dashboard.traces.terms import term
from dashboard.traces.trace import Trace

AT_ONCE = 500
HEX_WORD = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{1,32}(?![0-9A-Za-z])")


@dataclass(slots=True)
class Erased:
    """What was erased: copies by source, stones, words of forms, snapshots."""

    copies: int = 0
    stones: int = 0
    words: int = 0
    snapshots: int = 0
    cleared: bool = True  # no free page of the files holds anything of it


def erase_trace(trace_id: str, *, shares: bool = False, clear: bool = True) -> Erased:
    """Erase all copies of a trace, its counts, and names that only it had.

    ``shares``: its snapshots and their links too (they are redacted copies).
    ``clear``: write SQLite's file anew, since its free pages keep what was deleted;
    it takes about as long as copying the file, and writers wait meanwhile.
    """
    key = trace_key(trace_id)
    result = Erased()
    with transaction.atomic():
        hold_traces([key])
        records = list(TraceRecord.objects.filter(trace_key=key))
        stones = list(Tombstone.objects.filter(trace_key=key))
        copies: list[TraceRecord | Tombstone] = [*records, *stones]
        for copy in copies:
            _take_off(copy)
        TraceRecord.objects.filter(pk__in=[record.pk for record in records]).delete()
        for copy in copies:
            result.words += _forget_words(copy.source_id, _words_of(copy))
        _forget_findings({copy.source_id for copy in copies}, trace_id, key)
        now = timezone.now()
        Tombstone.objects.filter(pk__in=[stone.pk for stone in stones]).delete()
        sources = {copy.source_id: copy for copy in copies}
        # It counts nowhere now: a copy that another source brings later does.
        Tombstone.objects.bulk_create(
            [
                Tombstone(
                    source_id=source_id,
                    trace_key=key,
                    span_count=copy.span_count,
                    start_us=copy.start_us,
                    deleted_at=now,
                    counted=False,
                    contribution=b"",
                )
                for source_id, copy in sources.items()
            ]
        )
        Note.objects.filter(trace_key=key).delete()
        _forget_links(key)
        if shares:
            result.snapshots = delete_shares_of_trace(key, LOCAL)
    result.copies, result.stones = len(records), len(stones)
    fold_rollups()
    if clear:
        result.cleared = clear_files()
    publish(TRACES, {"keys": [], "source": 0, "all": True})
    return result


def _take_off(copy: TraceRecord | Tombstone) -> None:
    """Take a copy out of the rollups, also where it was taken off as a double."""
    share = Contribution.from_bytes(copy.contribution)
    write_delta(copy.source_id, Contribution().merge(share, -1))
    if not copy.counted:
        write_delta(copy.source_id, share, overlap=True)


def _words_of(copy: TraceRecord | Tombstone) -> set[tuple[str, str]]:
    """Services and operations that a copy may have brought to the forms.

    A stone has no spans: its counts tell the operations, under the services' names
    of a mesh, so the words of all services with such an operation are looked at.
    """
    if isinstance(copy, TraceRecord):
        return _pairs(codec.decode_columns(copy.columns)[0])
    share = Contribution.from_bytes(copy.contribution)
    names = {key[1][:255] for level, _, key, _ in share.items() if level == "operation"}
    words = Vocabulary.objects.filter(source_id=copy.source_id)
    return {
        (service, operation)
        for service, operation in words.values_list("service", "operation")
        if operation in names
    }


def _forget_words(source_id: int, pairs: set[tuple[str, str]]) -> int:
    """Delete words of a deleted trace that no stored trace of its source has."""
    forgotten = 0
    words = sorted(pairs)
    for first in range(0, len(words), AT_ONCE):
        part = words[first : first + AT_ONCE]
        terms = {term("o", service, operation) for service, operation in part}
        held = set(
            TraceTerm.objects.filter(term__in=terms, source_id=source_id)
            .values_list("term", flat=True)
            .distinct()
        )
        gone = Q()
        for service, operation in part:
            if term("o", service, operation) not in held:
                gone |= Q(service=service[:255], operation=operation[:255])
        if gone:
            mine = Vocabulary.objects.filter(source_id=source_id)
            forgotten += mine.filter(gone).delete()[0]
    return forgotten


def _pairs(trace: Trace) -> set[tuple[str, str]]:
    found = set(zip(trace.service.tolist(), trace.operation.tolist(), strict=True))
    return {(trace.services[s], trace.operations[o]) for s, o in found}


def _forget_findings(sources: set[int], trace_id: str, key: str) -> None:
    """Delete the doctor's findings that name a trace; others give them anew."""
    named = [
        pk
        for pk, evidence in Diagnosis.objects.filter(source_id__in=sources).values_list(
            "pk", "evidence"
        )
        if key in (text := json.dumps(evidence)) or trace_id in text
    ]
    Diagnosis.objects.filter(pk__in=named).delete()
    # Who is well is told anew with the next trace that is judged.
    DoctorState.objects.filter(source_id__in=sources).update(well=[], silent=[])


def _forget_links(key: str) -> None:
    """Delete short links to a trace's pages: their titles and states tell of it."""
    likely = SavedLink.objects.filter(path__icontains=key).values_list("pk", "path")
    found = [
        pk
        for pk, path in likely
        if any(trace_key(word) == key for word in HEX_WORD.findall(unquote(path)))
    ]
    SavedLink.objects.filter(pk__in=found).delete()


def clear_files() -> bool:
    """Write SQLite's file without its free pages, and empty its log.

    Returns whether the log could be emptied: pages that read meanwhile hold it.
    Other databases are left to their own tools.
    """
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        # In a file: the new copy may be larger than the memory.
        cursor.execute("PRAGMA temp_store=FILE")
        try:
            cursor.execute("VACUUM")
        finally:
            cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy = cursor.fetchone()[0]
    return not busy
