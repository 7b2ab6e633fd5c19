"""Find in one trace: which rows hold a text in any tag, log or name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from dashboard.traces import codec
from dashboard.traces.details import read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Tag, Trace

MAX_HITS = 20_000
MAX_WORDS = 20
WORD = re.compile(r'(-?[^\s"=]*=?)"([^"]*)"(?=\s|$)|\S+')
# Escapes that hide a text from a search through the bytes.
HIDING = re.compile(rb"\\[u/]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search, read: any of ``words``; tags of ``hidden`` keys are not looked at."""

    words: tuple[str, ...]
    hidden: frozenset[str]

    def in_name(self, name: str) -> bool:
        """Whether a service, operation or process name holds one of the words."""
        low = name.lower()
        return any(word in low for word in self.words)

    def in_tags(self, tags: tuple[Tag, ...]) -> bool:
        """Whether a key, a value or ``key=value`` holds one of the words."""
        for tag in tags:
            key = tag.key.lower()
            if key in self.hidden:
                continue
            pair = f"{key}={text_of(tag.value).lower()}"
            if any(_in_pair(word, pair, len(key)) for word in self.words):
                return True
        return False


def _in_pair(word: str, pair: str, split: int) -> bool:
    """Whether ``key=value``, split before its "=", holds a word.

    A word with a whole key before its "=" asks for a part of that key's value.
    """
    key, equals, value = word.partition("=")
    if equals:
        same_key = key == pair[:split]
        return word in pair or (same_key and pair.find(value, split + 1) >= 0)
    return pair.find(word, 0, split) >= 0 or pair.find(word, split + 1) >= 0


def read_wanted(text: str) -> Wanted:
    """Words of a find, as Jaeger's ``uiFind``: quotes group, ``-key`` leaves out."""
    found = [
        match[1] + match[2] if match[2] is not None else match[0]
        for match in WORD.finditer(text.lower())
    ]
    words = [word for word in found if word][:MAX_WORDS]
    hidden = [word[1:] for word in words if word[0] == "-" and len(word) > 1]
    asked = tuple(word for word in words if word[0] != "-" or len(word) == 1)
    return Wanted(asked, frozenset(hidden))


def find_rows(trace: Trace, details: codec.Blob, wanted: str) -> list[int]:
    """Rows whose service, operation, id, tags, process or logs hold the text.

    ``details`` is the stored blob. Several words ask for rows with any of them,
    as in Jaeger UI; ``key=value`` for a tag; an id must begin with the word.
    Case does not matter. At most ``MAX_HITS`` rows, in order.
    """
    search = read_wanted(wanted)
    if not search.words or not len(trace):
        return []
    hit = _among(trace.service, [search.in_name(name) for name in trace.services])
    hit |= _among(trace.operation, [search.in_name(n) for n in trace.operations])
    hit |= _among(trace.process, [search.in_tags(p.tags) for p in trace.processes])
    starts = search.words
    hit |= np.fromiter((i.startswith(starts) for i in trace.span_ids), bool, len(trace))
    for row, raw in _candidates(details, search.words):
        if hit[row]:
            continue
        found = read_details(raw)
        tags = [*found.tags, *(tag for log in found.logs for tag in log.fields)]
        hit[row] = search.in_tags(tuple(tags))
    return [int(row) for row in np.flatnonzero(hit)[:MAX_HITS]]


def _among(column: np.ndarray, table: list[bool]) -> np.ndarray:
    return np.array(table, bool)[column]


def _candidates(
    blob: codec.Blob, words: tuple[str, ...]
) -> Iterator[tuple[int, bytes]]:
    """Rows whose details may hold one of the words, by a look at the bytes."""
    probes = [_probes(word) for word in words]
    for first, ends, body in codec.detail_frames(blob):
        low = body.lower()
        hidden = _rows_with(HIDING, low, ends)
        found = [hidden]
        for patterns in probes:
            if not patterns:
                rows = np.arange(len(ends))
            else:
                rows = _rows_with(patterns[0], low, ends)
            for pattern in patterns[1:]:
                spans = ((int(ends[r - 1]) if r else 0, int(ends[r])) for r in rows)
                rows = rows[[bool(pattern.search(low, *span)) for span in spans]]
            found.append(rows)
        for row in np.unique(np.concatenate(found)).tolist():
            begin = int(ends[row - 1]) if row else 0
            if begin < ends[row]:
                yield first + row, body[begin : int(ends[row])]


def _rows_with(pattern: re.Pattern[bytes], low: bytes, ends: np.ndarray) -> np.ndarray:
    places = [match.start() for match in pattern.finditer(low)]
    rows = np.unique(np.searchsorted(ends, places, side="right"))
    return rows[rows < len(ends)]


def _probes(word: str) -> list[re.Pattern[bytes]]:
    """Patterns of bytes that details with the word must all hold; none: any do.

    Of ``key=value`` the key and the value are looked for apart, since a tag may
    name either first. A number is found as the source wrote it (``1e3`` is not
    found by 1000).
    """
    key, _, value = word.partition("=")
    # The value goes first: keys are on most spans.
    probes = [_probe(part) for part in (value, key) if part]
    return [re.compile(probe) for probe in probes if probe]


def _probe(part: str) -> bytes:
    """Bytes that JSON with the text must hold; none where case hides it."""
    raw = msgspec.json.encode(part)[1:-1]
    # Beyond ASCII the bytes of upper and lower case differ.
    if not raw.isascii() and part.lower() != part.upper():
        return b""
    return re.escape(raw)
