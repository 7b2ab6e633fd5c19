"""A window of the service graph as a picture, drawn on the server from its places."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dashboard.presenters import text
from dashboard.presenters.picture_pen import Pen, width_of

MAX_CARDS = 60
MAX_NODES = 400  # with most calls
MAX_EDGES = 1_500
MAX_NAMES = 60  # beside circles
MAX_LABELS = 40
COLUMN, LINE = 258.0, 84.0
CARD_WIDE, CARD_HIGH = 190.0, 52.0
SMALL_COLUMN, SMALL_LINE = 190.0, 40.0
LEAST_WIDE = 760.0
EDGE, TOP, FOOT = 24.0, 76.0, 40.0
Data = dict[str, Any]
Point = tuple[float, float]


@dataclass(slots=True)
class _Box:
    x: float
    y: float
    wide: float
    high: float

    @property
    def middle(self) -> Point:
        return self.x + self.wide / 2, self.y + self.high / 2


def graph_picture(data: Data, *, captured: str, theme: str, width: int) -> str:
    """An SVG document of a window's graph, ``width`` px wide.

    ``data`` is that of the page (``topology.view_data``); ``captured`` says when it
    was copied, empty for a live one.
    """
    nodes = sorted(data["nodes"], key=lambda n: (-n["calls"], n["id"]))[:MAX_NODES]
    drawn = _Drawn(nodes, len(nodes) <= MAX_CARDS)
    known = {node["id"] for node in nodes}
    edges = [e for e in data["edges"] if e["caller"] in known and e["callee"] in known]
    edges = sorted(edges, key=lambda e: (-e["calls"], e["id"]))[:MAX_EDGES]
    pen = Pen(drawn.wide, drawn.high, theme)
    pen.rect(0, 0, pen.width, pen.height, fill=pen.ink("canvas"))
    title = _("Service graph")
    sentence = data["sentence"]
    pen.text(EDGE, 30, title, size=18, weight=600)
    room = pen.width - 2 * EDGE
    x = EDGE + pen.text(EDGE, 52, sentence["traffic"], size=13, ink="ink-2", room=room)
    bad = any(edge["failing"] and edge["calls"] >= 5 for edge in edges)
    if sentence["worst"] and x + 40 < pen.width:
        ink = "error" if bad else "ink-2"
        left = pen.width - EDGE - x
        pen.text(x + 6, 52, sentence["worst"], weight=600, ink=ink, room=left)
    drawn.groups(pen, data["groups"])
    drawn.edges(pen, edges)
    for node in reversed(nodes):
        drawn.node(pen, node)
    drawn.names(pen, nodes)
    drawn.labels(pen, edges)
    _foot(pen, data, len(nodes), captured)
    return pen.svg(f"{title}: {sentence['traffic']}", width, get_language() or "en")


def _foot(pen: Pen, data: Data, count: int, captured: str) -> None:
    y = pen.height - FOOT
    pen.add(
        "path", d=f"M0 {y + 0.5}H{pen.width:g}", stroke=pen.ink("line"), fill="none"
    )
    span = f"{text.moment(data['start_us'])[:16]} – {text.moment(data['end_us'])[:16]}"
    words = [f"{span} UTC"]
    if count < len(data["nodes"]):
        words.append(f"{text.count(count)}/{text.services(len(data['nodes']))}")
    if captured:
        words.append(_("captured %(at)s") % {"at": captured})
    words.append("Spanboard")
    room = pen.width - 2 * EDGE
    pen.text(EDGE, y + 24, " · ".join(words), size=12, ink="ink-3", room=room)


@dataclass(slots=True)
class _Drawn:
    """Where things stand, in px."""

    nodes: list[Data]
    cards: bool
    boxes: dict[str, _Box] = field(default_factory=dict)
    wide: float = 0.0
    high: float = 0.0
    left: float = 0.0
    top: float = 0.0
    step: Point = (COLUMN, LINE)

    def __post_init__(self) -> None:
        if not self.nodes:
            self.wide, self.high = LEAST_WIDE, TOP + 120 + FOOT
            return
        self.left = min(node["x"] for node in self.nodes)
        self.top = min(node["y"] for node in self.nodes)
        columns = max(node["x"] for node in self.nodes) - self.left + 1
        lines = max(node["y"] for node in self.nodes) - self.top + 1
        across, down = (COLUMN, LINE) if self.cards else (SMALL_COLUMN, SMALL_LINE)
        self.wide = max(columns * across + 2 * EDGE, LEAST_WIDE)
        self.step = ((self.wide - 2 * EDGE) / columns, down)
        self.high = TOP + lines * down + 20 + FOOT
        busiest = max(node["calls"] for node in self.nodes) or 1
        for node in self.nodes:
            x, y = self.spot(node["x"], node["y"])
            wide, high = CARD_WIDE, CARD_HIGH
            if not self.cards:
                share = 1 + math.log10(max(node["calls"], 1) / busiest) / 3
                wide = high = max(8.0, 26 * (0.35 + 0.65 * max(share, 0.0)))
            self.boxes[node["id"]] = _Box(x - wide / 2, y - high / 2, wide, high)

    def spot(self, x: float, y: float) -> Point:
        """The middle of a place of the grid."""
        across, down = self.step
        return (
            EDGE + (x - self.left + 0.5) * across,
            TOP + (y - self.top + 0.5) * down,
        )

    def groups(self, pen: Pen, groups: list[Data]) -> None:
        """Frames of open groups."""
        for group in groups:
            if not group["open"] or not self.nodes:
                continue
            x0, y0 = self.spot(group["x0"], group["y0"])
            x1, y1 = self.spot(group["x1"], group["y1"])
            across, down = self.step
            x, y = max(x0 - across * 0.46, 4), max(y0 - down * 0.48, TOP - 14)
            wide, high = x1 + across * 0.46 - x, y1 + down * 0.48 - y
            pen.rect(
                x,
                y,
                min(wide, pen.width - x - 4),
                high,
                rx=8,
                fill="none",
                stroke=pen.ink("line-strong"),
                stroke_dasharray="2 3",
            )
            pen.text(x + 8, y + 11, group["label"], size=11, ink="ink-3", room=across)

    def curve(self, edge: Data) -> tuple[Point, Point, Point, Point]:
        """The four points of an edge's curve."""
        one, other = self.boxes[edge["caller"]], self.boxes[edge["callee"]]
        if one is other:
            x, y = one.middle[0], one.y
            return (x - 14, y), (x - 40, y - 30), (x + 40, y - 30), (x + 14, y - 2)
        start = (one.x + one.wide, one.middle[1])
        end = (other.x - 3, other.middle[1])
        if end[0] > start[0]:
            bend = max((end[0] - start[0]) * 0.5, 12.0)
            return start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end
        if one.middle[0] == other.middle[0]:  # in one column: around its right side
            start = (one.x + one.wide, one.middle[1])
            end = (other.x + other.wide + 3, other.middle[1])
            bend = 30 + abs(end[1] - start[1]) * 0.15
            return start, (start[0] + bend, start[1]), (end[0] + bend, end[1]), end
        low = max(one.y + one.high, other.y + other.high) + self.step[1] * 0.5
        start = (one.middle[0], one.y + one.high)
        end = (other.middle[0], other.y + other.high + 3)
        return start, (start[0] + 20, low), (end[0] - 20, low), end

    def edges(self, pen: Pen, edges: list[Data]) -> None:
        """Curves with heads: wide by rate, failing ones red and broken."""
        busiest = max((edge["rate"] for edge in edges), default=0.0) or 1.0
        widest = 8.0 if self.cards else 4.0
        for edge in sorted(edges, key=lambda e: (e["failing"], e["rate"])):
            share = 1 + math.log10(max(edge["rate"] / busiest, 1e-3)) / 3
            wide = 1.2 + (widest - 1.2) * max(0.0, min(1.0, share))
            ink = pen.ink("error" if edge["failing"] else "edge")
            a, b, c, d = self.curve(edge)
            way = math.hypot(d[0] - c[0], d[1] - c[1]) or 1.0
            ux, uy = (d[0] - c[0]) / way, (d[1] - c[1]) / way
            head = 5 + wide * 0.8
            x, y = d[0] - ux * head * 0.8, d[1] - uy * head * 0.8
            more = {}
            if edge["failing"]:
                more["stroke_dasharray"] = f"{wide * 2 + 4:.1f} {wide + 3:.1f}"
            elif edge["asynchronous"]:
                more["stroke_dasharray"] = f"{wide:.1f} {wide + 2:.1f}"
            pen.add(
                "path",
                d=f"M{a[0]:.1f} {a[1]:.1f}C{b[0]:.1f} {b[1]:.1f} {c[0]:.1f} {c[1]:.1f} {x:.1f} {y:.1f}",
                fill="none",
                stroke=ink,
                stroke_width=round(wide, 1),
                **more,
            )
            px, py = -uy * head * 0.55, ux * head * 0.55
            bx, by = d[0] - ux * head, d[1] - uy * head
            pen.add(
                "path",
                d=f"M{d[0]:.1f} {d[1]:.1f}L{bx + px:.1f} {by + py:.1f}L{bx - px:.1f} {by - py:.1f}z",
                fill=ink,
            )

    def node(self, pen: Pen, node: Data) -> None:
        """A card, or a circle in a large graph."""
        box = self.boxes[node["id"]]
        hue = pen.ink(f"svc-{node['slot']}")
        failing = node["error_share"] >= 0.01
        virtual = {"stroke_dasharray": "4 3"} if node["virtual"] else {}
        if not self.cards:
            x, y = box.middle
            pen.add(
                "circle",
                cx=x,
                cy=y,
                r=box.wide / 2,
                fill=pen.ink("canvas") if node["virtual"] else hue,
                stroke=pen.ink("error" if failing else "surface"),
                stroke_width=2,
                **virtual,
            )
            return
        pen.rect(
            box.x,
            box.y,
            box.wide,
            box.high,
            rx=6,
            fill=pen.ink("canvas" if node["virtual"] else "surface"),
            stroke=pen.ink("control" if node["virtual"] else "line-strong"),
            **virtual,
        )
        if not node["virtual"]:
            pen.rect(box.x, box.y, 4, box.high, rx=2, fill=hue)
        x, y = box.x + 27, box.y + 26
        ring = {"cx": x, "cy": y, "r": 13, "fill": "none", "stroke_width": 3}
        pen.add("circle", stroke=pen.ink("line-strong"), **ring)
        if failing:
            around = 2 * math.pi * 13
            part = max(node["error_share"] * around, 5.0)
            pen.add(
                "circle",
                stroke=pen.ink("error"),
                stroke_dasharray=f"{part:.1f} {around:.1f}",
                transform=f"rotate(-90 {x:g} {y:g})",
                **ring,
            )
        pen.text(x, y + 3, node["monogram"], size=9, weight=600, anchor="middle")
        left, room = box.x + 50, box.wide - 56
        pen.text(left, box.y + 23, node["label"], weight=600, room=room)
        facts = [node["kind_text"]] if node["virtual"] or node["members"] else []
        if node["calls"]:
            facts.append(node["rate_text"])
        wide = pen.text(
            left, box.y + 40, " · ".join(facts), size=12, ink="ink-3", room=room
        )
        if node["errors"] and node["error_share"] >= 0.001:
            words = f"! {node['error_text']}"
            pen.text(
                left + wide + 7,
                box.y + 40,
                words,
                size=12,
                weight=600,
                ink="error",
                room=room - wide - 7,
            )

    def names(self, pen: Pen, nodes: list[Data]) -> None:
        """Names beside circles, those with most calls first, where there is room."""
        if self.cards:
            return
        taken: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for node in nodes[:MAX_NAMES]:
            box = self.boxes[node["id"]]
            x, y = box.x + box.wide + 4, box.middle[1] + 4
            room = min(self.step[0] - 24, pen.width - x - 4)
            wide = min(width_of(node["label"], 11), room)
            line = round(y / 12)
            near = [one for n in (line - 1, line, line + 1) for one in taken[n]]
            if any(x < end and x + wide > start for start, end in near):
                continue
            taken[line].append((x, x + wide))
            pen.text(x, y, node["label"], size=11, room=room)

    def labels(self, pen: Pen, edges: list[Data]) -> None:
        """What fails, said on the edge where nothing else stands."""
        taken = list(self.boxes.values())
        bad = [edge for edge in edges if edge["failing"]][:MAX_LABELS]
        for edge in bad:
            a, b, c, d = self.curve(edge)
            x, y = (
                (a[n] + 3 * b[n] + 3 * c[n] + d[n]) / 8 for n in (0, 1)
            )  # the middle
            words = f"! {edge['error_text']}"
            wide = width_of(words, 12, 600) + 14
            box = _Box(x - wide / 2, y - 11, wide, 22)
            if any(
                box.x < one.x + one.wide
                and one.x < box.x + box.wide
                and box.y < one.y + one.high
                and one.y < box.y + box.high
                for one in taken
            ):
                continue
            taken.append(box)
            pen.rect(
                box.x,
                box.y,
                wide,
                22,
                rx=11,
                fill=pen.ink("surface"),
                stroke=pen.ink("error"),
            )
            pen.text(x, y + 4, words, size=12, weight=600, ink="error", anchor="middle")
