"""Problems of a query string as sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.graph.expression import WORDS
from dashboard.presenters.query_problems import line_text
from dashboard.traces.builder import Problem
from dashboard.traces.query import SORTS


def problem_text(problem: Problem) -> str:
    """What is wrong with a value, and what to write instead."""
    if problem.code == "bad-expression":
        return expression_text(problem)
    if problem.code == "bad-line":
        return line_text(problem)
    values = {"where": problem.where, "value": "", "known": "", **problem.values}
    table = {
        "bad-duration": _("%(where)s is no duration. Write it like 200ms, 1.5s or 2h."),
        "bad-time": _(
            "%(where)s is no time. It is written in microseconds since 1970."
        ),
        "bad-limit": _("The limit “%(value)s” is no number from 1 to 1500."),
        "bad-sort": _("There is no order “%(value)s”. Choose one of: ")
        + ", ".join(SORTS),
        "bad-after": _(
            "“%(value)s” is no place in a list. Leave “after” out to begin anew."
        ),
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


def expression_text(problem: Problem) -> str:
    """What is wrong with an expression, where, and what was perhaps meant."""
    values = {"where": problem.where, **problem.values}
    why, hint = str(values["why"]), str(values["hint"])
    table = {
        "unknown-word": _("“%(word)s” is no word of expressions."),
        "unknown-kind": _("There is no kind “%(word)s”."),
        "bad-operator": _("“%(word)s” does not fit here. Use one of: %(hint)s."),
        "bad-value": _("“%(word)s” is no such value. Write it like %(hint)s."),
        "no-value": _("A value is missing before “%(word)s”."),
        "no-word": _("A word such as errors is missing before “%(word)s”."),
        "no-connection": _("Write “and” or “or” before “%(word)s”."),
        "unfinished": _("The expression is not finished."),
        "open-parenthesis": _("A parenthesis is not closed."),
        "stray-parenthesis": _("A parenthesis is closed that was not opened."),
        "open-quote": _("A quotation mark is not closed."),
        "unreadable": _("“%(word)s” cannot be read."),
    }
    words = [table.get(why, why) % values]
    if why in ("unknown-word", "unknown-kind") and hint:
        words.append(_("Did you mean %(hint)s?") % values)
    elif why == "unknown-word":
        words.append(_("There are: %(words)s.") % {"words": ", ".join(WORDS)})
    return _("%(where)s, character %(place)s: %(problem)s") % {
        "where": problem.where,
        "place": int(str(values["position"])) + 1,
        "problem": " ".join(words),
    }
