"""What a service graph shows: read from a query string and written back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from dashboard.graph.expression import ExpressionError, read_expression
from dashboard.graph.names import LEVELS
from dashboard.traces.builder import Problem
from dashboard.traces.durations import parse_duration

MINUTE_US = 60_000_000
DEFAULT_LOOKBACK = "30m"
MAX_LOOKBACK_NS = 90 * 86_400 * 10**9
GROUPINGS = ("auto", "none", "namespace", "community")
BASES = {"previous": 0, "hour": 60, "day": 1440, "week": 10_080}  # minutes before
MAX_TEXT = 1_000
TEXTS = (
    "source",
    "focus",
    "trace",
    "node",
    "caller",
    "callee",
    "base_source",
    "service",
    "version",
    "base_version",
)
EXPRESSIONS = ("find", "hide")
TIMES = ("start", "end", "at", "base_start", "base_end")
PAGE_ONLY = {
    "uiFind",
    "uiEmbed",
    "uiTheme",
    "endTs",
    "paths",
    "operation",
    "speed",
    "questions",
    "without",
    "follow",
}
KNOWN = {
    *TEXTS,
    *EXPRESSIONS,
    *TIMES,
    *PAGE_ONLY,
    "lookback",
    "level",
    "hops",
    "up",
    "down",
    "group",
    "open",
    "view",
    "self",
    "histograms",
    "base",
}
# The order in which an address tells them.
WRITTEN = (
    "level",
    "find",
    "hide",
    "focus",
    "source",
    "trace",
    "node",
    "caller",
    "callee",
    "base",
    "base_source",
    "service",
    "version",
    "base_version",
)


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """Window, source, level, filters, focus, groups and comparison.

    The window is a look-back until now, fixed times in µs, or a look-back until
    the moment ``at_us``.
    """

    lookback: str = DEFAULT_LOOKBACK
    start_us: int | None = None
    end_us: int | None = None
    at_us: int | None = None
    source: str = ""
    level: str = "service"
    find: str = ""
    hide: str = ""
    focus: str = ""
    up: int = 1
    down: int = 1
    group: str = "auto"
    open: tuple[str, ...] = ()
    view: str = "graph"
    self_calls: bool = False
    histograms: bool = False
    trace: str = ""
    node: str = ""
    caller: str = ""
    callee: str = ""
    base: str = ""
    base_start_us: int | None = None
    base_end_us: int | None = None
    base_source: str = ""
    service: str = ""
    version: str = ""
    base_version: str = ""

    @property
    def live(self) -> bool:
        """Whether the window ends now."""
        return self.start_us is None and self.at_us is None

    @property
    def hops(self) -> int:
        """How far a focus reaches, where it is as far up as down; else 0."""
        return self.up if self.up == self.down else 0

    @property
    def compares(self) -> bool:
        """Whether a second window, source or version is asked for."""
        return bool(
            self.base
            or self.base_start_us is not None
            or self.base_source
            or self.base_version
        )

    def minutes(self, now_us: int) -> tuple[int, int]:
        """First and last whole minute of the window, since the epoch."""
        if self.start_us is not None:
            end_us = self.end_us if self.end_us is not None else now_us
            return self.start_us // MINUTE_US, max(
                end_us - 1, self.start_us
            ) // MINUTE_US
        length_us = parse_duration(self.lookback) // 1_000
        last = (now_us if self.at_us is None else self.at_us) // MINUTE_US
        return last - max(length_us // MINUTE_US, 1) + 1, last

    def base_minutes(self, now_us: int) -> tuple[int, int]:
        """First and last minute of the window to compare with."""
        first, last = self.minutes(now_us)
        if self.base_start_us is not None:
            end_us = self.base_end_us
            if end_us is None:
                end_us = self.base_start_us + (last - first + 1) * MINUTE_US
            start = self.base_start_us // MINUTE_US
            return start, max(end_us - 1, self.base_start_us) // MINUTE_US
        if not self.base:
            return first, last
        back = BASES[self.base] or last - first + 1
        return first - back, last - back

    def to_query_string(self) -> str:
        """The address's query string; reads back as equal options."""
        usual = DEFAULT_LOOKBACK if self.at_us is None else "1m"
        lookback = "" if self.start_us is not None else self.lookback
        pairs = [("lookback", "" if lookback == usual else lookback)]
        for name in TIMES:
            value = getattr(self, f"{name}_us")
            pairs.append((name, "" if value is None else str(value)))
        for name in WRITTEN:
            value = getattr(self, name)
            pairs.append(
                (name, "" if name == "level" and value == "service" else value)
            )
        if self.hops:
            pairs.append(("hops", "" if self.hops == 1 else str(self.hops)))
        else:
            pairs += [("up", str(self.up)), ("down", str(self.down))]
        pairs += [
            ("group", "" if self.group == "auto" else self.group),
            *(("open", name) for name in self.open),
            ("view", "" if self.view == "graph" else self.view),
            ("self", "1" if self.self_calls else ""),
            ("histograms", "1" if self.histograms else ""),
        ]
        return urlencode([(k, v) for k, v in pairs if v])

    @classmethod
    def read(
        cls, parameters: Mapping[str, list[str]]
    ) -> tuple[GraphOptions, list[Problem], list[str]]:
        """Options, problems of values that could not be read, unknown names."""
        reader = _Reader(parameters)
        times = {name: reader.time(name) for name in TIMES}
        for start, end in (("start", "end"), ("base_start", "base_end")):
            first, last = times[start], times[end]
            if first is not None and last is not None and last <= first:
                reader.problems.append(Problem("end-before-start", end))
                times[start] = times[end] = None
            if first is None:
                times[end] = None
        if times["start"] is not None:
            times["at"] = None
        hops = reader.hops("hops", 1)
        options = cls(
            lookback=reader.lookback("1m" if times["at"] else DEFAULT_LOOKBACK),
            start_us=times["start"],
            end_us=times["end"],
            at_us=times["at"],
            base_start_us=times["base_start"],
            base_end_us=times["base_end"],
            level=reader.choice("level", LEVELS),
            up=reader.hops("up", hops, 0),
            down=reader.hops("down", hops, 0),
            group=reader.choice("group", GROUPINGS),
            open=tuple(sorted({text[:MAX_TEXT] for text in reader.all("open")})),
            view="table" if reader.one("view") == "table" else "graph",
            self_calls=reader.one("self") in ("1", "true"),
            histograms=reader.one("histograms") in ("1", "true"),
            base=reader.choice("base", ("", *BASES)),
        )
        texts: dict[str, Any] = {name: reader.one(name) for name in TEXTS}
        texts.update({name: reader.expression(name) for name in EXPRESSIONS})
        options = replace(options, **texts)
        unknown = sorted(name for name in parameters if name not in KNOWN)
        return options, reader.problems, unknown


class _Reader:
    def __init__(self, parameters: Mapping[str, list[str]]):
        self.parameters = parameters
        self.problems: list[Problem] = []

    def all(self, name: str) -> list[str]:
        found = [
            text.replace("\0", "").strip() for text in self.parameters.get(name) or []
        ]
        return [text for text in found if text]

    def one(self, name: str) -> str:
        text = (self.parameters.get(name) or [""])[0].replace("\0", "").strip()
        if len(text) > MAX_TEXT:
            self.problems.append(Problem("too-long", name))
            return ""
        return text

    def expression(self, name: str) -> str:
        text = self.one(name)
        if not text:
            return ""
        try:
            read_expression(text)
        except ExpressionError as error:
            values: dict[str, object] = {
                "why": error.code,
                "position": error.position,
                "word": error.word[:100],
                "hint": error.hint,
            }
            self.problems.append(Problem("bad-expression", name, values))
            return ""
        return text

    def lookback(self, default: str) -> str:
        text = self.one("lookback") or default
        if re.fullmatch(r"\d+", text):
            text = f"{text}ms"  # Jaeger's unit
        try:
            if parse_duration(text) > MAX_LOOKBACK_NS:
                raise ValueError("The longest window is 90 days.")
        except ValueError as problem:
            self.problems.append(
                Problem("bad-duration", "lookback", {"text": str(problem)})
            )
            return default
        return text

    def time(self, name: str) -> int | None:
        text = self.one(name)
        if not text:
            return None
        if re.fullmatch(r"[0-9]{1,17}", text):
            return int(text)
        self.problems.append(Problem("bad-time", name, {"value": text[:100]}))
        return None

    def hops(self, name: str, default: int, least: int = 1) -> int:
        text = self.one(name)
        if not text:
            return default
        if re.fullmatch(r"[0-9]", text) and int(text) >= least:
            return int(text)
        self.problems.append(Problem("bad-hops", name, {"value": text[:100]}))
        return default

    def choice(self, name: str, words: tuple[str, ...]) -> str:
        text = self.one(name)
        if not text:
            return words[0]
        if text in words:
            return text
        known = ", ".join(word for word in words if word)
        self.problems.append(
            Problem("bad-choice", name, {"value": text[:100], "known": known})
        )
        return words[0]
