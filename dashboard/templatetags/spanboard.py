"""Icons and times in templates."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
SIGNS = {"error", "error-below", "warning", "ok"}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; with a label it is read out, else it is decoration."""
    url = static("dashboard/icons.svg")
    kind = f"sign sign-{name}" if name in SIGNS else "icon"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            kind,
            label,
            url,
            name,
        )
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', kind, url, name
    )


@register.simple_tag
def when(at_us: int | None) -> SafeString | str:
    """A time that the page's script shows as "12 s ago"; absolute without it."""
    if not at_us:
        return "–"
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return format_html(
        '<time data-us="{}" datetime="{}" title="{}">{}</time>',
        at_us,
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        at.strftime("%d %b %H:%M:%S"),
    )
