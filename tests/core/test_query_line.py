"""The line of query: what it means, where it fails, and its way to the form and back."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.traces.query import TraceQuery
from dashboard.traces.query_line import Condition, Path, QueryLine, contains
from dashboard.traces.query_parse import MAX_CONDITIONS, LineError, read_line

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=8,
).filter(lambda text: text == text.strip())
WORDS = st.one_of(TEXTS, st.sampled_from(["reviews", "5", "1s", "-x", "all", "a=b"]))
COMPARISONS = st.sampled_from(["=", "!=", ">", ">=", "<", "<="])
DURATIONS = st.sampled_from(["200ms", "1.5s", "10us", "3ns", "2m"])
TEXT_OPERATORS = st.sampled_from(["=", "!=", "~", "!~"])
TAGS = st.one_of(
    st.builds(
        lambda key, op, value: Condition(key, op, value, tag=True),
        st.one_of(TEXTS, st.sampled_from(["service", "duration", "http.status_code"])),
        TEXT_OPERATORS,
        WORDS,
    ),
    st.builds(
        lambda op, value: Condition("size", op, str(value), tag=True),
        COMPARISONS,
        st.integers(-9, 9999),
    ),
)
CONDITIONS = st.one_of(
    TAGS,
    st.builds(
        Condition, st.sampled_from(["service", "operation"]), TEXT_OPERATORS, WORDS
    ),
    st.builds(Condition, st.just("duration"), COMPARISONS, DURATIONS),
    st.just(Condition("error")),
)
GROUPS = st.lists(CONDITIONS, max_size=3).map(tuple)
WHOLE = st.one_of(
    st.builds(Condition, st.just("trace.duration"), COMPARISONS, DURATIONS),
    st.builds(
        Condition,
        st.sampled_from(["trace.spans", "trace.services"]),
        COMPARISONS,
        st.integers(0, 99).map(str),
    ),
    st.sampled_from([Condition("trace.error"), Condition("trace.error", "=", "false")]),
)


@st.composite
def paths(draw: st.DrawFn) -> Path:
    sides = draw(st.lists(GROUPS, min_size=1, max_size=4))
    steps = [draw(st.sampled_from([">", ">>"])) for _ in sides[1:]]
    if steps:
        steps[-1] = draw(st.sampled_from([">", ">>", "!>", "!>>"]))
    return Path(tuple(sides), tuple(steps))


LINES = st.builds(
    QueryLine,
    GROUPS,
    st.lists(WHOLE, max_size=2).map(tuple),
    st.lists(GROUPS.filter(bool), max_size=2).map(tuple),
    st.lists(paths(), max_size=2).map(tuple),
)


@given(LINES)
def test_a_line_reads_back_as_an_equal_one(line: QueryLine) -> None:
    assert read_line(line.text()) == line


def meanings(line: QueryLine) -> set[tuple[str, str, object, bool]]:
    """Conditions of one span, with durations as numbers."""
    return {
        (c.key, c.op, c.number if c.key == "duration" and not c.tag else c.value, c.tag)
        for c in line.span
    }


@given(LINES)
def test_form_and_line_are_two_views_of_one_thing(line: QueryLine) -> None:
    query, problems, _ = TraceQuery.read({"q": [line.text()]})
    if problems:  # the least duration over the longest is told in both
        assert [p.code for p in problems] == ["min-over-max"]
    again = query.whole_line().text()
    assert TraceQuery.read({"q": [again]})[0] == query
    assert TraceQuery.read(parse_qs(query.to_query_string()))[0] == query
    assert meanings(query.whole_line()) == meanings(line)
    assert query.line.paths == line.paths


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        line = read_line(text)
    except LineError as wrong:
        assert 0 <= wrong.position <= len(text)
        assert wrong.code
    else:
        assert read_line(line.text()) == line


def test_what_the_form_can_say_goes_to_its_fields() -> None:
    text = "service=reviews duration>=200ms duration<=2s error http.status_code=503"
    query, problems, unknown = TraceQuery.read({"q": [text + " -operation~health"]})
    assert not problems
    assert not unknown
    assert (query.service, query.min_duration_us) == ("reviews", 200_000)
    assert (query.max_duration_us, query.error) == (2_000_000, True)
    assert query.tags == (("http.status_code", "503"),)
    assert query.line.text() == "-operation~health"
    assert query.parameters()[-1] == ("q", "-operation~health")


def test_a_field_that_is_taken_leaves_the_rest_in_the_line() -> None:
    query, _, _ = TraceQuery.read({"service": ["a"], "q": ["service=b"]})
    assert query.service == "a"
    assert query.whole_line().text() == "service=a service=b"


def test_a_quoted_key_is_a_tag() -> None:
    line = read_line('"service"=x')
    assert line.span == (Condition("service", "=", "x", tag=True),)
    assert TraceQuery.read({"q": ['"service"=x']})[0].tags == (("service", "x"),)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a > b", "a > b"),
        ("a>>b", "a >> b"),
        ("a !>> b", "a !>> b"),
        ("a>{error}", "a > {error}"),
        ("{service=a}>>{}!>>b", "a >> {} !>> b"),
        ("{duration>1s}", "{duration>1s}"),
    ],
)
def test_paths_are_told_from_comparisons(text: str, paths: str) -> None:
    line = read_line(text)
    assert line.span == ()
    assert [path.text() for path in line.paths] == [paths]


@pytest.mark.parametrize(
    "text", ["duration > 200ms", "duration>200ms", "duration >200ms"]
)
def test_a_comparison_may_have_spaces(text: str) -> None:
    assert read_line(text).span == (Condition("duration", ">", "200ms"),)


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("service=a x", "bare-word", 10),
        ("service=", "no-value", 7),
        ("=a", "no-key", 0),
        ('service="a', "open-quote", 8),
        ("{service=a", "open-brace", 0),
        ("service=a }", "stray-brace", 10),
        ("{ {error} }", "brace-in-brace", 2),
        ("{-error}", "minus-in-braces", 1),
        ("{trace.error}", "whole-in-braces", 1),
        ("duration>fast", "bad-duration", 9),
        ("duration~5", "bad-operator", 8),
        ("service>a", "bad-operator", 7),
        ("a>b", "bad-number", 2),
        ("trace.spans>x", "bad-number", 12),
        ("trace.error=maybe", "bad-flag", 12),
        ("trace.span>5", "unknown-whole", 0),
        ("- error", "nothing-excluded", 0),
        ("-{}", "nothing-excluded", 0),
        ("error service=a > b", "needs-braces", 6),
        ("a > service=b", "needs-braces", 4),
        ("a >", "no-side", 2),
        ("a !>> b > c", "none-below-none", 8),
        ("a>>b>>c>>d>>e>>f>>g", "too-many-sides", 16),
        ("x=1 " * (MAX_CONDITIONS + 1), "too-many", 4 * MAX_CONDITIONS),
        ("x" * 2_001, "too-long", 2_000),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, code: str, position: int) -> None:
    with pytest.raises(LineError) as caught:
        read_line(text)
    assert (caught.value.code, caught.value.position) == (code, position)


def test_contains_knows_no_case_and_a_star() -> None:
    assert contains("health", "GET /Healthz")
    assert contains("get*z", "GET /healthz")
    assert contains("*", "")
    assert not contains("z*get", "GET /healthz")
