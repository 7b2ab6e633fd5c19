"""What is wrong with a line of query, in words, and where."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard.traces.builder import Problem
from dashboard.traces.query_line import FIELDS, WHOLE_FIELDS


def line_text(problem: Problem) -> str:
    """Where a line fails, why, and what to write instead."""
    values = {"fields": ", ".join((*FIELDS, *WHOLE_FIELDS)), **problem.values}
    why, hint = str(values["why"]), str(values["hint"])
    table = {
        "too-long": _("The line is longer than %(hint)s characters."),
        "too-many": _("There are more than %(hint)s conditions."),
        "too-many-sides": _("A path has at most %(hint)s sides."),
        "bare-word": _(
            "“%(word)s” alone says nothing. Write service=%(word)s or operation~%(word)s, "
            "or %(word)s~* for spans that have such a tag."
        ),
        "no-key": _("A key such as service is missing before “%(word)s”."),
        "no-value": _("A value is missing after “%(word)s”."),
        "open-quote": _("A quotation mark is not closed."),
        "open-brace": _("A brace is not closed."),
        "stray-brace": _("A brace is closed that was not opened."),
        "brace-in-brace": _("Braces can not stand inside braces."),
        "minus-in-braces": _(
            "A minus can not stand in braces: it speaks of the whole trace. Use != or !~."
        ),
        "whole-in-braces": _(
            "“%(word)s” speaks of the whole trace. Write it outside of the braces."
        ),
        "bad-operator": _("“%(word)s” does not fit here. Use one of: %(hint)s."),
        "bad-duration": _("“%(word)s” is no duration. Write it like %(hint)s."),
        "bad-number": _(
            "“%(word)s” is no number. To ask who calls whom, put spaces around >."
        ),
        "bad-flag": _("“%(word)s” is neither true nor false."),
        "unknown-whole": _("There is no “%(word)s”. Did you mean %(hint)s?"),
        "nothing-excluded": _("A condition must follow the minus, without a space."),
        "needs-braces": _("Put conditions in braces, so: {%(word)s} >> {service=b}."),
        "no-side": _("A service, or conditions in braces, must follow “%(word)s”."),
        "none-below-none": _("Nothing can follow below spans that are not there."),
    }
    words = [table.get(why, why) % values]
    if why == "bare-word" and hint:
        words.append(_("Did you mean %(hint)s?") % values)
    return _("Character %(place)s: %(problem)s") % {
        "place": int(str(values["position"])) + 1,
        "problem": " ".join(words),
    }


def caret(line: str, position: int) -> list[str]:
    """The part of a line around a place, and a mark that stands below the place."""
    first = max(0, position - 60)
    part = line[first : position + 60]
    shown = "".join(" " if char.isspace() else char for char in part)
    lead = "…" if first else ""
    tail = "…" if position + 60 < len(line) else ""
    return [lead + shown + tail, " " * (position - first + len(lead)) + "^"]
