"""Finds and loads stored traces."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from django.db.models import F, QuerySet

from dashboard.models import Source, TraceRecord, TraceTerm, Vocabulary
from dashboard.reads.candidates import (
    COUNTED,
    LOOKED_AT,
    ORDERS,
    Asked,
    Conditions,
    Place,
    Walk,
)
from dashboard.reads.match import figure_asked, matches
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.ids import trace_key
from dashboard.traces.query import NOT_WELL, TraceQuery
from dashboard.traces.query_line import Condition, Group
from dashboard.traces.span_match import needs_tags
from dashboard.traces.terms import OVERFLOW, term, term_of_tag
from dashboard.traces.trace import Trace

CHECKED_AT_ONCE = 100  # candidates of one walk, of which
LOADED_AT_ONCE = 25  # are loaded together
CHECKED = 2_000  # traces whose spans one search looks at, at most
CHECKED_S = 0.05  # and for so long,
CHECKED_LEAST = 150  # but so many on a slow machine too
PATHS_CHECKED = 20_000  # the same where it is asked who calls whom
PATHS_CHECKED_S = 1.5
CHECKED_FOR_COUNT = 200  # so few are all looked at, for an exact count
MAX_KEPT = 4
MAX_ASKED = 500
MAX_SERVICES = 8  # of an operation that is asked for without its service
_kept: dict[tuple[int, int], tuple[Trace, dict[str, np.ndarray]]] = {}
_kept_lock = threading.Lock()


class Bound(Enum):
    """What a count says."""

    EXACT = "exact"
    MORE = "more"  # more than so many
    LEAST = "least"  # so many or more
    MOST = "most"  # so many, or fewer
    OPEN = "open"  # nothing beyond what is shown


@dataclass(slots=True)
class FoundTraces:
    """A page of a search.

    ``after`` is where the next page begins, if there is one. The page is not full
    and has a next one where the search stopped to stay quick; ``checked`` traces
    were then looked at.
    """

    records: list[TraceRecord]
    matched: int = 0
    bound: Bound = Bound.EXACT
    after: Place | None = None
    checked: int = 0
    elapsed_ms: float = 0.0


@dataclass(slots=True)
class LoadedTrace:
    """A stored trace with its analysis; details are read row by row."""

    record: TraceRecord
    trace: Trace
    extra: dict[str, np.ndarray] = field(default_factory=dict)


def visible_sources(name: str = "") -> QuerySet[Source]:
    """The sources that pages show: the named one, or all.

    The demo is left out of "all" once another source holds traces.
    """
    if name:
        return Source.objects.filter(name=name)
    for pk in Source.objects.filter(is_demo=False).values_list("pk", flat=True):
        if TraceRecord.objects.filter(source=pk).exists():
            return Source.objects.filter(is_demo=False)
    return Source.objects.all()


def light(records: QuerySet[TraceRecord]) -> QuerySet[TraceRecord]:
    """Without the blobs."""
    return records.defer("columns", "details", "contribution").select_related("source")


def conditions_of(query: TraceQuery) -> Conditions:
    """What the indexes can tell of a query."""
    visible = set(visible_sources(query.source).values_list("pk", flat=True))
    every = set(Source.objects.values_list("pk", flat=True))
    start_us, end_us = query.window(time.time_ns() // 1_000)
    return Conditions(
        terms=terms_asked(query),
        start_us=start_us,
        end_us=end_us,
        sources=None if visible == every else tuple(sorted(visible)),
        listed=not query.source,
        least_us=query.min_duration_us,
        failed=query.error,
        others=sides_asked(query),
        figures=tuple(figure_asked(one) for one in query.line.whole),
        absent=tuple(
            number
            for group in query.line.without
            if len(group) == 1 and (number := _term_of(group[0], "")) is not None
        ),
    )


def sides_asked(query: TraceQuery) -> tuple[Asked, ...]:
    """What the terms can tell of the spans of a line, each apart."""
    found = sides_terms(query)
    if not found:
        return ()
    other = (OVERFLOW,) if _any_overflow() else ()
    return tuple(replace(one, terms=(*one.terms, *other)) for one in found)


def sides_terms(query: TraceQuery) -> tuple[Asked, ...]:
    """The same for a store in which no trace has too many terms."""
    found: list[Asked] = []
    if query.line.span:
        found += _terms_of_group(query.span_conditions)
    for path in query.line.paths:
        for side in path.positive:
            found += _terms_of_group(side)
    return tuple(dict.fromkeys(found))


def _terms_of_group(group: Group) -> Iterator[Asked]:
    services = [
        c.value for c in group if (c.key, c.op, c.tag) == ("service", "=", False)
    ]
    service = services[0] if len(services) == 1 else ""
    floors = [
        one.number
        for one in group
        if not one.tag and one.key == "duration" and one.op in (">", ">=", "=")
    ]
    for condition in group:
        number = _term_of(condition, service)
        if number is not None:
            yield Asked((number,), max(floors, default=None), NOT_WELL in group)


def _term_of(condition: Condition, service: str) -> int | None:
    """The term that a trace has if a span of it (of a service) meets a condition."""
    if condition.op != "=":
        return None
    if condition.tag:
        return term_of_tag(condition.key, condition.value)
    if condition.key == "service":
        return term("s", condition.value)
    if condition.key == "operation" and service:
        return term("o", service, condition.value)
    return None


def terms_asked(query: TraceQuery) -> tuple[tuple[int, ...], ...]:
    """Terms that a trace must have, one of each list, to match a query."""
    other = (OVERFLOW,) if _any_overflow() else ()
    found: list[tuple[int, ...]] = []
    if query.service and query.operation:
        found.append((term("o", query.service, query.operation), *other))
    elif query.service:
        found.append((term("s", query.service), *other))
    elif query.operation:
        words = Vocabulary.objects.filter(operation=query.operation[:255])
        names = list(
            words.order_by()
            .values_list("service", flat=True)
            .distinct()[: MAX_SERVICES + 1]
        )
        if len(names) <= MAX_SERVICES:
            asked = tuple(term("o", name, query.operation) for name in names)
            found.append((*asked, *other))
    for key, value in query.tags:
        number = term_of_tag(key, value)
        if number is not None:
            found.append((number, *other))
    if query.caller and query.callee:
        found.append((term("c", query.caller, query.callee),))
    return tuple(found)


def _any_overflow() -> bool:
    return TraceTerm.objects.filter(term=OVERFLOW).exists()


def needs_check(query: TraceQuery) -> bool:
    """Whether the indexes alone do not answer: conditions hold on one same span.

    They answer for one condition, and for a service (with an operation) together
    with either a least duration or failure.
    """
    if query.tags or query.max_duration_us is not None or query.line.about_spans:
        return True
    if query.operation and not query.service:
        return True
    if query.min_duration_us is not None and query.error is True:
        return True
    return bool(query.service) and _any_overflow()


def find_traces(query: TraceQuery) -> FoundTraces:
    """One page of a search; positive conditions hold on one and the same span."""
    began = time.perf_counter()
    if query.trace_ids:
        result = _by_id(query)
    else:
        result = _search(query)
    result.elapsed_ms = (time.perf_counter() - began) * 1_000
    return result


def _by_id(query: TraceQuery) -> FoundTraces:
    keys = [trace_key(t) for t in query.trace_ids[:MAX_ASKED]]
    records = TraceRecord.objects.filter(
        source__in=visible_sources(query.source), trace_key__in=keys
    )
    if not query.source:
        records = records.filter(listed=True)
    column, direction = ORDERS[query.sort]
    sign = "-" if direction == "DESC" else ""
    rows = list(light(records).order_by(sign + column, sign + "pk"))
    return FoundTraces(rows[: query.limit], len(rows))


def _search(query: TraceQuery) -> FoundTraces:
    walk = Walk(conditions_of(query), query.sort)
    if needs_check(query):
        return _checked(walk, query, walk.count()[0] if walk.countable else None)
    counted, complete = walk.count()
    piece = walk.piece(query.after, query.limit)
    found = FoundTraces(_records(piece.places), counted, after=piece.after)
    if counted > COUNTED:
        found.matched, found.bound = COUNTED, Bound.MORE
    elif not complete:
        found.matched = max(counted, len(found.records))
        found.bound = Bound.LEAST
    if piece.after is None and query.after is None:
        found.matched, found.bound = len(found.records), Bound.EXACT
    elif len(piece.places) < query.limit and piece.after is not None:
        found.checked = LOOKED_AT
    return found


def _records(places: Iterable[Place]) -> list[TraceRecord]:
    """The records of a piece of a walk, in its order."""
    pks = list(dict.fromkeys(pk for _, pk in places))
    found = light(TraceRecord.objects.all()).in_bulk(pks)
    return [found[pk] for pk in pks if pk in found]


def _checked(walk: Walk, query: TraceQuery, counted: int | None) -> FoundTraces:
    """Check the spans of candidates in order until the page is full.

    ``counted``: how many candidates there are, if that is known.
    """
    most, seconds = CHECKED, CHECKED_S
    if query.line.paths:
        most, seconds = PATHS_CHECKED, PATHS_CHECKED_S
    until = time.perf_counter() + seconds
    every = counted is not None and counted <= CHECKED_FOR_COUNT
    chosen: list[Place] = []
    found = FoundTraces([])
    seen: set[int] = set()
    position, ended = query.after, False
    while not ended and found.after is None:
        piece = walk.piece(position, CHECKED_AT_ONCE)
        for place in _matching(piece.places, query, seen):
            found.matched += 1
            if len(chosen) < query.limit:
                chosen.append(place)
            elif not every:
                found.after = chosen[-1]
                break
        position, ended = piece.after, piece.after is None
        late = time.perf_counter() > until and len(seen) >= CHECKED_LEAST
        spent = late or len(seen) >= most
        if spent and not ended and not every and found.after is None:
            found.after = chosen[-1] if len(chosen) == query.limit else position
    found.checked = len(seen)
    if ended and found.after is None and found.matched > len(chosen):
        found.after = chosen[-1]
    found.records = _records(chosen)
    if ended and query.after is None and (every or found.after is None):
        found.bound = Bound.EXACT
    elif counted is not None:
        found.matched, found.bound = counted, Bound.MOST
    else:
        found.bound = Bound.OPEN
    return found


def _matching(
    places: list[Place], query: TraceQuery, seen: set[int]
) -> Iterator[Place]:
    """Those whose spans match; ``seen`` are the records looked at."""
    tagged = needs_tags(query.spans_line())
    wanted = ("columns", "details") if tagged else ("columns",)
    records = TraceRecord.objects.only(*wanted)
    for first in range(0, len(places), LOADED_AT_ONCE):
        part = places[first : first + LOADED_AT_ONCE]
        full = records.in_bulk([pk for _, pk in part])
        for place in part:
            record = full.get(place[1])
            if record is not None and record.pk not in seen:
                seen.add(record.pk)
                if matches(record, query):
                    yield place


def count(query: TraceQuery) -> tuple[int, Bound]:
    """How many traces match as far as the indexes tell, in bounded time."""
    counted, complete = Walk(conditions_of(query), query.sort).count()
    if counted > COUNTED:
        return COUNTED, Bound.MORE
    return counted, Bound.EXACT if complete else Bound.LEAST


def find_record(trace_id: str, source: str = "") -> TraceRecord | None:
    """The stored record of a trace: the one that counts, unless a source is named."""
    records = TraceRecord.objects.filter(trace_key=trace_key(trace_id))
    if source:
        records = records.filter(source__name=source)
    return (
        records.select_related("source")
        .defer("details", "contribution")
        .order_by(F("listed").desc(), "-span_count")
        .first()
    )


def stored_ids(trace_ids: Iterable[str]) -> dict[str, str]:
    """Of some trace ids those that are stored: the stored id by its key."""
    keys = {trace_key(trace_id) for trace_id in list(trace_ids)[:MAX_ASKED]}
    found = TraceRecord.objects.filter(trace_key__in=keys)
    return dict(found.values_list("trace_key", "trace_id"))


def load(record: TraceRecord) -> LoadedTrace:
    """A record's columns, decoded; the last few are kept. Do not change them."""
    key = (record.pk, record.version)
    with _kept_lock:
        found = _kept.pop(key, None)
        if found is None:
            with no_collection():
                found = codec.decode_columns(record.columns)
        _kept[key] = found
        while len(_kept) > MAX_KEPT:
            del _kept[next(iter(_kept))]
    return LoadedTrace(record, *found)


def load_whole(record: TraceRecord) -> Trace:
    """The trace with all details, for exports."""
    trace, _ = codec.decode_columns(record.columns)
    trace.details = codec.decode_all_details(record.details)
    return trace


def vocabulary(source: str = "") -> dict[str, list[str]]:
    """Operations by service, as far as they were seen."""
    words: dict[str, list[str]] = {}
    rows = Vocabulary.objects.filter(source__in=visible_sources(source))
    for service, operation in (
        rows.order_by("service", "operation")
        .values_list("service", "operation")
        .distinct()[:20_000]
    ):
        words.setdefault(service, []).append(operation)
    return words


def which_condition_excludes(query: TraceQuery) -> tuple[str, int, Bound]:
    """The condition whose removal gives most traces, and how many; for empty pages."""
    best = ("", 0, Bound.EXACT)
    for name, loose in query.without_each():
        found, bound = count(loose)
        if found > best[1]:
            best = (name, found, bound)
    return best
