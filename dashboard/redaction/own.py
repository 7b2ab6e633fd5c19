"""Rules and lists of a site's own, read from settings and guarded against costs.

A pattern is refused at the start when it could try too many ways at one place.
Repeats without a limit take at most 200 characters, so that no value, however
long and hostile, costs more than its length times a constant.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dashboard.redaction.rules import RULE_NAMES

MAX_RULES = 100
MAX_PATTERN = 500  # characters
MAX_REPEAT = 200  # what an unlimited repeat may take
MAX_WIDTH = 1_000  # characters that one match may take
MAX_WAYS = 500  # of trying a pattern at one place
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_parser: Any = importlib.import_module("re._parser")
NOTHING: frozenset[int] = frozenset()
EVERYTHING = frozenset(range(257))  # 256 stands for all characters above


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule by key, by pattern, or by pattern within the values of some keys."""

    name: str
    key: re.Pattern[str] | None
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site adds to the built-in rules.

    ``allow``: only tags whose keys match keep their values; ``None`` for all.
    """

    own: tuple[OwnRule, ...] = ()
    allow: re.Pattern[str] | None = None


def read_policy(own: tuple[OwnRule, ...], allow: Iterable[str]) -> Policy:
    """A policy of settings; ``allow`` are keys with ``*`` and ``?``."""
    patterns = [fnmatch.translate(key.lower()) for key in allow]
    return Policy(own, re.compile("|".join(patterns)) if patterns else None)


def read_rules(content: str) -> tuple[OwnRule, ...]:
    """Own rules of a JSON list of ``{name, key, pattern}``.

    Raises ``ValueError`` with a sentence that names the rule and its fault.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"This is no JSON: {problem}.") from problem
    if not isinstance(found, list):
        raise ValueError("A list of rules is expected.")
    if len(found) > MAX_RULES:
        raise ValueError(f"There are more than {MAX_RULES} rules.")
    return tuple(_rule(one, place) for place, one in enumerate(found, start=1))


def _rule(content: Any, place: int) -> OwnRule:
    def fault(words: str) -> ValueError:
        return ValueError(f"Rule {place}: {words}")

    if not isinstance(content, dict):
        raise fault("an object is expected.")
    unknown = set(content) - {"name", "key", "pattern"}
    if unknown:
        raise fault(f"“{sorted(unknown)[0]}” is not known.")
    name = content.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise fault("“name” must be small letters, digits and dashes.")
    if name in RULE_NAMES or name in ("by-hand", "not-allowed"):
        raise fault(f"“{name}” is the name of a built-in rule.")
    if "key" not in content and "pattern" not in content:
        raise fault("“key” or “pattern” is missing.")
    parts: dict[str, re.Pattern[str] | None] = {"key": None, "pattern": None}
    for part in parts:
        if part in content:
            try:
                parts[part] = safe_pattern(content[part], part == "key")
            except ValueError as problem:
                raise fault(f"“{part}”: {problem}") from None
    return OwnRule(name, parts["key"], parts["pattern"])


def safe_pattern(text: Any, ignore_case: bool = False) -> re.Pattern[str]:
    """A compiled pattern whose cost is bounded, or ``ValueError`` with why not."""
    if not isinstance(text, str) or not text:
        raise ValueError("a regular expression is expected.")
    if len(text) > MAX_PATTERN:
        raise ValueError(f"it is longer than {MAX_PATTERN} characters.")
    limited = _limited(text)
    try:
        pattern = re.compile(limited, re.IGNORECASE if ignore_case else 0)
        tree = _parser.parse(limited)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ValueError(f"it can not be read: {problem}.") from None
    if pattern.search("") is not None:
        raise ValueError("it matches the empty text.")
    if tree.getwidth()[1] > MAX_WIDTH:
        raise ValueError(
            f"it can take more than {MAX_WIDTH} characters; give its repeats limits."
        )
    if _ways(list(tree)) > MAX_WAYS:
        raise ValueError(
            "its repeats can take the same text in too many ways; write them so "
            "that what follows a repeat can not be part of it, or give limits."
        )
    return pattern


def _limited(text: str) -> str:
    """The pattern with a limit at each repeat that has none."""
    result, position, in_set, repeated = [], 0, False, False
    while position < len(text):
        char = text[position]
        if char == "\\":
            result.append(text[position : position + 2])
            position += 2
            repeated = False
            continue
        braces = re.compile(r"\{(\d+),\}").match(text, position)
        if in_set:
            in_set = char != "]" or text[position - 1 : position] == "["
        elif char == "[":
            in_set = True
            if text[position + 1 : position + 2] == "^":
                result.append("[^")
                position += 2
                if text[position : position + 1] == "]":
                    result.append("\\]")
                    position += 1
                continue
        elif braces:
            least = int(braces[1])
            result.append(f"{{{least},{least + MAX_REPEAT}}}")
            position = braces.end()
            repeated = True
            continue
        elif char in "*+" and not repeated:
            result.append(f"{{{int(char == '+')},{MAX_REPEAT}}}")
            position += 1
            repeated = True
            continue
        repeated = char in "?}" and not in_set
        result.append(char)
        position += 1
    return "".join(result)


def _ways(items: list[Any], after: frozenset[int] = NOTHING) -> float:
    """How many ways of matching there are at one place, at most.

    ``after`` is what can follow the items; a repeat whose characters differ from
    all that may follow can end in one way only.
    """
    ways = 1.0
    follows = after
    for kind, value in reversed(items):
        name = str(kind)
        if name in ("GROUPREF", "GROUPREF_EXISTS"):
            raise ValueError("references to groups are not taken.")
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = value
            own = first_of(list(inner))
            once = _ways(list(inner), own | follows)
            if once > 1:
                ways *= once ** min(int(most), 30) if once < 1e6 else 1e9
            if least != most and own & follows:
                ways *= int(most) - int(least) + 1
            ways = min(ways, 1e9)
            follows = own | follows if least == 0 else own
        elif name == "SUBPATTERN":
            ways *= _ways(list(value[3]), follows)
            follows |= first_of(list(value[3]))
        elif name == "BRANCH":
            ways *= sum(_ways(list(one), follows) for one in value[1])
            follows = follows.union(*(first_of(list(one)) for one in value[1]))
        elif name in ("ASSERT", "ASSERT_NOT"):
            ways *= _ways(list(value[1]), EVERYTHING)
            follows = EVERYTHING
        elif name == "ATOMIC_GROUP":
            ways *= _ways(list(value), follows)
            follows |= first_of(list(value))
        elif name == "AT":  # it can fail after anything
            follows = EVERYTHING
        else:
            follows = characters(kind, value)
    return min(ways, 1e9)


def first_of(items: list[Any]) -> frozenset[int]:
    """All characters that items can hold; more than those they can begin with."""
    found = NOTHING
    for kind, value in items:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            found |= first_of(list(value[2]))
        elif name == "SUBPATTERN":
            found |= first_of(list(value[3]))
        elif name == "BRANCH":
            found = found.union(*(first_of(list(one)) for one in value[1]))
        elif name == "ATOMIC_GROUP":
            found |= first_of(list(value))
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            found |= characters(kind, value)
    return found


def characters(kind: Any, value: Any) -> frozenset[int]:
    """The characters of one place of a pattern."""
    name = str(kind)
    if name == "LITERAL":
        return frozenset({min(value, 256)})
    if name == "NOT_LITERAL":
        return EVERYTHING - {value}
    if name == "RANGE":
        return frozenset(range(min(value[0], 256), min(value[1], 256) + 1))
    if name == "CATEGORY":
        letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[str(value).split("_")[-1]]
        sign = re.compile("\\" + (letter.upper() if "NOT" in str(value) else letter))
        return frozenset(n for n in range(256) if sign.match(chr(n))) | {256}
    if name == "IN":
        negated = any(str(one) == "NEGATE" for one, _ in value)
        found = NOTHING.union(
            *(characters(one, of) for one, of in value if str(one) != "NEGATE")
        )
        return (EVERYTHING - found) | {256} if negated else found
    return EVERYTHING
