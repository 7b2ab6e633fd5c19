"""The views of a trace beside the waterfall: their names, addresses and texts."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

VIEW_PARAMETERS = (
    "view",
    "by",
    "then",
    "order",
    "svc",
    "op",
    "q",
    "failed",
    "mode",
    "at",
    "tags",
    "path",
)
"""What the views keep in the page's address."""


def view_names() -> list[tuple[str, str]]:
    """Name in the address and label of each view, the usual one first."""
    return [
        ("waterfall", _("Timeline")),
        ("table", _("Table")),
        ("logs", _("Logs")),
    ]


def view_urls(kind: str, key: str) -> dict[str, str]:
    """What the views ask of the server; ``kind`` is "trace" or "share"."""
    names = ("statistics", "rows", "graph", "logs", "csv", "find")
    return {name: reverse(f"dashboard:{kind}-{name}", args=[key]) for name in names}


def view_strings() -> dict[str, str]:
    """Texts that the views' scripts show."""
    return {
        "viewFailed": _("This view could not be shown ({text}). Choose it again."),
        "service": _("Service"),
        "operation": _("Operation"),
        "start": _("Start"),
        "kind": _("Kind"),
        "spanId": _("Span id"),
        "total": _("Total"),
        "calls": _("Calls"),
        "failures": _("Failed"),
        "anyService": _("All services"),
        "anyOperation": _("All operations"),
        "filterText": _("Filter by text"),
        "failedOnly": _("Failed only"),
        "inWaterfall": _("Show in the timeline"),
        "showing": _("{n} of {total} spans"),
        "nothingLeft": _("No span passes the filter."),
        "clearFilter": _("Clear the filter"),
        "pathOf": _("Calls like {name}"),
        "spansTable": _("Spans of the trace"),
        "without": _("without {key}"),
        "time": _("Time"),
        "event": _("Event"),
        "fields": _("Fields"),
        "logsTable": _("Logs of all spans"),
        "filterLogs": _("Filter by service or text"),
        "logsFailed": _("The logs could not be loaded ({text})."),
        "cutLogs": _(
            "The earliest {n} of {total} logs. Filter by a text to see others."
        ),
        "loadingLogs": _("Loading the logs …"),
        "logCount": _("{n} logs"),
        "noLogs": _("No span of this trace has logs."),
        "noLogLeft": _("No log passes the filter."),
        "cutMatches": _(
            "Only the first {n} matches in tags were looked up; name a tag more exactly."
        ),
    }
