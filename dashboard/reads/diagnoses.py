"""Reads what the doctor found, and the traces that belong together."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from dashboard.doctor.findings import SUSPECT
from dashboard.doctor_models import Diagnosis, DoctorState
from dashboard.reads.traces import visible_sources

ALARMING = Q(cleared_at=None, dismissed_at=None) & ~Q(certainty=SUSPECT)


def diagnoses(source: str = "") -> QuerySet[Diagnosis]:
    """Findings of the visible sources: the surest and latest first."""
    found = Diagnosis.objects.filter(source__in=visible_sources(source))
    return found.select_related("source").order_by("certainty", "-last_us")


def open_count() -> int:
    """How many findings should trouble somebody: not those that are only suspect."""
    living = Diagnosis.objects.filter(ALARMING)
    if not living.exists():  # the usual case asks nothing else
        return 0
    return living.filter(source__in=visible_sources()).count()


def accused(source: str = "") -> dict[str, list[Diagnosis]]:
    """Open findings by service, for signs on other pages."""
    found: dict[str, list[Diagnosis]] = {}
    for one in diagnoses(source).filter(ALARMING):
        found.setdefault(one.service, []).append(one)
    return found


def states(source: str = "") -> list[DoctorState]:
    """How far the doctor has looked at each visible source."""
    found = DoctorState.objects.filter(source__in=visible_sources(source))
    return list(found.select_related("source"))


def about_trace(trace_id: str, source_id: int) -> list[tuple[Diagnosis, str]]:
    """Open findings that name a trace as evidence, with the other half's trace id.

    Those that are only suspect alarm nobody here either.
    """
    told = []
    for one in Diagnosis.objects.filter(ALARMING, source_id=source_id):
        pairs = one.evidence.get("pairs") or []
        other = next(
            (b if a == trace_id else a for a, b in pairs if trace_id in (a, b)), ""
        )
        if other or trace_id in (one.evidence.get("traces") or []):
            told.append((one, other))
    return told
