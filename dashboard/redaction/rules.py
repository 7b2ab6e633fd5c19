"""The rules: what is a secret, by the name of its tag or by its look."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

SECRET_KEY = re.compile(
    r"(authorization|cookie|passw(or)?d|passphrase|secret|api[-_.]?key|access[-_.]?key"
    r"|private[-_.]?key|credential|session[-_.]?(id|token)|(^|[-_.])(token|jwt|pwd|sid)$"
    r"|token([-_.]|$)|x-csrf)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern; ``check`` may refuse a match that only looks like one."""

    name: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = lambda text: True


def luhn(text: str) -> bool:
    """Whether digits pass the check of card numbers (ISO/IEC 7812)."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        if place % 2:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def is_ip(text: str) -> bool:
    """Whether a text is an address (not a version like 1.2.3.4567)."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


RULES = (
    Rule(
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    Rule("jwt", re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*")),
    Rule(
        "credentials",
        re.compile(r"\b(?:bearer|basic|digest)\s+[\w+/=.~-]{6,}", re.IGNORECASE),
    ),
    Rule("url-credentials", re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")),
    Rule(
        "key",
        re.compile(
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bsk[-_](?:live|test)?[-_]?\w{16,}"
            r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bglpat-[\w-]{16,}"
        ),
    ),
    Rule(
        "assigned-secret",
        re.compile(
            r"(?i)(?<![a-z])(?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key|authorization"
            r"|session[-_]?id)[\"']?\s*[=:]\s*[\"']?[^\s\"'&,;}]{3,}"
        ),
    ),
    Rule("query-string", re.compile(r"(?<=\?)[\w.%~+\[\]-]+=[^\s\"'#]*")),
    Rule("e-mail", re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")),
    Rule("card-number", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])"), luhn),
    Rule("ip", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), is_ip),
    Rule(
        "ip",
        re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])"),
        is_ip,
    ),
)
SQL = re.compile(r"'(?:[^'\\]|''|\\.)*'|(?<![\w.$@\"`])\d+(?:\.\d+)?(?![\w.\"`])")
SQL_KEYS = re.compile(r"(^|\.)(statement|query(\.text)?|sql|stmt)$", re.IGNORECASE)
SQL_START = re.compile(
    r"\s*(select|insert|update|delete|merge|replace|with|call|exec)\b", re.IGNORECASE
)
RULE_NAMES = tuple(
    dict.fromkeys(["secret-tag", "sql-literal", *(r.name for r in RULES)])
)
