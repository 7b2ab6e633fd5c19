"""Makes, opens, revokes and expires shares; only a hash of each token is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from dashboard.access.person import LOCAL, Person, Right
from dashboard.access.tokens import hash_token, hashes_of, new_token
from dashboard.actions import notes
from dashboard.analysis.analyse import analyse
from dashboard.analysis.summary import summarise
from dashboard.models import TraceRecord
from dashboard.note_models import ShareComment
from dashboard.redaction.own import Policy, read_policy
from dashboard.redaction.redactor import Redactor
from dashboard.redaction.written import preview_all, redact_all
from dashboard.share_models import ShareEvent, ShareLink, Snapshot
from dashboard.traces import codec
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
DAY = timedelta(days=1)
KEPT_AFTER_END = timedelta(days=30)  # how long an ended share is still listed


def site_policy() -> Policy:
    """The rules and the allow-list of the settings."""
    return read_policy(settings.SPANBOARD_REDACT_RULES, settings.SPANBOARD_REDACT_ALLOW)


def preview_share(
    record: TraceRecord, *, extra_keys: Iterable[str] = (), page: int = 1
) -> dict[str, Any]:
    """What a share of a trace would take out (``redaction.apply.preview``).

    It holds the secrets themselves: for the author only, and never to be stored.
    """
    trace = _whole(record)
    _, written = notes.written_on(record, trace)
    found = preview_all(trace, site_policy(), extra_keys, written, page=page)
    pins = sum(not one.text for one in written)
    return found | {"notes": len(written) - pins, "pins": pins}


def _whole(record: TraceRecord) -> Trace:
    trace, _ = codec.decode_columns(record.columns)
    trace.details = codec.decode_all_details(record.details)
    return trace


def create_snapshot_share(
    record: TraceRecord,
    *,
    days: int,
    note: str = "",
    known: Mapping[str, np.ndarray] | None = None,
    extra_keys: Iterable[str] = (),
    person: Person = LOCAL,
    audience: str = ShareLink.Audience.ANYONE,
    state: str = "",
) -> tuple[ShareLink, str]:
    """Store a redacted copy of a trace and a link to it; the token is told once.

    ``known`` are further arrays to keep with its columns: the stored durations of
    its operations, which the copy can not ask for later. ``extra_keys`` are tags
    whose values go as well. ``state`` is the query with which the page opens.

    Raises ``ValueError`` with a sentence when ``days`` or ``audience`` can't be had.
    """
    check_link(days, audience)
    policy = site_policy()
    trace = _whole(record)
    found, written = notes.written_on(record, trace)
    clean, report, state, written = redact_all(
        trace, policy, extra_keys, state, written
    )
    fields = contents(clean, known or {})
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            trace_id=record.trace_id,
            source_name=Redactor(policy).text(record.source.name),
            source_kind=record.source.kind,
            captured_at=timezone.now(),
            captured_by=person.name,
            complete=record.settled and not record.orphan_count,
            **fields,
            redaction=report,
            notes=notes.kept_notes(found, written),
        )
        link, token = add_link(
            snapshot,
            days=days,
            note=note,
            person=person,
            audience=audience,
            state=state,
        )
        record_event(ShareEvent.What.CREATED, link, person)
    return link, token


def contents(clean: Trace, known: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The fields of a snapshot that hold a redacted trace, analysed anew."""
    analysis = analyse(clean)
    path = analysis.critical
    summary = summarise(clean, analysis)
    return {
        "title": f"{summary.root_service} {summary.root_operation}".strip()[:300],
        "summary": msgspec.to_builtins(summary),
        "columns": codec.encode_columns(
            clean,
            {
                "self_ns": analysis.self_ns,
                "critical_row": path.row,
                "critical_start_ns": path.start_ns,
                "critical_end_ns": path.end_ns,
                **known,
            },
        ),
        "details": codec.encode_details(clean),
    }


def check_link(days: int, audience: str) -> None:
    """Raises ``ValueError`` with a sentence when a link like this can't be made."""
    longest = settings.SPANBOARD_SHARE_DAYS_MAX
    if not 1 <= days <= longest:
        raise ValueError(f"A share lasts from 1 to {longest} days.")
    if audience not in ShareLink.Audience.values:
        raise ValueError("A share is for 'signed-in' people or for 'anyone'.")
    if audience == ShareLink.Audience.ANYONE and not settings.SPANBOARD_SHARE_ANYONE:
        raise ValueError(
            "Links for anyone are switched off here (SPANBOARD_SHARE_ANYONE). Share "
            "with signed-in people."
        )


def add_link(
    snapshot: Snapshot,
    *,
    days: int,
    note: str,
    person: Person,
    audience: str,
    state: str,
) -> tuple[ShareLink, str]:
    """A link to a snapshot, and its token; call it inside a transaction."""
    now = timezone.now()
    token = new_token()
    link = ShareLink.objects.create(
        snapshot=snapshot,
        token_hash=hash_token(token),
        audience=audience,
        owner_id=person.user_id,
        owner_name=person.name,
        note=note[:2000],
        state=state[:4000],
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return link, token


def record_event(what: str, link: ShareLink, person: Person) -> None:
    """Write the log of shares; call it inside the write's transaction."""
    snapshot = link.snapshot
    ShareEvent.objects.create(
        at=timezone.now(),
        what=what,
        who=person.name or person.kind,
        audience=link.audience,
        kind=snapshot.kind,
        trace_id=snapshot.trace_id,
        snapshot_number=snapshot.pk,
        link_number=link.pk,
    )


def alive() -> QuerySet[ShareLink]:
    """Links that open something now."""
    return ShareLink.objects.filter(revoked_at=None, expires_at__gt=timezone.now())


def find_share(token: str) -> ShareLink | None:
    """The link of a token, or ``None`` when expired, revoked or unknown alike.

    Whether the asker may open it is another question: see ``may_open``.
    """
    found = alive().select_related("snapshot")
    return found.filter(token_hash__in=hashes_of(token)).first()


def is_for_anyone(link: ShareLink) -> bool:
    """Whether a link opens for everybody who has it."""
    is_meant = link.audience == ShareLink.Audience.ANYONE
    return bool(is_meant and settings.SPANBOARD_SHARE_ANYONE)


def may_open(link: ShareLink, person: Person) -> bool:
    """Whether somebody belongs to a link's audience."""
    return is_for_anyone(link) or person.kind in ("local", "user")


def note_opened(link: ShareLink, person: Person) -> None:
    """Somebody looked; told by the page, so that no preview of a chat counts."""
    with transaction.atomic():
        ShareLink.objects.filter(pk=link.pk).update(
            opened_count=F("opened_count") + 1, last_opened_at=timezone.now()
        )
        record_event(ShareEvent.What.OPENED, link, person)


def may_change(link: ShareLink, person: Person) -> bool:
    """Whether somebody may extend, revoke or delete a link: its owner and admins."""
    return person.may(Right.MANAGE) or (
        person.may(Right.SHARE) and person.owns(link.owner_id)
    )


def extend_share(link: ShareLink, days: int, person: Person) -> None:
    """Let a living link open for so many days from now.

    Raises ``ValueError`` with a sentence when it is over or ``days`` is out of range.
    """
    check_link(days, link.audience)
    with transaction.atomic():
        held = alive().select_for_update().filter(pk=link.pk).first()
        if held is None:
            raise ValueError("This link is over. Make a new one.")
        held.expires_at = timezone.now() + timedelta(days=days)
        held.save(update_fields=["expires_at"])
        record_event(ShareEvent.What.EXTENDED, held, person)


def renew_share(link: ShareLink, person: Person) -> tuple[ShareLink, str]:
    """Another link to the same snapshot; the one before goes on until revoked.

    Raises ``ValueError`` with a sentence when the snapshot is gone.
    """
    with transaction.atomic():
        held = alive().select_for_update().filter(pk=link.pk).first()
        if held is None:
            raise ValueError("This link is over, and its snapshot with it.")
        left_days = max(1, round((held.expires_at - timezone.now()) / DAY))
        made, token = add_link(
            held.snapshot,
            days=min(left_days, settings.SPANBOARD_SHARE_DAYS_MAX),
            note=held.note,
            person=person,
            audience=held.audience,
            state=held.state,
        )
        record_event(ShareEvent.What.RENEWED, made, person)
    return made, token


def revoke_share(link: ShareLink, person: Person = LOCAL) -> None:
    """End a link now; its snapshot's data goes when no link is left."""
    with transaction.atomic():
        done = ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if done:
            record_event(ShareEvent.What.REVOKED, link, person)
        _drop_unlinked()


def delete_share(link: ShareLink, person: Person) -> None:
    """Remove a link's row; with the last link its snapshot goes too."""
    with transaction.atomic():
        record_event(ShareEvent.What.DELETED, link, person)
        snapshot_id = link.snapshot_id
        link.delete()
        Snapshot.objects.filter(pk=snapshot_id, links=None).delete()
        _drop_unlinked()


def delete_shares_of_trace(trace_id: str, person: Person) -> int:
    """Remove every snapshot of a trace, with its links; returns how many."""
    key = trace_key(trace_id)
    likely = Snapshot.objects.filter(trace_id__iendswith=key).only("pk", "trace_id")
    with transaction.atomic():
        found = [s for s in likely if trace_key(s.trace_id) == key]
        for snapshot in found:
            for link in snapshot.links.select_related("snapshot"):
                record_event(ShareEvent.What.DELETED, link, person)
            snapshot.delete()
    return len(found)


def expire_shares() -> int:
    """Empty snapshots whose links are all over, and remove rows that ended long ago.

    Returns how many snapshots were emptied.
    """
    limit = timezone.now() - KEPT_AFTER_END
    with transaction.atomic():
        emptied = _drop_unlinked()
        ShareLink.objects.filter(
            Q(expires_at__lt=limit) | Q(revoked_at__lt=limit)
        ).delete()
        Snapshot.objects.filter(links=None, captured_at__lt=limit).delete()
    return emptied


def _drop_unlinked() -> int:
    """Empty the snapshots without a living link; links stay listed for a while."""
    dead = Snapshot.objects.exclude(pk__in=alive().values("snapshot")).exclude(
        columns=b"", content=b""
    )
    ShareComment.objects.filter(snapshot__in=dead).delete()
    return dead.update(
        columns=b"",
        details=b"",
        content=b"",
        summary={},
        redaction={},
        notes=[],
        title="",
    )
