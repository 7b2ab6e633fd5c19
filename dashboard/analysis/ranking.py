"""Which attributes tell two groups of traces apart, ranked, and how surely.

A trace counts once for each service, key and value that any of its spans (or their
processes) has: spans of one trace are not independent of one another. Values are
tested with Fisher's exact test, numbers with that of Mann and Whitney, all corrected
for their number (Holm). Which attributes are tested is decided without looking at
the groups, so that the choice favours none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from dashboard.analysis.significance import holm, mann_whitney, proportions
from dashboard.analysis.tag_values import pairs_of
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Trace

ALPHA = 0.01
LEAST_TRACES = 5  # in each group
LEAST_WITH = 4  # traces that have a value, and that have it not
LEAST_EFFECT = 0.05  # difference of the shares; less is not worth telling
LEAST_SHIFT = 0.2  # of numbers: twice the chance to be larger, less 1
FEW_NUMBERS = 12  # so many different numbers are still names, such as status codes
UNIQUE = 0.5  # values per trace from which a key tells traces, not causes
MAX_VALUE = 200
MAX_TESTS = 20_000
IDS = re.compile(
    r"(^|[._\-:])(trace|span|parent|request|correlation|session|message|event|user)?"
    r"[._\-]?(id|uuid|guid)$|timestamp|traceparent",
    re.IGNORECASE,
)
SYMPTOMS = re.compile(
    r"^error(\.|$)|^otel\.status|^exception|status[._]?code$|^status$|response_flags"
    r"|grpc-status|duration|elapsed|latency|_time$|_ms$",
    re.IGNORECASE,
)


class Name(NamedTuple):
    """An attribute; ``value`` is "" for numbers."""

    service: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """One attribute. ``effect`` is b's share minus a's (−1..1); of numbers twice the
    chance that one of b is larger, less 1. ``same`` are attributes that exactly the
    same traces have. A symptom is what failing or slow calls say of themselves."""

    name: Name
    same: tuple[Name, ...]
    numeric: bool
    symptom: bool
    a_with: int
    b_with: int
    a_median: float
    b_median: float
    p: float
    p_adjusted: float
    effect: float

    @property
    def significant(self) -> bool:
        """Whether it is more than chance, and enough to tell."""
        least = LEAST_SHIFT if self.numeric else LEAST_EFFECT
        return self.p_adjusted < ALPHA and abs(self.effect) >= least


@dataclass(frozen=True, slots=True)
class Ranking:
    """All that was tested, the best explanation first."""

    a_traces: int
    b_traces: int
    ranked: list[Ranked]
    skipped: list[tuple[str, str]]  # service and key with a value for nearly each trace

    @property
    def tests(self) -> int:
        """How many tests were made."""
        return len(self.ranked)

    @property
    def claimed(self) -> list[Ranked]:
        """Those that are significant."""
        return [one for one in self.ranked if one.significant]


@dataclass(slots=True)
class _Found:
    """Which traces have a value, and the numbers of each trace, by key."""

    having: dict[Name, set[int]] = field(default_factory=lambda: defaultdict(set))
    numbers: dict[tuple[str, str], dict[int, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    traces: dict[tuple[str, str], set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def add(self, trace: int, service: str, key: str, value: object) -> None:
        """Note one tag."""
        self.traces[service, key].add(trace)
        if isinstance(value, int | float) and not isinstance(value, bool):
            mine = self.numbers[service, key]
            mine[trace] = max(mine.get(trace, value), value)
        words = value if isinstance(value, str) else text_of(value)
        self.having[Name(service, key, words[:MAX_VALUE])].add(trace)


def rank(
    a: Iterable[Trace], b: Iterable[Trace], defining: Collection[str] = ()
) -> Ranking:
    """Rank attributes; traces need their details.

    ``defining`` are keys by which the groups were chosen: they and what exactly the
    same traces have explain nothing.
    """
    found = _Found()
    a_traces = _collect(found, a, 0)
    count = _collect(found, b, a_traces)
    b_traces = count - a_traces
    if min(a_traces, b_traces) < LEAST_TRACES:
        return Ranking(a_traces, b_traces, [], [])
    values: dict[tuple[str, str], list[Name]] = defaultdict(list)
    for name in found.having:
        values[name.service, name.key].append(name)
    masks: dict[frozenset[int], list[Name]] = defaultdict(list)
    numeric: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    known: set[frozenset[int]] = set()
    for key, names in values.items():
        if key[1] in defining:
            known |= {frozenset(found.having[name]) for name in names}
            continue
        if IDS.search(key[1]) and len(names) > FEW_NUMBERS:
            skipped.append(key)
            continue
        if len(names) > FEW_NUMBERS and len(found.numbers.get(key, ())) == len(
            found.traces[key]
        ):
            numeric.append(key)
            continue
        if len(names) > FEW_NUMBERS and len(names) >= UNIQUE * len(found.traces[key]):
            skipped.append(key)
            continue
        for name in names:
            having = found.having[name]
            if LEAST_WITH <= len(having) <= count - LEAST_WITH:
                masks[frozenset(having)].append(name)
    for mask in known:
        masks.pop(mask, None)
    tests = [
        _value(mask, names, a_traces, b_traces)
        for mask, names in list(masks.items())[:MAX_TESTS]
    ]
    tests += filter(None, (_number(found, key, a_traces) for key in sorted(numeric)))
    adjusted = holm([one.p for one in tests])
    ranked = [
        replace(one, p_adjusted=value)
        for one, value in zip(tests, adjusted, strict=True)
    ]
    ranked.sort(
        key=lambda one: (
            not one.significant,
            one.symptom,
            one.p,
            one.effect < 0,
            -abs(one.effect),
            one.name,
        )
    )
    return Ranking(a_traces, b_traces, ranked, sorted(skipped))


def _collect(found: _Found, traces: Iterable[Trace], number: int) -> int:
    for trace in traces:
        services = trace.service.tolist()
        for row, raw in enumerate(trace.details):
            if raw:
                service = trace.services[services[row]]
                for pair in pairs_of(raw):
                    found.add(number, service, str(pair.key), pair.value)
        for place in set(trace.process.tolist()):
            if 0 <= place < len(trace.processes):
                process = trace.processes[place]
                for tag in process.tags:
                    found.add(number, process.service, tag.key, tag.value)
        number += 1
    return number


def _value(
    mask: frozenset[int], names: list[Name], a_traces: int, b_traces: int
) -> Ranked:
    a_with = sum(1 for trace in mask if trace < a_traces)
    b_with = len(mask) - a_with
    # Of names for one thing, a cause goes before a symptom, then the shortest.
    names = sorted(names, key=lambda n: (_symptom(n.key), len(n.key), n))
    return Ranked(
        name=names[0],
        same=tuple(names[1:]),
        numeric=False,
        symptom=_symptom(names[0].key),
        a_with=a_with,
        b_with=b_with,
        a_median=0.0,
        b_median=0.0,
        p=_fisher(a_with, a_traces, b_with, b_traces),
        p_adjusted=1.0,
        effect=b_with / b_traces - a_with / a_traces,
    )


def _number(found: _Found, key: tuple[str, str], a_traces: int) -> Ranked | None:
    numbers = found.numbers[key]
    a = sorted(value for trace, value in numbers.items() if trace < a_traces)
    b = sorted(value for trace, value in numbers.items() if trace >= a_traces)
    if min(len(a), len(b)) < LEAST_TRACES:
        return None
    p, larger = mann_whitney(Counter(a), Counter(b))
    return Ranked(
        name=Name(*key, ""),
        same=(),
        numeric=True,
        symptom=_symptom(key[1]),
        a_with=len(a),
        b_with=len(b),
        a_median=a[(len(a) - 1) // 2],
        b_median=b[(len(b) - 1) // 2],
        p=p,
        p_adjusted=1.0,
        effect=2 * larger - 1,
    )


def _symptom(key: str) -> bool:
    return bool(SYMPTOMS.search(key))


@lru_cache(maxsize=50_000)
def _fisher(a_with: int, a_traces: int, b_with: int, b_traces: int) -> float:
    return proportions(a_with, a_traces, b_with, b_traces)[0]
