"""A person or machine that asks, and its rights."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Right(enum.StrEnum):
    """What a page, an answer or a receiver asks of who comes."""

    OPEN = "open"  # nothing: health, sign-in, what a share's token guards
    READ = "read"  # the API of traces and figures, also for tokens
    VIEW = "view"  # pages
    SHARE = "share"  # making shares, notes and links; uploads
    MANAGE = "manage"  # sources, and what others made
    INGEST = "ingest"  # sending spans


class Role(enum.StrEnum):
    """Roles of accounts, each with all of the one before."""

    VIEWER = "viewer"
    SHARER = "sharer"
    ADMIN = "admin"


RIGHTS_OF_ROLE: dict[str, frozenset[Right]] = {
    Role.VIEWER: frozenset((Right.OPEN, Right.READ, Right.VIEW)),
    Role.SHARER: frozenset((Right.OPEN, Right.READ, Right.VIEW, Right.SHARE)),
    Role.ADMIN: frozenset(
        (Right.OPEN, Right.READ, Right.VIEW, Right.SHARE, Right.MANAGE, Right.INGEST)
    ),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    ``kind``: ``local`` (this machine), ``user`` (an account), ``guest`` (anonymous,
    where that is allowed), ``token`` (a machine) or ``nobody``.
    """

    kind: str
    name: str
    rights: frozenset[Right]
    user_id: int | None = None
    role: str = ""

    def may(self, right: Right) -> bool:
        """Whether this one has a right."""
        return right in self.rights

    def owns(self, owner_id: int | None) -> bool:
        """Whether something made by an account (``None``: locally) is this one's."""
        if self.kind == "local":
            return owner_id is None
        return self.kind == "user" and owner_id == self.user_id

    @property
    def may_share(self) -> bool:
        """For templates."""
        return self.may(Right.SHARE)

    @property
    def may_manage(self) -> bool:
        """For templates."""
        return self.may(Right.MANAGE)

    @property
    def may_view(self) -> bool:
        """For templates."""
        return self.may(Right.VIEW)


NOBODY = Person("nobody", "", frozenset((Right.OPEN,)))
LOCAL = Person("local", "local", RIGHTS_OF_ROLE[Role.ADMIN], None, Role.ADMIN)
GUEST = Person("guest", "guest", RIGHTS_OF_ROLE[Role.VIEWER], None, Role.VIEWER)
SENDER = Person("sender", "sender", frozenset((Right.OPEN, Right.INGEST)))
