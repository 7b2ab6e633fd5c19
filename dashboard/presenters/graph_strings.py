"""Texts that the graph page's scripts show, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.presenters.strings import common_strings


def graph_strings() -> dict[str, str]:
    """Texts of the graph page."""
    return {
        **common_strings(),
        **_picture(),
        **_panel(),
        "updated": _("updated {time}"),
        "fixedWindow": _("{from} to {to}"),
        "noPicture": _("There is no picture to export. Show the graph first."),
        "exportFailed": _("The picture could not be made ({text})."),
        "liveNow": _("until now"),
        "play": _("Play"),
        "pause": _("Pause"),
        "perMinute": _("requests per minute"),
        "failedCalls": _("failed"),
        "loadFailed": _("The graph could not be loaded ({text}). Try again."),
        "matches": _("{n} of {total} services"),
        "foundCounts": _("{nodes} services, {edges} edges"),
        "allServices": _("All services"),
        "allGroups": _("All groups"),
        "closeGroup": _("Close the group {name}"),
        "noFocus": _("Show all services"),
        "hopsUp": _("{n} up"),
        "hopsDown": _("{n} down"),
        "hopsUpLabel": _("Hops to callers"),
        "hopsDownLabel": _("Hops to callees"),
        "shownOf": _("{shown} shown of {all} services"),
    }


def _picture() -> dict[str, str]:
    return {
        "fails": _("{share} fail"),
        "new": _("new"),
        "members": _("{n} services"),
        "perCall": _("{n} per call"),
        "attemptsPerCall": _("{n} attempts per call"),
        "attempts": _("{n} attempts"),
        "nodeSentence": _("{service}, {kind}: {rate}, 95 of 100 under {p95}."),
        "nodeSilent": _("{service}, {kind}: no calls in this window."),
        "groupSentence": _("{service}, a group of {n} services: {rate}."),
        "nodeFails": _("{share} fail."),
    }


def _panel() -> dict[str, str]:
    return {
        "calls": _("Calls"),
        "errors": _("Failed"),
        "rate": _("Rate"),
        "operation": _("Operation"),
        "operations": _("Operations"),
        "moreOperations": _("{n} more operations"),
        "callers": _("Callers"),
        "callees": _("Callees"),
        "findTraces": _("Find these traces"),
        "findAll": _("Find these {n} traces"),
        "focusHere": _("Focus on this service"),
        "openGroup": _("Open its {n} services"),
        "pathsThrough": _("Paths through it"),
        "failedTraces": _("Failed examples"),
        "slowest": _("Slowest examples"),
        "panelFailed": _("More could not be loaded ({text})."),
        "chartRed": _("Rate, failures and duration over time"),
        "chartHistogram": _("Durations"),
        "chartHeatmap": _("Durations over time"),
    }
