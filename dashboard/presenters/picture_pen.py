"""A pen for pictures that the server draws: plain SVG, every text escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from dashboard.presenters.colors import LIGHT

FONT = "Inter, DejaVu Sans, Noto Sans CJK SC, sans-serif"
MAX_PIXELS = 16_000_000
MAX_TEXT = 300  # characters of one text, whatever room there is
# What XML 1.0 can't hold, and marks that turn the direction of what follows.
UNFIT = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
DARK_SERVICES = [
    "6494fb",
    "f18b53",
    "dbbbfe",
    "cc5999",
    "acd368",
    "bf8acf",
    "8f71df",
    "a6a8fd",
    "4d87ae",
    "b67375",
    "988849",
    "ffa0d1",
    "56ad7b",
    "d793a7",
    "ffb996",
    "7fd1e6",
]
# The same as in tokens.css.
INKS = {
    "light": {
        "canvas": "#f5f6f8",
        "surface": "#ffffff",
        "line": "#e2e5ea",
        "line-strong": "#c9ced6",
        "control": "#868e9a",
        "grid": "#eceef2",
        "ink": "#14181f",
        "ink-2": "#434b57",
        "ink-3": "#626b78",
        "error": "#c3203a",
        "crit": "#14181f",
        "edge": "#7d8794",
        "svc-0": "#6b7280",
    },
    "dark": {
        "canvas": "#0d1015",
        "surface": "#12161c",
        "line": "#242a33",
        "line-strong": "#38414d",
        "control": "#6c7686",
        "grid": "#1c2129",
        "ink": "#e9ecf1",
        "ink-2": "#bcc4cf",
        "ink-3": "#939dab",
        "error": "#ff8091",
        "crit": "#f4f6f9",
        "edge": "#7d8794",
        "svc-0": "#8b95a3",
    },
}
for _theme, _hues in (("light", LIGHT), ("dark", DARK_SERVICES)):
    INKS[_theme] |= {f"svc-{n}": f"#{hue}" for n, hue in enumerate(_hues, start=1)}
OCTAGON = "M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z"


def clean(words: str) -> str:
    """A text that XML can hold, on one line."""
    return " ".join(UNFIT.sub("�", words[: 2 * MAX_TEXT]).split())[:MAX_TEXT]


def width_of(words: str, size: float, weight: int = 400) -> float:
    """About how wide a text is, in px; a little more rather than less."""
    ems = 0.0
    for letter in words:
        if letter in "iIlj.,:;'|!`":
            ems += 0.29
        elif letter in 'frt()[]/\\-" ·':
            ems += 0.36
        elif letter in "mwMW@%…":
            ems += 0.9
        elif letter.isupper():
            ems += 0.7
        elif ord(letter) >= 0x2E80:
            ems += 1.0
        else:
            ems += 0.57
    return ems * size * (1.05 if weight > 500 else 1.0)


@dataclass(slots=True)
class Pen:
    """Collects shapes; sizes are px of the picture before it is scaled."""

    width: float
    height: float
    theme: str = "light"
    parts: list[str] = field(default_factory=list)

    def ink(self, name: str) -> str:
        """A colour of the theme, by its token."""
        return INKS[self.theme].get(name, INKS[self.theme]["svc-0"])

    def add(self, tag: str, /, **attributes: object) -> None:
        """One element; ``_`` in names stands for ``-``, numbers are rounded."""
        self._add(tag, None, attributes)

    def _add(
        self, tag: str, words: str | None, attributes: Mapping[str, object]
    ) -> None:
        told = []
        for name, value in attributes.items():
            if isinstance(value, float):
                value = round(value, 2)
            told.append(f" {name.replace('_', '-')}={quoteattr(str(value))}")
        inside = "/>" if words is None else f">{escape(words)}</{tag}>"
        self.parts.append(f"<{tag}{''.join(told)}{inside}")

    def rect(
        self, x: float, y: float, width: float, height: float, **more: object
    ) -> None:
        """A rectangle; one without extent is not drawn."""
        if width > 0 and height > 0:
            self.add("rect", x=x, y=y, width=width, height=height, **more)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        weight: int = 400,
        ink: str = "ink",
        room: float = 1e9,
        anchor: str = "start",
    ) -> float:
        """A text that ends with “…” where it does not fit; returns its width."""
        shown = clean(words)
        if width_of(shown, size, weight) > room:
            while shown and width_of(f"{shown}…", size, weight) > room:
                shown = shown[:-1]
            if not shown:
                return 0.0
            shown = f"{shown.rstrip()}…"
        attributes = {
            "x": x,
            "y": y,
            "fill": self.ink(ink),
            "font_size": size,
            "font_weight": weight,
            "text_anchor": anchor,
        }
        self._add("text", shown, attributes)
        return width_of(shown, size, weight)

    def octagon(self, x: float, y: float, *, full: bool = True) -> None:
        """The sign of what failed."""
        place = f"translate({x:.2f} {y:.2f}) scale(0.875)"
        self.add(
            "path",
            transform=place,
            d=OCTAGON,
            fill=self.ink("error") if full else "none",
            stroke=self.ink("error"),
            stroke_width=1 if full else 1.8,
        )
        if full:
            self.add(
                "path",
                transform=place,
                d="M8 4.4v4.4M8 11.3v.2",
                fill="none",
                stroke=self.ink("surface"),
                stroke_width=1.9,
                stroke_linecap="round",
            )

    def svg(self, title: str, width: int, language: str) -> str:
        """The whole document, so many px wide; less where it would grow too large."""
        most = math.sqrt(MAX_PIXELS * self.width / self.height)
        width = max(min(width, int(most)), 1)
        height = max(round(self.height * width / self.width), 1)
        name = clean(title)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height}" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'font-family={quoteattr(FONT)} xml:lang={quoteattr(language)} role="img">'
            f"<title>{escape(name)}</title>"
        )
        return f"{head}{''.join(self.parts)}</svg>"
