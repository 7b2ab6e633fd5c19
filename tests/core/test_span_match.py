"""Lines against a plain look at every span, on random traces."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.adjusters.standard import adjust
from dashboard.traces import codec
from dashboard.traces.query_line import Condition, Path, QueryLine
from dashboard.traces.query_parse import read_line
from dashboard.traces.span_match import frames_of, line_holds, needs_tags
from tests.factories import make_trace

SERVICES = ["a", "b", "c"]
OPERATIONS = ["get", "put /health"]
Span = dict[str, Any]


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    count = draw(st.integers(1, 12))
    found = []
    for row in range(count):
        parent = draw(st.integers(-1, row - 1))
        tags: Span = {}
        if draw(st.booleans()):
            tags["code"] = draw(st.sampled_from([200, 404, 503]))
        if draw(st.integers(0, 3)) == 0:
            tags["error"] = True
        found.append(
            {
                "id": f"{row + 1:016x}",
                "parent": "" if parent < 0 else f"{parent + 1:016x}",
                "above": parent,
                "service": draw(st.sampled_from(SERVICES)),
                "operation": draw(st.sampled_from(OPERATIONS)),
                "start": draw(st.integers(0, 50)),
                "duration": draw(st.sampled_from([1, 10, 100])),
                "tags": tags,
            }
        )
    return found


CONDITIONS = st.sampled_from(
    [
        "service=a", "service=b", "service!=c", "operation~HEALTH", "operation!~get",
        "duration>10us", "duration<=10us", "duration=1us", "error", "error=false",
        "code=503", "code!=503", "code>=404", "code~4", "code!~2",
    ]
)  # fmt: skip
GROUPS = st.lists(CONDITIONS, max_size=2).map(" ".join)


@st.composite
def lines(draw: st.DrawFn) -> str:
    words = draw(st.lists(CONDITIONS, max_size=2))
    if draw(st.integers(0, 2)) == 0:
        words.append(f"-{{{draw(GROUPS.filter(bool))}}}")
    for _ in range(draw(st.integers(0, 2))):
        path = [f"{{{draw(GROUPS)}}}"]
        for _ in range(draw(st.integers(0, 2))):
            path += [draw(st.sampled_from([">", ">>"])), f"{{{draw(GROUPS)}}}"]
        if draw(st.integers(0, 3)) == 0:
            path += [draw(st.sampled_from(["!>", "!>>"])), f"{{{draw(GROUPS)}}}"]
        words.append(" ".join(path))
    return " ".join(words)


def meets(span: Span, condition: Condition) -> bool:
    key, op, value = condition.key, condition.op, condition.value
    failed = "error" in span["tags"]
    if condition.tag:
        have: Any = str(span["tags"][key]) if key in span["tags"] else None
        if key == "error":
            have = "true" if failed else "false"
        if have is None:
            return False
        number = float(have) if op in (">", ">=", "<", "<=") else 0.0
    elif key == "error":
        return failed
    elif key == "duration":
        have, number, value = None, span["duration"], value.removesuffix("us")
        if op == "=":
            return bool(number == float(value))
    else:
        have, number = span[key], 0.0
    return {
        "=": lambda: have == value,
        "!=": lambda: have != value,
        "~": lambda: value.lower() in have.lower(),
        "!~": lambda: value.lower() not in have.lower(),
        ">": lambda: number > float(value),
        ">=": lambda: number >= float(value),
        "<": lambda: number < float(value),
        "<=": lambda: number <= float(value),
    }[op]()  # fmt: skip


def is_above(found: list[Span], high: int, low: int) -> bool:
    at = found[low]["above"]
    while at >= 0:
        if at == high:
            return True
        at = found[at]["above"]
    return False


def path_from(found: list[Span], row: int, path: Path, side: int) -> bool:
    """Whether the rest of a path goes on from a span of a side."""
    if side == len(path.steps):
        return True
    step = path.steps[side]
    near = [
        low
        for low in range(len(found))
        if all(meets(found[low], c) for c in path.sides[side + 1])
        and (
            found[low]["above"] == row
            if step in (">", "!>")
            else is_above(found, row, low)
        )
    ]
    if step.startswith("!"):
        return not near
    return any(path_from(found, low, path, side + 1) for low in near)


def brute(found: list[Span], line: QueryLine) -> bool:
    """By definition: every span, every pair of spans."""

    def rows(group: tuple[Condition, ...]) -> list[int]:
        return [
            row
            for row, span in enumerate(found)
            if all(meets(span, condition) for condition in group)
        ]

    return (
        (not line.span or bool(rows(line.span)))
        and not any(rows(group) for group in line.without)
        and all(
            any(path_from(found, row, path, 0) for row in rows(path.sides[0]))
            for path in line.paths
        )
    )


@settings(max_examples=600, deadline=None)
@given(spans(), lines())
def test_a_line_holds_where_a_look_at_every_span_says_so(
    found: list[Span], text: str
) -> None:
    trace = adjust(make_trace(found, shuffle=len(found)))
    line = read_line(text)
    expected = brute(found, line)
    assert line_holds(trace, frames_of(trace.details), line) == expected, text
    stored, _ = codec.decode_columns(codec.encode_columns(trace, {}))
    details = codec.encode_details(trace)
    frames = lambda: codec.detail_frames(details)  # noqa: E731
    assert line_holds(stored, frames, line) == expected
    if not needs_tags(line):
        bare = codec.decode_bare(codec.encode_columns(trace, {}))
        assert line_holds(bare, frames, line) == expected


def test_a_chain_of_100_000_spans_is_looked_through() -> None:
    found = [
        {
            "id": f"{row + 1:016x}",
            "parent": f"{row:016x}" if row else "",
            "service": "a" if row < 99_999 else "z",
        }
        for row in range(100_000)
    ]
    trace = adjust(make_trace(found))
    frames = frames_of(trace.details)
    assert line_holds(trace, frames, read_line("a >> z"))
    assert not line_holds(trace, frames, read_line("z >> a"))
    assert line_holds(trace, frames, read_line("{service=a} !> z"))
    assert not line_holds(trace, frames, read_line("{service=a} !>> z"))


def test_a_tag_of_the_process_counts_as_the_spans() -> None:
    trace = adjust(
        make_trace([{"id": "1", "process": {"zone": "eu"}}, {"id": "2", "parent": "1"}])
    )
    frames = frames_of(trace.details)
    assert line_holds(trace, frames, read_line("zone=eu"))
    assert line_holds(trace, frames, read_line("-zone=us"))
    assert not line_holds(trace, frames, read_line("zone!=eu"))
