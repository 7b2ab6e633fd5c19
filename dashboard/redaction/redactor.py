"""Takes secrets out of texts and tags; the same value gets the same label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from dashboard.redaction import views
from dashboard.redaction.checks import is_ipv4
from dashboard.redaction.embedded import JsonCleaner, is_json
from dashboard.redaction.keys import KeyFacts
from dashboard.redaction.own import Policy
from dashboard.redaction.rules import LABEL, QUOTE, RULES, SQL_LITERAL, Rule, is_sql
from dashboard.traces.details import STRUCTURED
from dashboard.traces.trace import Tag

MAX_DEPTH = 6  # texts within texts that are looked into
MAX_CACHED = 200_000  # different tags and texts whose result is kept
CACHED_LENGTH = 2_000  # characters of those
CUT_UNREADABLE = 10_000  # where unreadable details were cut
MEMBER = re.compile(r"(?<==)[^,;=]+")
BASIC = re.compile(r"[\w.@+-]{1,64}:\S{3,256}")
LABELS = re.compile(LABEL)
# A label as all that follows a name: password="[secret-tag 1]"
DONE = re.compile(
    rf"(?:[^\s=:>]*(?:{QUOTE})?\s*[=:>]\s*)?(?:{QUOTE})?(?:{LABEL}[^\w\[]*)+"
)
Trail = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Redactor:
    """Replaces secrets by labels such as ``[ip 1]`` and counts them by rule."""

    policy: Policy = field(default_factory=Policy)
    by_hand: frozenset[str] = frozenset()  # keys whose values go, in small letters
    depth: int = 0
    trusts_labels: bool = False  # what holds labels was cleaned before, elsewhere
    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # different values by rule
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)  # of labels; never stored
    kept: set[tuple[str, str]] = field(default_factory=set)  # of an allow-list
    _trail: list[tuple[str, str]] = field(default_factory=list)
    _texts: dict[tuple[str, bool], tuple[str, Trail]] = field(default_factory=dict)
    _tags: dict[tuple[str, str, Any], tuple[Tag, Trail]] = field(default_factory=dict)
    _keys: dict[str, KeyFacts] = field(default_factory=dict)

    def label(self, rule: str, value: str) -> str:
        """The label of a value; equal values have equal labels."""
        if self.trusts_labels and "[" in value and DONE.fullmatch(value):
            return value
        self.counts[rule] += 1
        self._trail.append((rule, value))
        found = self.labels.get((rule, value))
        if found is None:
            self.kinds[rule] += 1
            found = self.labels[rule, value] = f"[{rule} {self.kinds[rule]}]"
            self.values[found] = value
        return found

    def key(self, key: str) -> KeyFacts:
        """What a name says."""
        found = self._keys.get(key)
        if found is None:
            found = KeyFacts(key)
            if len(key) <= CACHED_LENGTH and len(self._keys) < MAX_CACHED:
                self._keys[key] = found
        return found

    def text(self, text: str, version: bool = False) -> str:
        """A free text without secrets, however they are encoded.

        ``version``: four numbers with dots in it are a version, not an address.
        """
        known = self._texts.get((text, version))
        if known is not None:
            self._again(known[1])
            return known[0]
        outer, self._trail = self._trail, []
        clean = self.scrub(text, self.depth, version)
        if len(text) <= CACHED_LENGTH and len(self._texts) < MAX_CACHED:
            self._texts[text, version] = clean, tuple(self._trail)
        self._trail = outer + self._trail
        return clean

    def _again(self, trail: Trail) -> None:
        for rule, _ in trail:
            self.counts[rule] += 1
        self._trail += trail

    def scrub(self, text: str, depth: int, version: bool = False) -> str:
        """A text without secrets, at a depth of texts within texts."""
        if not text:
            return text
        if depth < MAX_DEPTH:
            clean = JsonCleaner(self, depth, version).whole(text)
            if clean is not None:
                return clean
            # Cleaned JSON was looked at by its members, not as a text.
            if self.trusts_labels and LABELS.search(text) and is_json(text):
                return text
        clean = self._encoded(self._rules(text, version), depth)
        escaped = "%" in clean or "&" in clean or "\\" in clean
        if escaped or not clean.isascii():
            view = views.decoded(clean)
            if view is None:
                return self.label("encoded", text)
            if view != clean:
                if depth < MAX_DEPTH:
                    found = self.scrub(view, depth + 1, version)
                else:
                    found = self._rules(view, version)
                if found != view:
                    return found
        if depth < MAX_DEPTH and ("{" in clean or "[" in clean):
            return JsonCleaner(self, depth, version).within(clean)
        return clean

    def _rules(self, text: str, version: bool) -> str:
        low = text.lower()
        if is_sql(text, low):
            text = self._literals(text)
        for rule in RULES:
            for part in rule.needs:
                if part in low:
                    break
            else:
                continue
            if version and rule.check is is_ipv4:
                continue
            if rule.pattern.search(text) is not None:
                text = rule.pattern.sub(partial(self._replace, rule), text)
        for own in self.policy.own:
            if own.pattern is not None and own.key is None:
                text = self._own(own.name, own.pattern, text)
        return text

    def _own(self, name: str, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda m: self.label(name, m[0]) if m[0] else "", text)

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        if rule.check is not None and not rule.check(match):
            return match[0]
        return self.label(rule.name, match[0])

    def _literals(self, text: str) -> str:
        return SQL_LITERAL.sub(
            lambda m: m[0] if m["label"] else self.label("sql-literal", m[0]), text
        )

    def _database(self, text: str) -> str:
        """A statement: SQL without literals; of other commands only the first word."""
        if is_sql(text, text.lower()) or text.lstrip()[:1] in ("{", "["):
            return self._literals(text)
        command, blank, rest = text.strip().partition(" ")
        return f"{command} {self.label('sql-literal', rest)}" if blank else text

    def _encoded(self, text: str, depth: int) -> str:
        """Replaces runs of base64 or hex that stand for something with a secret."""
        if len(text) < views.LEAST_RUN or depth >= MAX_DEPTH:
            return text
        if "\n" in text:
            text = views.WRAPPED.sub(
                lambda m: (
                    self.label("encoded", m[0])
                    if self._hides("".join(m[0].split()), depth)
                    else m[0]
                ),
                text,
            )
        return views.RUN.sub(lambda m: self._run(m[0], depth), text)

    def _run(self, run: str, depth: int) -> str:
        if self._hides(run, depth):
            return self.label("encoded", run)
        for separators in ("/", "-_/"):
            if not any(char in run for char in separators):
                continue
            parts = re.split(f"([{separators}])", run)
            clean = [
                self.label("encoded", part)
                if len(part) >= views.LEAST_RUN and self._hides(part, depth)
                else part
                for part in parts
            ]
            if clean != parts:
                return "".join(clean)
        return run

    def _hides(self, run: str, depth: int) -> bool:
        text = views.unpacked(run)
        if text is None:
            return False
        if not text or BASIC.fullmatch(text):
            return True
        probe = Redactor(self.policy, self.by_hand)
        return probe.scrub(text, depth + 1) != text

    def field(self, key: str, text: str, depth: int = 0) -> str:
        """A named value without secrets: by its name, else by its look."""
        says = self.key(key)
        if self.by_hand and key.lower() in self.by_hand:
            return self.label("by-hand", text)
        if says.hides(text):
            return self.label("secret-tag", text)
        if not text:
            return text
        for own in self.policy.own:
            if own.key is not None and own.key.search(key[:512]):
                if own.pattern is None:
                    return self.label(own.name, text)
                text = self._own(own.name, own.pattern, text)
        if says.personal and text not in ("true", "false"):
            found = self.text(text)  # the same label as in other places
            if LABELS.fullmatch(found):
                return found
            return self.label("personal-tag", text)
        if says.forwarded:
            return self.label("ip", text)
        if says.baggage:
            if "=" not in text:
                return self.label("baggage", text)
            text = MEMBER.sub(lambda m: self.label("baggage", m[0]), text)
        elif says.statement:
            text = self._database(text)
        elif says.query:
            return self.label("query-string", text)
        if depth:
            return self.scrub(text, depth, says.version)
        return self.text(text, says.version)

    def tag(self, tag: Tag) -> Tag:
        """A tag without secrets in its key and its value."""
        place = (tag.key, tag.type, tag.value)
        try:
            known = self._tags.get(place)
        except TypeError:  # a value that is a list
            return self._tag(tag)
        if known is not None:
            self._again(known[1])
            return known[0]
        outer, self._trail = self._trail, []
        clean = self._tag(tag)
        length = len(tag.key) + (len(tag.value) if isinstance(tag.value, str) else 20)
        if length <= CACHED_LENGTH and len(self._tags) < MAX_CACHED:
            self._tags[place] = clean, tuple(self._trail)
        self._trail = outer + self._trail
        return clean

    def _tag(self, tag: Tag) -> Tag:
        value: Any = tag.value
        text = as_text(value)
        allow = self.policy.allow
        if allow is not None and not allow.fullmatch(tag.key[:512].lower()):
            return Tag(self.text(tag.key), "string", self.label("not-allowed", text))
        if tag.type == "binary" and text:
            clean = self.label("binary", text)
        elif isinstance(value, bool) or value is None:
            hidden = self.by_hand and tag.key.lower() in self.by_hand
            clean = self.label("by-hand", text) if hidden else text
        elif tag.key == "unreadable" and len(text) >= CUT_UNREADABLE:
            clean = self.cut(self.text(text))
        else:
            clean = self.field(tag.key, text)
        if allow is not None and clean == text:
            self.kept.add((tag.key, text))
        key = self.text(tag.key)
        if clean == text:
            return tag if key == tag.key else Tag(key, tag.type, value)
        return Tag(key, STRUCTURED if self._structured(tag, clean) else "string", clean)

    def _structured(self, tag: Tag, clean: str) -> bool:
        """Whether an array or a map is still one."""
        if tag.type != STRUCTURED or clean[:1] not in ("{", "["):
            return False
        try:
            msgspec.json.decode(clean)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def cut(self, text: str) -> str:
        """A text that was cut off, without its last word: half a secret has no look."""
        if self.trusts_labels and text.endswith("]") and LABELS.search(text[-60:]):
            return text
        head, blank, rest = text.rpartition(" ")
        if not blank:
            return self.label("encoded", text)
        return f"{head} {self.label('encoded', rest)}" if rest else text

    def tags(self, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        """Several tags that stand together; also what is split over them."""
        return self.groups([tags])[0]

    def groups(self, groups: Sequence[tuple[Tag, ...]]) -> list[tuple[Tag, ...]]:
        """Groups of tags that stand together, such as logs; as ``tags``."""
        clean = [self._group(tags) for tags in groups]
        tags = [tag for group in groups for tag in group]
        says = [self.key(tag.key) for tag in tags]
        if sum(one.index >= 0 for one in says) > 1:
            flat = [tag for group in clean for tag in group]
            self._split(tags, says, flat)
            rest = iter(flat)
            return [tuple(islice(rest, len(group))) for group in groups]
        return clean

    def _group(self, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        clean = [self.tag(tag) for tag in tags]
        says = [self.key(tag.key) for tag in tags]
        if any(one.value_of is not None for one in says):
            self._pairs(tags, says, clean)
        return tuple(clean)

    def _pairs(
        self, tags: tuple[Tag, ...], says: list[KeyFacts], clean: list[Tag]
    ) -> None:
        """``header.name`` = authorization: ``header.value`` is a secret."""
        secret: set[str | None] = set()
        for tag, one in zip(tags, says, strict=True):
            text = as_text(tag.value)
            if one.name_of is not None and self.key(text[:512]).secret:
                secret.add(one.name_of)
            if one.plain == "event" and text == "baggage":
                secret.add("")
        for place, one in enumerate(says):
            if one.value_of is not None and one.value_of in secret:
                text = as_text(tags[place].value)
                label = self.label("secret-tag", text)
                clean[place] = Tag(clean[place].key, "string", label)

    def _split(self, tags: list[Tag], says: list[KeyFacts], clean: list[Tag]) -> None:
        """Parts of one text in numbered tags that are a secret only together."""
        groups: dict[str, list[tuple[int, int]]] = {}
        for place, one in enumerate(says):
            if one.index >= 0 and isinstance(clean[place].value, str):
                groups.setdefault(one.base, []).append((one.index, place))
        for parts in groups.values():
            if len(parts) < 2:
                continue
            parts.sort()
            texts = [as_text(tags[place].value) for _, place in parts]
            probe = Redactor(self.policy, self.by_hand)
            apart = "".join(probe.scrub(text, 0) for text in texts)
            together = probe.scrub("".join(texts), 0)
            if LABELS.sub("", apart) == LABELS.sub("", together):
                continue  # nothing reaches over the end of a part
            for _, place in parts:
                label = self.label("split", as_text(tags[place].value))
                clean[place] = Tag(clean[place].key, "string", label)


def as_text(value: Any) -> str:
    """A tag's value as text."""
    return "" if value is None else str(value)
