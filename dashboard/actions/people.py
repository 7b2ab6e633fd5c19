"""Writes about accounts and tokens."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.access.models import AccessToken, User
from dashboard.access.tokens import MACHINE_PREFIX, hash_token, new_token

log = logging.getLogger(__name__)


def add_user(name: str, password: str, role: str) -> User:
    """A new account. Raises ``ValueError`` with a sentence."""
    user = User(username=name, role=role)
    _set_password(user, password)
    try:
        user.full_clean()
        with transaction.atomic():
            user.save()
    except ValidationError as problem:
        raise ValueError(" ".join(problem.messages)) from problem
    except IntegrityError as problem:
        raise ValueError(f"There is an account {name} already.") from problem
    log.info("The account %s was made, a %s", name, role)
    return user


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as problem:
        raise ValueError(" ".join(problem.messages)) from problem
    user.set_password(password)


def find_user(name: str) -> User:
    """The account of a name. Raises ``ValueError`` with a sentence."""
    found = User.objects.filter(username=name).first()
    if found is None:
        raise ValueError(f"There is no account {name}. See: ./spanboard user list")
    return found


def set_password(name: str, password: str) -> None:
    """Another password; open sessions of the account end by it."""
    user = find_user(name)
    _set_password(user, password)
    user.save(update_fields=["password"])


def set_role(name: str, role: str) -> None:
    """Another role, from the next request on."""
    user = find_user(name)
    user.role = role
    user.save(update_fields=["role"])
    log.info("The account %s is a %s now", name, role)


def remove_user(name: str) -> None:
    """Remove an account; what it shared stays, and admins can revoke it."""
    find_user(name).delete()
    log.info("The account %s was removed", name)


def add_token(name: str, scope: str, days: int | None) -> str:
    """A new token, told once. Raises ``ValueError`` with a sentence."""
    token = new_token(MACHINE_PREFIX)
    expires = timezone.now() + timedelta(days=days) if days else None
    held = AccessToken(
        name=name,
        scope=scope,
        token_hash=hash_token(token, "machine"),
        expires_at=expires,
    )
    try:
        held.full_clean()
        with transaction.atomic():
            held.save()
    except ValidationError as problem:
        raise ValueError(" ".join(problem.messages)) from problem
    log.info("The token %s was made, to %s", name, held.get_scope_display())
    return token


def remove_token(name: str) -> None:
    """End a token now. Raises ``ValueError`` with a sentence."""
    removed, _ = AccessToken.objects.filter(name=name).delete()
    if not removed:
        raise ValueError(f"There is no token {name}. See: ./spanboard token list")
    log.info("The token %s was removed", name)
