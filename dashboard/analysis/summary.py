"""Makes the summary of a trace from its analysis."""

from __future__ import annotations

import numpy as np

from dashboard.analysis.analyse import Analysis
from dashboard.analysis.envoy import read_flags
from dashboard.traces.summary import Bar, Summary
from dashboard.traces.trace import Flag, Trace

MAX_BARS = 18
FAILED = np.uint16(Flag.ERROR)


def summarise(trace: Trace, analysis: Analysis) -> Summary:
    """The summary of an adjusted, analysed trace."""
    root = analysis.root
    return Summary(
        trace_id=trace.trace_id,
        root_service=trace.service_name(root) if root >= 0 else "",
        root_operation=trace.operation_name(root) if root >= 0 else "",
        start_us=analysis.start_ns // 1_000,
        duration_us=analysis.duration_ns // 1_000,
        span_count=len(trace),
        error_count=analysis.error_count,
        orphan_count=analysis.orphan_count,
        warning_count=len(trace.warnings),
        services=analysis.services,
        critical_by_service=critical_shares(trace, analysis),
        shape=_shape(trace, analysis),
        root_is_orphan=bool(root >= 0 and trace.flags[root] & Flag.ORPHAN),
        first_error=describe_error(trace, analysis.first_error),
    )


def critical_shares(trace: Trace, analysis: Analysis) -> dict[str, float]:
    """Share of the critical path by service, largest first."""
    path = analysis.critical
    lengths = path.end_ns - path.start_ns
    total = int(lengths.sum())
    if not total:
        return {}
    sums = np.bincount(
        trace.service[path.row], weights=lengths, minlength=len(trace.services)
    )
    shares = {
        trace.services[i]: float(sums[i]) / total for i in np.flatnonzero(sums).tolist()
    }
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def describe_error(trace: Trace, row: int) -> dict[str, str]:
    """Service, operation and the source's words of the span that failed first."""
    if row < 0:
        return {}
    text = (
        trace.fact("status_message", row)
        or trace.fact("error.type", row)
        or ", ".join(read_flags(trace.fact("response_flags", row)))
    )
    code = trace.fact("http.status_code", row)
    if not text and code:
        text = f"HTTP {code}"
    return {
        "service": trace.service_name(row),
        "operation": trace.operation_name(row),
        "text": text,
        "span_id": trace.span_ids[row],
    }


def _shape(trace: Trace, analysis: Analysis) -> list[Bar]:
    """The longest spans of the first levels, in display order."""
    count = len(trace)
    if not count or not analysis.duration_ns:
        return []
    if count <= MAX_BARS:
        rows = list(range(count))
    else:
        longest = np.lexsort((trace.depth, -trace.duration_ns))[:MAX_BARS]
        rows = sorted(longest.tolist())
    whole, first_ns, services = analysis.duration_ns, analysis.start_ns, trace.services
    columns = (
        trace.depth[rows].tolist(),
        trace.start_ns[rows].tolist(),
        trace.duration_ns[rows].tolist(),
        trace.service[rows].tolist(),
        ((trace.flags[rows] & FAILED) != 0).tolist(),
    )
    return [
        Bar(
            depth,
            round((start_ns - first_ns) / whole, 4),
            round(duration_ns / whole, 4),
            services[service],
            failed,
        )
        for depth, start_ns, duration_ns, service, failed in zip(*columns, strict=True)
    ]
