"""Finds out who asks, the cheap ways first; one rule for pages and sockets."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from dashboard.access.addresses import (
    claimed,
    host_name,
    is_forwarded,
    is_loopback,
    is_own,
    is_within,
)
from dashboard.access.models import AccessToken, User
from dashboard.access.person import (
    GUEST,
    LOCAL,
    NOBODY,
    RIGHTS_OF_ROLE,
    SENDER,
    Person,
    Right,
)
from dashboard.access.tokens import MACHINE_PREFIX, hashes_of

log = logging.getLogger(__name__)
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request before anything is looked up.

    ``peer`` is the address at the other end of the connection; the names of
    ``headers`` are found in lower case.
    """

    peer: str
    host: str
    headers: Mapping[str, str]


def is_local(asked: Asked) -> bool:
    """Asked for on the loopback, by a loopback name, and by no proxy.

    A page of another site can't pass as this: its name for us (DNS rebinding)
    is no loopback name.
    """
    return (
        settings.SPANBOARD_LOCAL_USER
        and is_loopback(asked.peer)
        and is_loopback(host_name(asked.host))
        and not is_forwarded(asked.headers)
    )


def may_send(asked: Asked) -> bool:
    """Whether spans are taken without a token: from the networks named for it.

    Every proxy's claim must lie in them too, so that one on this machine opens
    nothing to the world. An Envoy on this machine names the machine's own address,
    which is as good as the loopback. The Host header does not count: senders name
    anything.
    """
    networks = settings.SPANBOARD_RECEIVE_FROM
    here = is_within("127.0.0.1", networks)
    return all(
        is_within(address, networks) or (here and is_own(address))
        for address in (asked.peer, *claimed(asked.headers))
    )


def at_once(asked: Asked, right: Right) -> Person | None:
    """The person, as far as no look-up is needed; ``None`` asks for more."""
    if is_local(asked):
        return LOCAL
    if right is Right.INGEST and may_send(asked):
        return SENDER
    return None


def look_up(asked: Asked, user: Callable[[], User | None]) -> Person:
    """The person behind a token, a trusted proxy's word, or a session."""
    token = _token_of(asked.headers)
    if token:
        return _machine(token)
    named = _named_by_proxy(asked)
    found = named if named is not None else user()
    if found is not None and found.is_active:
        return Person(
            "user",
            found.get_username(),
            RIGHTS_OF_ROLE.get(found.role, frozenset()),
            found.pk,
            found.role,
        )
    return GUEST if settings.SPANBOARD_ANONYMOUS == "viewer" else NOBODY


def _token_of(headers: Mapping[str, str]) -> str:
    """A token of ours, as bearer or as the password of basic authentication."""
    scheme, _, rest = (headers.get("authorization") or "").partition(" ")
    text = rest.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(text, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        text = decoded.partition(":")[2]
    elif scheme.lower() != "bearer":
        return ""
    return text if text.startswith(MACHINE_PREFIX) else ""


def _machine(token: str) -> Person:
    now = timezone.now()
    found = AccessToken.objects.filter(token_hash__in=hashes_of(token, "machine"))
    held = found.first()
    if held is None or (held.expires_at is not None and held.expires_at <= now):
        return NOBODY
    if held.last_used_at is None or now - held.last_used_at > USED_EVERY:
        AccessToken.objects.filter(pk=held.pk).update(last_used_at=now)
    right = Right.INGEST if held.scope == AccessToken.Scope.INGEST else Right.READ
    return Person("token", held.name, frozenset((Right.OPEN, right)))


def _named_by_proxy(asked: Asked) -> User | None:
    """The account that a trusted proxy has signed in, made when it is new."""
    header = settings.SPANBOARD_PROXY_USER_HEADER
    if not header or not is_within(asked.peer, settings.SPANBOARD_TRUSTED_PROXIES):
        return None
    name = (asked.headers.get(header.lower()) or "").strip()
    if not name or len(name) > 150:
        return None
    found = User.objects.filter(username=name).first()
    if found is not None:
        return found
    try:
        made = User(username=name, role=settings.SPANBOARD_PROXY_ROLE)
        made.set_unusable_password()
        made.save()
    except IntegrityError:  # another request of the same person was first
        return User.objects.get(username=name)
    log.info("The proxy brought a new account, a %s", made.role)
    return made
