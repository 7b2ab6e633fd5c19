"""The graph for other tools: DOT, GraphML and Mermaid. Names are hostile text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

MAX_NAME = 1_000
# What XML 1.0 cannot hold in any form, and lone surrogates.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
SHAPES = {
    "database": "cylinder",
    "queue": "cds",
    "external": "ellipse",
    "gateway": "house",
    "untraced": "box",
    "group": "folder",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A node as exports tell it."""

    id: str
    label: str
    kind: str
    namespace: str
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as exports tell it; times in µs."""

    caller: str
    callee: str
    calls: int
    errors: int
    attempts: int
    p50_us: int
    p95_us: int
    p99_us: int
    asynchronous: bool


def _plain(text: str) -> str:
    """Text without what no format can hold."""
    return NOT_XML.sub("\ufffd", text[:MAX_NAME])


def _dot(text: str) -> str:
    """A quoted DOT string: only quotes end it, only a backslash escapes."""
    text = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r") + '"'


def _unique(nodes: list[Node]) -> dict[str, str]:
    """Ids that differ still, where what cannot be written made them equal."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for node in nodes:
        name = _plain(node.id)
        while name in used:
            name += "'"
        used.add(name)
        found[node.id] = name
    return found


def to_dot(nodes: list[Node], edges: list[Edge]) -> str:
    """Graphviz."""
    ids = _unique(nodes)
    lines = ["digraph spanboard {", "  rankdir=LR;", "  node [shape=box];"]
    for node in nodes:
        shape = SHAPES.get(node.kind, "box")
        lines.append(
            f"  {_dot(ids[node.id])} [label={_dot(node.label)}, shape={shape}, "
            f"kind={_dot(node.kind)}, namespace={_dot(node.namespace)}, "
            f'calls="{node.calls}", errors="{node.errors}"];'
        )
    for edge in edges:
        style = ", style=dashed" if edge.asynchronous else ""
        lines.append(
            f"  {_dot(ids[edge.caller])} -> {_dot(ids[edge.callee])} "
            f'[label="{edge.calls}", calls="{edge.calls}", errors="{edge.errors}", '
            f'attempts="{edge.attempts}", p50_us="{edge.p50_us}", '
            f'p95_us="{edge.p95_us}", p99_us="{edge.p99_us}"{style}];'
        )
    return "\n".join([*lines, "}", ""])


NODE_KEYS = (
    ("label", "string"),
    ("kind", "string"),
    ("namespace", "string"),
    ("calls", "long"),
    ("errors", "long"),
)
EDGE_KEYS = (
    ("calls", "long"),
    ("errors", "long"),
    ("attempts", "long"),
    ("p50_us", "long"),
    ("p95_us", "long"),
    ("p99_us", "long"),
    ("asynchronous", "boolean"),
)


def to_graphml(nodes: list[Node], edges: list[Edge]) -> str:
    """GraphML, with figures as data of nodes and edges."""
    ids = _unique(nodes)
    lines = [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    for owner, keys in (("node", NODE_KEYS), ("edge", EDGE_KEYS)):
        lines += [
            f'  <key id="{owner}-{name}" for="{owner}" attr.name="{name}" '
            f'attr.type="{kind}"/>'
            for name, kind in keys
        ]
    lines.append('  <graph edgedefault="directed">')
    for node in nodes:
        lines.append(f"    <node id={_attribute(ids[node.id])}>")
        lines += _data("node", node, NODE_KEYS)
        lines.append("    </node>")
    for edge in edges:
        lines.append(
            f"    <edge source={_attribute(ids[edge.caller])} "
            f"target={_attribute(ids[edge.callee])}>"
        )
        lines += _data("edge", edge, EDGE_KEYS)
        lines.append("    </edge>")
    return "\n".join([*lines, "  </graph>", "</graphml>", ""])


WHITE = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def _attribute(text: str) -> str:
    """A quoted attribute; white space would become blanks if written as it is."""
    return quoteattr(_plain(text), WHITE)


def _data(
    owner: str, item: Node | Edge, keys: tuple[tuple[str, str], ...]
) -> list[str]:
    found = []
    for name, _kind in keys:
        value = getattr(item, name)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        safe = escape(_plain(text), {"\r": "&#13;"})
        found.append(f'      <data key="{owner}-{name}">{safe}</data>')
    return found


def _mermaid(text: str) -> str:
    """A quoted Mermaid label: everything but plain characters as a numeric entity."""
    return "".join(
        char if char.isalnum() or char in " .-_/:@" else f"#{ord(char)};"
        for char in _plain(text)
    )


def to_mermaid(nodes: list[Node], edges: list[Edge]) -> str:
    """A Mermaid flowchart; nodes have numbers, names are labels."""
    number = {node.id: f"n{n}" for n, node in enumerate(nodes)}
    around = {
        "database": ('[("', '")]'),
        "queue": ('[["', '"]]'),
        "external": ('(["', '"])'),
        "gateway": ('{{"', '"}}'),
    }
    lines = ["flowchart LR"]
    for node in nodes:
        left, right = around.get(node.kind, ('["', '"]'))
        lines.append(f"  {number[node.id]}{left}{_mermaid(node.label)}{right}")
    for edge in edges:
        arrow = "-.->" if edge.asynchronous else "-->"
        label = f"{edge.calls}"
        if edge.errors:
            label += f" ({edge.errors} failed)"
        lines.append(
            f'  {number[edge.caller]} {arrow}|"{_mermaid_words(label)}"| '
            f"{number[edge.callee]}"
        )
    return "\n".join([*lines, ""])


def _mermaid_words(text: str) -> str:
    return text.replace("(", "#40;").replace(")", "#41;")
