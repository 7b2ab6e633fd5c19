"""Notes and pins on traces, and the thread of a share."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.access.limits import is_too_often
from dashboard.access.person import Right
from dashboard.actions import notes, threads
from dashboard.gate import person_of
from dashboard.note_models import Note, ShareComment
from dashboard.presenters import notes as presenter
from dashboard.share_models import Snapshot
from dashboard.views.opened import refusal
from dashboard.views.share import link_or_404, private
from dashboard.views.trace import record_or_404, shown_of

NOTE_RATE = "60/m"
COMMENT_RATE = "20/m"


@require_safe
def trace_notes(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Notes and pins of a trace, with the rows of their spans in this version."""
    record = record_or_404(trace_id)
    person = person_of(request)
    found = list(notes.notes_of(record.trace_key))
    rows = presenter.note_rows(shown_of(record).trace, found, person) if found else []
    return _listed(rows, version=record.version, may_write=person.may(Right.SHARE))


@require_POST
def add(request: HttpRequest, trace_id: str) -> HttpResponse:
    """A note (``text``) or a pin (no text) on ``span`` (its row, id) or the trace."""
    record = record_or_404(trace_id)
    if is_too_often(request, "note", NOTE_RATE):
        return refusal(429, _("Too many notes in a minute. Wait a little."))
    span_id = request.POST.get("span", "")
    trace = shown_of(record).trace
    row = -1
    if span_id:
        likely = Note(span_id=span_id, service=request.POST.get("service", "")[:300])
        row = notes.rows_of(trace, [likely])[0]
        if row < 0:
            return refusal(404, _("This span is not in the stored trace."))
    try:
        made = notes.add_note(
            record,
            trace,
            person_of(request),
            span_id=span_id,
            row=row,
            text=request.POST.get("text", ""),
        )
    except ValueError as problem:
        return refusal(400, str(problem))
    return JsonResponse({"ok": True, "id": made.pk})


def _note(request: HttpRequest, note_id: int) -> Note:
    note = Note.objects.filter(pk=note_id).first()
    if note is None or not notes.may_change(note, person_of(request)):
        raise Http404(_("There is no such note of yours."))
    return note


@require_POST
def edit(request: HttpRequest, note_id: int) -> HttpResponse:
    """Another ``text`` for a note of one's own."""
    note = _note(request, note_id)
    try:
        notes.edit_note(note, request.POST.get("text", ""))
    except ValueError as problem:
        return refusal(400, str(problem))
    return JsonResponse({"ok": True, "id": note.pk})


@require_POST
def delete(request: HttpRequest, note_id: int) -> HttpResponse:
    """Remove a note or pin of one's own."""
    notes.delete_note(_note(request, note_id))
    return JsonResponse({"ok": True})


@require_safe
def share_notes(request: HttpRequest, token: str) -> HttpResponse:
    """The notes and pins that a snapshot has kept."""
    link = link_or_404(request, token)
    rows = presenter.kept_rows(link.snapshot.notes)
    return private(_listed(rows, version=0, may_write=False))


def _listed(rows: list[dict[str, object]], **more: object) -> JsonResponse:
    return JsonResponse({"ok": True, "notes": rows, **more})


@require_safe
def thread(request: HttpRequest, token: str) -> HttpResponse:
    """The thread of a share."""
    link = link_or_404(request, token, Snapshot.Kind.values)
    person = person_of(request)
    found = list(threads.comments_of(link.snapshot))
    return private(
        JsonResponse(
            {
                "ok": True,
                "comments": presenter.comment_rows(found, link, person),
                "may_write": threads.may_comment(link, person),
            }
        )
    )


@require_POST
def comment(request: HttpRequest, token: str) -> HttpResponse:
    """Write ``text`` in the thread of a share; for people who are signed in."""
    link = link_or_404(request, token, Snapshot.Kind.values)
    person = person_of(request)
    if not threads.may_comment(link, person):
        return private(refusal(403, _("Sign in to write in this thread.")))
    if is_too_often(request, "comment", COMMENT_RATE, person.name):
        return private(refusal(429, _("Too many comments in a minute. Wait a little.")))
    try:
        made = threads.add_comment(link, person, request.POST.get("text", ""))
    except ValueError as problem:
        return private(refusal(400, str(problem)))
    return private(JsonResponse({"ok": True, "id": made.pk}))


@require_POST
def delete_comment(request: HttpRequest, token: str, comment_id: int) -> HttpResponse:
    """Remove a comment: by its writer, the link's owner or an admin."""
    link = link_or_404(request, token, Snapshot.Kind.values)
    found = ShareComment.objects.filter(
        pk=comment_id, snapshot_id=link.snapshot_id
    ).first()
    if found is None or not threads.may_delete_comment(found, link, person_of(request)):
        raise Http404(_("There is no such comment of yours."))
    threads.delete_comment(found)
    return private(JsonResponse({"ok": True}))
