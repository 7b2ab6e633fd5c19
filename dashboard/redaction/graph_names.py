"""Takes secrets out of the names of a service graph; ids stay unlike where they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.redaction.notes import marks, shown_part
from dashboard.redaction.redactor import Redactor

# The tags that these names come from: an allow-list and rules with keys go by them.
KEYS = {
    "version": ("service.version",),
    "namespace": ("k8s.namespace.name", "service.namespace"),
    "instance": ("k8s.pod.name", "service.instance.id", "host.name"),
    "peer": ("peer.service", "server.address", "db.name", "messaging.destination"),
}


@dataclass(slots=True)
class Found:
    """A name that changed, and how often it stood there."""

    kind: str
    before: str
    after: str
    times: int = 0


@dataclass(slots=True)
class GraphNames:
    """Clean names, equal ones for equal ones, and what changed.

    A name that the author takes out by hand is in ``redactor.by_hand``.
    """

    redactor: Redactor
    changes: dict[tuple[str, str], Found] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)  # clean id → its own
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, kind: str, text: str) -> str:
        """A service, operation, version, namespace, instance, group or peer."""
        if not text:
            return text
        clean = self._known.get((kind, text))
        if clean is None:
            clean = self._known[kind, text] = self._clean(kind, text)
        if clean != text:
            change = self.changes.setdefault((kind, text), Found(kind, text, clean))
            change.times += 1
        return clean

    def _clean(self, kind: str, text: str) -> str:
        redactor = self.redactor
        if text.lower() in redactor.by_hand:
            return redactor.label("by-hand", text)
        keys = KEYS.get(kind, ())
        allow = redactor.policy.allow
        if keys and allow is not None and not any(map(allow.fullmatch, keys)):
            return redactor.label("not-allowed", text)
        for key in keys if kind != "peer" else ():
            text = redactor.field(key, text)
        return text if keys and kind != "peer" else redactor.text(text)

    def id(self, own: str, wanted: str) -> str:
        """The clean id of a node: what is wanted, unless another one has it."""
        known = self.ids.get(own)
        if known is not None:
            return known
        found, number = wanted, 1
        while self.taken.get(found, own) != own:
            number += 1
            found = f"{wanted} ({number})"
        self.ids[own] = found
        self.taken[found] = own
        return found

    def page(self, page: int, size: int = 20) -> dict[str, Any]:
        """What changed, the most frequent first, as ``Notes.page`` tells it.

        The texts before are secrets: for the author only.
        """
        found = sorted(
            self.changes.values(), key=lambda f: (-f.times, f.kind, f.before)
        )
        pages = max(-(-len(found) // size), 1)
        page = min(max(page, 1), pages)
        examples = []
        for one in found[(page - 1) * size : page * size]:
            gone, labels = marks(one.before, one.after, self.redactor.values)
            examples.append(
                {
                    "field": one.kind,
                    "times": one.times,
                    "before": shown_part(one.before, gone),
                    "after": shown_part(one.after, labels),
                }
            )
        return {
            "examples": examples,
            "fields": len(found),
            "page": page,
            "pages": pages,
        }


def part_of(names: GraphNames, node: Mapping[str, Any]) -> dict[str, str]:
    """The clean parts of a node's name: service, version, operation, …"""
    kind = "peer" if node["virtual"] else "service"
    return {
        "service": names.name(kind, node["service"]),
        "version": names.name("version", node["version"]),
        "operation": names.name("operation", node["operation"]),
        "instance": names.name("instance", node["instance"]),
        "namespace": names.name("namespace", node["namespace"]),
    }
