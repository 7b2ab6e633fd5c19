"""Texts that the graph page's scripts show, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.presenters.strings import common_strings
from dashboard.presenters.together_strings import follow_strings, note_strings


def graph_strings() -> dict[str, str]:
    """Texts of the graph page."""
    return {
        **common_strings(),
        **_picture(),
        **_panel(),
        **_compare(),
        **_paths(),
        **_questions(),
        **follow_strings(),
        **note_strings(),
        "shareEnded": _("This link does not open anything any more"),
        "shareEndedWhy": _("It has expired or was revoked."),
        "snapshotFigures": _("The snapshot holds no more of this than its figures."),
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


def _compare() -> dict[str, str]:
    return {
        "changes": _("Changes"),
        "compareEnd": _("End the comparison"),
        "comparedWith": _("{now} compared with {base}"),
        "noChange": _("Nothing changed beyond chance."),
        "notSure": _("{n} differences that may be chance"),
        "moreChanges": _("{n} more changes"),
        "examples": _("Example traces"),
        "examplesBefore": _("Before"),
        "examplesNow": _("Now"),
        "state-added": _("Added."),
        "state-gone": _("Gone."),
        "state-changed": _("Changed."),
        "edge-added": _("+ added"),
        "edge-gone": _("− gone"),
        "edge-slower": _("▲ slower"),
        "edge-faster": _("▼ faster"),
        "edge-more_errors": _("more fail"),
        "edge-fewer_errors": _("✓ fewer fail"),
        "edge-more_calls": _("↑ more calls"),
        "edge-fewer_calls": _("↓ fewer calls"),
    }


def _paths() -> dict[str, str]:
    return {
        "pathsOf": _("Paths through {service}"),
        "pathsEnd": _("Leave the paths"),
        "pathsShown": _("{shown} of {total} paths, the most travelled first"),
        "pathsCut": _("{n} traces have too many paths; not all of theirs are counted."),
        "pathFigures": _("{n} calls in {traces} traces"),
        "pathErrors": _("{n} failed"),
        "pathEdge": _("{caller} called {callee} {n} times on these paths."),
        "callsOf": _("{n} calls"),
        "openTrace": _("Open the trace"),
        "overlayEnd": _("Remove the trace"),
    }


def _questions() -> dict[str, str]:
    return {
        "questions": _("Questions"),
        "ifItStops": _("If it stops"),
        "singlePoints": _("What others depend on"),
        "unreachable": _("{n} are cut off without it"),
        "pathQuestions": _("Paths from an entry"),
        "cycles": _("Circles"),
        "noCycles": _("No service calls itself by way of others."),
        "unreached": _("Not reached"),
        "mostCalled": _("Called by most"),
        "fans": _("{in} callers, {out} callees"),
        "moreAnswers": _("{n} more"),
    }
