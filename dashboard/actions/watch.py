"""The shared sign that somebody looks at a live page, on any process."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from dashboard.models import Watch

BEAT_S = 4.0  # a process with open pages renews the sign so often
FRESH_S = 15.0
ROW = 1


def note_watched() -> None:
    """Somebody looks now; one cheap write."""
    Watch.objects.update_or_create(pk=ROW, defaults={"seen_at": timezone.now()})


def is_watched() -> bool:
    """Whether somebody looked within the last seconds."""
    limit = timezone.now() - timedelta(seconds=FRESH_S)
    return Watch.objects.filter(pk=ROW, seen_at__gt=limit).exists()
