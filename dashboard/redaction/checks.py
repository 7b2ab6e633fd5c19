"""Second looks at a match: is it a secret, or does it only look like one?"""

from __future__ import annotations

import re
from ipaddress import ip_address

Match = re.Match[str]
AROUND = 64  # characters beside a match that are looked at

_LABEL_END = re.compile(r"\[[a-z0-9-]{1,40} \d{1,9}\]$")
_VERSION_BEFORE = re.compile(
    r"(?:(?<![a-z])v|version[\s:=/\"']{0,4}|release[\s:=/]{0,4}"
    r"|(?:chrome|chromium|edg|edga|edgios|opr|safari|firefox|crios|fxios|mozilla"
    r"|applewebkit|gecko|okhttp|electron|samsungbrowser|yabrowser)/)$",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?:charset|q|boundary|version|v|level|profile|odata\.\w+)=", re.IGNORECASE
)
_WORDS = frozenset(
    [
        "authentication",
        "authorization",
        "authenticator",
        "tokens",
        "scheme",
        "header",
        "headers",
        "challenge",
        "credentials",
        "information",
        "required",
        "support",
        "settings",
        "config",
        "invalid",
        "missing",
        "expired",
        "provider",
        "access",
        "realm",
        "usage",
        "request",
        "response",
        "failed",
        "failure",
        "string",
        "format",
        "version",
        "method",
        "service",
        "handler",
        "filter",
        "middleware",
    ]
)
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}"
    r"|6\d{15,18}|35\d{14}|5[06-9]\d{10,17}|9792\d{12}"
)
_HASH = re.compile(r"[0-9a-f]{6,8}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ASKS = re.compile(
    r"/(?:reset|verify|verification|invite|invitation|confirm|confirmation|activate"
    r"|activation|unsubscribe|magic|magic-link|token|tokens|otp|recover|sso|session"
    r"|sessions|password|password-reset|reset-password|login)/$",
    re.IGNORECASE,
)
_MIXED = re.compile(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])")


def is_no_label(match: Match) -> bool:
    """Whether what is assigned was not taken out already."""
    return not _LABEL_END.search(match[0])


def luhn(text: str) -> bool:
    """Whether digits pass the check of card numbers (ISO/IEC 7812)."""
    digits = [int(c) for c in text if c.isdecimal()]
    if not 12 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        if place % 2:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def is_card(match: Match) -> bool:
    """Digits of a card's length and issuer with their check digit, not within an id."""
    digits = "".join(c for c in match[0] if c.isdecimal())
    if not _CARD.fullmatch(digits) or not luhn(digits):
        return False
    text, first, last = match.string, match.start(), match.end()
    left, right = text[max(0, first - AROUND) : first], text[last : last + AROUND]
    beside = re.search(r"[0-9a-fA-F-]*$", left)[0]  # type: ignore[index]
    beside += re.match(r"[0-9a-fA-F-]*", right)[0]  # type: ignore[index]
    letters = sum(c.isalpha() for c in beside)
    return not (letters >= 2 and len(beside) + len(digits) >= 24)


def is_iban(match: Match) -> bool:
    """Whether the check digits of an account number are right (ISO 13616)."""
    plain = match[0].replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def is_ip(match: Match) -> bool:
    """Whether a text is an address; ``::`` between words is none."""
    try:
        ip_address(match[0].partition("%")[0])
    except ValueError:
        return False
    return len(match[0]) > 2


def is_ipv4(match: Match) -> bool:
    """Whether four numbers are an address and not a version (``v1.2.3.4``)."""
    if any(int(part) > 255 for part in match[0].split(".")):
        return False
    first = match.start()
    return not _VERSION_BEFORE.search(match.string[max(0, first - 24) : first])


def is_host_ip(match: Match) -> bool:
    """An address within a host's name: ``ip-10-0-0-1``, ``10-0-0-1.pod``."""
    if any(int(part) > 255 for part in match[0].split("-")):
        return False
    text, first = match.string, match.start()
    before = text[max(0, first - 8) : first].lower()
    if before.endswith(("ip-", "ec2-", "host-", "node-", "pod-", "ip_")):
        return True
    after = text[match.end() : match.end() + 2]
    return after[:1] == "." and after[1:].isalpha() and not before[-1:].isalnum()


def is_credential(match: Match) -> bool:
    """Not the words “basic authentication” of a sentence."""
    return match[0].split()[-1].rstrip(".").lower() not in _WORDS


def is_mail(match: Match) -> bool:
    """Not an image's digest and not a Java object's hash."""
    domain = match[0].rpartition("@")[2]
    if domain.startswith(("sha256", "sha512")):
        return False
    return not _HASH.fullmatch(domain)


def is_parameter(match: Match) -> bool:
    """A parameter of a path, not of a media type or a cookie."""
    if _UNIT.match(match[0], 1):
        return False
    first = match.start()
    before = match.string[max(0, first - 256) : first].split()
    return bool(before) and "/" in before[-1]


def is_path_token(match: Match) -> bool:
    """A segment of a path that no person and no programmer would write."""
    text = match[0]
    if _UUID.fullmatch(text):
        return False
    first = match.start()
    if any(c.isdecimal() for c in text) and _ASKS.search(
        match.string[max(0, first - 24) : first]
    ):
        return True
    if len(text) < 20 or "." in text:
        return False
    kinds = (any(map(str.isupper, text)), any(map(str.islower, text)))
    return all(kinds) and len(_MIXED.findall(text)) >= 4
