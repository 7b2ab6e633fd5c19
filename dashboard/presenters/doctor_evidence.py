"""The halves of one request at their true times, as bars."""

from __future__ import annotations

from typing import Any

from dashboard.doctor.hops import IN, OUT, hops_of
from dashboard.presenters import text
from dashboard.presenters.colors import slots
from dashboard.traces.trace import Trace

MOST_ROWS = 8
WIDTH = 1_000.0


def evidence(traces: list[Trace]) -> dict[str, Any]:
    """Bars of what was served in each trace, in units of 1,000 over their common time.

    A half without any served request shows its outgoing calls.
    """
    hops = hops_of(traces)
    names = slots({name for trace in traces for name in trace.services})
    first = min(int(trace.start_ns.min()) for trace in traces)
    last = max(int(trace.end_ns.max()) for trace in traces)
    scale = WIDTH / max(last - first, 1)
    halves = []
    for trace in traces:
        mine = [hop for hop in hops if hop.trace_id == trace.trace_id]
        shown = [h for h in mine if h.way == IN] or [h for h in mine if h.way == OUT]
        shown.sort(key=lambda hop: (hop.start_ns, hop.row))
        halves.append(
            {
                "trace_id": trace.trace_id,
                "bars": [
                    {
                        "label": f"{h.service.partition('.')[0]} {h.version}".strip(),
                        "slot": names.get(h.service, 0),
                        "x": f"{(h.start_ns - first) * scale:.1f}",
                        "width": f"{max((h.end_ns - h.start_ns) * scale, 2.0):.1f}",
                        "text": text.duration_us((h.end_ns - h.start_ns) // 1_000),
                    }
                    for h in shown[:MOST_ROWS]
                ],
                "more": max(len(shown) - MOST_ROWS, 0),
            }
        )
    return {
        "halves": halves,
        "duration_text": text.duration_us((last - first) // 1_000),
    }
