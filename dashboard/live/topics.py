"""What pages can follow. One topic serves all pages that ask for the same."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from django.utils import translation

from dashboard.actions.shares import site_policy
from dashboard.presenters import sources, topology
from dashboard.presenters.live_results import LiveSearch, trace_state
from dashboard.presenters.topology_live_share import live_share_data
from dashboard.presenters.wire import to_json
from dashboard.reads.live import ChangedTraces
from dashboard.redaction.redactor import Redactor
from dashboard.traces.ids import trace_key

log = logging.getLogger(__name__)
Parameters = dict[str, list[str]]


class Member(Protocol):
    """A page's connection, as topics see it."""

    hidden: bool

    def offer(self, message: str, *, is_reset: bool) -> None:
        """Take a message now or skip it; never waits."""

    def fail(self) -> None:
        """Close: its topic can not be served."""


@dataclass(slots=True)
class Change:
    """What was announced since the last turn."""

    traces: ChangedTraces
    everything: bool = False  # some announcement may be missing, or all has changed
    sources: bool = False

    def __bool__(self) -> bool:
        return bool(self.traces.keys or self.everything or self.sources)


@dataclass(slots=True)
class Told:
    """Messages that a turn made: for those who follow, for those who came new."""

    diff: str | None = None
    reset: str | None = None
    to_all: bool = False  # the reset is for everybody


@dataclass
class Topic:
    """A query in a language: computed once, written once, sent to all members.

    ``reset`` and ``diff`` run in the thread of the topic's lane, one at a time;
    all else belongs to the server's loop.
    """

    name: str
    parameters: Parameters
    language: str
    members: set[Member] = field(default_factory=set)
    joining: set[Member] = field(default_factory=set)  # wait for a reset
    seq: int = 0
    kept_reset: str | None = None  # as long as it is true
    stale: bool = True  # changed while nobody looked

    @property
    def is_seen(self) -> bool:
        """Whether one page at least is in view."""
        return any(not member.hidden for member in self.members)

    def concerns(self, change: Change) -> bool:
        """Whether a change may touch it; decided without the database."""
        return bool(change.traces.keys or change.everything)

    def turn(self, change: Change, is_joined: bool) -> Told:
        """The messages of one turn; runs in the lane's thread."""
        told = Told()
        with translation.override(self.language):
            if self.concerns(change):
                self.kept_reset = None
                if change.everything or self.stale:
                    told.to_all = True
                else:
                    content = self.diff(change)
                    if content is not None:
                        self.seq += 1
                        told.diff = self._text("diff", content)
            if (is_joined or told.to_all) and self.kept_reset is None:
                self.kept_reset = self._text("reset", self.reset())
                self.stale = False
            told.reset = self.kept_reset
        return told

    def _text(self, kind: str, content: dict[str, Any]) -> str:
        return to_json({"type": kind, "seq": self.seq, **content}).decode()

    def reset(self) -> dict[str, Any]:
        """The whole of what the page shows."""
        raise NotImplementedError("a topic says what its page shows")

    def diff(self, change: Change) -> dict[str, Any] | None:
        """What changed; ``None`` sends nothing."""
        raise NotImplementedError("a topic says what changed")


class SearchTopic(Topic):
    """The traces that match a search."""

    def reset(self) -> dict[str, Any]:
        """Rows of the search as it is now."""
        self.live = LiveSearch(self.parameters)
        return self.live.reset()

    def diff(self, change: Change) -> dict[str, Any] | None:
        """Rows that are new, changed or gone."""
        return self.live.diff(change.traces)


class TraceTopic(Topic):
    """One trace's growth; its name is the trace's id."""

    def concerns(self, change: Change) -> bool:
        """Only its own trace."""
        return change.everything or trace_key(self.name) in change.traces.keys

    def reset(self) -> dict[str, Any]:
        """Version and size."""
        return trace_state(trace_key(self.name))

    def diff(self, change: Change) -> dict[str, Any] | None:
        """Version and size again; the page fetches what it needs."""
        return self.reset()


class GraphTopic(Topic):
    """The service graph of a window that ends now."""

    def reset(self) -> dict[str, Any]:
        """Everything."""
        self.shown = self.fresh()
        return self.shown

    def fresh(self) -> dict[str, Any]:
        """The graph as it is now."""
        return topology.live_data(self.parameters)

    def diff(self, change: Change) -> dict[str, Any] | None:
        """Nodes and edges whose numbers differ from those sent last."""
        fresh = self.fresh()
        difference = topology.difference(self.shown, fresh)
        self.shown = fresh
        return difference


class SharedGraphTopic(GraphTopic):
    """The graph of a share; its name is the snapshot's number."""

    def fresh(self) -> dict[str, Any]:
        """The graph as it is now, with clean names."""
        (query,) = self.parameters["query"]
        return live_share_data(int(self.name), query, lambda: Redactor(site_policy()))


class SourcesTopic(Topic):
    """State of the sources."""

    def concerns(self, change: Change) -> bool:
        """Their state, and how much each holds."""
        return bool(change)

    def reset(self) -> dict[str, Any]:
        """All sources."""
        return {"sources": sources.source_rows()}

    def diff(self, change: Change) -> dict[str, Any] | None:
        """All sources again; there are few."""
        return self.reset()


KINDS: dict[str, type[Topic]] = {
    "search": SearchTopic,
    "trace": TraceTopic,
    "graph": GraphTopic,
    "shared-graph": SharedGraphTopic,
    "sources": SourcesTopic,
}
ALIVE = msgspec.json.encode({"type": "alive"}).decode()
SOURCES_CHANGED = msgspec.json.encode({"type": "sources"}).decode()
