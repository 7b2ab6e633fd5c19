"""The rules: what is a secret, by the name of its tag or by its look."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

SECRET_KEY = re.compile(
    r"(authorization|cookie|passw(or)?d|passphrase|secret|api[-_.]?key|access[-_.]?key"
    r"|private[-_.]?key|credential|session[-_.]?(id|token)|token([-_.]|$)|x-csrf"
    r"|(^|[-_.])(jwt|pwd|sid|pass|auth|pin|otp|cvv|cvc|ssn)$|security[-_.]token)",
    re.IGNORECASE,
)
QUERY_KEY = re.compile(r"(^|[._])(query|query[._]string|querystring)$", re.IGNORECASE)
DATABASE_KEY = re.compile(r"^db\.|(^|\.)sql(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern; ``check`` may refuse a match that only looks like one."""

    name: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = lambda text: True


def luhn(text: str) -> bool:
    """Whether digits pass the check of card numbers (ISO/IEC 7812)."""
    digits = [int(c) for c in text if c.isdecimal()]
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


NAMES = (
    r"(?:(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key"
    r"|session[-_]?id|signature)|(?<![a-z])(?:pass|pwd|auth|pin|otp|sid))"
)
QUOTE = r"\\*[\"']"
# Each pattern starts where a run of its letters starts or is bounded: a hostile
# value of megabytes must not cost time squared.
RULES = (
    Rule(
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?"
            r"(-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    # The rest of the line, since schemes and cookies hold blanks and semicolons.
    Rule(
        "header",
        re.compile(
            rf"\b(?:(?:proxy-)?authorization|(?:set-)?cookie2?)(?:{QUOTE})?"
            rf"\s*(?:[:=]|%3[ad])\s*(?:(?P<q>{QUOTE}).*?(?:(?P=q)|$)|[^\r\n\"'}}]+)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    Rule("jwt", re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*")),
    Rule(
        "credentials",
        re.compile(
            r"\b(?:bearer|basic|digest|negotiate)\s+[\w+/=.~-]{6,}", re.IGNORECASE
        ),
    ),
    Rule("url-credentials", re.compile(r"(?<=://)[^/\s:@]*:[^/\s]+(?=@)")),
    Rule(
        "key",
        re.compile(
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}"
            r"|\bsk[-_](?:live|test)?[-_]?\w{16,}|(?<![\w-])xox[abprs]-[\w-]{10,}"
            r"|(?<![\w-])AIza[\w-]{30,}|(?<![\w-])glpat-[\w-]{16,}|\bnpm_\w{20,}"
            r"|(?<=hooks\.slack\.com/services/)\S+"
        ),
    ),
    Rule(
        "assigned-secret",
        re.compile(
            rf"{NAMES}(?:{QUOTE})?\s*(?:[=:]|%3[ad])\s*"
            rf"(?:(?P<q>{QUOTE}).*?(?:(?P=q)|$)|[^\s\"'&,;}}]+)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    Rule("query-string", re.compile(r"(?<=\?)[\w%][^\s\"'#<>]*")),
    Rule(
        "e-mail",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,80}(?:@|%40)[a-zA-Z][\w-]*(?:\.[\w-]+)*"),
    ),
    Rule("national-id", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    Rule("card-number", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)"), luhn),
    Rule(
        "ip",
        re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)"),
        is_ip,
    ),
    Rule("ip", re.compile(r"\bip(?:-\d{1,3}){4}(?!\d)")),
    Rule(
        "ip",
        re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])"),
        is_ip,
    ),
)
SQL_LITERAL = re.compile(
    r"'(?:[^'\\]|''|\\.)*(?:'|$)|\"(?:[^\"\\]|\"\"|\\.)*(?:\"|$)"
    r"|(?<![\w.$@\"`])\d+(?:\.\d+)?(?![\w.\"`])"
)
SQL_PAIRS = (
    (re.compile(r"\bselect\b", re.I), re.compile(r"\bfrom\b", re.I)),
    (re.compile(r"\bupdate\b", re.I), re.compile(r"\bset\b", re.I)),
)
SQL_WORDS = re.compile(
    r"\b(?:(?:insert|merge|replace)\s+into|delete\s+from|call\s+\w|exec(?:ute)?\s+\w)",
    re.IGNORECASE,
)


def is_sql(text: str) -> bool:
    """Whether a text holds a statement; linear, however long and hostile it is."""
    if SQL_WORDS.search(text):
        return True
    for first, second in SQL_PAIRS:
        begin = first.search(text)
        if begin and second.search(text, begin.end()):
            return True
    return False


DATABASE_TEXT = re.compile(
    r"(^|\.)(statement|query(\.text)?|sql|stmt|command)$", re.IGNORECASE
)
RULE_NAMES = tuple(
    dict.fromkeys(["secret-tag", "sql-literal", *(rule.name for rule in RULES)])
)
