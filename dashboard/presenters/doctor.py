"""Findings of the doctor as sentences and evidence, for its page and for scripts."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from dashboard.doctor_models import Diagnosis
from dashboard.presenters import text
from dashboard.presenters.colors import monogram, preferred
from dashboard.presenters.doctor_advice import advice, headers_seen
from dashboard.reads.diagnoses import accused

OPEN, CLEARED, DISMISSED = "open", "cleared", "dismissed"


def state_of(found: Diagnosis) -> str:
    """``open``, ``cleared`` or ``dismissed``."""
    if found.dismissed_at is not None:
        return DISMISSED
    return CLEARED if found.cleared_at is not None else OPEN


def rule_words() -> dict[str, str]:
    """Names of the rules."""
    return {
        "context-lost": _("Context lost"),
        "request-id-lost": _("Request id lost"),
        "sampling-lost": _("Sampling decision lost"),
        "context-leaked": _("Context leaked"),
        "missing-hop": _("No spans"),
        "mixed-formats": _("Mixed formats"),
        "clock-skew": _("Clock skew"),
        "lost-spans": _("Spans lost"),
    }


def certainty_words() -> dict[str, str]:
    """How sure the doctor is."""
    return {
        "certain": _("Certain"),
        "probable": _("Probable"),
        "suspect": _("Suspect"),
    }


def who(found: Diagnosis) -> str:
    """``reviews v2``; a service of a mesh without its namespace."""
    return f"{found.service.partition('.')[0]} {found.version}".strip()


def title(found: Diagnosis) -> str:
    """The claim in one sentence."""
    evidence = found.evidence
    values = {
        "who": who(found),
        "targets": ", ".join(evidence.get("targets") or []) or _("others"),
        "callers": ", ".join(
            name.partition(".")[0] for name in _values(found).get("callers", [])
        ),
        "ms": text.duration_us(abs(_values(found).get("offset_ns", 0)) // 1_000),
    }
    if found.rule == "context-lost" and found.variant == "mesh":
        return _("No call of %(who)s is linked, nor anybody else's") % values
    return {
        "context-lost": _("%(who)s does not pass the trace context on to %(targets)s"),
        "request-id-lost": _("%(who)s does not pass x-request-id on to %(targets)s"),
        "sampling-lost": _("%(who)s does not pass the sampling decision on"),
        "context-leaked": _("%(who)s calls with the context of another request"),
        "missing-hop": _("%(who)s sends no spans"),
        "mixed-formats": _("%(who)s speaks other trace headers than the mesh"),
        "clock-skew": _("The clock of %(who)s is %(ms)s ahead")
        if found.variant == "ahead"
        else _("The clock of %(who)s is %(ms)s behind"),
        "lost-spans": _("Spans of the callers of %(who)s are lost"),
    }[found.rule] % values


def _values(found: Diagnosis) -> dict[str, Any]:
    values: dict[str, Any] = found.evidence.get("values") or {}
    return values


def explanation(found: Diagnosis) -> str:
    """The evidence in a sentence or two."""
    values = {
        "count": text.count(found.count),
        "total": text.count(found.total),
        "who": who(found),
        "callers": ", ".join(
            name.partition(".")[0] for name in _values(found).get("callers", [])
        ),
        "well": ", ".join(_values(found).get("well", [])),
    }
    words = {
        ("context-lost", "request-id-only"): _(
            "%(count)s of its %(total)s calls began a new trace, with the x-request-id "
            "of a request that the same pod was serving at that moment. It passes on "
            "that id alone, half a context, or headers that this mesh does not read."
        ),
        ("context-lost", "nothing"): _(
            "%(count)s of its %(total)s calls began a new trace while the pod served a "
            "request that has no such call. They fit these requests in time; no header "
            "proves it."
        ),
        ("context-lost", "mesh"): _(
            "No call of any service carries its caller's context. The mesh may be told "
            "not to pass it on, so no application is accused."
        ),
        ("request-id-lost", ""): _(
            "%(count)s of its %(total)s linked calls carry another x-request-id than "
            "the request they belong to. The traces are whole; logs can't be joined, "
            "and sidecars may sample anew."
        ),
        ("sampling-lost", ""): _(
            "%(count)s of its %(total)s calls name a request as their parent that was "
            "not sampled, while other requests end here. The calls' own sidecar threw "
            "the dice again."
        ),
        ("context-leaked", ""): _(
            "%(count)s of its %(total)s calls hang below a request that had ended, "
            "while another one of the same pod was open and lacks this call."
        ),
        ("missing-hop", "silent"): _(
            "%(count)s calls from %(callers)s were answered well, and no span of the "
            "callee came. It has no sidecar, or is not traced."
        ),
        ("missing-hop", "forwards"): _(
            "Below %(count)s calls to it hang spans of another service. It passes the "
            "context on but sends no spans of its own."
        ),
        ("clock-skew", "ahead"): _(
            "%(count)s of %(total)s requests begin before or end after the call that "
            "made them, all by about the same."
        ),
        ("lost-spans", ""): _(
            "%(count)s requests name a caller that is in no trace. Spans were lost on "
            "their way, or came too late."
        ),
    }
    variant = found.variant
    if found.rule == "clock-skew":
        variant = "ahead"
    if found.rule == "mixed-formats":
        other = _("B3") if variant == "b3" else _("W3C Trace Context")
        most = _("W3C Trace Context") if variant == "b3" else _("B3")
        return _(
            "Its sidecar writes %(other)s, most others %(most)s. An application that "
            "forwards one family only breaks the trace."
        ) % {"other": other, "most": most}
    said = words.get((found.rule, variant)) or words.get((found.rule, ""), "")
    said %= values
    if values["well"]:
        beside = _("Version %(well)s does it right.")
        if found.evidence.get("dialect"):  # a sidecar's
            beside = _(
                "Version %(well)s behind the same kind of sidecar does it right, so "
                "the fault is in the application, not in the mesh."
            )
        said += " " + beside % values
    return said


def clears(found: Diagnosis) -> str:
    """How a finding goes away."""
    return _(
        "The finding clears itself when at least 20 calls in a row are well; the rarer "
        "the fault, the more."
    )


def finding_row(found: Diagnosis) -> dict[str, Any]:
    """A finding for the list and for scripts."""
    name = found.service
    return {
        "id": found.pk,
        "rule": found.rule,
        "rule_text": rule_words()[found.rule],
        "service": name,
        "short": name.partition(".")[0],
        "version": found.version,
        "slot": preferred(name),
        "monogram": monogram(name),
        "certainty": found.certainty,
        "certainty_text": certainty_words()[found.certainty],
        "variant": found.variant,
        "source": found.source.name,
        "state": state_of(found),
        "count": found.count,
        "total": found.total,
        "count_text": _("%(count)s of %(total)s")
        % {"count": text.count(found.count), "total": text.count(found.total)},
        "first_us": found.first_us,
        "last_us": found.last_us,
        "title": title(found),
        "text": explanation(found),
        "traces": found.evidence.get("traces") or [],
        "pairs": found.evidence.get("pairs") or [],
        "targets": found.evidence.get("targets") or [],
        "pods": found.evidence.get("pods") or [],
    }


def finding_page(found: Diagnosis) -> dict[str, Any]:
    """A finding with everything that its page shows."""
    row = finding_row(found)
    dialect = found.evidence.get("dialect") or ""
    return {
        **row,
        "clears": clears(found),
        "headers": headers_seen(found.rule, found.variant, dialect),
        "advice": advice(found.rule, found.variant, dialect),
    }


def headline(rows: list[dict[str, Any]], well: int, silent: int) -> str:
    """The page's first sentence."""
    accused = {
        (r["service"], r["version"])
        for r in rows
        if r["state"] == OPEN and r["certainty"] != "suspect"
    }
    if accused:
        begin = _("%(n)s services have a fault.") % {"n": len(accused)}
        if len(accused) == 1:
            begin = _("1 service has a fault.")
    else:
        begin = _("No service is accused.")
    rest = _("%(well)s are well, %(silent)s can not be judged.") % {
        "well": well,
        "silent": silent,
    }
    return f"{begin} {rest}"


def doctor_lines(
    trace_id: str, found: list[tuple[Diagnosis, str]]
) -> list[dict[str, Any]]:
    """What a trace's own page says about findings that it is evidence of."""
    return [
        {
            "id": one.pk,
            "text": _("%(title)s (%(certainty)s).")
            % {
                "title": title(one),
                "certainty": certainty_words()[one.certainty].lower(),
            },
            "stitched": f"{trace_id}+{other}" if other else "",
        }
        for one, other in found[:3]
    ]


def mark_accused(nodes: list[dict[str, Any]], source: str) -> None:
    """Give the graph's nodes what the doctor holds against them: words and ids."""
    found = accused(source)
    if not found:
        return
    rules = rule_words()
    for node in nodes:
        told = [
            one
            for one in found.get(node["service"], ())
            if node["version"] in ("", one.version) or not one.version
        ]
        if told and not node["members"]:
            node["findings"] = [
                {"id": one.pk, "words": rules[one.rule].lower(), "title": title(one)}
                for one in told
            ]
