"""Notes and pins on traces; each write tells the open pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.access.person import Person, Right
from dashboard.live.events import TRACES, publish
from dashboard.models import TraceRecord
from dashboard.note_models import Note
from dashboard.redaction.written import Written
from dashboard.traces.builder import storable
from dashboard.traces.trace import Trace

LONGEST_NOTE = 4_000  # characters
MOST_NOTES = 500  # of a trace
KEPT_WITHOUT_TRACE = timedelta(days=30)
SWEPT_AT_ONCE = 500


def notes_of(trace_key: str) -> QuerySet[Note]:
    """The notes and pins of a trace, the first first."""
    return Note.objects.filter(trace_key=trace_key).order_by("pk")


def notes_mark(trace_key: str) -> str:
    """A text that changes whenever something about a trace's notes does."""
    found = Note.objects.filter(trace_key=trace_key).aggregate(
        count=Count("pk"), last=Max("pk"), edited=Max("edited_at")
    )
    if not found["count"]:
        return ""
    edited = found["edited"].timestamp() if found["edited"] else 0
    return f"{found['count']}-{found['last']}-{edited}"


def rows_of(trace: Trace, notes: Iterable[Note]) -> list[int]:
    """The row of each note's span, -1 for notes on the trace or on no span of it."""
    wanted = [(note.span_id, note.service) for note in notes]
    ids = {span_id for span_id, _service in wanted if span_id}
    found: dict[str, list[int]] = defaultdict(list)
    if ids:
        for row, span_id in enumerate(trace.span_ids):
            if span_id in ids:
                found[span_id].append(row)
    rows = []
    for span_id, service in wanted:
        likely = found.get(span_id, [])
        same = [r for r in likely if trace.service_name(r)[:300] == service]
        rows.append((same or likely or [-1])[0])
    return rows


def add_note(
    record: TraceRecord,
    trace: Trace,
    person: Person,
    *,
    span_id: str,
    row: int,
    text: str,
) -> Note:
    """Write a note, or a pin where ``text`` is empty, on a row (-1: the trace).

    Raises ``ValueError`` with a sentence.
    """
    text = checked_text(text, LONGEST_NOTE)
    if not text and row < 0:
        raise ValueError(_("Write something, or pin a span."))
    service = trace.service_name(row)[:300] if row >= 0 else ""
    with transaction.atomic():
        held = Note.objects.filter(trace_key=record.trace_key)
        if not text:
            same = held.filter(span_id=span_id, service=service, text="").first()
            if same is not None:
                return same
        if held.count() >= MOST_NOTES:
            raise ValueError(
                _("A trace takes at most %(n)s notes and pins.") % {"n": MOST_NOTES}
            )
        made = Note.objects.create(
            trace_key=record.trace_key,
            span_id=span_id if row >= 0 else "",
            service=service,
            text=text,
            owner_id=person.user_id,
            owner_name=person.name,
            created_at=timezone.now(),
        )
        _tell_trace(made)
    return made


def may_change(note: Note, person: Person) -> bool:
    """Whether somebody may edit or delete a note: who wrote it, and admins."""
    return person.may(Right.MANAGE) or (
        person.may(Right.SHARE) and person.owns(note.owner_id)
    )


def edit_note(note: Note, text: str) -> None:
    """Another text for a note. Raises ``ValueError`` with a sentence."""
    text = checked_text(text, LONGEST_NOTE)
    if not text or not note.text:
        raise ValueError(_("A note needs a text; delete it instead."))
    with transaction.atomic():
        Note.objects.filter(pk=note.pk).update(text=text, edited_at=timezone.now())
        _tell_trace(note)


def delete_note(note: Note) -> None:
    """Remove a note or pin."""
    with transaction.atomic():
        Note.objects.filter(pk=note.pk).delete()
        _tell_trace(note)


def _tell_trace(note: Note) -> None:
    key = note.trace_key
    transaction.on_commit(lambda: publish(TRACES, {"keys": [key]}))


def checked_text(text: str, longest: int) -> str:
    """A text that somebody wrote, trimmed. Raises ``ValueError`` with a sentence."""
    text = storable(text.replace("\r\n", "\n")).strip()
    if len(text) > longest:
        raise ValueError(
            _("This is too long: at most %(n)s characters.") % {"n": f"{longest:,}"}
        )
    return text


def written_on(record: TraceRecord, trace: Trace) -> tuple[list[Note], list[Written]]:
    """The notes of a trace that can go with a share, and what redaction reads."""
    notes = list(notes_of(record.trace_key)[:MOST_NOTES])
    rows = rows_of(trace, notes)
    kept = [(n, r) for n, r in zip(notes, rows, strict=True) if r >= 0 or n.text]
    return [n for n, _row in kept], [
        Written(row, note.text, note.owner_name) for note, row in kept
    ]


def kept_notes(notes: list[Note], clean: list[Written]) -> list[dict[str, object]]:
    """The notes as a snapshot keeps them."""
    return [
        {
            "row": new.row,
            "text": new.text,
            "author": new.author,
            "at_us": round(old.created_at.timestamp() * 1e6),
            "edited_us": round(old.edited_at.timestamp() * 1e6) if old.edited_at else 0,
        }
        for old, new in zip(notes, clean, strict=True)
    ]


def sweep_notes() -> int:
    """Delete notes whose trace has been gone for long; returns how many."""
    limit = timezone.now() - KEPT_WITHOUT_TRACE
    old = Note.objects.filter(created_at__lt=limit)
    keys = old.exclude(trace_key__in=TraceRecord.objects.values("trace_key"))
    gone = list(keys.values_list("trace_key", flat=True).distinct()[:SWEPT_AT_ONCE])
    number, _by_model = Note.objects.filter(trace_key__in=gone).delete()
    return number
