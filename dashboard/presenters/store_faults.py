"""Sentences on a database that can not be used now."""

from __future__ import annotations

from django.utils.translation import gettext as _

from dashboard import storing


def sentence(what: str) -> str:
    """What is wrong and what to do, for people."""
    return {
        storing.FULL: _(
            "The disk of the database is full: nothing more can be stored. What is "
            "stored can be read. Make room; storing goes on by itself."
        ),
        storing.LOCKED: _(
            "Another program holds the database for a long time. It is tried again; "
            "end that program if this goes on."
        ),
        storing.READ_ONLY: _(
            "The database may only be read: nothing more can be stored. Check the "
            "rights of its files, or whether the server is a replica."
        ),
        storing.BROKEN: _(
            "The files of the database can not be read or written. Check the disk "
            "and its room; the log has the details."
        ),
        storing.BUSY: _("The database has too much to do. It is tried again."),
        storing.AWAY: _(
            "The database does not answer. It is asked again; nothing that was "
            "stored is lost."
        ),
    }[what]


def title(what: str) -> str:
    """The same in a few words."""
    if what in (storing.FULL, storing.READ_ONLY):
        return _("Nothing can be stored now")
    return _("The database can not be used now")
