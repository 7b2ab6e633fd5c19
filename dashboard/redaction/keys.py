"""What the name of a tag, a JSON member or a header says about its value."""

from __future__ import annotations

import re

from dashboard.redaction.views import normalised

MAX_KEY = 512  # characters of a name that are looked at

_SECRET = re.compile(
    r"authorization|cookie|passw(?:or)?d|passphrase|passcode|secret|credential"
    r"|(?:api|access|private|account|auth|app|shared|signing|encryption|master)[-_. ]?key"
    r"|sess(?:ion)?[-_.]?(?:id|key|token)|token(?![a-z])|csrf|xsrf|bearer"
    r"|(?:amz|hub|request|webhook|stripe|slack)[-_.]signature"
    r"|(?:auth|verification|confirmation|activation|recovery|reset|invite)[-_.]?code"
    r"|(?:^|[-_.\[])(?:jwt|pwd|sid|pass|auth|pin|otp|totp|cvv|cvc|ssn|pat)"
    r"(?:[-_.]?(?:part|chunk)?[-_.\[]?\d+\]?)?$"
)
_FIGURE = re.compile(
    r"(?:^|[-_.])(?:count|total|length|len|size|usage|limit|used|remaining|ttl|age"
    r"|expir\w{1,4}(?:[-_.](?:in|at))?|duration|bytes|ms|seconds)$"
)
_WORD = re.compile(r"(?:^|[-_.])(?:type|scheme|kind|status|method|policy)$")
_PERSONAL = re.compile(
    r"(?:^|[-_.])(?:e[-_]?mail|phone|mobile|msisdn|iban|pan|card[-_]?(?:no|number)"
    r"|credit[-_]?card|first[-_]?name|last[-_]?name|full[-_]?name|given[-_]?name"
    r"|family[-_]?name|date[-_]of[-_]birth|birth[-_]?(?:date|day)"
    r"|phone[-_]?number)$|^enduser\.id$"
)
_FORWARDED = re.compile(
    r"(?:x[-_]forwarded[-_]for|x[-_]real[-_]ip|[-_.]forwarded|client[-_]ip"
    r"|connecting[-_]ip|remote[-_]addr)(?:[-_.\[]?\d+\]?)?$|^forwarded$"
)
_BAGGAGE = re.compile(r"(?:^|[-_.])(?:baggage|trace_?state)(?:$|[-_.\[])")
_QUERY = re.compile(r"(?:^|[._])(?:query|query[._]?string|querystring)$")
_DATABASE = re.compile(r"^db[._]|(?:^|\.)sql(?:\.|$)")
_STATEMENT = re.compile(r"(?:^|[._])(?:statement|query(?:[._]text)?|sql|stmt|command)$")
_VERSION = re.compile(r"version|release|revision|build")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_INDEX = re.compile(r"[-_.]?(?:part|chunk|piece)?[-_.]?\[?(\d{1,6})\]?$", re.I)
_NAME_OF_PAIR = re.compile(r"(?:^|[-_.])(?:name|key|field|header|k)$")
_VALUE_OF_PAIR = re.compile(r"(?:^|[-_.])(?:value|values|val|content|v)$")
BARE = re.compile(r"-{0,2}[A-Za-z][\w.-]{1,60}:?")


def plain_key(key: str) -> str:
    """A name as the patterns take it: ``authToken`` is ``auth_token``."""
    return _CAMEL.sub("_", normalised(key[:MAX_KEY])).lower()


class KeyFacts:
    """What one name says; made once for each different name."""

    __slots__ = (
        "baggage",
        "base",
        "figure",
        "forwarded",
        "index",
        "name_of",
        "personal",
        "plain",
        "query",
        "secret",
        "statement",
        "value_of",
        "version",
        "word",
    )

    def __init__(self, key: str) -> None:
        plain = self.plain = plain_key(key)
        self.secret = bool(_SECRET.search(plain))
        self.figure = bool(_FIGURE.search(plain))
        self.word = bool(_WORD.search(plain))
        self.personal = bool(_PERSONAL.search(plain))
        self.forwarded = bool(_FORWARDED.search(plain))
        self.baggage = bool(_BAGGAGE.search(plain))
        self.query = bool(_QUERY.search(plain))
        self.statement = bool(_DATABASE.search(plain) and _STATEMENT.search(plain))
        self.version = bool(_VERSION.search(plain))
        found = _INDEX.search(plain)
        self.index = int(found[1]) if found else -1
        self.base = plain[: found.start()] if found else plain
        self.name_of = _prefix(_NAME_OF_PAIR, plain)
        self.value_of = _prefix(_VALUE_OF_PAIR, plain)

    def hides(self, text: str, is_bool: bool = False) -> bool:
        """Whether the name alone says that the value is a secret.

        A figure about secrets (``token_count``) and a yes or no are none.
        """
        if not self.secret or not text or is_bool or text in ("true", "false"):
            return False
        if self.figure and len(text) <= 12 and text.replace(".", "", 1).isdecimal():
            return False
        return not (self.word and text.isalpha() and len(text) <= 12)


def _prefix(pattern: re.Pattern[str], plain: str) -> str | None:
    found = pattern.search(plain)
    return plain[: found.start()] if found else None


def names_a_secret(text: str) -> bool:
    """Whether a value is itself the bare name of a secret: a header, an option."""
    if len(text) > 64 or not BARE.fullmatch(text):
        return False
    return bool(_SECRET.search(plain_key(text.strip("-:"))))
