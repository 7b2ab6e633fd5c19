"""Threads of shares: comments by the signed-in; each write tells the open pages."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.access.person import Person
from dashboard.actions import shares
from dashboard.actions.notes import checked_text
from dashboard.live.events import publish
from dashboard.note_models import ShareComment
from dashboard.share_models import ShareLink, Snapshot

LONGEST_COMMENT = 2_000  # characters
MOST_COMMENTS = 500  # of a share


def may_comment(link: ShareLink, person: Person) -> bool:
    """Whether somebody may write in a share's thread: the signed-in it opens for."""
    return person.kind in ("local", "user") and shares.may_open(link, person)


def add_comment(link: ShareLink, person: Person, text: str) -> ShareComment:
    """Write in the thread of a share. Raises ``ValueError`` with a sentence."""
    text = checked_text(text, LONGEST_COMMENT)
    if not text:
        raise ValueError(_("Write something first."))
    with transaction.atomic():
        held = ShareComment.objects.filter(snapshot_id=link.snapshot_id)
        if held.count() >= MOST_COMMENTS:
            raise ValueError(
                _("A thread takes at most %(n)s comments.") % {"n": MOST_COMMENTS}
            )
        made = ShareComment.objects.create(
            snapshot_id=link.snapshot_id,
            text=text,
            owner_id=person.user_id,
            owner_name=person.name,
            created_at=timezone.now(),
        )
        _tell_thread(link.snapshot_id)
    return made


def may_delete_comment(comment: ShareComment, link: ShareLink, person: Person) -> bool:
    """Whether somebody may delete a comment: its writer, the link's owner, admins."""
    if not may_comment(link, person):
        return False
    return person.owns(comment.owner_id) or shares.may_change(link, person)


def delete_comment(comment: ShareComment) -> None:
    """Remove a comment."""
    with transaction.atomic():
        ShareComment.objects.filter(pk=comment.pk).delete()
        _tell_thread(comment.snapshot_id)


def thread_group(snapshot_id: int) -> str:
    """The channel group of the thread of a share."""
    return f"thread.{snapshot_id}"


def _tell_thread(snapshot_id: int) -> None:
    group = thread_group(snapshot_id)
    transaction.on_commit(lambda: publish(group, {}))


def comments_of(snapshot: Snapshot) -> QuerySet[ShareComment]:
    """The thread of a share, the first first."""
    return ShareComment.objects.filter(snapshot=snapshot).order_by("pk")
