"""The doctor's page: findings, who is well, who can't be judged."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.doctor import dismiss
from dashboard.doctor.findings import MAX_EXAMPLES
from dashboard.doctor_models import Diagnosis
from dashboard.gate import person_of
from dashboard.presenters import doctor as presenter
from dashboard.presenters.doctor_evidence import evidence
from dashboard.reads.diagnoses import diagnoses, states
from dashboard.reads.traces import find_record, load

STATES = (presenter.OPEN, presenter.CLEARED, presenter.DISMISSED)
MOST = 500


def _found(source: str) -> dict[str, Any]:
    rows = [presenter.finding_row(one) for one in diagnoses(source)[:MOST]]
    looked = states(source)
    well = sorted({tuple(who) for state in looked for who in state.well})
    silent = sorted({tuple(who) for state in looked for who in state.silent})
    return {"findings": rows, "well": well, "silent": silent, "states": looked}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All findings, and one of them with its evidence and what to change."""
    found = _found(request.GET.get("source", ""))
    state = request.GET.get("state", presenter.OPEN)
    state = state if state in STATES else presenter.OPEN
    kind = request.GET.get("rule", "")
    rows = found["findings"]
    shown = [r for r in rows if r["state"] == state and kind in ("", r["rule"])]
    wanted = request.GET.get("finding", "")
    chosen = next((r for r in rows if str(r["id"]) == wanted), None)
    if chosen is None and shown and not wanted:
        chosen = shown[0]
    page = halves = None
    if chosen is not None:
        diagnosis = diagnoses(request.GET.get("source", "")).get(pk=chosen["id"])
        page = presenter.finding_page(diagnosis)
        halves = _halves(page["pairs"])
    why = {
        "calls-nobody": _("calls nobody"),
        "serves-nobody": _("serves nobody that we see"),
        "only-jobs": _("its calls belong to no request"),
    }
    context = {
        "headline": presenter.headline(rows, len(found["well"]), len(found["silent"])),
        "rows": shown,
        "state": state,
        "rule": kind,
        "rules": presenter.rule_words().items(),
        "counts": {name: sum(r["state"] == name for r in rows) for name in STATES},
        "chosen": page,
        "halves": halves,
        "well": [" ".join(who) for who in found["well"]],
        "silent": [(f"{s} {v}".strip(), why.get(w, w)) for s, v, w in found["silent"]],
        "checked": [
            round(s.checked_at.timestamp() * 1e6)
            for s in found["states"]
            if s.checked_at is not None
        ],
        "traces": sum(s.traces for s in found["states"]),
        "wanted_missing": bool(wanted) and chosen is None,
        "nav": "doctor",
    }
    return render(request, "dashboard/doctor.html", context)


def _halves(pairs: list[list[str]]) -> dict[str, Any] | None:
    """The latest pair of which both traces are still stored, drawn."""
    for pair in reversed(pairs[-MAX_EXAMPLES:]):
        records = [find_record(trace_id) for trace_id in pair]
        if all(record is not None for record in records):
            traces = [load(record).trace for record in records if record is not None]
            return {**evidence(traces), "ids": "+".join(pair), "pair": pair}
    return None


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """The same for scripts."""
    found = _found(request.GET.get("source", ""))
    return JsonResponse(
        {
            "findings": found["findings"],
            "well": [list(who) for who in found["well"]],
            "silent": [list(who) for who in found["silent"]],
        }
    )


@require_POST
def judge(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Say that a finding is no fault (``dismiss``), or one after all."""
    found = get_object_or_404(Diagnosis, pk=finding_id)
    dismiss(found, person_of(request), request.POST.get("dismiss") == "1")
    return redirect(f"{reverse('dashboard:doctor')}?finding={finding_id}")
