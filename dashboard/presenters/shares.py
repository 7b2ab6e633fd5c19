"""Shares as plain data."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.models import ShareLink
from dashboard.presenters import text


def share_rows() -> list[dict[str, Any]]:
    """All links, newest first."""
    now = timezone.now()
    rows = []
    for link in ShareLink.objects.select_related("snapshot").order_by("-pk")[:500]:
        summary = link.snapshot.summary or {}
        if link.revoked_at:
            state, words = "revoked", _("Revoked")
        elif link.expires_at <= now:
            state, words = "expired", _("Expired")
        else:
            state, words = "open", _("Open")
        rows.append(
            {
                "id": link.pk,
                "trace_id": link.snapshot.trace_id,
                "root_service": summary.get("root_service", ""),
                "root_operation": summary.get("root_operation", ""),
                "note": link.note,
                "created_us": _us(link.created_at),
                "expires_us": _us(link.expires_at),
                "opened": link.opened_count,
                "last_opened_us": _us(link.last_opened_at),
                "state": state,
                "state_text": words,
            }
        )
    return rows


def snapshot_facts(link: ShareLink) -> dict[str, Any]:
    """What the bar on a shared page says."""
    snapshot = link.snapshot
    rules = (snapshot.redaction or {}).get("rules", {})
    ran = [(name, number) for name, number in rules.items() if number]
    return {
        "captured": text.moment(_us(snapshot.captured_at) or 0),
        "until": text.moment(_us(link.expires_at) or 0),
        "source": snapshot.source_name,
        "complete": snapshot.complete,
        "redacted": (snapshot.redaction or {}).get("total", 0),
        "rules": ran,
        "note": link.note,
    }


def _us(at: Any) -> int | None:
    return round(at.timestamp() * 1e6) if at else None
