"""What differs between two traces or groups, in sentences."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.analysis.compare import Comparison, PathDifference
from dashboard.analysis.difference import ALPHA, Difference, Part, main_line
from dashboard.analysis.ranking import Ranking
from dashboard.analysis.significance import proportions
from dashboard.presenters import text
from dashboard.presenters.comparison import name_text
from dashboard.traces.durations import format_duration_ns

LEAST_NS = 1_000  # a difference of the whole that is worth a word
MUCH = 2  # times as many calls,
MANY = 3  # and so many more
Line = dict[str, str]


def _ms(value_ns: float) -> str:
    return format_duration_ns(round(abs(value_ns)))


def sentences(
    found: Comparison,
    difference: Difference,
    ranking: Ranking | None,
    p_times: float | None,
    failed: tuple[int, int],
) -> list[Line]:
    """Sentences, the answer first. ``ranking`` is there for groups only.

    ``p_times``: chance of the difference in time; ``failed``: traces that failed,
    or spans where there is one trace on a side.
    """
    groups = ranking is not None
    lines = [_times(difference, groups, p_times)]
    told = not groups or (p_times is not None and p_times < ALPHA)
    if told and abs(difference.total_ns) >= LEAST_NS:
        lines += _where(difference, groups)
    lines += _failures(found, failed, groups)
    lines += _calls(found, difference, groups)
    if ranking is not None:
        lines += _attributes(ranking)
    return lines


def _line(icon: str, words: str) -> Line:
    return {"icon": icon, "text": words}


def _times(found: Difference, groups: bool, p: float | None) -> Line:
    values = {
        "a": _ms(found.a_ns),
        "b": _ms(found.b_ns),
        "more": _ms(found.total_ns),
        "p": text.share(ALPHA),
    }
    if not groups:
        if abs(found.total_ns) < LEAST_NS:
            return _line("clock", _("Both took %(a)s.") % values)
        if found.total_ns > 0:
            return _line(
                "clock", _("B took %(b)s, %(more)s longer than A (%(a)s).") % values
            )
        return _line("clock", _("B took %(b)s, %(more)s less than A (%(a)s).") % values)
    if p is None:
        words = _(
            "Traces of A take %(a)s, those of B %(b)s on average. These are too few to "
            "say that they differ."
        )
    elif p >= ALPHA:
        words = _(
            "Traces of A take %(a)s, those of B %(b)s on average. That is no more than "
            "chance."
        )
    elif found.total_ns >= 0:
        words = _(
            "Traces of B take %(b)s on average, %(more)s longer than those of A (%(a)s)."
        )
    else:
        words = _(
            "Traces of B take %(b)s on average, %(more)s less than those of A (%(a)s)."
        )
    return _line("clock", words % values)


def _with_version(path: PathDifference) -> str:
    """A service with its version, where both sides or the one that has it agree."""
    versions = {*path.a.versions, *path.b.versions}
    if len(versions) == 1:
        return f"{path.service} {next(iter(versions))}"
    if len(path.b.versions) == 1:
        return f"{path.service} {path.b.versions[0]}"
    return path.service


def _where(found: Difference, groups: bool) -> list[Line]:
    line = main_line(found)
    if not line:
        return [_line("info", _("No single call holds most of the difference."))]
    last = line[-1]
    entry = len(line) - 1
    while entry and line[entry - 1].path.service == last.path.service:
        entry -= 1
    first = line[entry]
    longer = found.total_ns > 0
    values = {
        "service": _with_version(first.path),
        "operation": last.path.operation,
        "time": _ms(first.below_ns),
        "own": _ms(last.own_ns),
        "share": text.share(abs(found.share(first.below_ns))),
        "caller": _with_version(line[entry - 1].path) if entry else "",
    }
    result = [_line("clock", _wait(first, bool(entry), longer) % values)]
    own = abs(last.own_ns) >= abs(first.below_ns) / 2
    if own and (entry or len(line) > 1) and (not groups or last.sure):
        words = (
            _("There, %(operation)s itself takes %(own)s longer.")
            if longer
            else _("There, %(operation)s itself takes %(own)s less.")
        )
        result.append(_line("clock", words % values))
    return result


def _wait(part: Part, has_caller: bool, longer: bool) -> str:
    """The template of the main sentence."""
    only = part.path.only_in
    if only == "b" and has_caller:
        return _(
            "%(caller)s calls %(service)s only in B, which adds %(time)s: %(share)s of "
            "the difference."
        )
    if only == "a" and has_caller:
        return _(
            "%(caller)s calls %(service)s only in A, which took %(time)s: %(share)s of "
            "the difference."
        )
    if has_caller and longer:
        return _(
            "%(caller)s waits %(time)s longer for %(service)s: %(share)s of the "
            "difference."
        )
    if has_caller:
        return _(
            "%(caller)s waits %(time)s less for %(service)s: %(share)s of the difference."
        )
    if longer:
        return _("%(service)s takes %(time)s longer: %(share)s of the difference.")
    return _("%(service)s takes %(time)s less: %(share)s of the difference.")


def _failures(found: Comparison, failed: tuple[int, int], groups: bool) -> list[Line]:
    a, b = failed
    if not a and not b:
        return []
    values = {
        "a": text.count(a),
        "b": text.count(b),
        "all_a": text.count(found.a_traces),
        "all_b": text.count(found.b_traces),
    }
    if not groups:
        return [_line("error", _("Failed spans: %(a)s in A, %(b)s in B.") % values)]
    p = proportions(a, found.a_traces, b, found.b_traces)[0]
    words = (
        _("%(b)s of %(all_b)s traces of B failed, %(a)s of %(all_a)s of A.") % values
    )
    if p >= ALPHA:
        words += " " + _("That is no more than chance.")
    return [_line("error", words)]


def _calls(found: Comparison, difference: Difference, groups: bool) -> list[Line]:
    """Calls on one side only, and those that are far more on one side."""
    lines = []
    for side in ("a", "b"):
        top = [
            one
            for one in found.paths
            if one.only_in == side
            and (one.above < 0 or found.paths[one.above].only_in != side)
        ]
        if groups:
            top = [one for one in top if _surely_only(found, one, side)]
        if not top:
            continue
        heaviest = max(top, key=lambda one: getattr(one, side).sum_ns)
        words = ngettext(
            "%(n)s call is only in %(side)s: %(service)s %(operation)s.",
            "%(n)s calls are only in %(side)s, first %(service)s %(operation)s.",
            len(top),
        )
        values = {
            "n": text.count(len(top)),
            "side": side.upper(),
            "service": heaviest.service,
            "operation": heaviest.operation,
        }
        lines.append(_line("info", words % values))
    told = [p.path for p in difference.parts if p.sure or not groups]
    return lines + _more_calls(found, told)


def _surely_only(found: Comparison, one: PathDifference, side: str) -> bool:
    """Whether a path is in one group by more than chance, all paths considered."""
    a, b = (one.a.traces, 0) if side == "a" else (0, one.b.traces)
    p = proportions(a, found.a_traces, b, found.b_traces)[0]
    return p * len(found.paths) < ALPHA


def _more_calls(found: Comparison, told: list[PathDifference]) -> list[Line]:
    best: tuple[float, PathDifference] | None = None
    for one in told:
        if one.only_in:
            continue
        a, b = one.a.count / found.a_traces, one.b.count / found.b_traces
        much = max(a, b) >= MUCH * min(a, b) and abs(a - b) >= MANY
        if much and (best is None or abs(a - b) > best[0]):
            best = (abs(a - b), one)
    if best is None:
        return []
    one = best[1]
    values = {
        "service": one.service,
        "operation": one.operation,
        "a": f"{one.a.count / found.a_traces:.3g}",
        "b": f"{one.b.count / found.b_traces:.3g}",
    }
    words = _("%(service)s %(operation)s is called %(b)s times in B, %(a)s in A.")
    return [_line("info", words % values)]


def _attributes(ranking: Ranking) -> list[Line]:
    if not ranking.tests:
        return []
    claimed = ranking.claimed
    if not claimed:
        return [
            _line(
                "info", _("No attribute explains the difference by more than chance.")
            )
        ]
    one = claimed[0]
    values: dict[str, Any] = {
        "service": one.name.service,
        "name": name_text(one.name)[:120],
        "a": text.share(one.a_with / ranking.a_traces),
        "b": text.share(one.b_with / ranking.b_traces),
        "a_median": f"{one.a_median:,.6g}",
        "b_median": f"{one.b_median:,.6g}",
    }
    if one.numeric:
        words = _(
            "What tells them apart most: %(name)s of %(service)s, half of it up to "
            "%(b_median)s in B and %(a_median)s in A."
        )
    else:
        words = _(
            "What tells them apart most: %(name)s of %(service)s, in %(b)s of B and "
            "%(a)s of A."
        )
    return [_line("search", words % values)]
