"""Back-fills in words."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext as _

from dashboard.actions.backfill import GOING
from dashboard.models import BackFill
from dashboard.presenters import text

SHOWN = 5  # of each source, the newest


def fill_rows() -> dict[int, list[dict[str, Any]]]:
    """The newest back-fills of each source."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for fill in BackFill.objects.defer("open_windows").order_by("-pk")[:200]:
        if len(found[fill.source_id]) < SHOWN:
            found[fill.source_id].append(fill_row(fill))
    return found


def fill_row(fill: BackFill) -> dict[str, Any]:
    """One back-fill as plain data."""
    return {
        "id": fill.pk,
        "start_us": fill.start_us,
        "end_us": fill.end_us,
        "state": fill.state,
        "state_text": str(fill.get_state_display()),
        "windows": fill.windows,
        "windows_done": fill.windows_done,
        "most": max(fill.windows, 1),
        "text": _progress(fill),
        "problem": fill.problem,
        "can_stop": fill.state in GOING,
        "can_resume": fill.state == BackFill.State.STOPPED,
    }


def _progress(fill: BackFill) -> str:
    words = _("%(done)s of %(all)s windows, %(stored)s traces stored.") % {
        "done": text.count(fill.windows_done),
        "all": text.count(fill.windows),
        "stored": text.count(fill.stored),
    }
    if fill.buried:
        words += " " + _("%(n)s were deleted here before and are not stored again.") % {
            "n": text.count(fill.buried)
        }
    if fill.not_had:
        words += " " + _("%(n)s windows could not be had in full.") % {
            "n": text.count(fill.not_had)
        }
    return words


def bad_window_text(code: str) -> str:
    """Why a window can not be fetched."""
    return {
        "kind": _("This source is not pulled, so it has no past to fetch."),
        "order": _("The begin must be before the end."),
        "future": _("The window ends in the future."),
        "long": _("The window is longer than a year."),
    }[code]
