"""What the frame around every page needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest

from dashboard.access.person import NOBODY
from dashboard.actions.lab import may_run
from dashboard.presenters import store_faults
from dashboard.presenters.sources import failing
from dashboard.presenters.strings import common_strings
from dashboard.reads.diagnoses import open_count
from dashboard.storing import present_trouble, trouble_of


def frame(request: HttpRequest) -> dict[str, Any]:
    """Failing sources, common texts and the base of WebSocket addresses."""
    base = f"/{settings.SPANBOARD_BASE_PATH}/" if settings.SPANBOARD_BASE_PATH else "/"
    person = getattr(request, "person", NOBODY)
    told = {"common": common_strings(), "base_path": base, "person": person}
    if request.path_info.startswith("/s/") or not person.may_view:
        return {**told, "failing": []}
    accused = 0
    try:
        sources = failing()
        accused = open_count()
    except DatabaseError as problem:
        if trouble_of(problem) is None:
            raise
        sources = []  # the page that says so needs its frame all the same
    trouble = present_trouble()
    return {
        **told,
        "failing": sources,
        "accused": accused,
        "lab_runs": may_run(),
        "store_title": store_faults.title(trouble[0]) if trouble else "",
        "store_text": store_faults.sentence(trouble[0]) if trouble else "",
        "store_details": trouble[1] if trouble else "",
    }
