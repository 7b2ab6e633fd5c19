"""Makes, opens, revokes and expires shares; only a hash of each token is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dashboard.analysis.analyse import analyse
from dashboard.analysis.summary import summarise
from dashboard.models import ShareLink, Snapshot, TraceRecord
from dashboard.redaction.apply import preview, redact
from dashboard.redaction.own import Policy, read_policy
from dashboard.redaction.redactor import Redactor
from dashboard.traces import codec
from dashboard.traces.trace import Trace

TOKEN_BYTES = 24  # 192 bits


def hash_token(token: str) -> str:
    """The keyed hash under which a token is found."""
    key = hashlib.sha256(b"share-token\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def site_policy() -> Policy:
    """The rules and the allow-list of the settings."""
    return read_policy(settings.SPANBOARD_REDACT_RULES, settings.SPANBOARD_REDACT_ALLOW)


def preview_share(
    record: TraceRecord, *, extra_keys: Iterable[str] = (), page: int = 1
) -> dict[str, Any]:
    """What a share of a trace would take out (``redaction.apply.preview``).

    It holds the secrets themselves: for the author only, and never to be stored.
    """
    return preview(_whole(record), site_policy(), extra_keys, page=page)


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
) -> tuple[ShareLink, str]:
    """Store a redacted copy of a trace and a link to it; the token is told once.

    ``known`` are further arrays to keep with its columns: the stored durations of
    its operations, which the copy can not ask for later. ``extra_keys`` are tags
    whose values go as well.

    Raises ``ValueError`` with a sentence when ``days`` is out of range.
    """
    longest = settings.SPANBOARD_SHARE_DAYS_MAX
    if not 1 <= days <= longest:
        raise ValueError(f"A share lasts from 1 to {longest} days.")
    policy = site_policy()
    clean, report = redact(_whole(record), policy, extra_keys)
    analysis = analyse(clean)
    path = analysis.critical
    now = timezone.now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            trace_id=record.trace_id,
            source_name=Redactor(policy).text(record.source.name),
            source_kind=record.source.kind,
            captured_at=now,
            complete=record.settled and not record.orphan_count,
            summary=msgspec.to_builtins(summarise(clean, analysis)),
            columns=codec.encode_columns(
                clean,
                {
                    "self_ns": analysis.self_ns,
                    "critical_row": path.row,
                    "critical_start_ns": path.start_ns,
                    "critical_end_ns": path.end_ns,
                    **(known or {}),
                },
            ),
            details=codec.encode_details(clean),
            redaction=report,
        )
        link = ShareLink.objects.create(
            snapshot=snapshot,
            token_hash=hash_token(token),
            note=note[:300],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    return link, token


def open_share(token: str, *, count: bool = True) -> ShareLink | None:
    """The link of a token, or ``None`` when expired, revoked or unknown alike."""
    link = (
        ShareLink.objects.select_related("snapshot")
        .filter(
            token_hash=hash_token(token),
            revoked_at=None,
            expires_at__gt=timezone.now(),
        )
        .first()
    )
    if link is not None and count:
        ShareLink.objects.filter(pk=link.pk).update(
            opened_count=F("opened_count") + 1, last_opened_at=timezone.now()
        )
    return link


def revoke_share(link: ShareLink) -> None:
    """End a link now; its snapshot goes when no link is left."""
    with transaction.atomic():
        link.revoked_at = timezone.now()
        link.save(update_fields=["revoked_at"])
        _drop_unlinked()


def expire_shares() -> int:
    """Delete snapshots whose links are all over; returns how many."""
    with transaction.atomic():
        return _drop_unlinked()


def _drop_unlinked() -> int:
    """Empty the snapshots without a living link; links stay as a record."""
    alive = ShareLink.objects.filter(revoked_at=None, expires_at__gt=timezone.now())
    dead = Snapshot.objects.exclude(pk__in=alive.values("snapshot")).exclude(
        columns=b""
    )
    return dead.update(columns=b"", details=b"", summary={}, redaction={})
