"""Live changes of a search and of one trace, as open pages are told them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dashboard.actions.notes import notes_mark
from dashboard.models import TraceRecord
from dashboard.presenters import text
from dashboard.presenters.results import found_text, result_row
from dashboard.presenters.wire import to_json
from dashboard.reads.candidates import ORDERS
from dashboard.reads.live import ChangedTraces
from dashboard.reads.traces import (
    Bound,
    FoundTraces,
    count,
    find_traces,
    needs_check,
)
from dashboard.traces.query import TraceQuery

RECOUNT_S = 5.0
MAX_COUNTED = 10_000  # traces that are remembered as counted
COUNTING_SHARE = 10  # of all time at most a tenth goes into counting again
_next_count_at = 0.0


class LiveSearch:
    """What the open pages of one search have been told, to tell them differences.

    It knows the rows that such a page shows, by their rank: what would stand
    beyond the last row is counted but not sent.
    """

    def __init__(self, parameters: Mapping[str, list[str]]):
        query, _problems, _unknown = TraceQuery.read(parameters)
        self.query = replace(query, after=None)
        self.column, direction = ORDERS[self.query.sort]
        self.sign = -1 if direction == "DESC" else 1
        self.shown: dict[str, tuple[int, int]] = {}  # rank and start of each row
        self.counted: set[str] = set()
        self.counted_at = 0.0  # seconds since the epoch
        self.matched, self.bound = 0, Bound.EXACT
        self.checks = False  # counts tell nothing: spans are looked at
        self.text = ""
        self.since = 0

    def reset(self) -> dict[str, Any]:
        """All rows."""
        self.counted_at = time.time()
        found = find_traces(self.query)
        self.shown = {r.trace_key: self._rank(r) for r in found.records}
        self.matched, self.bound = found.matched, found.bound
        self.since, self.counted = 0, set()
        self.checks = needs_check(self.query) or found.checked > 0
        self.text = found_text(found, self.query)
        return {
            "rows": [result_row(record) for record in found.records],
            "matched": found.matched,
            "text": self.text,
        }

    def diff(self, changed: ChangedTraces) -> dict[str, Any] | None:
        """Rows added, updated or removed for changed traces."""
        records = changed.matching(self.query)
        matching = {record.trace_key for record in records}
        remove = sorted((changed.keys & self.shown.keys()) - matching)
        for key in remove:
            del self.shown[key]
        before = set(self.shown)
        self.shown.update((r.trace_key, self._rank(r)) for r in records)
        remove += self._beyond(before)
        told = [r for r in records if r.trace_key in self.shown]
        new = self._count(records, len(remove))
        if not (told or remove or new):
            return None
        return {
            "add": [_row(r, changed) for r in told if r.trace_key not in before],
            "update": [_row(r, changed) for r in told if r.trace_key in before],
            "remove": remove,
            "text": self._text(new),
        }

    def _rank(self, record: TraceRecord) -> tuple[int, int]:
        return getattr(record, self.column) * self.sign, record.start_us

    def _beyond(self, before: Iterable[str]) -> list[str]:
        """Forget rows past the last one or out of the window; those to take away."""
        start_us, _end_us = self.query.window(time.time_ns() // 1_000)
        old = [
            key
            for key, (_, at_us) in self.shown.items()
            if start_us is not None and at_us < start_us
        ]
        for key in old:
            del self.shown[key]
        if len(self.shown) > self.query.limit:
            kept = sorted(self.shown.items(), key=lambda item: item[1][0])
            self.shown = dict(kept[: self.query.limit])
        return sorted(set(old).intersection(before))

    def _count(self, records: list[TraceRecord], removed: int) -> int:
        """Add what came since the last count; returns how many that are."""
        if len(self.counted) > MAX_COUNTED:  # what came before counts no more
            self.counted, self.counted_at = set(), time.time()
        new = 0
        for record in records:
            key = record.trace_key
            if record.arrived_at.timestamp() >= self.counted_at:
                new += key not in self.counted
                self.counted.add(key)
        if self.bound is not Bound.MORE:
            self.matched = max(self.matched + new - removed, len(self.shown))
        return new

    def _text(self, added: int) -> str:
        """The sentence above the list; counted again now and then, not each time."""
        global _next_count_at
        if self.checks:
            self.since += added
            if not self.since:
                return self.text
            return _("%(text)s %(n)s came since.") % {
                "text": self.text,
                "n": text.count(self.since),
            }
        now = time.time()
        if now >= max(self.counted_at + RECOUNT_S, _next_count_at):
            self.matched, self.bound = count(self.query)
            self.counted, self.counted_at = set(), now
            _next_count_at = time.time() + COUNTING_SHARE * (time.time() - now)
        found = FoundTraces([], self.matched, self.bound)
        return found_text(found, self.query, len(self.shown))


def _row(record: TraceRecord, changed: ChangedTraces) -> msgspec.Raw:
    """A row as JSON, made once for all searches in a language."""
    key = (record.pk, get_language())
    if key not in changed.made:
        changed.made[key] = msgspec.Raw(to_json(result_row(record)))
    return changed.made[key]


def trace_state(key: str) -> dict[str, Any]:
    """Version and growth of a stored trace, by its key."""
    records = TraceRecord.objects.filter(trace_key=key)
    found = (
        records.order_by("-listed", "-span_count")
        .values_list("version", "span_count", "settled", "orphan_count")
        .first()
    )
    if found is None:
        return {
            "version": 0,
            "span_count": 0,
            "growing": False,
            "complete": False,
            "notes": "",
        }
    version, span_count, settled, orphan_count = found
    return {
        "version": version,
        "span_count": span_count,
        "growing": not settled,
        "complete": settled and not orphan_count,
        "notes": notes_mark(key),
    }
