"""Searches kept under names: one's own, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.access.models import User
from dashboard.access.person import GUEST, Person, Right
from dashboard.actions import saved_searches
from dashboard.actions.saved_searches import keep_search, searches_of
from dashboard.search_models import SavedSearch

pytestmark = pytest.mark.django_db(transaction=True)
EVIL = '<img src=x onerror="alert(1)">'


def test_a_search_is_kept_shown_and_removed(client: Any) -> None:
    query = "service=web&q=web+%3E%3E+shop&evil=1&after=1.2"
    answer = client.post("/search/saved", {"name": f" {EVIL} ", "query": query})
    assert answer.status_code == 302
    kept = SavedSearch.objects.get()
    assert (kept.name, kept.owner_id) == (EVIL, None)
    assert kept.query == "service=web&q=web+%3E%3E+shop&after=1.2"
    page = client.get("/search").content.decode()
    assert "&lt;img src=x" in page
    assert "<img" not in page
    assert 'href="/search?service=web&amp;q=web+%3E%3E+shop' in page
    client.post("/search/saved", {"name": EVIL, "query": "service=other"})
    assert SavedSearch.objects.get().query == "service=other"
    answer = client.post(f"/search/saved/{kept.pk}/remove", {"query": "service=web"})
    assert answer["Location"] == "/search?service=web"
    assert not SavedSearch.objects.exists()
    assert client.post(f"/search/saved/{kept.pk}/remove").status_code == 404


def test_what_can_not_be_kept_is_told(client: Any, monkeypatch: Any) -> None:
    for name in ("", "  ", "x" * 81):
        answer = client.post("/search/saved", {"name": name, "query": "service=a"})
        assert answer.status_code == 400
        assert "at most 80 characters" in answer.json()["error"]
    monkeypatch.setattr(saved_searches, "MOST", 1)
    for name, status in (("one", 302), ("two", 400), ("one", 302)):
        answer = client.post("/search/saved", {"name": name, "query": ""})
        assert answer.status_code == status
    assert client.get("/search/saved").status_code == 405


def test_each_account_has_its_own(client: Any) -> None:
    people = []
    for name in ("ann", "bob"):
        user = User.objects.create_user(name, password="pass word 123")
        people.append(Person("user", name, frozenset((Right.VIEW,)), user.pk))
    kept = keep_search(people[0], "mine", "service=a")
    assert [one.name for one in searches_of(people[0])] == ["mine"]
    assert searches_of(people[1]) == []
    assert "mine" not in client.get("/search").content.decode()  # the local one
    assert saved_searches.forget_search(people[1], kept.pk) is None
    assert client.post(f"/search/saved/{kept.pk}/remove").status_code == 404
    with pytest.raises(PermissionError):
        keep_search(GUEST, "x", "service=a")
    assert searches_of(GUEST) == []
