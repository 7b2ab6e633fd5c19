"""Exports of the graph, parsed back: hostile names stay names."""

from __future__ import annotations

import io
import re

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.graph.export import NOT_XML, Edge, Node, to_dot, to_graphml, to_mermaid

HOSTILE = [
    'a"];b->c;"',
    "back\\",
    'quote\\"',
    "line\nbreak\r\ttab",
    "<script>&amp;]]></data>",
    "end",
    "#35;",
    "naïve 服务 🚀",
    "a|b{c}(d)[e]",
    "%% comment",
]
names = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6, unique=True)


def graph(found: list[str]) -> tuple[list[Node], list[Edge]]:
    nodes = [
        Node(name, name, ["service", "database"][n % 2], name, n, 0)
        for n, name in enumerate(found)
    ]
    edges = [
        Edge(one, other, 5 + n, n, 5, 1, 2, 3, n % 2 == 1)
        for n, (one, other) in enumerate(zip(found, found[1:] + found[:1], strict=True))
    ]
    return nodes, edges


def plain(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)


def ids(found: list[str]) -> list[str]:
    """What the names become when equal ones are told apart."""
    result: list[str] = []
    for name in found:
        text = plain(name)
        while text in result:
            text += "'"
        result.append(text)
    return result


TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|->|[\w=\[\],;{}]+|\s+', re.S)


def unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(match[1], match[1])


def dot_strings(line: str) -> list[str]:
    """The quoted strings of a line, by the lexical rules of DOT."""
    found, at = [], 0
    while at < len(line):
        match = TOKEN.match(line, at)
        assert match is not None, line[at:]
        if match[1] is not None:
            found.append(re.sub(r"\\(.)", unescaped, match[1]))
        at = match.end()
    return found


def check_dot(found: list[str]) -> None:
    lines = to_dot(*graph(found)).rstrip("\n").split("\n")
    assert lines[0] == "digraph spanboard {"
    assert lines[-1] == "}"
    body = lines[3:-1]
    assert len(body) == 2 * len(found)
    wanted = ids(found)
    for name, line in zip(found, body[: len(found)], strict=True):
        strings = dot_strings(line)
        assert strings[:2] == [wanted[found.index(name)], plain(name)]
    for n, line in enumerate(body[len(found) :]):
        strings = dot_strings(line)
        assert strings[:3] == [
            wanted[n],
            wanted[(n + 1) % len(found)],
            str(5 + n),
        ]


def check_graphml(found: list[str]) -> None:
    back = nx.read_graphml(io.BytesIO(to_graphml(*graph(found)).encode()))
    wanted = ids(found)
    assert list(back.nodes) == wanted
    for n, name in enumerate(found):
        assert back.nodes[wanted[n]].get("label", "") == plain(name)
        edge = back.edges[wanted[n], wanted[(n + 1) % len(found)]]
        assert (edge["calls"], edge["asynchronous"]) == (5 + n, n % 2 == 1)


def check_mermaid(found: list[str]) -> None:
    lines = to_mermaid(*graph(found)).rstrip("\n").split("\n")
    assert lines[0] == "flowchart LR"
    assert len(lines) == 1 + 2 * len(found)
    for n, name in enumerate(found):
        match = re.fullmatch(r'  n(\d+)\[\(?"([^"]*)"\)?\]', lines[1 + n])
        assert match is not None, lines[1 + n]
        text = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), match[2])
        assert (int(match[1]), text) == (n, plain(name))
    for n, line in enumerate(lines[1 + len(found) :]):
        match = re.fullmatch(r'  n(\d+) -(?:\.-|-)>\|"(\d+)[^"]*"\| n(\d+)', line)
        assert match is not None, line
        assert [int(part) for part in match.groups()] == [
            n,
            5 + n,
            (n + 1) % len(found),
        ]


@pytest.mark.parametrize("check", [check_dot, check_graphml, check_mermaid])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(check: object, name: str) -> None:
    check([name, "b", "c"])  # type: ignore[operator]  # a function


@settings(max_examples=150)
@given(names)
def test_any_names_are_parsed_back(found: list[str]) -> None:
    check_dot(found)
    check_mermaid(found)
    check_graphml(found)
