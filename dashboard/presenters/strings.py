"""Texts that scripts show, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.presenters.together_strings import follow_strings, note_strings
from dashboard.presenters.trace_views import view_strings


def common_strings() -> dict[str, str]:
    """Texts of every page."""
    return {
        "live": _("Live"),
        "connecting": _("Connecting"),
        "disconnected": _("Disconnected"),
        "refused": _("No access"),
        "refusedLong": _("You may not follow this page live. It shows {time}."),
        "full": _("Waiting for a place"),
        "fullLong": _(
            "Too many pages are open at once. This one shows {time} and tries again "
            "by itself."
        ),
        "lost": _(
            "Connection lost, trying again. The page shows {time}; it catches up when "
            "the connection is back."
        ),
        "secondsAgo": _("{n} s ago"),
        "minutesAgo": _("{n} min ago"),
        "today": _("Today {time}"),
        "copied": _("Copied"),
        "cancel": _("Cancel"),
        "shareSnapshot": _("Create snapshot and copy link"),
        "shareLive": _("Create live view and copy link"),
        "shareLink": _("Copy link"),
        "shareWhole": _("The whole trace, nothing selected"),
        "shareOnce": _("The link; it is shown only now"),
        "shareAddress": _("The link"),
        "shareTotal": _("{n} values. They are not stored in the snapshot."),
        "shareSilent": _("{n} other rules ran and found nothing"),
        "shareShown": _("{n} of {all} fields shown"),
        "sharePutBack": _("Keep {name} after all"),
        "shareFailed": _("The share was not made: {text}"),
        "shareTakeOut": _("Take {name} out of the snapshot"),
        "close": _("Close"),
        "noChart": _("The chart could not be drawn. The table holds the same data."),
    }


def search_strings() -> dict[str, str]:
    """Texts of the search page."""
    return {
        **common_strings(),
        "new": _("{n} new"),
        "newWaiting": _("{n} new traces wait. Press n to show them."),
        "pause": _("Pause"),
        "resume": _("Resume"),
        "growing": _("growing"),
        "incomplete": _("incomplete"),
        "choose": _("Choose {name}, {took}"),
        "compareSome": _("Compare {n}"),
        "compareMost": _("Choose at most {n}"),
        "inBox": _("{n} traces in the box"),
        "inCell": _("{n} traces"),
        "asking": _("Asking …"),
        "askFailed": _("It could not be asked: {text}"),
        "uploading": _("Reading the file …"),
        "uploadFailed": _("The upload failed: {text}"),
        "uploadProblems": _(
            "Stored, but {n} parts of the file could not be read; the first: {text}."
        ),
        "open": _("Open"),
        "duration": _("Duration"),
        "compare": _("Compare"),
    }


def trace_strings() -> dict[str, str]:
    """Texts of the trace page."""
    return {
        **common_strings(),
        **view_strings(),
        **follow_strings(),
        **note_strings(),
        "stateWindow": _("{from} to {to}"),
        "stateSpan": _("“{name}” selected"),
        "stateFind": _("looking for “{text}”"),
        "stateFilter": _("some services hidden"),
        "stateRoot": _("below one span"),
        "stateFolds": _("some spans collapsed"),
        "stateSpans": _("a span selected"),
        "stateFrom": _("from {from} on"),
        "loading": _("Loading {n} spans …"),
        "failedPayload": _("The spans could not be loaded ({text}). Try again."),
        "failed": _("failed"),
        "failedBelow": _("failed below"),
        "critical": _("critical path"),
        "spans": _("{n} spans"),
        "matches": _("{n} of {total} matches"),
        "noMatch": _("no match"),
        "findFailed": _("The search failed ({text})."),
        "filterIgnored": _(
            "The service filter of this link was made for other services. It is "
            "ignored."
        ),
        "oneMatch": _("1 match"),
        "duration": _("Duration"),
        "selfTime": _("Self time"),
        "ofTrace": _("Of the trace"),
        "attributes": _("Attributes"),
        "events": _("Events"),
        "resource": _("Process (resource)"),
        "references": _("References"),
        "warnings": _("Warnings"),
        "copy": _("Copy"),
        "copyId": _("Copy span id"),
        "copyLink": _("Copy link to span"),
        "cut": _("{n} more characters are in the download"),
        "moreTags": _("{n} more are in the download"),
        "started": _("started at +{offset}"),
        "adjusted": _("moved by {n}"),
        "waiting": _("Waiting for more spans."),
        "growing": _("Growing"),
        "complete": _("Complete"),
        "incomplete": _("Incomplete"),
        "grown": _("The trace has grown and was read again."),
        "collapsed": _("{n} hidden"),
        "rowLabel": _("{service} {operation}, {duration}"),
        "detailsFailed": _("The details could not be loaded ({text})."),
        "open": _("Open"),
        "sameTrace": _("in this trace"),
        "overview": _("All spans over time; drag to zoom."),
        "windowStart": _("Start of the window of time"),
        "windowEnd": _("End of the window of time"),
        "nothingShown": _("No span is left by these choices. Esc takes the text away."),
        "inGraph": _("Service graph"),
        "httpStatus": _("HTTP status {n}"),
        "peer-database": _("calls a database"),
        "peer-queue": _("calls a queue"),
        "peer-service": _("calls a service that sent no spans"),
        "peer-external": _("calls a host outside"),
        "bothHalves": _("client and server"),
        "seam": _("stitched"),
        "seamId": _("put here by its x-request-id"),
        "seamTime": _("put here since it lies within; only times say so"),
        "level": _("level {n}"),
        "logsHere": _("{n} events"),
        "repeatLabel": _(
            "{service} {operation}, {n} calls, shortest {min}, median {median}, "
            "longest {max}"
        ),
        "repeatTotal": _("All calls added up"),
        "repeatFigures": _("{n} calls · {min} to {max} · median {median}"),
        "moreCalls": _("{n} more, each at most {max}"),
        "shortSpans": _("{n} spans shorter than {max}"),
        "stillOpen": _("still open"),
        "openDuration": _("open"),
        "callerMissing": _("caller missing"),
        "unknownCaller": _("unknown caller"),
        "waitingFor": _("Waiting for {n} open spans."),
        "onlyBelow": _("Show only this span and what is below it"),
        "onlyBelowThis": _("Only below {name}"),
        "chosen": _("({n})"),
        "previousSpan": _("Previous span"),
        "nextSpan": _("Next span"),
        "callersAbove": _("Callers above this span"),
        "inbound": _("Referred to by"),
        "toServer": _("Go to the server's span in {service}"),
        "toClient": _("Go to the client's span in {service}"),
        "notStored": _("(not stored here)"),
        "showMore": _("Show {n} more of {total}"),
        "showRest": _("show {n} more characters"),
        "filterTags": _("Filter by key or value"),
        "copyValue": _("Copy the value of {key}"),
        "percentiles": _(
            "Half take up to {p50}, 95 of 100 up to {p95}, 99 up to {p99}."
        ),
    }
