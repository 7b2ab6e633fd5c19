"""State of the sources as it is stored; cheap, however many traces there are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from dashboard.actions.arrivals import bucket_ms
from dashboard.models import Source, SourceMinute

HOUR = 60
LAG_MINUTES = 5


@dataclass(slots=True)
class Arrivals:
    """What a source gave lately."""

    unfolded: int = 0  # traces that ``Source.held`` does not know yet
    newest_us: int = 0
    minute_traces: int = 0  # of the last whole minute
    minute_spans: int = 0
    hour_traces: int = 0  # of the last 60 whole minutes
    hour_spans: int = 0
    lags: dict[int, int] = field(default_factory=dict)

    def lag_ms(self, share: float) -> float | None:
        """The lag that a share of the traces kept below; ``None`` without any."""
        total = sum(self.lags.values())
        reached = 0
        for bucket, number in sorted(self.lags.items()):
            reached += number
            if reached >= share * total:
                return bucket_ms(bucket)
        return None


def arrivals(sources: Iterable[int]) -> dict[int, Arrivals]:
    """Rates and lag of each source, from the counters by minute."""
    now = int(time.time()) // 60
    found: dict[int, Arrivals] = defaultdict(Arrivals)
    rows = SourceMinute.objects.filter(
        minute__gte=now - HOUR, source__in=list(sources)
    ).values_list(
        "source_id", "minute", "folded", "traces", "spans", "newest_us", "lags"
    )
    for source_id, minute, folded, traces, spans, newest_us, lags in rows:
        mine = found[source_id]
        mine.newest_us = max(mine.newest_us, newest_us)
        if not folded:
            mine.unfolded += traces
        if minute < now:
            mine.hour_traces += traces
            mine.hour_spans += spans
        if minute == now - 1:
            mine.minute_traces += traces
            mine.minute_spans += spans
        if minute >= now - LAG_MINUTES:
            for bucket, number in lags.items():
                key = int(bucket)
                mine.lags[key] = mine.lags.get(key, 0) + number
    return found


def open_stretches(source: Source) -> list[tuple[str, int, int]]:
    """What is still to be asked: service, start and end in µs, the newest first."""
    found = [
        (service, int(start_us), int(end_us))
        for service, parts in source.open_windows.items()
        for start_us, end_us in parts
    ]
    return sorted(found, key=lambda stretch: (-stretch[2], stretch[0]))
