"""A trace in words: where the time went, what failed, what is unusual.

Each sentence leads to its spans: ``row`` is the one to jump to, ``rows`` are
those to highlight (at most ``MAX_ROWS`` of ``row_count``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.analysis.attempts import Attempts, find_attempts
from dashboard.analysis.folding import find_folds
from dashboard.analysis.missing import find_missing
from dashboard.graph.slowness import place, without_own
from dashboard.presenters import text
from dashboard.presenters.envoy import reason
from dashboard.presenters.faults import fault_text, find_faults
from dashboard.presenters.shown import Shown
from dashboard.presenters.slowness import window_text
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.trace import Flag, Trace

MAX_ROWS = 500
LEAST_SHARE = 0.05  # of the critical path, to be worth a sentence
MANY = 10  # equal calls of one span, to be worth a sentence
MAX_FAULTS = 3
LOOKED_AT = 10  # spans that are compared with stored calls
Sentence = dict[str, Any]


def sentences(shown: Shown) -> list[Sentence]:
    """The answer in words."""
    trace = shown.trace
    if not len(trace):
        return []
    error = error_sentence(trace, shown.summary)
    tried = find_attempts(trace)
    return [
        *time_sentences(shown),
        *error,
        *unusual_sentences(shown),
        *fault_sentences(trace, error, tried),
        *attempt_sentences(trace, tried),
        *repeat_sentences(shown),
        *missing_sentences(shown),
    ]


def sentence(code: str, icon: str, words: str, rows: Iterable[int]) -> Sentence:
    """One sentence with the rows that it speaks of; the first is the one to see."""
    found = list(rows)
    return {
        "code": code,
        "icon": icon,
        "text": words,
        "row": found[0] if found else None,
        "rows": found[:MAX_ROWS],
        "row_count": len(found),
    }


def time_sentences(shown: Shown) -> list[Sentence]:
    """The operations with most of the critical path, at most three."""
    trace, extra = shown.trace, shown.extra
    rows, lengths = extra["critical_row"], _section_lengths(shown)
    whole = float(lengths.sum())
    if not whole:
        return []
    group = trace.service[rows] * np.int64(len(trace.operations))
    group += trace.operation[rows]
    groups, member = np.unique(group, return_inverse=True)
    member = member.reshape(-1)
    sums = np.bincount(member, weights=lengths, minlength=len(groups))
    found: list[Sentence] = []
    for most in np.argsort(-sums, kind="stable")[:3].tolist():
        part = float(sums[most]) / whole
        if found and part < LEAST_SHARE:
            break
        mine = rows[member == most]
        order = np.argsort(-lengths[member == most], kind="stable")
        here = list(dict.fromkeys(mine[order].tolist()))
        values = {
            "share": text.share(part),
            "service": trace.service_name(here[0]),
            "operation": trace.operation_name(here[0]),
        }
        words = (
            _("Another %(share)s is in %(service)s: %(operation)s.")
            if found
            else _("%(share)s of the time is in %(service)s: %(operation)s.")
        )
        found.append(sentence("time", "clock", words % values, here))
    return found


def _section_lengths(shown: Shown) -> np.ndarray:
    """Lengths of the sections of the critical path in ns."""
    extra = shown.extra
    lengths: np.ndarray = extra["critical_end_ns"] - extra["critical_start_ns"]
    return lengths


def error_sentence(trace: Trace, summary: dict[str, Any]) -> list[Sentence]:
    """Where the first error began and how far up it failed its callers."""
    began = (summary.get("first_error") or {}).get("span_id")
    if not began:
        return []
    row = trace.span_ids.index(began) if began in trace.span_ids else -1
    if row < 0:
        return []
    path = [row]
    parent, failed = trace.parent.tolist(), (trace.flags & Flag.ERROR).tolist()
    above = parent[row]
    while above >= 0 and failed[above]:
        path.append(above)
        above = parent[above]
    services = dict.fromkeys(trace.service[path[1:]].tolist())
    failed_above = [trace.services[n] for n in services if n != trace.service[row]]
    if above >= 0:  # a service that went on all the same did not fail
        stopped = trace.service_name(above)
        failed_above = [name for name in failed_above if name != stopped]
    offset_ns = int(trace.end_ns[row]) - int(trace.start_ns.min())
    values = {
        "service": trace.service_name(row),
        "operation": trace.operation_name(row),
        "offset": format_duration_ns(offset_ns),
        "text": reason(summary["first_error"].get("text") or _("no reason given"))[
            :200
        ],
        "above": ", ".join(failed_above[:5]),
        "last": trace.service_name(above) if above >= 0 else "",
    }
    if failed_above and above >= 0:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s), "
            "failed %(above)s and stopped at %(last)s."
        )
    elif failed_above:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and failed %(above)s."
        )
    elif above >= 0 and trace.service_name(above) != values["service"]:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and stopped at %(last)s."
        )
    else:
        words = _(
            "The error is in %(service)s %(operation)s at +%(offset)s (%(text)s)."
        )
    return [sentence("error", "error", words % values, path)]


def unusual_sentences(shown: Shown) -> list[Sentence]:
    """Spans with much of the critical path that took longer than 95 of 100 do."""
    trace, lengths = shown.trace, _section_lengths(shown)
    whole = float(lengths.sum())
    if not whole:
        return []
    own = np.bincount(
        shown.extra["critical_row"], weights=lengths, minlength=len(trace)
    )
    first = np.argsort(-own, kind="stable")[: 10 * LOOKED_AT].tolist()
    looked_at: dict[tuple[str, str], int] = {}
    for row in first:
        if own[row] >= LEAST_SHARE * whole and len(looked_at) < LOOKED_AT:
            key = (trace.service_name(row), trace.operation_name(row))
            looked_at.setdefault(key, row)
    known = shown.known(looked_at) if looked_at else None
    if known is None:
        return []
    found = []
    for operation, row in looked_at.items():
        duration_ns = int(trace.duration_ns[row])
        among = place(without_own(known, trace, operation), duration_ns)
        if among is None:
            continue
        limit_ns = sum(among.p95_ns)
        if duration_ns <= limit_ns or duration_ns - limit_ns < LEAST_SHARE * whole:
            continue
        values = {
            "service": operation[0],
            "operation": operation[1],
            "duration": format_duration_ns(duration_ns),
            "limit": format_duration_ns(limit_ns),
            "n": text.count(among.count),
            "window": window_text(known),
        }
        words = _(
            "%(service)s %(operation)s took %(duration)s; 95 of 100 take under "
            "%(limit)s (%(n)s calls in %(window)s)."
        )
        told = sentence("unusual", "clock", words % values, [row])
        found.append((limit_ns - duration_ns, told))
    found.sort(key=lambda one: one[0])
    return [told for _excess, told in found[:2]]


def fault_sentences(
    trace: Trace, error: list[Sentence], tried: list[Attempts]
) -> list[Sentence]:
    """What proxies report, as far as no other sentence says it, at most three."""
    said = {one["row"] for one in error}
    retried = {one.caller for one in tried}
    found = []
    for fault in find_faults(trace):
        exhausted = fault.code == "retries-exhausted" and retried.issuperset(fault.rows)
        if exhausted or (said.issuperset(fault.rows) and not fault.injected):
            continue
        found.append(sentence("fault", "warning", fault_text(fault), fault.rows))
    return found[:MAX_FAULTS]


def attempt_sentences(trace: Trace, tried: list[Attempts]) -> list[Sentence]:
    """Calls that were tried again, at most two sentences."""
    groups: dict[tuple[str, str, int, bool], list[int]] = {}
    for one in tried:
        key = (
            trace.service_name(one.caller),
            trace.operation_name(one.rows[0]),
            len(one.rows),
            one.succeeded,
        )
        groups.setdefault(key, []).extend(one.rows)
    found = []
    for (caller, operation, tries, succeeded), rows in list(groups.items())[:2]:
        values = {"caller": caller, "operation": operation, "n": tries}
        calls = len(rows) // tries
        if succeeded:
            words = _("%(caller)s tried %(operation)s %(n)s times until it succeeded.")
        else:
            words = _("%(caller)s tried %(operation)s %(n)s times; all failed.")
        told = words % values + text.times(calls)
        found.append(sentence("attempts", "warning", told, rows))
    return found


def repeat_sentences(shown: Shown) -> list[Sentence]:
    """Many equal calls of one span, the longest in all first, at most two."""
    trace = shown.trace
    folds = find_folds(trace, max(MANY, settings.SPANBOARD_REPEAT_LEAST))
    whole_ns = int(trace.end_ns.max() - trace.start_ns.min())
    found: list[Sentence] = []
    for group in np.argsort(-folds.total_ns, kind="stable").tolist():
        total_ns = int(folds.total_ns[group])
        if len(found) == 2 or total_ns < LEAST_SHARE * whole_ns:
            break
        rows = folds.members(group).tolist()
        values = {
            "service": trace.service_name(rows[0]),
            "operation": trace.operation_name(rows[0]),
            "n": text.count(len(rows)),
            "caller": trace.service_name(int(trace.parent[rows[0]])),
            "total": format_duration_ns(total_ns),
        }
        words = _(
            "%(service)s %(operation)s ran %(n)s times under one span of %(caller)s, "
            "%(total)s in all."
        )
        found.append(sentence("repeat", "warning", words % values, rows))
    return found


def missing_sentences(shown: Shown) -> list[Sentence]:
    """Spans whose caller is absent, and further beginnings of the trace."""
    trace = shown.trace
    orphans = np.flatnonzero((trace.flags & Flag.ORPHAN) != 0).tolist()
    found = []
    if orphans:
        absent, _total = find_missing(trace, LOOKED_AT)
        names = dict.fromkeys(one.service for one in absent)
        told = ", ".join([name for name in names if name][:3])
        values = {"n": text.count(len(orphans)), "names": told}
        if shown.growing and told:
            words = _(
                "%(n)s spans wait for a caller that has not arrived, probably of "
                "%(names)s."
            )
        elif shown.growing:
            words = _("%(n)s spans wait for a caller that has not arrived.")
        elif told:
            words = _(
                "%(n)s spans name a caller that is missing, probably of %(names)s."
            )
        else:
            words = _("%(n)s spans name a caller that is missing.")
        found.append(sentence("incomplete", "warning", words % values, orphans))
    roots = np.flatnonzero((trace.parent < 0) & ((trace.flags & Flag.ORPHAN) == 0))
    if len(roots) > 1:
        words = ngettext(
            "The trace begins in %(n)s place; a context may have been lost on the way.",
            "The trace begins in %(n)s places; a context may have been lost on the "
            "way.",
            len(roots),
        )
        told = words % {"n": text.count(len(roots))}
        found.append(sentence("beginnings", "warning", told, roots.tolist()))
    return found


def trace_state(shown: Shown) -> dict[str, str]:
    """Whether the trace is growing, complete or incomplete, and why."""
    summary = shown.summary
    orphans = int(summary.get("orphan_count", 0))
    if shown.growing:
        why = _(
            "New spans may still arrive: less than %(n)s s have passed since the last "
            "one."
        ) % {"n": f"{settings.SPANBOARD_GROWING_SECONDS:g}"}
        return {"code": "growing", "text": _("Growing"), "why": why}
    if shown.complete:
        why = _("It no longer grows, and every caller that is named is here.")
        return {"code": "complete", "text": _("Complete"), "why": why}
    if summary.get("root_is_orphan"):
        why = _("Its beginning is missing: no span without a caller has arrived.")
    else:
        why = ngettext(
            "%(n)s span names a caller that never arrived.",
            "%(n)s spans name a caller that never arrived.",
            orphans,
        ) % {"n": text.count(orphans)}
    return {"code": "incomplete", "text": _("Incomplete"), "why": why}
