"""A live query of the service graph behind a share: its data, with clean names."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from dashboard.graph.options import GraphOptions
from dashboard.presenters.topology import build_view
from dashboard.presenters.topology_shared import Shared, told
from dashboard.redaction.graph_names import GraphNames
from dashboard.redaction.redactor import Redactor

MOST_KEPT = 100


@dataclass
class _Kept:
    """One share's cleaner: equal names have equal labels as long as it is kept."""

    shared: Shared
    lock: threading.Lock = field(default_factory=threading.Lock)
    moment: int = 0
    data: dict[str, Any] | None = None


_kept: OrderedDict[int, _Kept] = OrderedDict()
_lock = threading.Lock()


def options_of(query: str) -> GraphOptions:
    """The options of a stored query."""
    options, _problems, _unknown = GraphOptions.read(parse_qs(query))
    return options


def live_share_data(
    number: int, query: str, new_redactor: Callable[[], Redactor]
) -> dict[str, Any]:
    """What a live share (a snapshot's ``number``) shows now; made once a second."""
    with _lock:
        kept = _kept.get(number)
        if kept is None:
            kept = _kept[number] = _Kept(Shared(GraphNames(new_redactor())))
            if len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(number)
    moment = time.time_ns() // 1_000_000_000
    with kept.lock:
        if kept.data is None or kept.moment != moment:
            kept.data = kept.shared.data(build_view(options_of(query)))
            kept.moment = moment
        return told(kept.data)
