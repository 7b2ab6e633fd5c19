"""Keeps searches of people under names."""

from __future__ import annotations

from django.db import transaction

from dashboard.access.person import Person
from dashboard.search_models import SavedSearch

MOST = 100  # of one person
LONGEST = 7_000  # characters of a query string


def may_keep(person: Person) -> bool:
    """Guests and machines keep nothing."""
    return person.kind in ("local", "user")


def searches_of(person: Person) -> list[SavedSearch]:
    """A person's searches by name; those of others are never shown."""
    if not may_keep(person):
        return []
    return list(SavedSearch.objects.filter(owner_id=person.user_id)[:MOST])


def keep_search(person: Person, name: str, query: str) -> SavedSearch:
    """Keep a search; one of the same name is replaced.

    Raises ``PermissionError``, or ``ValueError`` with a code: ``name``, ``long``, ``many``.
    """
    if not may_keep(person):
        raise PermissionError
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > 80:
        raise ValueError("name")
    if len(query) > LONGEST:
        raise ValueError("long")
    with transaction.atomic():
        own = SavedSearch.objects.filter(owner_id=person.user_id)
        held = own.filter(name=name).first()
        if held is None and own.count() >= MOST:
            raise ValueError("many")
        if held is None:
            return SavedSearch.objects.create(
                owner_id=person.user_id, name=name, query=query
            )
        held.query = query
        held.save(update_fields=["query"])
        return held


def forget_search(person: Person, pk: int) -> str | None:
    """Remove a search of this person; its query string, or ``None`` if it has none such."""
    if not may_keep(person):
        return None
    held = SavedSearch.objects.filter(owner_id=person.user_id, pk=pk).first()
    if held is None:
        return None
    held.delete()
    return held.query
