"""The mesh lab as its page shows it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from dashboard.actions.lab import Lab
from dashboard.mesh.tracers import TRACERS
from dashboard.presenters.lab_rows import CALLERS, fault_rows, modes
from dashboard.presenters.results import result_row
from dashboard.presenters.strings import common_strings
from dashboard.reads.traces import find_traces
from dashboard.traces.query import TraceQuery

NEWEST = 8
NUMBERS = ("rate", "sampling", "retries")


def lab_context(lab: Lab) -> dict[str, Any]:
    """All that the page is made of."""
    switches = lab.told.get("switches", {})
    simulated = lab.kind == "demo"
    known = modes(simulated)
    forwarding = switches.get("forwarding", {})
    return {
        "kind": lab.kind,
        "told": lab.told,
        "tracer_text": _tracer_text(lab.told.get("tracer", "")),
        "rows": fault_rows(switches, simulated) if switches else [],
        "modes": [(name, words[0]) for name, words in known.items()],
        "callers": [
            {
                "key": key,
                "service": key.partition(":")[0],
                "version": key.partition(":")[2],
                "mode": forwarding.get(key, "all"),
                "text": known.get(forwarding.get(key, "all"), ("", ""))[1],
            }
            for key in CALLERS
        ],
        "weights": switches.get("weights", {}),
        "switches": switches,
        "newest": newest_traces(),
        "strings": {
            **lab_strings(),
            **{f"mode:{name}": words[1] for name, words in known.items()},
        },
        **live_part(lab),
    }


def live_part(lab: Lab) -> dict[str, Any]:
    """What changes by itself: visits, notes, parts."""
    told = lab.told
    visits = {int(status): count for status, count in told.get("visits", {}).items()}
    return {
        "visits_text": _visits_text(visits),
        "notes": told.get("notes", []),
        "parts": told.get("parts", []),
        "failed": told.get("failed", ""),
    }


def _visits_text(visits: dict[int, int]) -> str:
    if not visits:
        return ""
    words = []
    for status, count in sorted(visits.items()):
        if status:
            words.append(
                _("%(count)s × status %(status)s") % {"count": count, "status": status}
            )
        else:
            words.append(_("%(count)s × no answer") % {"count": count})
    return ", ".join(words)


def _tracer_text(tracer: str) -> str:
    texts = {
        "zipkin": _("Zipkin tracer, B3 headers"),
        "zipkin-w3c": _("Zipkin tracer, B3 headers and traceparent"),
        "otel": _("OpenTelemetry tracer, traceparent"),
        "classic": _("Zipkin tracer as of old: client and server share a span id"),
    }
    return texts[tracer] if tracer in TRACERS else ""


def newest_traces() -> list[dict[str, Any]]:
    """The newest stored traces, as short rows."""
    found = find_traces(TraceQuery(limit=NEWEST))
    kept = [
        "key",
        "url",
        "root_service",
        "duration_text",
        "spans_text",
        "failed_text",
        "slot",
        "growing",
    ]
    rows = [result_row(record) for record in found.records[:NEWEST]]
    return [{name: row[name] for name in kept} for row in rows]


def state_answer(lab: Lab) -> dict[str, Any]:
    """What the page asks for every two seconds."""
    return {
        "ok": True,
        "kind": lab.kind,
        "switches": lab.told.get("switches", {}),
        "newest": newest_traces(),
        **live_part(lab),
    }


def lab_strings() -> dict[str, str]:
    """Texts that the page's script shows."""
    return {
        **common_strings(),
        "switched": _("Switched: {name}"),
        "switchFailed": _("Not switched: {text}"),
        "sent": _("{n} requests are on their way"),
        "labGone": _("The mesh has ended. Start it again with ./spanboard mesh"),
        "growing": _("growing"),
    }
