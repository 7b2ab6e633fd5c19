"""Which colour slot a service takes, the same on all pages and for all users."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from functools import lru_cache

SLOTS = 16
LIGHT = [
    "305cc4",
    "b65103",
    "ab71e2",
    "941b67",
    "73981d",
    "885398",
    "5f3aaa",
    "6e68da",
    "12557c",
    "814043",
    "665609",
    "c85f99",
    "087846",
    "9e5c71",
    "e06918",
    "3c97ac",
]


def _linear(code: int) -> float:
    value = code / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _oklab(hex_colour: str) -> tuple[float, float, float]:
    """OKLab of a colour (Ottosson 2020)."""
    r, g, b = (_linear(int(hex_colour[i : i + 2], 16)) for i in (0, 2, 4))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


LABS = [_oklab(colour) for colour in LIGHT]
DISTANCE = [[math.dist(a, b) for b in LABS] for a in LABS]


@lru_cache(maxsize=10_000)
def preferred(name: str) -> int:
    """The slot (1..16) that a service takes where it is free."""
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()[0] % SLOTS + 1


def slots(names: Iterable[str]) -> dict[str, int]:
    """Slots for the services of one page.

    Names in order of code points; each takes its preferred slot or, if taken,
    the free slot farthest from those in use. Beyond 16, colours repeat.
    """
    return dict(_slots(tuple(sorted(set(names)))))


@lru_cache(maxsize=1_000)
def _slots(names: tuple[str, ...]) -> dict[str, int]:
    result: dict[str, int] = {}
    used: set[int] = set()
    for name in names:
        slot = preferred(name)
        if slot in used and len(used) < SLOTS:
            free = [s for s in range(1, SLOTS + 1) if s not in used]
            slot = max(free, key=lambda s: min(DISTANCE[s - 1][u - 1] for u in used))
        used.add(slot)
        result[name] = slot
    return result


@lru_cache(maxsize=10_000)
def monogram(name: str) -> str:
    """Two letters: the first of the words, else the first two."""
    words = [w for w in name.replace("_", "-").replace(".", "-").split("-") if w]
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    return (words[0] if words else "?")[:2].upper()
