"""Stores what is shared of the service graph: a window of it, or a live query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import zstandard
from django.db import transaction
from django.utils import timezone

from dashboard.access.person import Person
from dashboard.actions.shares import add_link, check_link, record_event
from dashboard.share_models import ShareEvent, ShareLink, Snapshot

MAX_CONTENT_BYTES = 64 * 2**20  # of a window before it is packed


def create_graph_share(
    content: Mapping[str, Any],
    *,
    kind: str,
    title: str,
    report: Mapping[str, Any],
    days: int,
    audience: str,
    person: Person,
    note: str = "",
    state: str = "",
) -> tuple[ShareLink, str]:
    """Store clean data of a graph's window and a link to them; the token is told once.

    ``kind`` is GRAPH (``content`` is the window's) or LIVE (``content`` is its
    query). ``report`` says what redaction took out. Raises ``ValueError`` with a
    sentence when a link like this can't be had.
    """
    check_link(days, audience)
    plain = msgspec.json.encode(content)
    if len(plain) > MAX_CONTENT_BYTES:
        raise ValueError("This graph is too large to keep. Filter or group it first.")
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            kind=kind,
            title=title[:300],
            source_name="",
            source_kind="",
            captured_at=timezone.now(),
            captured_by=person.name,
            summary={},
            columns=b"",
            details=b"",
            content=zstandard.compress(plain),
            redaction=dict(report),
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


def content_of(snapshot: Snapshot) -> dict[str, Any]:
    """What was stored, as it was given."""
    plain = zstandard.ZstdDecompressor().decompress(
        bytes(snapshot.content), max_output_size=MAX_CONTENT_BYTES
    )
    found: dict[str, Any] = msgspec.json.decode(plain)
    return found
