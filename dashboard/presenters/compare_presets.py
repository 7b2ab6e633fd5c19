"""Usual pairs of groups: slow and fast, failed and good, two versions, before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from django.utils.translation import gettext as _

from dashboard.reads.rollups import read_window_sums
from dashboard.reads.traces import find_traces
from dashboard.traces.durations import parse_duration
from dashboard.traces.query import TraceQuery

PRESETS = ("slow", "failed", "version", "moment")
VERSION_KEYS = ("service.version", "istio.canonical_revision", "version")
MINUTE_US = 60_000_000
SLOW = 0.9  # the share of calls that is fast
DEFAULT_LOOKBACK = "1h"
MAX_TEXT = 500
Pair = tuple[TraceQuery, TraceQuery]


class NoGroups(ValueError):
    """A preset that can not be filled in, with a sentence for the reader."""


def preset_text(name: str) -> str:
    """A preset in words, B compared with A."""
    return {
        "slow": _("Slow against fast calls of an operation"),
        "failed": _("Failed against good traces"),
        "version": _("One version against another"),
        "moment": _("After against before a moment"),
    }[name]


def groups_of(values: Mapping[str, str], now_us: int) -> Pair:
    """The searches A and B of a preset, with absolute times. Raises ``NoGroups``."""
    words = {k: v.replace("\0", "").strip()[:MAX_TEXT] for k, v in values.items()}
    service = words.get("service", "")
    start_us, end_us = _window(words, now_us)
    plain = TraceQuery(
        service=service,
        operation=words.get("operation", ""),
        source=words.get("source", ""),
        start_us=start_us,
        end_us=end_us,
    )
    name = words.get("preset", "")
    if name == "failed":
        return replace(plain, error=False), replace(plain, error=True)
    if name == "moment":
        return _around(plain, words.get("at", ""), now_us)
    if name not in PRESETS:
        raise NoGroups(
            _("There is no such preset. Choose one of %(names)s.")
            % {"names": ", ".join(PRESETS)}
        )
    if not service:
        raise NoGroups(_("Name the service."))
    if name == "version":
        return _versions(plain, words.get("base_version", ""), words.get("version", ""))
    return _slow(plain)


def _window(words: dict[str, str], now_us: int) -> tuple[int, int]:
    times: dict[str, int] = {}
    for name in ("start", "end"):
        if words.get(name):
            if not re.fullmatch(r"[0-9]{1,17}", words[name]):
                raise NoGroups(_("Times are microseconds since 1970."))
            times[name] = int(words[name])
    if "start" not in times:
        try:
            length_us = parse_duration(words.get("lookback") or DEFAULT_LOOKBACK)
        except ValueError as problem:
            raise NoGroups(str(problem)) from None
        times["start"] = times.get("end", now_us) - length_us // 1_000
    return times["start"], times.get("end", now_us)


def _around(plain: TraceQuery, at: str, now_us: int) -> Pair:
    if not re.fullmatch(r"[0-9]{1,17}", at):
        raise NoGroups(_("Give the moment as at=, in microseconds since 1970."))
    moment = int(at)
    start, end = plain.start_us or 0, plain.end_us or now_us
    if not start < moment < end:
        raise NoGroups(_("The moment lies outside the time that is looked at."))
    return replace(plain, end_us=moment - 1), replace(plain, start_us=moment)


def _versions(plain: TraceQuery, base: str, version: str) -> Pair:
    if not base or not version or base == version:
        raise NoGroups(_("Name two versions: base_version and version."))
    for key in VERSION_KEYS:
        pair = (
            replace(plain, tags=((key, base),)),
            replace(plain, tags=((key, version),)),
        )
        if all(find_traces(replace(query, limit=1)).records for query in pair):
            return pair
    raise NoGroups(
        _("%(service)s has no stored traces of both versions in this time.")
        % {"service": plain.service}
    )


def _slow(plain: TraceQuery) -> Pair:
    first, last = (int(us or 0) // MINUTE_US for us in (plain.start_us, plain.end_us))
    table = read_window_sums(first, last, plain.source, ("operation",)).tables[
        "operation"
    ]
    totals = table.totals()
    mine = [
        number
        for number in table.live()
        if table.words[number][0] == plain.service
        and plain.operation in ("", table.words[number][1])
    ]
    if not mine:
        raise NoGroups(
            _("%(service)s has no stored calls in this time.")
            % {"service": plain.service}
        )
    busiest = max(mine, key=lambda number: int(totals.count[number]))
    ns = totals.percentile(SLOW)[0][busiest]
    limit_us = max(int(np.int64(ns)) // 1_000, 1)
    query = replace(plain, operation=table.words[busiest][1])
    return (
        replace(query, max_duration_us=limit_us - 1),
        replace(query, min_duration_us=limit_us),
    )
