"""What the compare page shows: heads of both sides, and the comparison between."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.analysis.compare import Comparison, compare
from dashboard.analysis.difference import Difference, chance_of_times, explain
from dashboard.analysis.ranking import rank
from dashboard.models import TraceRecord
from dashboard.presenters import text
from dashboard.presenters.colors import slots
from dashboard.presenters.comparison import attributes, tree
from dashboard.presenters.comparison_sentences import sentences
from dashboard.reads.groups import Group
from dashboard.traces.ids import short_id
from dashboard.traces.query import TraceQuery
from dashboard.traces.query_line import FIELDS
from dashboard.traces.trace import Trace


def trace_head(record: TraceRecord, alike: float, number: int) -> dict[str, Any]:
    """One trace in a line."""
    return {
        "number": number,
        "trace_id": record.trace_id,
        "short_id": short_id(record.trace_id),
        "url": reverse("dashboard:trace", args=[record.trace_id]),
        "service": record.root_service,
        "operation": record.root_operation,
        "slot": slots([record.root_service])[record.root_service],
        "start_us": record.start_us,
        "duration_text": text.duration_us(record.duration_us),
        "duration_us": record.duration_us,
        "spans": text.count(record.span_count),
        "failed": record.error_count,
        "alike": text.share(alike),
        "growing": not record.settled,
    }


def traces_data(
    a: TraceRecord, b: TraceRecord, trace_a: Trace, trace_b: Trace
) -> dict[str, Any]:
    """Two single traces compared."""
    found = compare([trace_a], [trace_b])
    difference = explain(found)
    urls = [reverse("dashboard:trace", args=[one.trace_id]) for one in (a, b)]
    lines = sentences(found, difference, None, None, (a.error_count, b.error_count))
    lines.append(
        {
            "icon": "info",
            "text": _("They are %(share)s alike in what they call.")
            % {"share": text.share(found.similarity)},
        }
    )
    return {
        "title": _("Two traces compared"),
        "groups": False,
        "lines": lines,
        **_rows(found, difference, urls),
    }


def _rows(found: Comparison, difference: Difference, urls: list[str]) -> dict[str, Any]:
    shown = tree(found, difference, urls)
    rows = shown["rows"]
    return {
        "tree": shown,
        "flat": sorted(rows, key=lambda row: -row["weight"]),
        "marks": sorted({row["mark"] for row in rows if row["mark"]}),
    }


def conditions_text(query: TraceQuery) -> str:
    """A group's search in short, as the line of query is typed."""
    parts = [query.whole_line().text()]
    if query.caller and query.callee:
        parts.append(f"{query.caller} → {query.callee}")
    if query.trace_ids:
        number = len(query.trace_ids)
        words = ngettext("%(n)s chosen trace", "%(n)s chosen traces", number)
        parts.append(words % {"n": text.count(number)})
    if query.source:
        parts.append(f"({query.source})")
    return " ".join(part for part in parts if part) or _("all traces")


def defining_keys(query: TraceQuery) -> set[str]:
    """Tags by which a group is chosen: they explain nothing."""
    line = query.whole_line()
    groups = (line.span, *line.without, *(g for path in line.paths for g in path.sides))
    return {
        condition.key
        for group in groups
        for condition in group
        if condition.tag or condition.key not in FIELDS
    }


def group_head(name: str, group: Group) -> dict[str, Any]:
    """One group in a line, with honest numbers."""
    query = group.query
    start = "" if query.start_us is None else text.moment(query.start_us)[:19]
    end = "" if query.end_us is None else text.moment(query.end_us)[:19]
    return {
        "name": name,
        "conditions": conditions_text(query),
        "window": f"{start} – {end} UTC" if end else "",
        "url": f"{reverse('dashboard:search')}?{query.to_query_string()}",
        "shown": shown_text(group),
        "empty": not group.traces,
    }


def shown_text(group: Group) -> str:
    """How many traces of a group are compared, and which are not."""
    number = len(group.traces)
    values = {"n": text.count(number), "all": text.count(group.matched)}
    if number < group.matched:
        words = (
            _("Newest %(n)s of %(all)s traces.")
            if group.exact
            else _("Newest %(n)s traces of more.")
        )
    else:
        words = ngettext("%(n)s trace.", "All %(n)s traces.", number)
    words %= values
    if group.shared:
        words += " " + ngettext(
            "%(n)s that B holds too is left out.",
            "%(n)s that B holds too are left out.",
            group.shared,
        ) % {"n": text.count(group.shared)}
    if group.too_large:
        words += " " + _("%(n)s are left out for their size.") % {
            "n": text.count(group.too_large)
        }
    return words


def groups_data(a: Group, b: Group) -> dict[str, Any]:
    """Two groups compared, both with traces."""
    found = compare(a.traces, b.traces)
    difference = explain(found)
    defining = defining_keys(a.query) | defining_keys(b.query)
    ranking = rank(a.traces, b.traces, defining)
    times = [[record.duration_us for record in one.records] for one in (a, b)]
    failed = tuple(
        sum(1 for record in group.records if record.error_count) for group in (a, b)
    )
    chance = chance_of_times(*times)
    lines = sentences(found, difference, ranking, chance, (failed[0], failed[1]))
    return {
        "title": _("Two groups of traces compared"),
        "groups": True,
        "lines": lines,
        "attributes": attributes(ranking, a, b),
        **_rows(found, difference, []),
    }
