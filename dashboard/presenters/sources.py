"""State of the sources, for their page and for the badge in the top bar."""

from __future__ import annotations

import time
from typing import Any

from django.utils.translation import gettext as _

from dashboard.models import Source
from dashboard.presenters import text
from dashboard.reads.sources import arrivals


def source_rows() -> list[dict[str, Any]]:
    """All sources with their state in words."""
    rows = []
    sources = list(Source.objects.order_by("pk"))
    came = arrivals(source.pk for source in sources)
    for source in sources:
        lately = came[source.pk]
        held = source.held + lately.unfolded
        newest_us = max(source.newest_us or 0, lately.newest_us) or None
        lag_s = None
        if newest_us:
            lag_s = max(0, round(time.time() - newest_us / 1e6))
        rows.append(
            {
                "id": source.pk,
                "name": source.name,
                "kind": source.get_kind_display(),
                "url": source.url,
                "enabled": source.enabled,
                "is_demo": source.is_demo,
                "pulled": source.kind == Source.Kind.JAEGER,
                "traces": held,
                "traces_text": text.count(held),
                "services": len(source.services),
                "newest_us": newest_us,
                "lag_s": lag_s,
                "last_success_us": _us(source.last_success_at),
                "failing_since_us": _us(source.failing_since),
                "next_try_us": _us(source.next_try_at),
                "swept_back_to_us": source.swept_back_to_us,
                "not_had": source.not_had,
                "last_error": source.last_error,
                "state": state(source),
                "state_text": state_text(source),
            }
        )
    return rows


def state(source: Source) -> str:
    """``off``, ``failing``, ``waiting`` (never answered yet) or ``well``."""
    if not source.enabled:
        return "off"
    if source.failing_since:
        return "failing"
    return "well" if source.last_success_at else "waiting"


def state_text(source: Source) -> str:
    """The state in words."""
    return {
        "off": _("Switched off"),
        "failing": _("Does not answer"),
        "waiting": _("Waiting for the first traces"),
        "well": _("Well"),
    }[state(source)]


def failing() -> list[dict[str, Any]]:
    """Sources that fail now, for the line at the top of pages."""
    return [
        {
            "name": source.name,
            "url": source.url,
            "since_us": _us(source.failing_since),
            "error": source.last_error,
            "failures": source.failures,
            "next_try_us": _us(source.next_try_at),
        }
        for source in Source.objects.filter(enabled=True).exclude(failing_since=None)
    ]


def _us(at: Any) -> int | None:
    return round(at.timestamp() * 1e6) if at else None
