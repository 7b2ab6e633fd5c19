"""Finds the facts in the raw tags of many Jaeger spans.

No spelling of a tag is decoded twice: the tags of a span are split and looked up.
Rows whose JSON is not plain (nesting, escapes in a key, another layout, bytes that
are no UTF-8) are left to the caller.
"""

from __future__ import annotations

import re
from itertools import chain, repeat

import msgspec
import numpy as np

from dashboard.sources.json_text import tolerant_json
from dashboard.traces.details import read_tags
from dashboard.traces.facts import SLOT_AND_RANK, FactTable, is_false, text_of
from dashboard.traces.trace import Int64, Tag

FEW = 400  # rows below which a plain loop beats arrays
BLOCK = 1_024  # rows looked up at once: few enough to stay in the cache
MAX_KNOWN = 200_000  # spellings kept from one trace to the next
LAYOUT = re.compile(rb'\[\s*(\{\s*"key"\s*:\s*")')
QUOTE = ord('"')
MANY = 5_000  # spellings kept before those that are no facts are not
# What follows a tag's opening, where braces can only be inside of a text.
FLAT = re.compile(
    rb'[^"\\]*"\s*(?:,\s*"(?:type|value)"\s*:\s*'
    rb'(?:"(?:[^"\\]|\\.)*"|[^"{}\[\]]*?)\s*)*\}\s*[,\]]\s*'
)


class JaegerTag(msgspec.Struct, gc=False):
    """A tag, without its type."""

    key: str = ""
    value: object = None


_tag = msgspec.json.Decoder(JaegerTag)
_FACTS = {name.encode(): found for name, found in SLOT_AND_RANK.items()}


def is_utf8(raw: bytes) -> bool:
    """Whether bytes are text."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class Odd(Exception):
    """A tag that is not written plainly."""


class Spellings:
    """Numbers of tags as they are written; 0 for those that are no facts."""

    def __init__(self) -> None:
        self.opening = b'{"key":"'
        self.tail = b"},"
        self.forget()

    def forget(self) -> None:
        """Start anew, with what stands before the first tag of a span."""
        self.dull: set[bytes] = set()  # keys that are no facts
        self.numbers: dict[bytes, int] = dict.fromkeys((b"[", b"[]", b"", b"null"), 0)
        self.slots: list[int] = [-1]
        self.ranks: list[int] = [0]
        self.texts: list[str] = [""]
        self.before: dict[bytes, bytes] = {}  # what stands before a key's text

    def look_up(self, parts: list[bytes]) -> Int64:
        """The number of each tag; raises ``Odd`` where one is not written plainly.

        This loop is most of what decoding costs: each line in it counts.
        """
        known, facts, dull, tail = self.numbers, _FACTS, self.dull, self.tail
        texts, before_of = self.texts, self.before
        found = map(known.get, parts, repeat(-1))
        numbers = np.fromiter(found, np.int64, len(parts))
        missing = np.flatnonzero(numbers < 0)
        numbers[missing] = 0
        places: list[int] = []
        learnt: list[int] = []
        room = MANY - len(known)
        for place in missing.tolist():
            written = parts[place]
            if not written.endswith(tail) or b"{" in written:
                self._check(written)
            key = written[: written.find(b'"')]
            if key in dull:
                if room > 0:  # later ones are values that never come again
                    known[written] = 0
                    room -= 1
                continue
            fact = facts.get(key)
            if fact is None:
                if b"\\" in key:
                    raise Odd
                dull.add(key)
                continue
            number = known.get(written)
            if number is None:
                before = before_of.get(key, b"\n")
                end = written.rfind(b"}")
                plain = written[len(before) : end - 1]
                if (
                    written.startswith(before)
                    and written[end - 1] == QUOTE
                    and b'"' not in plain
                    and b"\\" not in plain
                ):
                    text = plain.decode()
                else:
                    text = self._decode(written[: end + 1], key)
                number = known[written] = len(texts)
                texts.append(text)
                self.slots.append(fact[0])
                self.ranks.append(fact[1])
            places.append(place)
            learnt.append(number)
        numbers[places] = learnt
        return numbers

    @staticmethod
    def _check(written: bytes) -> None:
        _, brace, after = written.rpartition(b"}")
        if not brace or after.strip() not in (b",", b"]"):
            raise Odd
        if b"{" in written and not FLAT.fullmatch(written):
            raise Odd

    def _decode(self, written: bytes, key: bytes) -> str:
        """A tag's value as text; notes what stands before texts of this key."""
        try:
            value = _tag.decode(self.opening + written).value
        except (msgspec.DecodeError, RecursionError) as problem:
            raise Odd from problem
        text = text_of(value)
        if type(value) is str and text:
            before, found, after = written[:-1].rpartition(text.encode())
            if found and before.endswith(b'"') and after == b'"':
                self.before[key] = before
        return text


def process_of(content: object) -> tuple[str, tuple[Tag, ...]]:
    """Service and tags of a decoded process; what is none has no name."""
    if not isinstance(content, dict):
        return "", ()
    service = content.get("serviceName")
    return service if isinstance(service, str) else "", read_tags(content.get("tags"))


class TagScan:
    """Looks tags up for all traces of one body."""

    def __init__(self) -> None:
        self.known = Spellings()
        self.processes: dict[bytes, tuple[str, tuple[Tag, ...]]] = {}
        self.table: FactTable | None = None
        self.values = np.empty(0, np.int32)  # by spelling, in the table; -1 unknown
        self._forget()

    def _forget(self) -> None:
        self.known.forget()
        self.values = np.empty(0, np.int32)
        # By number of the spelling: slot, rank, and whether it is no true error.
        self.slots = np.array([-1], np.int64)
        self.ranks = np.array([0], np.int64)
        self.false = np.array([1], np.int64)

    def process(self, raw: bytes) -> tuple[str, tuple[Tag, ...]]:
        """Service and tags of a process; equal bytes are read once."""
        found = self.processes.get(raw)
        if found is None:
            if len(self.processes) > MANY:
                self.processes.clear()
            try:
                content = msgspec.json.decode(raw)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                content = tolerant_json(raw)
            found = self.processes[raw] = process_of(content)
        return found

    def scan(
        self, rows: list[bytes], table: FactTable, first: int, count: int
    ) -> list[int]:
        """Note the facts of some rows; gives the places of those to be decoded.

        They are rows ``first`` and following of ``count``.
        """
        known = self.known
        if table is not self.table:
            if len(known.slots) > MAX_KNOWN:
                self._forget()
            self.table, self.values = table, np.empty(0, np.int32)
        self._read_layout(rows)
        opening = known.opening
        odd: list[int] = []
        if not all(map(bytes.isascii, rows)):
            odd = [place for place, raw in enumerate(rows) if not is_utf8(raw)]
        bad = set(odd)
        plain = [place for place in range(len(rows)) if place not in bad]
        split = [rows[place].split(opening) for place in plain]
        try:
            numbers = known.look_up(list(chain.from_iterable(split)))
        except Odd:
            return odd + self._one_by_one(plain, split, table, first)
        if count < FEW:
            self._few(plain, split, table, first, numbers.tolist())
            return odd
        facts = np.flatnonzero(numbers)
        numbers = numbers[facts]
        self._fill_values(numbers, table)
        table.add_block(
            np.array(plain, np.int64) + first,
            count,
            np.repeat(np.arange(len(split)), list(map(len, split)))[facts],
            self.slots[numbers],
            self.ranks[numbers],
            self.false[numbers],
            self.values[numbers],
        )
        return odd

    def _one_by_one(
        self, places: list[int], split: list[list[bytes]], table: FactTable, first: int
    ) -> list[int]:
        odd = []
        for place, parts in zip(places, split, strict=True):
            try:
                numbers = self.known.look_up(parts).tolist()
            except Odd:
                odd.append(place)
                continue
            self._few([place], [parts], table, first, numbers)
        return odd

    def _few(
        self,
        places: list[int],
        split: list[list[bytes]],
        table: FactTable,
        first: int,
        numbers: list[int],
    ) -> None:
        """Note facts row by row."""
        slots, ranks, texts = self.known.slots, self.known.ranks, self.known.texts
        end = 0
        for place, parts in zip(places, split, strict=True):
            own = numbers[end : (end := end + len(parts))]
            facts = [(slots[n], ranks[n], texts[n]) for n in own if n]
            table.add_found(first + place, facts)

    def _fill_values(self, numbers: Int64, table: FactTable) -> None:
        """Let the table give its values to spellings that it meets first."""
        known = self.known
        fresh = len(self.slots)
        slots, texts = known.slots[fresh:], known.texts[fresh:]
        false = map(is_false, slots, texts)
        self.slots = np.append(self.slots, np.array(slots, np.int64))
        self.ranks = np.append(self.ranks, np.array(known.ranks[fresh:], np.int64))
        self.false = np.append(self.false, np.fromiter(false, np.int64, len(slots)))
        unknown = np.full(len(known.slots) - len(self.values), -1, np.int32)
        self.values = np.append(self.values, unknown)
        wanted = np.unique(numbers[self.values[numbers] < 0])
        self.values[wanted] = table.values_of(
            self.slots[wanted].tolist(), [known.texts[n] for n in wanted.tolist()]
        )

    def _read_layout(self, rows: list[bytes]) -> None:
        """How this body writes the beginning and the end of a tag."""
        known = self.known
        for raw in rows:
            found = LAYOUT.match(raw)
            if found is None:
                continue
            end = raw.find(found[1], found.end())
            if end >= 0:
                known.tail = raw[raw.rfind(b"}", 0, end) : end] or known.tail
            if found[1] != known.opening:
                self._forget()
                known.opening = found[1]
            if end >= 0:
                return
