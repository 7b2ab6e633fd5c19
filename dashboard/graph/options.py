"""What a service graph shows: read from a query string and written back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboard.traces.builder import Problem
from dashboard.traces.durations import parse_duration

KNOWN = {
    "lookback",
    "start",
    "end",
    "source",
    "focus",
    "hops",
    "view",
    "self",
    "uiFind",
    "uiEmbed",
    "uiTheme",
    "endTs",
}
MINUTE_US = 60_000_000
DEFAULT_LOOKBACK = "30m"


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """Window (a look-back or fixed times in µs), source, focus and view."""

    lookback: str = DEFAULT_LOOKBACK
    start_us: int | None = None
    end_us: int | None = None
    source: str = ""
    focus: str = ""
    hops: int = 1
    view: str = "graph"
    self_calls: bool = False

    @property
    def live(self) -> bool:
        """Whether the window ends now."""
        return self.start_us is None

    def minutes(self, now_us: int) -> tuple[int, int]:
        """First and last whole minute of the window, since the epoch."""
        if self.start_us is not None:
            end_us = self.end_us if self.end_us is not None else now_us
            return self.start_us // MINUTE_US, max(
                end_us - 1, self.start_us
            ) // MINUTE_US
        length_us = parse_duration(self.lookback) // 1_000
        last = now_us // MINUTE_US
        return last - max(length_us // MINUTE_US, 1) + 1, last

    def to_query_string(self) -> str:
        """The address's query string; reads back as equal options."""
        pairs = [
            (
                "lookback",
                self.lookback
                if self.live and self.lookback != DEFAULT_LOOKBACK
                else "",
            ),
            ("start", "" if self.start_us is None else str(self.start_us)),
            ("end", "" if self.end_us is None else str(self.end_us)),
            ("source", self.source),
            ("focus", self.focus),
            ("hops", "" if self.hops == 1 else str(self.hops)),
            ("view", "" if self.view == "graph" else self.view),
            ("self", "1" if self.self_calls else ""),
        ]
        return urlencode([(k, v) for k, v in pairs if v])

    @classmethod
    def read(
        cls, parameters: Mapping[str, list[str]]
    ) -> tuple[GraphOptions, list[Problem], list[str]]:
        """Options, problems of values that could not be read, unknown names."""
        problems: list[Problem] = []

        def one(name: str) -> str:
            return (parameters.get(name) or [""])[0].replace("\0", "").strip()

        lookback = one("lookback") or DEFAULT_LOOKBACK
        if re.fullmatch(r"\d+", lookback):
            lookback = f"{lookback}ms"  # Jaeger's unit
        try:
            if parse_duration(lookback) > 90 * 86_400 * 10**9:
                raise ValueError("The longest window is 90 days.")
        except ValueError as problem:
            problems.append(Problem("bad-duration", "lookback", {"text": str(problem)}))
            lookback = DEFAULT_LOOKBACK
        times: dict[str, int | None] = {"start": None, "end": None}
        for name in times:
            if one(name):
                if re.fullmatch(r"\d{1,18}", one(name)):
                    times[name] = int(one(name))
                else:
                    problems.append(
                        Problem("bad-time", name, {"value": one(name)[:100]})
                    )
        start_us, end_us = times["start"], times["end"]
        if start_us is not None and end_us is not None and end_us <= start_us:
            problems.append(Problem("end-before-start", "end"))
            start_us = end_us = None
        hops = one("hops") or "1"
        if not re.fullmatch(r"[1-9]", hops):
            problems.append(Problem("bad-hops", "hops", {"value": hops[:100]}))
            hops = "1"
        options = cls(
            lookback=lookback,
            start_us=start_us,
            end_us=end_us if start_us is not None else None,
            source=one("source"),
            focus=one("focus"),
            hops=int(hops),
            view="table" if one("view") == "table" else "graph",
            self_calls=one("self") in ("1", "true"),
        )
        unknown = sorted(name for name in parameters if name not in KNOWN)
        return options, problems, unknown
