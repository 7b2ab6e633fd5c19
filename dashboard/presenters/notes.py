"""Notes, pins and threads as plain data."""

from __future__ import annotations

from typing import Any

from dashboard.access.person import Person
from dashboard.actions import notes as actions
from dashboard.actions import threads
from dashboard.note_models import Note, ShareComment
from dashboard.presenters import text
from dashboard.presenters.markdown import blocks
from dashboard.share_models import ShareLink
from dashboard.traces.trace import Trace


def _at(us: int) -> str:
    """A moment to the minute."""
    return f"{text.moment(us)[:16]} UTC"


def note_rows(trace: Trace, found: list[Note], person: Person) -> list[dict[str, Any]]:
    """Notes on a stored trace, with the rows of their spans now."""
    rows = actions.rows_of(trace, found)
    return [
        {
            "id": note.pk,
            "row": row,
            "lost": bool(note.span_id) and row < 0,
            "is_pin": not note.text,
            "text": note.text,
            "blocks": blocks(note.text),
            "author": note.owner_name,
            "at": _at(round(note.created_at.timestamp() * 1e6)),
            "edited": note.edited_at is not None,
            "may_change": actions.may_change(note, person),
        }
        for note, row in zip(found, rows, strict=True)
    ]


def kept_rows(kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Notes that a snapshot has kept; nobody changes them."""
    return [
        {
            "id": number,
            "row": int(note["row"]),
            "lost": False,
            "is_pin": not note["text"],
            "text": note["text"],
            "blocks": blocks(str(note["text"])),
            "author": note["author"],
            "at": _at(int(note["at_us"])),
            "edited": bool(note["edited_us"]),
            "may_change": False,
        }
        for number, note in enumerate(kept)
    ]


def comment_rows(
    found: list[ShareComment], link: ShareLink, person: Person
) -> list[dict[str, Any]]:
    """A thread."""
    return [
        {
            "id": comment.pk,
            "blocks": blocks(comment.text),
            "author": comment.owner_name,
            "at": _at(round(comment.created_at.timestamp() * 1e6)),
            "may_delete": threads.may_delete_comment(comment, link, person),
        }
        for comment in found
    ]
