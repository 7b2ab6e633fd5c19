"""Texts of what people do together on a trace: following, notes, threads."""

from __future__ import annotations

from django.utils.translation import gettext as _


def follow_strings() -> dict[str, str]:
    """Texts of Follow me."""
    return {
        "presenter": _("The presenter"),
        "presentNobody": _(
            "You present. Nobody follows yet: send the link to people who may open "
            "this page."
        ),
        "onePresent": _("You present. 1 person follows"),
        "presentTo": _("You present. {n} people follow"),
        "followLink": _("Copy link to follow"),
        "stopPresenting": _("Stop presenting"),
        "followsNow": _("You see what {name} shows."),
        "looksAlone": _("You look around on your own; {name} goes on."),
        "oneFollows": _("You are the only one who follows"),
        "allFollow": _("{n} people follow"),
        "presenterGone": _("{name} is not presenting now."),
        "letGo": _("Let go"),
        "followAgain": _("Follow again"),
        "leaveRoom": _("Leave"),
    }
