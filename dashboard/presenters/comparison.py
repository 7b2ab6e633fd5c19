"""Two traces or two groups of traces side by side: rows, attributes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.analysis.compare import Comparison, Side
from dashboard.analysis.difference import ALPHA, Difference, Part, in_tree_order
from dashboard.analysis.ranking import LEAST_TRACES, Name, Ranked, Ranking
from dashboard.presenters import text
from dashboard.presenters.colors import monogram, slots
from dashboard.reads.groups import Group
from dashboard.traces.durations import THIN, format_duration_ns
from dashboard.traces.query import TraceQuery

MAX_ROWS = 400
MAX_LEVEL = 14  # deeper ones are not indented further
MAX_ATTRIBUTES = 12
MAX_SAME = 6
LEAST_SHARE = 0.01  # of the difference, for a mark in two single traces
HALF = 50  # of a bar that grows from the middle
NAMES = ("A", "B")


def signed(value_ns: float) -> str:
    """A difference of times with its sign."""
    if abs(value_ns) < 500 and value_ns:
        value_ns = 0
    if not value_ns:
        return "0"
    sign = "+" if value_ns > 0 else "−"
    return f"{sign}{format_duration_ns(round(abs(value_ns)))}"


def p_text(p: float | None) -> str:
    """A chance for people."""
    if p is None:
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def per_trace(count: int, traces: int) -> str:
    """How often something is called; of a group the mean of its traces."""
    if traces <= 1:
        return text.count(count)
    mean = count / traces
    return f"{mean:.0f}" if mean >= 10 else f"{mean:.1f}"


def mark_of(part: Part, found: Difference, groups: bool) -> str:
    """What is to be said of a path: only-a, only-b, slower, faster or nothing."""
    if part.path.only_in:
        return f"only-{part.path.only_in}"
    if groups:
        told = part.sure
    else:
        whole = max(abs(found.total_ns), 1_000.0)
        told = abs(part.own_ns) >= LEAST_SHARE * whole
    if not told or not part.own_ns:
        return ""
    return "slower" if part.own_ns > 0 else "faster"


def mark_text(mark: str) -> str:
    """The mark in words."""
    return {
        "only-a": _("only in A"),
        "only-b": _("only in B"),
        "slower": _("slower in B"),
        "faster": _("faster in B"),
        "": "",
    }[mark]


def _side(side: Side, traces: int) -> dict[str, Any]:
    return {
        "calls": per_trace(side.count, traces) if side.count else "–",
        "count": side.count,
        "median": format_duration_ns(side.p50_ns) if side.count else "–",
        "failed": text.count(side.errors) if side.errors else "",
        "errors": side.errors,
        "versions": list(side.versions[:3]),
    }


def tree(found: Comparison, difference: Difference, urls: list[str]) -> dict[str, Any]:
    """Rows in the order of the tree; ``urls`` are the traces' where there are two."""
    groups = not urls
    parts = in_tree_order(difference, MAX_ROWS)
    colour = slots(part.path.service for part in parts)
    longest = max((abs(part.own_ns) for part in parts), default=0) or 1
    inner = {part.path.above for part in parts}
    rows = []
    for part in parts:
        path = part.path
        mark = mark_of(part, difference, groups)
        width = round(abs(part.own_ns) / longest * HALF, 1)
        rows.append(
            {
                "number": path.number,
                "level": path.depth + 1,
                "indent": min(path.depth, MAX_LEVEL),
                "deep": path.depth > MAX_LEVEL,
                "has_children": path.number in inner,
                "service": path.service,
                "operation": path.operation,
                "slot": colour.get(path.service, 0),
                "monogram": monogram(path.service),
                "mark": mark,
                "mark_text": mark_text(mark),
                "a": _side(path.a, found.a_traces),
                "b": _side(path.b, found.b_traces),
                "urls": [
                    f"{url}?{urlencode({'uiFind': path.operation[:200]})}"
                    for url in urls
                ],
                "own": signed(part.own_ns),
                "below": signed(part.below_ns),
                "share": share_text(difference, part.own_ns),
                "x": HALF if part.own_ns >= 0 else round(HALF - width, 1),
                "width": width,
                "p": p_text(part.p),
                "weight": abs(part.own_ns),
                "path": path_text(found, path.number),
            }
        )
    return {
        "rows": rows,
        "hidden": len(difference.parts) - len(rows),
        "total": len(difference.parts),
    }


def share_text(difference: Difference, value_ns: float) -> str:
    """A part of the whole difference; nothing where the whole is next to nothing."""
    if abs(difference.total_ns) < 1_000:
        return "–"
    share = difference.share(value_ns)
    if abs(share) < 0.005:
        return f"0{THIN}%"
    return f"{'−' if share < 0 else ''}{text.share(abs(share))}"


def path_text(found: Comparison, number: int) -> str:
    """The services on the way to a path, without repeats; long ways are cut."""
    names: list[str] = []
    while number >= 0 and len(names) < 8:
        service = found.table.step[number][0]
        if not names or names[-1] != service:
            names.append(service)
        number = found.table.above[number]
    if number >= 0:
        names.append("…")
    return " › ".join(reversed(names))


def attributes(ranking: Ranking, a: Group, b: Group) -> dict[str, Any]:
    """What was claimed, and honest numbers of what was not."""
    claimed = ranking.claimed
    longest = max((abs(one.effect) for one in claimed), default=0) or 1
    return {
        "rows": [
            _attribute(one, ranking, a, b, longest) for one in claimed[:MAX_ATTRIBUTES]
        ],
        "more": max(len(claimed) - MAX_ATTRIBUTES, 0),
        "tests": text.count(ranking.tests),
        "judged": min(ranking.a_traces, ranking.b_traces) >= LEAST_TRACES,
        "skipped": [
            f"{service} {key}" for service, key in ranking.skipped[:MAX_ATTRIBUTES]
        ],
        "skipped_more": max(len(ranking.skipped) - MAX_ATTRIBUTES, 0),
        "note": ngettext(
            "%(n)s test; told below a chance of %(alpha)s. A trace counts once.",
            "%(n)s tests, corrected for their number (Holm); told below a chance of "
            "%(alpha)s. A trace counts once.",
            ranking.tests,
        )
        % {"n": text.count(ranking.tests), "alpha": text.share(ALPHA)},
    }


def name_text(name: Name) -> str:
    """An attribute as it is typed."""
    return f"{name.key}={name.value}" if name.value else name.key


def _attribute(
    one: Ranked, ranking: Ranking, a: Group, b: Group, longest: float
) -> dict[str, Any]:
    if one.numeric:
        shown = [f"{value:,.6g}" for value in (one.a_median, one.b_median)]
    else:
        shown = [
            text.share(one.a_with / ranking.a_traces),
            text.share(one.b_with / ranking.b_traces),
        ]
    more_in_b = one.effect > 0
    width = round(abs(one.effect) / longest * HALF, 1)
    return {
        "service": one.name.service,
        "key": one.name.key,
        "value": one.name.value,
        "numeric": one.numeric,
        "symptom": one.symptom,
        "same": [
            {"service": name.service, "text": name_text(name)[:120]}
            for name in one.same[:MAX_SAME]
        ],
        "same_more": max(len(one.same) - MAX_SAME, 0),
        "a": shown[0],
        "b": shown[1],
        "a_with": text.count(one.a_with),
        "b_with": text.count(one.b_with),
        "side": "b" if more_in_b else "a",
        "side_text": (
            (_("larger in B") if more_in_b else _("larger in A"))
            if one.numeric
            else (_("more in B") if more_in_b else _("more in A"))
        ),
        "p": p_text(one.p_adjusted),
        "x": HALF if more_in_b else round(HALF - width, 1),
        "width": width,
        "url": "" if one.numeric else _search(one, b if more_in_b else a),
    }


def _search(one: Ranked, group: Group) -> str:
    """The traces of an attribute as a search of their own."""
    query = TraceQuery(
        service=one.name.service,
        tags=((one.name.key, one.name.value),),
        start_us=group.query.start_us,
        end_us=group.query.end_us,
        lookback=group.query.lookback,
        source=group.query.source,
    )
    return f"{reverse('dashboard:search')}?{query.to_query_string()}"
