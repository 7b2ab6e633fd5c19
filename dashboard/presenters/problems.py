"""Problems of a query string as sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.traces.builder import Problem
from dashboard.traces.query import SORTS


def problem_text(problem: Problem) -> str:
    """What is wrong with a value, and what to write instead."""
    values = {"where": problem.where, "value": "", "known": "", **problem.values}
    table = {
        "bad-duration": _("%(where)s is no duration. Write it like 200ms, 1.5s or 2h."),
        "bad-time": _(
            "%(where)s is no time. It is written in microseconds since 1970."
        ),
        "bad-limit": _("The limit “%(value)s” is no number from 1 to 1500."),
        "bad-sort": _("There is no order “%(value)s”. Choose one of: ")
        + ", ".join(SORTS),
        "bad-tags": _(
            "The tags “%(value)s” are not understood. Write them like error=true "
            'http.status_code=503 db.statement="a b".'
        ),
        "min-over-max": _("The shortest duration is longer than the longest."),
        "end-before-start": _("The end lies before the start."),
        "bad-hops": _("Hops are a number from 1 to 9, not “%(value)s”."),
        "bad-choice": _(
            "There is no “%(value)s” for %(where)s. Choose one of: %(known)s."
        ),
        "too-long": _("%(where)s is longer than 1000 characters."),
    }
    return table.get(problem.code, problem.code) % values
