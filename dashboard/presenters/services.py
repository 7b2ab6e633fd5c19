"""The overview: services or operations with rate, errors and durations."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.graph.overview import Grouping, group_keys, series_of, sums_of
from dashboard.graph.tables import GROUPS, Table
from dashboard.presenters import text
from dashboard.presenters.colors import monogram, preferred
from dashboard.presenters.sparks import red_spark
from dashboard.presenters.topology_parts import figures
from dashboard.reads.rollups import Window, read_window_sums

LEVELS = (*GROUPS["graph"], "operation", "entry")
SORTS = ("name", "rate", "errors", "p50", "p95", "p99")
MAX_ROWS = 200
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """A window of rollups that is looked at."""

    options: GraphOptions
    window: Window
    first: int
    last: int
    seconds: float

    @property
    def query(self) -> dict[str, str]:
        """The window as parameters."""
        return window_parameters(self.options)


def look_at(options: GraphOptions) -> Look:
    """Read the window of the options."""
    now_us = time.time_ns() // 1_000
    first, last = options.minutes(now_us)
    window = read_window_sums(first, last, options.source, LEVELS)
    end_us = min((last + 1) * MINUTE_US, now_us)
    return Look(
        options, window, first, last, max((end_us - first * MINUTE_US) / 1e6, 1.0)
    )


def window_parameters(options: GraphOptions) -> dict[str, str]:
    """Only the window and the source, as parameters of an address."""
    plain = GraphOptions(
        lookback=options.lookback,
        start_us=options.start_us,
        end_us=options.end_us,
        at_us=options.at_us,
        source=options.source,
    )
    pairs = (pair.partition("=") for pair in plain.to_query_string().split("&") if pair)
    query = {name: value for name, _, value in pairs if name in WINDOW}
    if options.source:
        query["source"] = options.source
    return query


WINDOW = ("lookback", "start", "end", "at")


def table_of(look: Look, by: str) -> tuple[Table, Grouping]:
    """The keys of services (their requests) or of operations (all their spans)."""
    if by == "operation":
        table = look.window.tables["operation"]
        return table, group_keys(table, lambda words: (words[0], words[1]))
    table = look.window.tables["service"]
    return table, group_keys(table, lambda words: (words[0],))


def rows_of(
    look: Look, by: str, wanted: str = "", sort: str = "rate", down: bool = True
) -> tuple[list[Row], int]:
    """The rows of a page, and how many there are in all."""
    table, groups = table_of(look, by)
    sums = sums_of(table, groups)
    p = {name: sums.percentile(s)[0] for name, s in PERCENTILES.items()}
    names: list[tuple[str, ...]] = groups.names  # type: ignore[assignment]  # as made above
    low = wanted.casefold()
    kept = [
        n
        for n, name in enumerate(names)
        if sums.count[n] > 0 and (not low or any(low in w.casefold() for w in name))
    ]
    kept.sort(key=lambda n: names[n])
    if sort == "name":
        kept.sort(key=lambda n: names[n], reverse=down)
    else:
        values = {"rate": sums.count, "errors": sums.errors / sums.count.clip(1), **p}
        kept.sort(key=values[sort].tolist().__getitem__, reverse=down)
    shown = kept[:MAX_ROWS]
    series, steps = series_of(table, groups, shown, look.first, look.last)
    p95 = series.percentile(0.95)[0].tolist()
    return [
        {
            **row_names(names[number], look),
            **figures(sums.of(number), look.seconds),
            "spark": red_spark(series, p95, place, steps),
        }
        for place, number in enumerate(shown)
    ], len(kept)


PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def row_names(name: tuple[str, ...], look: Look) -> Row:
    """Names and addresses of a service or an operation."""
    service = name[0]
    search = {"service": service, **look.query}
    if len(name) > 1:
        search["operation"] = name[1]
    return {
        "service": service,
        "operation": name[1] if len(name) > 1 else "",
        "slot": preferred(service),
        "monogram": monogram(service),
        "url": service_url(service, look),
        "search_url": f"{reverse('dashboard:search')}?{urlencode(search)}",
    }


def service_url(service: str, look: Look) -> str:
    """The address of a service's page, in the same window."""
    url = reverse("dashboard:service", args=[service])
    return f"{url}?{urlencode(look.query)}" if look.query else url


def window_text(look: Look) -> str:
    """The window in words."""
    if look.options.live:
        return _("Last %(length)s") % {"length": look.options.lookback}
    start, end = look.first * MINUTE_US, (look.last + 1) * MINUTE_US
    return f"{text.moment(start)[:16]} – {text.moment(end)[:16]} UTC"


def shifted(look: Look, minutes: int) -> GraphOptions:
    """The same window so many minutes earlier, in fixed times."""
    return replace(
        look.options,
        start_us=(look.first - minutes) * MINUTE_US,
        end_us=(look.last + 1 - minutes) * MINUTE_US,
        at_us=None,
    )
