"""A trace as a picture of its first rows, drawn on the server."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dashboard.presenters import text
from dashboard.presenters.colors import slots
from dashboard.presenters.picture_pen import Pen
from dashboard.presenters.shown import Shown
from dashboard.traces.durations import THIN, format_duration_ns
from dashboard.traces.trace import Flag, Trace

ROWS = 40
WIDE = 1240.0
EDGE = 16.0
NAME = 400.0
TIME = 84.0
ROW = 24.0
TOP = 92.0  # title, facts, axis
FOOT = 36.0
LEFT = EDGE + NAME + TIME
TRACK = WIDE - EDGE - LEFT
MAX_PARTS = 60  # of own time in one bar
BAR = {"top": 6.0, "height": 10.0}


def trace_picture(shown: Shown, *, captured: str, theme: str, width: int) -> str:
    """An SVG document of the first rows of a trace, ``width`` px wide.

    ``captured`` says when it was copied; empty for a trace that is stored.
    """
    trace = shown.trace
    count = min(len(trace), ROWS)
    pen = Pen(WIDE, TOP + max(count, 1) * ROW + FOOT, theme)
    pen.rect(0, 0, WIDE, pen.height, fill=pen.ink("surface"))
    title = _head(pen, shown, count)
    if count:
        rows = _Rows(pen, shown)
        _axis(pen, rows.whole)
        for row in range(count):
            rows.draw(row, TOP + row * ROW)
    foot = [text.count(count) + f"{THIN}/{THIN}" + text.spans(len(trace))]
    if captured:
        foot.append(_("captured %(at)s") % {"at": captured})
    _foot(pen, " · ".join(foot))
    return pen.svg(title, width, get_language() or "en")


def _head(pen: Pen, shown: Shown, count: int) -> str:
    summary = shown.summary
    title = f"{summary.get('root_service', '')} {summary.get('root_operation', '')}"
    pen.text(EDGE, 28, title, size=18, weight=600, room=WIDE - 2 * EDGE)
    facts = [
        text.duration_us(summary["duration_us"]),
        text.spans(summary["span_count"]),
        text.services(len(summary["services"])),
    ]
    x = EDGE + pen.text(EDGE, 50, " · ".join(facts), size=12, ink="ink-3")
    if summary["error_count"]:
        words = f" · {text.failed(summary['error_count'])}"
        x += pen.text(x, 50, words, size=12, weight=600, ink="error")
    rest = [summary["trace_id"], text.moment(summary["start_us"])]
    if not shown.complete:
        rest.append(_("Incomplete"))
    pen.text(x, 50, f" · {' · '.join(rest)}", size=12, ink="ink-3", room=WIDE - x)
    return title


def _axis(pen: Pen, whole_ns: int) -> None:
    raw = whole_ns / 7
    power = 10 ** math.floor(math.log10(max(raw, 1e-9)))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= raw)
    bottom = pen.height - FOOT
    pen.add(
        "path",
        d=f"M0 {TOP - 0.5}H{WIDE}M{LEFT - 0.5} {TOP - 26}V{bottom}",
        stroke=pen.ink("line"),
        fill="none",
    )
    for number in range(int(whole_ns / step) + 1):
        x = LEFT + number * step / whole_ns * TRACK
        pen.add(
            "path",
            d=f"M{x:.2f} {TOP - 26}V{bottom}",
            stroke=pen.ink("grid"),
            fill="none",
        )
        words = format_duration_ns(round(number * step)) if number else "0"
        pen.text(x + 4, TOP - 9, words, size=11, ink="ink-3", room=WIDE - EDGE - x - 4)


def own_parts(trace: Trace, row: int) -> list[tuple[int, int]]:
    """Where a span works itself, in ns: its time less its children's."""
    found: list[tuple[int, int]] = []
    reached, end = int(trace.start_ns[row]), int(trace.end_ns[row])
    stop, child = row + int(trace.subtree[row]), row + 1
    while child < stop and reached < end and len(found) < MAX_PARTS:
        begin = min(max(int(trace.start_ns[child]), reached), end)
        if begin > reached:
            found.append((reached, begin))
        reached = max(reached, min(int(trace.end_ns[child]), end))
        child += int(trace.subtree[child])
    if reached < end:
        found.append((reached, end))
    return found


@dataclass(slots=True)
class _Rows:
    """Draws rows of one trace."""

    pen: Pen
    shown: Shown
    origin: int = 0
    whole: int = 1
    colours: dict[str, int] | None = None
    critical: dict[int, list[tuple[int, int]]] | None = None

    def __post_init__(self) -> None:
        trace, extra = self.shown.trace, self.shown.extra
        self.origin = int(trace.start_ns.min())
        self.whole = max(int(trace.end_ns.max()) - self.origin, 1)
        self.colours = slots(trace.services)
        self.critical = defaultdict(list)
        parts = (extra["critical_row"], extra["critical_start_ns"])
        for row, start, end in zip(*parts, extra["critical_end_ns"], strict=True):
            if row < ROWS:
                self.critical[int(row)].append((int(start), int(end)))

    def x(self, at_ns: int) -> float:
        """The place of a moment."""
        return LEFT + (at_ns - self.origin) / self.whole * TRACK

    def draw(self, row: int, y: float) -> None:
        """One row: name, duration, bar."""
        pen, trace = self.pen, self.shown.trace
        service = trace.service_name(row)
        hue = pen.ink(f"svc-{(self.colours or {}).get(service, 0)}")
        failed = bool(trace.flags[row] & Flag.ERROR)
        self._name(row, y, service, hue, failed)
        took = format_duration_ns(int(trace.duration_ns[row]))
        pen.text(
            LEFT - 10, y + 16.5, took, size=12, ink="ink-2", anchor="end", room=TIME
        )
        left, right = self.x(int(trace.start_ns[row])), self.x(int(trace.end_ns[row]))
        wide = max(right - left, 2.0)
        left = min(left, WIDE - EDGE - wide)
        top = y + BAR["top"]
        if trace.subtree[row] > 1:
            pen.rect(
                left + 0.5,
                top + 0.5,
                max(wide - 1, 1.0),
                BAR["height"] - 1,
                fill=hue,
                fill_opacity=0.26,
                stroke=hue,
                rx=2,
            )
            for start, end in own_parts(trace, row):
                one = self.x(start)
                pen.rect(one, top, self.x(end) - one, BAR["height"], fill=hue)
        else:
            pen.rect(left, top, wide, BAR["height"], fill=hue, rx=2)
        for start, end in (self.critical or {}).get(row, [])[:MAX_PARTS]:
            one = self.x(start)
            long = max(self.x(end) - one, 1.0)
            pen.rect(one, top + BAR["height"] + 2, long, 2.0, fill=pen.ink("crit"))
        if failed:
            pen.octagon(min(left + wide + 4, WIDE - EDGE - 16), y + 5)

    def _name(self, row: int, y: float, service: str, hue: str, failed: bool) -> None:
        pen, trace = self.pen, self.shown.trace
        x = EDGE + min(int(trace.depth[row]), 20) * 12
        stop = EDGE + NAME - 10
        pen.rect(x, y + 5, 3, 14, fill=hue, rx=1)
        x += 9
        if failed:
            pen.octagon(x, y + 5)
            x += 20
        above = int(trace.parent[row])
        if above < 0 or trace.service_name(above) != service:
            x += pen.text(x, y + 16.5, service, weight=600, room=stop - x) + 6
        if x < stop:
            name = trace.operation_name(row)
            pen.text(x, y + 16.5, name, ink="ink-2", room=stop - x)


def _foot(pen: Pen, words: str) -> None:
    y = pen.height - FOOT
    pen.add("path", d=f"M0 {y + 0.5}H{WIDE}", stroke=pen.ink("line"), fill="none")
    hue = pen.ink("svc-1")
    x = EDGE
    pen.rect(x, y + 13, 22, 10, fill=hue, rx=2)
    x += 28 + pen.text(x + 28, y + 22, _("self time"), size=12, ink="ink-3") + 20
    pen.rect(x + 0.5, y + 13.5, 21, 9, fill=hue, fill_opacity=0.26, stroke=hue, rx=2)
    x += (
        28
        + pen.text(x + 28, y + 22, _("waiting for others"), size=12, ink="ink-3")
        + 20
    )
    pen.rect(x, y + 17, 22, 2, fill=pen.ink("crit"))
    x += 28 + pen.text(x + 28, y + 22, _("critical path"), size=12, ink="ink-3") + 20
    pen.octagon(x, y + 11)
    pen.text(x + 20, y + 22, _("failed"), size=12, ink="ink-3")
    pen.text(
        WIDE - EDGE, y + 22, f"{words} · Spanboard", size=12, ink="ink-3", anchor="end"
    )
