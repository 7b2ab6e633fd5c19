"""Which spans of a trace meet conditions, and whether a trace meets a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.traces.details import read_details
from dashboard.traces.facts import text_of
from dashboard.traces.query_line import (
    COMPARE,
    Condition,
    Group,
    QueryLine,
    text_holds,
)
from dashboard.traces.structure import path_holds
from dashboard.traces.trace import Flag, Tag, Trace

Mask = NDArray[np.bool_]
Frames = Callable[[], Iterator[tuple[int, np.ndarray, bytes]]]
WHOLE = re.compile(r"-?[0-9]+\.0\Z")  # 2.0 is found by 2 as well, as in Jaeger
PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")
NUMBER = re.compile(r"[-+.\deE]*|[iI]nf.*|[nN]a[nN]|[tT]rue|[fF]alse|None|null")
ESCAPE = b"\\u"


def line_holds(trace: Trace, frames: Frames, line: QueryLine) -> bool:
    """Whether the spans of a trace (in display order) meet a line.

    ``frames`` gives the details as ``codec.detail_frames`` does; it is asked only
    where tags decide. What a line says of the whole trace is not looked at.
    """
    needed: list[Group] = [line.span] if line.span else []
    needed += [side for path in line.paths for side in path.positive]
    groups = list(
        dict.fromkeys(
            [
                *needed,
                *line.without,
                *(side for path in line.paths for side in path.sides),
            ]
        )
    )
    masks = {group: column_mask(trace, group) for group in groups}
    if not all(masks[group].any() for group in needed):
        return False
    narrow_by_tags(trace, frames, masks)
    if any(masks[group].any() for group in line.without):
        return False
    return all(masks[group].any() for group in needed) and all(
        path_holds(trace, [masks[side] for side in path.sides], path.steps)
        for path in line.paths
    )


def needs_tags(line: QueryLine) -> bool:
    """Whether columns alone do not answer a line."""
    groups = [line.span, *line.without]
    groups += [side for path in line.paths for side in path.sides]
    return any(condition.tag for group in groups for condition in group)


def frames_of(details: Sequence[bytes]) -> Frames:
    """Details that are at hand, as one frame."""

    def frames() -> Iterator[tuple[int, np.ndarray, bytes]]:
        ends = np.cumsum([len(raw) for raw in details], dtype=np.int64)
        yield 0, ends, b"".join(details)

    return frames


def column_mask(trace: Trace, group: Group) -> Mask:
    """Rows that meet the conditions of a group that columns answer."""
    keep = np.ones(len(trace), bool)
    for condition in group:
        if condition.tag:
            continue
        if condition.key == "error":
            keep &= (trace.flags & Flag.ERROR) != 0
        elif condition.key == "duration":
            # Whole microseconds, as in Jaeger's addresses and the indexes.
            keep &= _compare(trace.duration_ns // 1_000, condition)
        elif condition.key == "service":
            keep &= _named(trace.service, trace.services, condition)
        else:
            keep &= _named(trace.operation, trace.operations, condition)
    return keep


def _compare(column: np.ndarray, condition: Condition) -> Mask:
    compare: Callable[[Any, float], Mask] = COMPARE[condition.op]  # type: ignore[assignment]
    return compare(column, condition.number)


def _named(column: np.ndarray, names: list[str], condition: Condition) -> Mask:
    table = np.array([text_holds(condition, name) for name in names] or [False], bool)
    found: Mask = table[column]
    return found


@dataclass(frozen=True, slots=True)
class _Sought:
    """A group's conditions on tags, and where they are still to be tried."""

    conditions: Group
    signs: list[tuple[bytes, ...]]
    mask: Mask
    met: Mask


def narrow_by_tags(trace: Trace, frames: Frames, masks: dict[Group, Mask]) -> None:
    """Take rows away whose tags do not meet a group's conditions on tags."""
    sought: list[_Sought] = []
    for group, mask in masks.items():
        tags = tuple(condition for condition in group if condition.tag)
        if tags and mask.any():
            signs = [signs_of(condition) for condition in tags]
            sought.append(_Sought(tags, signs, mask, np.zeros(len(trace), bool)))
    if not sought:
        return
    wanted = np.logical_or.reduce([one.mask for one in sought])
    given = [tags_by_key(process.tags) for process in trace.processes]
    for first, ends, body in frames():
        rows = np.flatnonzero(wanted[first : first + len(ends)])
        begins = np.concatenate(([0], ends[:-1]))
        for place in rows.tolist():
            row = first + place
            raw = body[begins[place] : ends[place]]
            process = given[trace.process[row]]
            own: dict[str, list[str]] | None = None
            for one in sought:
                if not one.mask[row]:
                    continue
                if not all(
                    condition.key in process or may_hold(raw, sign)
                    for condition, sign in zip(one.conditions, one.signs, strict=True)
                ):
                    continue
                if own is None:
                    own = tags_by_key(read_details(raw).tags)
                failed = bool(trace.flags[row] & Flag.ERROR)
                if all(_holds(c, own, process, failed) for c in one.conditions):
                    one.met[row] = True
    for one in sought:
        np.logical_and(one.mask, one.met, out=one.mask)


def tags_by_key(tags: Sequence[Tag]) -> dict[str, list[str]]:
    """Values of tags as text."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        found.setdefault(tag.key, []).append(text_of(tag.value))
    return found


def _holds(
    condition: Condition,
    own: dict[str, list[str]],
    process: dict[str, list[str]],
    failed: bool,
) -> bool:
    """Whether a span has a tag such as asked; ``!=`` and ``!~`` too want it to be there."""
    key = condition.key
    values = [*own.get(key, ()), *process.get(key, ())]
    values += [value[:-2] for value in values if WHOLE.match(value)]
    if key == "error":
        values.append("true" if failed else "false")
    if condition.op in ("!=", "!~"):
        return bool(values) and all(text_holds(condition, value) for value in values)
    return any(text_holds(condition, value) for value in values)


def signs_of(condition: Condition) -> tuple[bytes, ...]:
    """Bytes that a span's details must hold if it meets a condition, however written.

    A number may be written in several ways; of other texts the pieces that JSON
    never escapes are taken. The mark of an error is no tag of its own, and a list
    is shown as text of another form.
    """
    key, value = condition.key, condition.value
    if key in ("error", "unreadable"):
        return ()
    pieces = PLAIN.findall(key)
    if condition.op == "=":
        if value[:1] in ("[", "{"):
            return ()
        if not NUMBER.fullmatch(value):
            pieces += PLAIN.findall(value)
    return tuple(piece.encode() for piece in pieces)


def may_hold(details: bytes, sign: tuple[bytes, ...]) -> bool:
    """Whether details may hold a tag: quick, and never wrongly no."""
    return all(piece in details for piece in sign) or ESCAPE in details
