"""Short links to pages and their state, for people with access."""

from __future__ import annotations

import hashlib
import secrets

from django.db import IntegrityError, transaction
from django.urls import Resolver404, resolve
from django.utils import timezone

from dashboard.access.person import Person, Right
from dashboard.access.rights import right_of
from dashboard.share_models import SavedLink

LONGEST = 8_000
CODE_BYTES = 6


def save_link(path: str, title: str, person: Person) -> SavedLink:
    """The short link of a page; an equal page has one link.

    ``path`` is below the base path and begins with a slash; its times should be
    absolute, since a link is opened later. Raises ``ValueError`` with a sentence.
    """
    place, _, query = path.partition("?")
    if len(path) > LONGEST or not path.startswith("/") or path.startswith("//"):
        raise ValueError("A link leads to a page of this Spanboard.")
    try:
        right = right_of(resolve(place).url_name)
    except Resolver404:
        raise ValueError("There is no such page to link to.") from None
    if right is not Right.VIEW:
        raise ValueError("A short link leads to a page, not to data or to a share.")
    digest = hashlib.blake2b(
        f"{place}?{query}".encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()
    held = SavedLink.objects.filter(digest=digest).first()
    if held is not None:
        return held
    try:
        with transaction.atomic():
            return SavedLink.objects.create(
                code=secrets.token_urlsafe(CODE_BYTES),
                path=path,
                digest=digest,
                title=title[:300],
                owner_id=person.user_id,
                owner_name=person.name,
                created_at=timezone.now(),
            )
    except IntegrityError:  # somebody else was first, with the page or the code
        return SavedLink.objects.get(digest=digest)
