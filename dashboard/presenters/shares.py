"""Shares as plain data."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dashboard.access.person import Person
from dashboard.presenters import text
from dashboard.presenters.redaction import rules_found
from dashboard.share_models import ShareEvent, ShareLink
from dashboard.traces.ids import trace_key

MOST_ROWS = 500


def share_rows(
    person: Person, *, everybody: bool = False, trace: str = ""
) -> list[dict[str, Any]]:
    """One's own links (or all), newest first; ``trace`` narrows to one trace id."""
    now = timezone.now()
    links = ShareLink.objects.select_related("snapshot").order_by("-pk")
    links = links.defer(
        "snapshot__columns", "snapshot__details", "snapshot__content", "state"
    )
    if not everybody:
        links = links.filter(owner_id=person.user_id)
    if trace:
        links = links.filter(snapshot__trace_id__iendswith=trace_key(trace[:40]))
    rows = []
    for link in links[:MOST_ROWS]:
        if link.revoked_at:
            state, words = "revoked", _("Revoked")
        elif link.expires_at <= now:
            state, words = "expired", _("Expired")
        else:
            state, words = "open", pgettext("share", "Open")
        rows.append(
            {
                "id": link.pk,
                "kind": link.snapshot.kind,
                "kind_text": link.snapshot.get_kind_display(),
                "trace_id": link.snapshot.trace_id,
                "title": link.snapshot.title,
                "note": link.note,
                "owner": link.owner_name,
                "audience": link.audience,
                "audience_text": link.get_audience_display(),
                "created_us": _us(link.created_at),
                "expires_text": text.moment(_us(link.expires_at) or 0),
                "opened": link.opened_count,
                "last_opened_us": _us(link.last_opened_at),
                "state": state,
                "state_text": words,
                "imported_us": _us(link.snapshot.imported_at),
                "source": link.snapshot.source_name,
                "captured_us": _us(link.snapshot.captured_at),
            }
        )
    return rows


def event_rows() -> list[dict[str, Any]]:
    """The log of shares, newest first."""
    return [
        {
            "at_us": _us(event.at),
            "what": event.get_what_display(),
            "who": event.who,
            "audience": event.audience,
            "trace_id": event.trace_id,
            "link": event.link_number,
        }
        for event in ShareEvent.objects.order_by("-at", "-pk")[:MOST_ROWS]
    ]


def snapshot_facts(link: ShareLink) -> dict[str, Any]:
    """What the bar on a shared page says."""
    snapshot = link.snapshot
    rules = (snapshot.redaction or {}).get("rules", {})
    ran = [rule for rule in rules_found(rules) if rule["count"]]
    return {
        "captured": text.moment(_us(snapshot.captured_at) or 0),
        "until": text.moment(_us(link.expires_at) or 0),
        "source": snapshot.source_name,
        "complete": snapshot.complete,
        "redacted": (snapshot.redaction or {}).get("total", 0),
        "rules": ran,
        "note": link.note,
        "by": snapshot.captured_by,
        "imported": _moment(snapshot.imported_at),
    }


def _moment(at: Any) -> str:
    return text.moment(_us(at) or 0) if at else ""


def _us(at: Any) -> int | None:
    return round(at.timestamp() * 1e6) if at else None
