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


def note_strings() -> dict[str, str]:
    """Texts of notes, pins and threads."""
    return {
        "notes": _("Notes"),
        "pins": _("Pins"),
        "noNotes": _("No notes yet."),
        "oneNote": _("1 note"),
        "manyNotes": _("{n} notes"),
        "pinned": _("pinned"),
        "pinSpan": _("Pin this span"),
        "pinnedBy": _("Pinned by {name}"),
        "pinOfOther": _("{name} pinned this span, and an admin or {name} unpins it."),
        "writeNote": _("Write a note on this span"),
        "writeTraceNote": _("Write a note on the trace"),
        "addNote": _("Add note"),
        "editNote": _("Edit the note"),
        "saveNote": _("Save"),
        "deleteNote": _("Delete the note"),
        "edited": _("edited"),
        "spanGone": _("Its span is not in the trace now."),
        "noComments": _("No comments yet."),
        "newComments": _("{n}, {fresh} new"),
        "writeComment": _("Write a comment"),
        "addComment": _("Comment"),
        "deleteComment": _("Delete the comment"),
        "nameShown": _("All who may open this link see your name and what you write."),
        "signInToComment": _("Sign in to write a comment."),
    }
