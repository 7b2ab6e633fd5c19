"""Judges stored traces: the last minutes again and again, older ones once.

Only traces that no longer grow are judged, but for what is certain at once. A window
holds at most ``MOST_TRACES`` of the newest; their hops are kept in this process, so
that a run reads new traces only. Older traces are judged in slices from the newest to the oldest, once.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dashboard.access.person import Person
from dashboard.actions.locks import alone
from dashboard.doctor.findings import CANNOT_JUDGE, CERTAIN, PROBABLE, SUSPECT, Finding
from dashboard.doctor.hops import (
    OUT,
    Hop,
    Names,
    joined,
    merged_names,
    sidecar_names,
    trace_hops,
)
from dashboard.doctor.judge import Verdict, judge_hops
from dashboard.doctor.rules import context_lost
from dashboard.doctor.workloads import mesh_of
from dashboard.doctor_models import Diagnosis, DoctorState
from dashboard.live.events import SOURCES, publish
from dashboard.models import GROWING, Source, TraceRecord
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
MOST_TRACES = 2_000
MOST_GROWING = 400
SLICE = 1_000
CLEAR_AFTER_CALLS = 20  # in a row, with their context
ABOUT_REQUESTS = ("clock-skew", "mixed-formats", "lost-spans")
MAX_KEPT = 10_000
RANK = {SUSPECT: 0, PROBABLE: 1, CERTAIN: 2}
_kept: OrderedDict[tuple[int, int], tuple[list[Hop], Names]] = OrderedDict()
_names: dict[int, dict[str, str]] = {}
_growing: dict[int, int] = {}  # by source: which growing traces were looked at last
_judged: dict[int, int] = {}  # by source: which traces were judged last


def check_sources() -> int:
    """Judge each source whose traces changed; returns how many findings changed."""
    changed = 0
    with alone("doctor") as mine:
        if not mine:
            return 0
        for source in Source.objects.order_by("pk"):
            changed += check_source(source)
    if changed:
        publish(SOURCES, {"source": 0})
    return changed


def check_growing() -> int:
    """Tell what is certain already while traces grow; returns how many findings.

    A forwarded request id joins two traces for good: later spans change nothing.
    Findings that are open wait for their traces to settle.
    """
    changed = 0
    with alone("doctor") as mine:
        if not mine:
            return 0
        for source in Source.objects.order_by("pk"):
            changed += _check_growing(source)
    if changed:
        publish(SOURCES, {"source": 0})
    return changed


def _check_growing(source: Source) -> int:
    records = TraceRecord.objects.filter(GROWING, source=source).order_by("-pk")
    wanted = list(records.values_list("pk", "version")[:MOST_GROWING])
    if not wanted or _growing.get(source.pk) == hash(tuple(wanted)):
        return 0
    _growing[source.pk] = hash(tuple(wanted))
    found = context_lost.find(mesh_of(_hops(source.pk, wanted)))
    now = timezone.now()
    changed = 0
    with transaction.atomic():
        for finding in found:
            if finding.certainty != CERTAIN:
                continue
            old = (
                Diagnosis.objects.select_for_update()
                .filter(
                    source=source,
                    rule=finding.rule,
                    service=finding.service[:255],
                    version=finding.version[:255],
                )
                .first()
            )
            if old is None or old.cleared_at is not None or old.certainty != CERTAIN:
                changed += _write(source, old, finding, now, fresh=True, over=False)
    return changed


def check_source(source: Source) -> int:
    """Judge the newest settled traces of a source, and a slice of older ones."""
    state, _ = DoctorState.objects.get_or_create(source=source)
    records = TraceRecord.objects.filter(source=source, settled=True)
    since_us = time.time_ns() // 1_000 - settings.SPANBOARD_DOCTOR_MINUTES * 60_000_000
    if source.kind == Source.Kind.UPLOAD:
        since_us = 0  # files are of any time
    if state.walked_to_us is None and records.exists():
        state.walked_to_us = since_us  # also where nothing came of late
    recent = records.filter(start_us__gte=since_us).order_by("-start_us", "-pk")
    wanted = list(recent.values_list("pk", "version")[:MOST_TRACES])
    changed = 0
    if wanted and _judged.get(source.pk) != hash(tuple(wanted)):
        changed = _check_window(source, state, wanted)
        _judged[source.pk] = hash(tuple(wanted))
    return changed + _walk_back(source, state)


def _check_window(
    source: Source, state: DoctorState, wanted: list[tuple[int, int]]
) -> int:
    hops = _hops(source.pk, wanted)
    verdict = judge_hops(hops, len(wanted))
    with transaction.atomic():
        changed = _keep(source, verdict, hops, clear=True)
        state.traces = len(wanted)
        state.checked_at = timezone.now()
        state.well = [list(who) for who in verdict.well]
        state.silent = [
            [f.service, f.version, f.variant]
            for f in verdict.findings
            if f.rule == CANNOT_JUDGE
        ]
        state.save()
    return changed


def _walk_back(source: Source, state: DoctorState) -> int:
    """Judge one slice of what was stored before the doctor came."""
    if not state.walked_to_us:
        return 0
    records = TraceRecord.objects.filter(source=source, settled=True)
    older = records.filter(start_us__lt=state.walked_to_us).order_by("-start_us", "-pk")
    rows = list(older.values_list("pk", "version", "start_us")[:SLICE])
    wanted = [(pk, version) for pk, version, _ in rows]
    hops = _hops(source.pk, wanted)
    for key in wanted:  # they are judged once
        _kept.pop(key, None)
    with transaction.atomic():
        changed = _keep(source, judge_hops(hops, len(wanted)), hops, clear=False)
        state.walked_to_us = rows[-1][2] if len(rows) == SLICE else 0
        state.save(update_fields=["walked_to_us"])
    return changed


def _hops(source_id: int, wanted: list[tuple[int, int]]) -> list[Hop]:
    """The hops of some records; traces that are kept are not read again."""
    missing = [pk for pk, version in wanted if (pk, version) not in _kept]
    fresh: dict[tuple[int, int], Trace] = {}
    for first in range(0, len(missing), 200):
        found = TraceRecord.objects.filter(pk__in=missing[first : first + 200])
        for pk, version, columns in found.values_list("pk", "version", "columns"):
            with no_collection():
                fresh[pk, version] = codec.decode_columns(columns)[0]
    seen = [_kept[key][1] for key in wanted if key in _kept]
    names = merged_names([*seen, *map(sidecar_names, fresh.values())])
    known = _names.setdefault(source_id, {})
    if seen and any(known.get(plain) != full for plain, full in names.items()):
        # Who is behind a sidecar was learnt only now: all is read again.
        known.update(names)
        for key in wanted:
            _kept.pop(key, None)
        return _hops(source_id, wanted)
    known.update(names)
    for key, trace in fresh.items():
        _kept[key] = trace_hops(trace, known), sidecar_names(trace)
    parts = [_kept[key][0] for key in wanted if key in _kept]
    while len(_kept) > MAX_KEPT:
        _kept.popitem(last=False)
    return joined(parts)


def _keep(source: Source, verdict: Verdict, hops: list[Hop], *, clear: bool) -> int:
    """Write findings; those that are gone for long enough are cleared."""
    now = timezone.now()
    held = {
        (d.rule, d.service, d.version): d
        for d in Diagnosis.objects.select_for_update().filter(source=source)
    }
    changed = 0
    seen = set()
    for finding in verdict.findings:
        if finding.rule == CANNOT_JUDGE:
            continue
        key = (finding.rule, finding.service[:255], finding.version[:255])
        seen.add(key)
        over = clear and _is_over(hops, finding)
        changed += _write(source, held.get(key), finding, now, fresh=clear, over=over)
    for key, diagnosis in held.items():
        if not clear or key in seen or diagnosis.cleared_at is not None:
            continue
        if _is_over(hops, diagnosis):
            changed += _clear(source, diagnosis, now)
    return changed


def _clear(source: Source, diagnosis: Diagnosis, now: datetime) -> int:
    diagnosis.cleared_at = now
    diagnosis.save(update_fields=["cleared_at"])
    log.info("%s: %s is cleared", source.name, diagnosis)
    return 1


def _write(
    source: Source,
    old: Diagnosis | None,
    finding: Finding,
    now: datetime,
    *,
    fresh: bool,
    over: bool,
) -> int:
    first_us, last_us = finding.first_ns // 1_000, finding.last_ns // 1_000
    if over:
        if old is None or old.cleared_at is not None:
            return 0
        return _clear(source, old, now)
    if old is None:
        old = Diagnosis(
            source=source,
            rule=finding.rule,
            service=finding.service[:255],
            version=finding.version[:255],
            first_us=first_us,
            last_us=last_us,
            found_at=now,
            certainty=finding.certainty,
        )
        if not fresh:
            old.cleared_at = now  # only older traces show it
        log.warning(
            "%s: %s %s %s (%s)",
            source.name,
            finding.rule,
            finding.service,
            finding.version,
            finding.certainty,
        )
    elif not fresh:  # older traces of a fault that is known
        if first_us >= old.first_us:
            return 0
        old.first_us = first_us
        old.save(update_fields=["first_us"])
        return 1
    elif old.cleared_at is not None:
        if last_us <= old.last_us:
            return 0  # the same calls, which the window still holds
        old.cleared_at, old.first_us, old.found_at = None, first_us, now
        old.certainty = finding.certainty
    # Fewer calls in the window make nothing less certain that was seen before.
    if RANK[finding.certainty] >= RANK[old.certainty]:
        old.certainty, old.variant = finding.certainty, finding.variant
    same = old.pk is not None and old.last_us >= last_us and old.count == finding.count
    old.first_us, old.last_us = min(old.first_us, first_us), max(old.last_us, last_us)
    old.count, old.total = finding.count, finding.total
    old.evidence = {
        "traces": finding.traces,
        "pairs": [list(pair) for pair in finding.pairs],
        "pods": finding.pods,
        "targets": finding.targets,
        "dialect": finding.dialect,
        "values": finding.values,
    }
    old.save()
    return int(not same)


def _is_over(hops: list[Hop], found: Finding | Diagnosis) -> bool:
    """Whether enough calls in a row were well after the last that was not.

    A fault of few calls needs the more of them.
    """
    last_us = found.last_us if isinstance(found, Diagnosis) else found.last_ns // 1_000
    who = (found.service, found.version)
    before = since = 0
    for hop in hops:
        if found.rule == "missing-hop":
            counts = hop.answered and hop.target == found.service
        else:
            counts = hop.who == who and (hop.way == OUT or found.rule in ABOUT_REQUESTS)
        after = hop.start_ns // 1_000 > last_us
        since += counts and after
        before += counts and not after
    needed = max(CLEAR_AFTER_CALLS, 5 * before // max(found.count, 1))
    return since >= needed


def dismiss(diagnosis: Diagnosis, person: Person, dismissed: bool) -> None:
    """Say that a finding is no fault, or that it is one after all."""
    diagnosis.dismissed_at = timezone.now() if dismissed else None
    diagnosis.dismissed_by = person.name if dismissed else ""
    diagnosis.save(update_fields=["dismissed_at", "dismissed_by"])
    publish(SOURCES, {"source": 0})


def forget_old() -> None:
    """Remove findings that were cleared long ago."""
    limit = timezone.now() - timedelta(days=settings.SPANBOARD_ROLLUP_DAYS)
    Diagnosis.objects.filter(cleared_at__lt=limit).delete()
