"""A window of the service graph for others: clean names, nothing that leads back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from dashboard.graph import attributes as a
from dashboard.graph.names import GROUP, MARKS, namespace_id, node_id
from dashboard.graph.options import GraphOptions
from dashboard.presenters.colors import monogram, preferred
from dashboard.presenters.topology import View, shape_text, view_data, view_of
from dashboard.presenters.topology_panel import stored_edge, stored_node
from dashboard.presenters.topology_parts import (
    edge_sentence,
    group_label,
    kind_text,
    label_of,
    sampling_data,
    sentence,
)
from dashboard.redaction.graph_names import GraphNames, part_of
from dashboard.redaction.state import clean_state

MOST_PANELS = 60  # of nodes, and of edges; those with most calls
FIGURES = (
    "calls calls_text errors error_share error_text rate rate_text p50_us p95_us p99_us "
    "p50_text p95_text p99_text spread_us p50_spread_us p99_spread_us"
)
NODE_KEPT = [*FIGURES.split(), "members", "virtual", "kind", "x", "y"]
EDGE_KEPT = [*FIGURES.split(), "attempts", "asynchronous", "failing", "inner"]
EDGE_KEPT += ["calls_itself"]
KEPT = ["level", "grouped", "counts", "start_us", "end_us", "seconds", "updated_us"]
KEPT += ["hidden", "band", "live"]
OF_THE_PAGE = ("view", "uiFind")
Data = dict[str, Any]


class Shared:
    """Cleans views of one graph; equal names stay equal through all of them."""

    def __init__(self, names: GraphNames):
        self.names = names

    def data(self, view: View) -> Data:
        """What a shared page gets of a view, ready to be ``told``."""
        self.view = view
        found = self.found = view_data(view)
        graph = view.graph
        listed = sorted(graph)
        for name in listed:
            self.id_of(name)
        nodes = [self._node(node) for node in found["nodes"]]
        edges = [self._edge(edge) for edge in found["edges"]]
        places = {node["id"]: (node["x"], node["y"]) for node in nodes}
        text = self.names.redactor.text
        return {
            **{name: found[name] for name in KEPT},
            "nodes": nodes,
            "edges": edges,
            "groups": [
                {**group, **self._group(group["name"])} for group in found["groups"]
            ],
            "names": sorted(
                [self.id_of(name), self.group_of(view.groups.of.get(name, ""))]
                for name in listed
            ),
            "samplers": [
                [text(one["type"]), text(one["param"]), one["traces"]]
                for one in found["sampling"]["kinds"]
            ],
            "focus": self.known_id(view.options.focus),
            "shape": shape_text(places),
            "overlay": None,
            "at_us": None,
        }

    def asked(self) -> list[list[str]]:
        """The filters in force, as far as they may be told."""
        options = self.view.options
        pairs = [(name, getattr(options, name)) for name in ("find", "hide")]
        state = urlencode([(name, value) for name, value in pairs if value])
        kept = parse_qsl(clean_state(self.names.redactor, state))
        return [[name, value] for name, value in kept]

    def id_of(self, name: str) -> str:
        """The clean id of a node of the view."""
        known = self.names.ids.get(name)
        if known is not None:
            return known
        if name.startswith(GROUP) and name not in self.view.graph:
            return GROUP + self.group_of(name.removeprefix(GROUP))
        return self.names.id(name, self._wanted_id(name))

    def _wanted_id(self, name: str) -> str:
        node, level = self.view.graph.nodes[name], self.view.options.level
        own = _parts(node)
        clean = part_of(self.names, own)
        if clean == {key: own[key] for key in clean}:
            return name
        if level == "service":
            return clean["service"]
        if level == "namespace":
            return namespace_id(clean["namespace"], node[a.VIRTUAL], node[a.KIND])
        part = clean[level] if level in MARKS else ""
        return node_id(level, clean["service"], part)

    def known_id(self, name: str) -> str:
        """The clean id of a node, empty where the view has none of that name."""
        shown = self.view.shown
        return self.id_of(name) if name in self.view.graph or name in shown else ""

    def group_of(self, name: str) -> str:
        """A group's clean name."""
        if not name or name.startswith("("):
            return name
        if name in self.view.graph:  # a community has the name of a member
            return self.id_of(name)
        own = f"{GROUP}{name}"
        clean = self.names.name("namespace", name)
        return self.names.id(own, f"{GROUP}{clean}").removeprefix(GROUP)

    def _group(self, name: str) -> Data:
        clean = self.group_of(name)
        return {"name": clean, "label": group_label(clean)}

    def _node(self, node: Data) -> Data:
        graph = self.view.shown
        own = graph.nodes[node["id"]]
        parts = part_of(self.names, _parts(own))
        group = self.group_of(own.get(a.GROUP, ""))
        told = {**own, **parts, a.GROUP: group}
        label = label_of(self.id_of(node["id"]), told, self.view.options.level)
        hidden = parts["service"] != own[a.SERVICE]
        found = {
            **{name: node[name] for name in NODE_KEPT},
            **parts,
            "id": self.id_of(node["id"]),
            "label": label,
            "group": group,
            "monogram": monogram(label),
            "slot": preferred(parts["service"]) if hidden else node["slot"],
            "versions": [
                {**version, "version": self.names.name("version", version["version"])}
                for version in node["versions"]
            ],
        }
        if "found" in node:
            found["found"] = node["found"]
        return found

    def _edge(self, edge: Data) -> Data:
        caller, callee = self.id_of(edge["caller"]), self.id_of(edge["callee"])
        version = self.names.name
        found = {
            **{name: edge[name] for name in EDGE_KEPT},
            "id": f"{caller}\0{callee}",
            "caller": caller,
            "callee": callee,
            "pairs": [
                {
                    **pair,
                    "caller_version": version("version", pair["caller_version"]),
                    "callee_version": version("version", pair["callee_version"]),
                }
                for pair in edge["pairs"]
            ],
        }
        if "found" in edge:
            found["found"] = edge["found"]
        return found

    def panels(self) -> dict[str, Data]:
        """Charts and operations of what is chosen and of the busiest, by clean id."""
        view = self.view
        whole = view_of(
            plain_options(view), view.window_sums, (view.first, view.last), view.now_us
        )

        options = view.options
        chosen = {options.node, f"{options.caller}\0{options.callee}"}

        def busiest(items: list[Data]) -> list[Data]:
            def place(item: Data) -> tuple[bool, int, str]:
                return item["id"] not in chosen, -item["calls"], item["id"]

            return sorted(items, key=place)[:MOST_PANELS]

        found = {
            self.id_of(node["id"]): stored_node(whole, node["id"])
            for node in busiest(self.found["nodes"])
        }
        for edge in busiest(self.found["edges"]):
            ends = edge["caller"], edge["callee"]
            key = "\0".join(self.id_of(end) for end in ends)
            found[key] = stored_edge(whole, *ends)
        for panel in found.values():
            for row in panel["operations"]:
                for name in ("operation", "caller_operation"):
                    if row.get(name):
                        row[name] = self.names.name("operation", row[name])
        return found

    def state(self, query: str) -> str:
        """What the page opens with: view, choice and find, by clean names."""
        kept = []
        for name, value in parse_qsl(query, max_num_fields=200):
            if name in ("node", "caller", "callee"):
                value = self.known_id(value)
            elif name not in OF_THE_PAGE:
                continue
            if value:
                kept.append((name, value))
        ends = [value for name, value in kept if name in ("caller", "callee")]
        if len(ends) == 1:  # half an edge chooses nothing
            kept = [pair for pair in kept if pair[0] not in ("caller", "callee")]
        chosen = [pair for pair in kept if pair[0] not in OF_THE_PAGE]
        typed = [pair for pair in kept if pair[0] in OF_THE_PAGE]
        rest = clean_state(self.names.redactor, urlencode(typed))
        return "&".join(part for part in (rest, urlencode(chosen)) if part)


def plain_options(view: View) -> GraphOptions:
    """The view's options without what leaves nodes out: a panel tells of all calls."""
    return replace(view.options, focus="", hide="", find="", self_calls=True)


def _parts(node: Any) -> Data:
    return {
        "service": node.get(a.SERVICE, ""),
        "version": node.get(a.VERSION, ""),
        "operation": node.get(a.OPERATION, ""),
        "instance": node.get(a.INSTANCE, ""),
        "namespace": node.get(a.NAMESPACE, ""),
        "virtual": bool(node.get(a.VIRTUAL)),
    }


def told(data: Data) -> Data:
    """Shared data with their sentences, in the reader's language; a copy."""
    labels: dict[str, str] = {}
    nodes = []
    for node in data["nodes"]:
        label = node["label"]
        if node["kind"] == "group":
            label = group_label(node["group"])
        labels[node["id"]] = label
        words = kind_text(node["kind"], node["virtual"])
        nodes.append({**node, "label": label, "kind_text": words})
    edges = []
    for edge in data["edges"]:
        ends = labels[edge["caller"]], labels[edge["callee"]]
        words = edge_sentence(*ends, edge["errors"], edge)
        edges.append({**edge, "sentence": words, "traces_url": ""})
    return {
        **data,
        "nodes": nodes,
        "edges": edges,
        "sentence": sentence(nodes, edges),
        "sampling": sampling_data([(a, b, n) for a, b, n in data["samplers"]]),
    }
