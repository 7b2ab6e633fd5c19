"""Tokens: made once, kept as keyed hashes; older keys still open what they made."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from django.conf import settings

TOKEN_BYTES = 24  # 192 bits
MACHINE_PREFIX = "sbt_"


def _keys(purpose: str) -> list[bytes]:
    """The keys of a purpose, newest first; last the one of earlier versions."""
    keys = [
        hashlib.sha256(f"{purpose}\0{key}".encode()).digest()
        for key in settings.SPANBOARD_SHARE_KEYS
    ]
    old = hashlib.sha256(b"share-token\0" + settings.SECRET_KEY.encode()).digest()
    return [*keys, old] if purpose == "share" else keys


def _hash(key: bytes, token: str) -> str:
    return hmac.new(key, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def hash_token(token: str, purpose: str = "share") -> str:
    """The hash under which a new token is stored."""
    return _hash(_keys(purpose)[0], token)


def hashes_of(token: str, purpose: str = "share") -> list[str]:
    """All hashes under which a token may be stored.

    Finding a row by a keyed hash tells nothing about the token by its time:
    without the key nobody can choose hashes that share a beginning.
    """
    return [_hash(key, token) for key in _keys(purpose)]


def new_token(prefix: str = "") -> str:
    """A fresh token of 192 random bits."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)
