"""What a chat shows of a link: of a link for anyone what it opens, else nothing.

Who fetches a preview has no account, and who reads it may have none either. So a link
for signed-in people and one that opens nothing tell the same: that it is a link.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.actions.shares import is_for_anyone
from dashboard.presenters import text
from dashboard.share_models import ShareLink, Snapshot

MAX_TITLE = 200


def plain_preview(picture: str) -> dict[str, str]:
    """Of any link; ``picture`` is an address that holds nothing of a trace."""
    return {
        "title": _("Shared with Spanboard"),
        "description": _("Open the link to see what it holds."),
        "picture": picture,
        "picture_words": "Spanboard",
    }


def link_preview(link: ShareLink, plain: str, picture: str) -> dict[str, str]:
    """Of a living link; ``picture`` is the address of what it opens, as PNG."""
    if not is_for_anyone(link):
        return plain_preview(plain)
    snapshot = link.snapshot
    title = snapshot.title[:MAX_TITLE] or _("Shared with Spanboard")
    return {
        "title": f"{title} · Spanboard",
        "description": _facts(snapshot),
        "picture": picture,
        "picture_words": title,
    }


def _facts(snapshot: Snapshot) -> str:
    if snapshot.kind == Snapshot.Kind.LIVE:
        return ""
    if snapshot.kind == Snapshot.Kind.GRAPH:
        return text.moment(round(snapshot.captured_at.timestamp() * 1e6))
    summary = snapshot.summary
    parts = [
        text.duration_us(summary["duration_us"]),
        text.spans(summary["span_count"]),
        text.services(len(summary["services"])),
    ]
    if summary["error_count"]:
        parts.append(text.failed(summary["error_count"]))
    return " · ".join([*parts, text.moment(summary["start_us"])])
