"""What a presenter may tell of a page: its state as an address has it, and no more."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl

from django.utils.crypto import constant_time_compare, salted_hmac

from dashboard.access.person import Person
from dashboard.graph import options
from dashboard.presenters.trace_views import VIEW_PARAMETERS

STATE_NAMES = frozenset(
    [
        "span",
        "from",
        "to",
        "uiFind",
        "svcFilter",
        "collapsed",
        "opened",
        "critical",
        "pairs",
        "folds",
        "only",
        "root",
        "sort",
        "least",
        "detail",
    ]
) | frozenset(VIEW_PARAMETERS)
GRAPH_STATE = "query"  # of the graph page: the whole query
MOST_FIELDS = 100
ROOM = re.compile(r"[A-Za-z0-9_-]{12}")
LONGEST = 16_000  # characters of a message
LONGEST_VALUE = 4_000
MOST_PLACE = 1e9


def new_room() -> str:
    """A room's name: who knows it and may open its page may follow."""
    return secrets.token_urlsafe(9)


def key_of(subject: str, room: str) -> str:
    """What makes somebody the presenter of a room; told to who opened it only."""
    return salted_hmac("spanboard-follow", f"{subject}\0{room}").hexdigest()[:40]


def is_key(subject: str, room: str, key: str) -> bool:
    """Whether a key is the room's."""
    return constant_time_compare(key_of(subject, room), key)


def group_of(subject: str, room: str) -> str:
    """The channel group of a room. Its page is part of it: the same room's name on
    another page, or on another share, is another room."""
    name = f"{subject}\0{room}".encode()
    return f"follow.{hashlib.blake2b(name, digest_size=16).hexdigest()}"


def shown_name(person: Person) -> str:
    """How others are told of somebody; one without an account has no name."""
    return person.name if person.kind in ("user", "local", "guest") else ""


def read_message(text: str) -> dict[str, Any] | None:
    """A page's message, ``None`` when it is none of ours."""
    if len(text) > LONGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def checked_state(message: dict[str, Any]) -> dict[str, Any] | None:
    """A presenter's state as it may go to others, ``None`` when it is not one.

    ``state``: known parts of an address, texts; ``place``: the first row in sight,
    counted in rows (in other views the share that is scrolled); ``spans``: of how
    many the presenter speaks; ``n``: the number of the message; ``view``, of the
    graph: the middle of the picture and its scale.
    """
    state = message.get("state")
    if not isinstance(state, dict) or len(state) > len(STATE_NAMES):
        return None
    for name, value in state.items():
        is_known = name in STATE_NAMES or name == GRAPH_STATE
        if not is_known or not isinstance(value, str):
            return None
        if len(value) > LONGEST_VALUE:
            return None
        if name == GRAPH_STATE and not _is_query(value):
            return None
    numbers = {}
    for name in ("place", "spans", "n"):
        value = message.get(name, 0)
        if not _is_finite(value) or value < 0:
            return None
        numbers[name] = value
    view = message.get("view")
    if view is None:
        return {"state": state, **numbers}
    if not isinstance(view, list) or len(view) != 3 or not all(map(_is_finite, view)):
        return None
    return {"state": state, **numbers, "view": view}


def _is_finite(value: object) -> bool:
    """Whether a value is a number that a page can draw with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= MOST_PLACE


def _is_query(text: str) -> bool:
    """Whether a text is a query of the graph page, with names that it knows."""
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return False
    return all(name in options.KNOWN for name, _value in fields)
