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
        ("flame", _("Flame")),
        ("statistics", _("Statistics")),
        ("table", _("Table")),
        ("graph", _("Graph")),
        ("logs", _("Logs")),
    ]


def view_urls(kind: str, key: str) -> dict[str, str]:
    """What the views ask of the server; ``kind`` is "trace", "share" or "stitched"."""
    names = ("statistics", "rows", "graph", "logs", "csv", "find")
    urls = {name: reverse(f"dashboard:{kind}-{name}", args=[key]) for name in names}
    if kind == "trace":
        urls["document"] = reverse("dashboard:trace-document", args=[key])
    return urls


def view_strings() -> dict[str, str]:
    """Texts that the views' scripts show."""
    return {
        "viewFailed": _("This view could not be shown ({text}). Choose it again."),
        "service": _("Service"),
        "operation": _("Operation"),
        "start": _("Start"),
        "kind": _("Kind"),
        "onCritical": _("Critical path"),
        "onCriticalHelp": _("Time of the span on the critical path"),
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
        "flameMode": _("Frames"),
        "flameMerged": _("Merged by call path"),
        "flameSpans": _("Each span"),
        "flameReset": _("Show all"),
        "flameOpen": _("Show its spans"),
        "flameLabel": _("Flame graph: self time by call path, the root on top"),
        "flameHelp": _(
            "A frame is as wide as the self time at and below it. Click or Enter zooms."
        ),
        "frameOne": _("took {total}, self time {self}"),
        "frameMany": _(
            "{n} calls, {total} together, longest {longest}, self time {self}"
        ),
        "frameShare": _("{share} of all self time is at and below it"),
        "frameFailed": _("{n} failed"),
        "frameCritical": _("{time} on the critical path"),
        "frameNarrow": _("{n} frames, each too narrow to be drawn; zoom in"),
        "group": _("Group"),
        "groupBy": _("Group by"),
        "thenBy": _("then by"),
        "noSecond": _("nothing"),
        "mean": _("Mean"),
        "least": _("Least"),
        "most": _("Most"),
        "p99Help": _("Nearest rank. Of fewer than 100 calls it is the longest."),
        "selfMean": _("Mean self"),
        "selfShare": _("Of self time"),
        "selfShareHelp": _("Share of the self time of all spans"),
        "statisticsTable": _("Statistics of the spans"),
        "statisticsHelp": _("A row opens its spans in the table."),
        "statisticsFailed": _("The statistics could not be loaded ({text})."),
        "leftOff": _("{n} groups with the least self time are left out."),
        "groupCount": _("{n} groups of {spans} spans"),
        "emptyValue": _("(empty)"),
        "graphBy": _("Merged"),
        "byPath": _("By call path"),
        "byOperation": _("By operation"),
        "graphColour": _("Colour by"),
        "totalTime": _("Time"),
        "graphAs": _("Shown as"),
        "picture": _("Picture"),
        "tableTwin": _("Table"),
        "graphLabel": _("Operations of the trace; arrow keys lead along the calls"),
        "graphFailed": _("The graph could not be loaded ({text})."),
        "drawnNodes": _("The {n} operations with most self time of {total} are shown."),
        "nodeTable": _("Operations of the trace"),
        "nodeFigures": _(
            "{n} calls, {total} together, self time {self}, {share} of all self time"
        ),
        "selfShort": _("self {time}"),
        "failedOf": _("{n} of {total} failed"),
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "fit": _("Show the whole graph"),
        "exportCut": _("The first {n} of {total} rows are in the picture."),
        "exportFailed": _("The picture could not be made ({text})."),
        "exportRows": _("rows {from} to {to} of {total}"),
        "exportWindow": _("from {from} to {to}"),
        "markSelf": _("self time"),
        "markWaits": _("waiting for others"),
        "cutMatches": _(
            "Only the first {n} matches in tags were looked up; name a tag more exactly."
        ),
    }
