"""Find and hide expressions: read as written, refused with a hint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.graph.build import build_graph, levels_for
from dashboard.graph.contribution import Contribution, Tally
from dashboard.graph.expression import (
    COMPARE,
    Condition,
    ExpressionError,
    read_expression,
)
from dashboard.graph.filtering import find, without
from dashboard.graph.histogram import bucket_of
from dashboard.graph.tables import tables_of


class Stub:
    """A subject whose figures are given."""

    def __init__(self, values: dict[str, float | None]):
        self.values = values

    def number(self, word: str) -> float | None:
        return self.values[word]

    def texts(self, word: str) -> tuple[str, ...] | None:
        return ("pay", "Payment Service") if word == "service" else None

    def flag(self, word: str) -> bool | None:
        value = self.values["calls"]
        return None if value is None else value > 3


Tree = tuple  # ("test", word, op, n) | ("not", tree) | (and/or, left, right)
tests = st.tuples(
    st.just("test"),
    st.sampled_from(["calls", "failed", "attempts"]),
    st.sampled_from(sorted(COMPARE)),
    st.integers(0, 6),
)
trees = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=12,
)


def written(tree: Tree) -> str:
    if tree[0] == "test":
        return f"{tree[1]} {tree[2]} {tree[3]}"
    if tree[0] == "not":
        return f"not ({written(tree[1])})"
    return f"({written(tree[1])}) {tree[0]} ({written(tree[2])})"


def truth(tree: Tree, values: dict[str, float | None]) -> bool | None:
    if tree[0] == "test":
        value = values[tree[1]]
        return None if value is None else COMPARE[tree[2]](value, tree[3])
    if tree[0] == "not":
        inner = truth(tree[1], values)
        return None if inner is None else not inner
    sides = [truth(side, values) for side in tree[1:]]
    if tree[0] == "or":
        return True if True in sides else None if None in sides else False
    return False if False in sides else None if None in sides else True


figures = st.fixed_dictionaries(
    {
        word: st.one_of(st.none(), st.integers(0, 6).map(float))
        for word in ("calls", "failed", "attempts")
    }
)


@given(trees, figures)
def test_a_written_expression_means_what_it_says(
    tree: Tree, values: dict[str, float | None]
) -> None:
    found = read_expression(written(tree)).matches(Stub(values))
    assert found == (truth(tree, values) is True)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    try:
        read_expression(text)
    except ExpressionError as problem:
        assert 0 <= problem.position <= len(text)


@given(
    st.lists(
        st.sampled_from(
            ["(", ")", "and", "or", "not", "calls", ">", "~", "5%", '"', "kind", "="]
        ),
        max_size=20,
    )
)
def test_any_order_of_pieces_is_read_or_refused(pieces: list[str]) -> None:
    text = " ".join(pieces)
    try:
        read_expression(text).matches(Stub({"calls": 1.0}))
    except ExpressionError as problem:
        assert 0 <= problem.position <= len(text)
    except KeyError:
        pytest.fail("a word was read that the subject does not know")


def test_and_binds_closer_than_or_and_not_closest() -> None:
    program = read_expression("calls > 1 or not calls > 2 and failed = 3").program
    names = [step if isinstance(step, str) else step.number for step in program]
    assert names == [1.0, 2.0, "not", 3.0, "and", "or"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("errors > 5%", 0.05),
        ("errors>0.05", 0.05),
        ("p95 >= 200ms", 200e6),
        ("p50 < 1.5s", 1.5e9),
        ("rate < 0.1", 0.1),
        ("RATE < 30/min", 0.5),
        ("calls != 100", 100),
    ],
)
def test_numbers_have_their_units(text: str, number: float) -> None:
    (step,) = read_expression(text).program
    assert isinstance(step, Condition)
    assert step.number == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("service ~ pay*", True),
        ("service ~ PAY*", True),
        ('service = "Payment Service"', True),
        ("service = payment", False),
        ("service != pay", False),
        ("service !~ x*", True),
        ("service ~ p?y", True),
        ("service ~ [a-c]ay", False),
        ("caller = pay", False),
        ("not caller = pay", False),
        ("caller = pay or failing", True),
    ],
)
def test_texts_and_flags(text: str, matches: bool) -> None:
    assert read_expression(text).matches(Stub({"calls": 5.0})) is matches


@pytest.mark.parametrize(
    ("text", "code", "position", "hint"),
    [
        ("erors > 5%", "unknown-word", 0, "errors"),
        ("calls > 1 and lateny > 1s", "unknown-word", 14, ""),
        ("kind = databse", "unknown-kind", 7, "database"),
        ("p95 > 200", "bad-value", 6, "200ms"),
        ("errors > 5", "bad-value", 9, "5%"),
        ("calls > -1", "bad-value", 8, "100"),
        ("calls > nan", "bad-value", 8, "100"),
        ("service > a", "bad-operator", 8, "= != ~ !~"),
        ("calls ~ 5", "bad-operator", 6, "> >= < <= = !="),
        ("(calls > 5", "open-parenthesis", 0, ""),
        ("calls > 5)", "stray-parenthesis", 9, ""),
        ("calls > 5 calls > 6", "no-connection", 10, ""),
        ("calls > 5 and", "unfinished", 13, ""),
        ("calls", "unfinished", 5, ""),
        ("", "unfinished", 0, ""),
        ('service = "a', "open-quote", 10, ""),
        ("not", "unfinished", 3, ""),
        ("calls > (", "no-value", 8, ""),
        ("> 5", "no-word", 0, ""),
        ("calls ! 5", "unreadable", 6, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    text: str, code: str, position: int, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_expression(text)
    found = caught.value
    assert (found.code, found.position) == (code, position)
    assert not hint or found.hint == hint


def test_deep_nesting_is_no_problem() -> None:
    text = "(" * 5_000 + "calls > 1" + ")" * 5_000
    assert read_expression(text).matches(Stub({"calls": 5.0}))
    assert read_expression("not " * 5_000 + "calls > 1").matches(Stub({"calls": 5.0}))


def test_expressions_on_a_graph() -> None:
    found = Contribution()
    for caller, callee, errors, kind, late_ns in (
        ("web", "pay", 10, "service", 10_000_000),
        ("pay", "ledger", 0, "database", 500_000_000),
        ("web", "shop", 1, "service", 10_000_000),
    ):
        virtual = "callee" if kind == "database" else ""
        key = (caller, callee, "", "", virtual, kind, "", "", "", "")
        tally = found.at("edge", 1, key)
        tally.add(Tally(100, errors, 110, 1, {bucket_of(late_ns): 100}))
    graph = build_graph(tables_of(found, levels_for("service")))

    def hits(text: str) -> tuple[set[str], set[tuple[str, str]]]:
        result = find(graph, read_expression(text), 60.0, {"web": "front"})
        return result.nodes, result.edges

    assert hits("errors > 6%") == ({"pay"}, {("web", "pay")})
    assert hits("p95 > 200ms") == ({"ledger"}, {("pay", "ledger")})
    assert hits("kind = database") == ({"ledger"}, {("pay", "ledger")})
    assert hits("caller = web") == (set(), {("web", "pay"), ("web", "shop")})
    assert hits("group = front")[0] == {"web"}
    assert hits("attempts > 100 and virtual") == (set(), {("pay", "ledger")})
    left = without(graph, find(graph, read_expression("service ~ l*"), 60.0))
    assert set(left) == {"web", "pay", "shop"}
    assert set(left.edges) == {("web", "pay"), ("web", "shop")}
    left = without(graph, find(graph, read_expression("callee = pay"), 60.0))
    assert set(left.edges) == {("pay", "ledger"), ("web", "shop")}
    assert set(left) == set(graph)
