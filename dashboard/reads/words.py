"""Keys and values that stored traces hold, for completing a query; a sample."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict

from dashboard.models import TraceRecord
from dashboard.reads.candidates import Walk
from dashboard.reads.traces import conditions_of
from dashboard.traces import codec
from dashboard.traces.details import read_details
from dashboard.traces.facts import text_of
from dashboard.traces.query import TraceQuery
from dashboard.traces.trace import Tag

SAMPLED = 60  # traces, the newest
SPANS_OF_ONE = 256
SECONDS = 0.2  # for a sample, at most
KEPT_S = 30.0
MAX_KEPT = 50  # samples
MAX_KEYS = 500
MAX_VALUES = 200  # of a key
MAX_LENGTH = 120  # of a value; longer ones are no help
Words = dict[str, list[str]]
_kept: dict[tuple[str, str], tuple[float, Words]] = {}
_lock = threading.Lock()


def sampled_tags(service: str = "", source: str = "") -> Words:
    """Values of each tag in the newest traces (of a service); frequent ones first."""
    key = (service, source)
    now = time.monotonic()
    with _lock:
        found = _kept.get(key)
    if found is not None and now - found[0] < KEPT_S:
        return found[1]
    words = _sample(service, source)
    with _lock:
        _kept[key] = (now, words)
        while len(_kept) > MAX_KEPT:
            del _kept[min(_kept, key=lambda one: _kept[one][0])]
    return words


def _sample(service: str, source: str) -> Words:
    until = time.monotonic() + SECONDS
    query = TraceQuery(service=service, source=source)
    piece = Walk(conditions_of(query), "newest").piece(None, SAMPLED)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, pk in piece.places:
        record = TraceRecord.objects.only("columns", "details").filter(pk=pk).first()
        if record is None:  # removed meanwhile
            continue
        trace, _ = codec.decode_columns(record.columns)
        named = service in trace.services
        number = trace.services.index(service) if named else -1
        processes = set()
        for row, raw in codec.frame_rows(record.details, 0):
            if row >= SPANS_OF_ONE or (named and trace.service[row] != number):
                continue
            _note(counts, read_details(raw).tags)
            processes.add(int(trace.process[row]))
        for one in processes:
            _note(counts, trace.processes[one].tags)
        if time.monotonic() > until:
            break
    return {
        name: [value for value, _ in values.most_common(MAX_VALUES)]
        for name, values in sorted(counts.items())
    }


def _note(counts: dict[str, Counter[str]], tags: tuple[Tag, ...]) -> None:
    for tag in tags:
        if tag.key not in counts and len(counts) >= MAX_KEYS:
            continue
        values = counts[tag.key]
        value = text_of(tag.value)
        if len(value) <= MAX_LENGTH and (value in values or len(values) < MAX_VALUES):
            values[value] += 1
