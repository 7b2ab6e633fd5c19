"""The document that ``analyse --json`` prints (docs/analysis-format.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dashboard.adjusters.standard import DEFAULT_SKEW_NS, adjust
from dashboard.analysis.analyse import Analysis, analyse
from dashboard.analysis.compare import MAX_DEPTH, Side, compare
from dashboard.analysis.pairs import pair_spans
from dashboard.analysis.repeats import find_repeats
from dashboard.analysis.statistics import nearest_rank, statistics_by
from dashboard.doctor.findings import Finding
from dashboard.doctor.judge import judge
from dashboard.graph.build import edges_of
from dashboard.graph.calls import senders_of
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.presenters.text import warning_text
from dashboard.traces.trace import Flag, Kind, Trace


def rounded_us(ns: int) -> int:
    """Nearest microsecond of a duration, halves up."""
    return (ns + 500) // 1_000


def analysis_document(
    traces: Iterable[Trace], max_skew_ns: int = DEFAULT_SKEW_NS
) -> dict[str, Any]:
    """Everything concluded from decoded traces, as plain data."""
    documents, total = [], Contribution()
    durations: dict[str, list[int]] = {}
    errors: dict[str, int] = {}
    adjusted = [adjust(raw, max_skew_ns) for raw in traces]
    senders = senders_of(adjusted)
    for trace in adjusted:
        analysis = analyse(trace)
        documents.append(_trace(trace, analysis))
        total.merge(contribution(trace, link(trace, senders)))
        _collect_red(trace, durations, errors)
    edges = [
        {
            "parent": caller,
            "child": callee,
            "callCount": calls,
            "errorCount": failed,
            "virtual": virtual,
        }
        for caller, callee, calls, failed, virtual in edges_of(total)
    ]
    red = {
        key: {
            "count": len(values),
            "errors": errors.get(key, 0),
            **_percentiles(values),
        }
        for key, values in sorted(durations.items())
    }
    return {
        "error": None,
        "traces": documents,
        "edges": edges,
        "red": red,
        "findings": [_finding(found) for found in judge(adjusted).findings],
    }


def _finding(found: Finding) -> dict[str, Any]:
    """A finding of the doctor; the file is taken as complete."""
    return {
        "rule": found.rule,
        "service": found.service,
        "version": found.version,
        "certainty": found.certainty,
        "variant": found.variant,
        "traces": found.traces,
        "count": found.count,
        "total": found.total,
        "pairs": [list(pair) for pair in found.pairs],
        "pods": found.pods,
        "targets": found.targets,
    }


def diff_document(a: list[Trace], b: list[Trace]) -> dict[str, Any]:
    """Two sets of traces by path of ``service<TAB>operation``, and how alike they are."""
    found = compare(map(adjust, a), map(adjust, b))
    rows: list[dict[str, Any]] = [
        {
            "path": list(found.table.path(one.number)),
            "a": one.a.count,
            "b": one.b.count,
            "aFigures": _figures(one.a),
            "bFigures": _figures(one.b),
        }
        for one in found.paths
        if one.depth < MAX_DEPTH
    ]
    rows.sort(key=lambda row: row["path"])
    return {"diff": rows, "similarity": round(found.similarity, 4)}


def _figures(side: Side) -> dict[str, int]:
    return {
        "traces": side.traces,
        "errors": side.errors,
        "sum": rounded_us(side.sum_ns),
        "self": rounded_us(side.self_ns),
        "p50": rounded_us(side.p50_ns),
        "p95": rounded_us(side.p95_ns),
    }


def _percentiles(values: list[int]) -> dict[str, int]:
    """Nearest rank over exact durations."""
    ordered = np.sort(np.array(values, np.int64))
    return {f"p{q}": rounded_us(nearest_rank(ordered, q)) for q in (50, 95, 99)}


def _collect_red(
    trace: Trace, durations: dict[str, list[int]], errors: dict[str, int]
) -> None:
    kinds, parent = trace.kind, trace.parent
    above = np.where(parent >= 0, trace.service[parent], -1) if len(trace) else parent
    untyped = np.ones(len(trace.services), bool)
    untyped[trace.service[kinds != Kind.UNSET]] = False
    for row in range(len(trace)):
        service = trace.service_name(row)
        keys = [f"{service}\t{trace.operation_name(row)}"]
        entry = untyped[trace.service[row]] and above[row] != trace.service[row]
        if kinds[row] in (Kind.SERVER, Kind.CONSUMER) or entry:
            keys.append(service)
        for key in keys:
            durations.setdefault(key, []).append(int(trace.duration_ns[row]))
            failed = bool(trace.flags[row] & Flag.ERROR)
            errors[key] = errors.get(key, 0) + failed


def _trace(trace: Trace, analysis: Analysis) -> dict[str, Any]:
    sections: dict[int, list[list[int]]] = {}
    path = analysis.critical
    for row, start, end in zip(
        path.row.tolist(), path.start_ns.tolist(), path.end_ns.tolist(), strict=True
    ):
        sections.setdefault(row, []).append([start // 1_000, end // 1_000])
    warnings: dict[int, list[dict[str, str]]] = {}
    for warning in trace.warnings:
        text = warning_text(warning.code, dict(warning.values))
        entry = {"code": warning.code, "text": text}
        warnings.setdefault(warning.row, []).append(entry)
    root = analysis.root
    spans = [
        _span(trace, analysis, row, sections, warnings) for row in range(len(trace))
    ]
    adjusted = {}
    if trace.skew_ns is not None:
        for row in np.flatnonzero(trace.skew_ns).tolist():
            moved = int(trace.start_ns[row] + trace.skew_ns[row])
            adjusted[trace.span_ids[row]] = moved // 1_000
    return {
        "traceID": trace.trace_id,
        "spanCount": len(trace),
        "rootService": trace.service_name(root) if root >= 0 else "",
        "rootOperation": trace.operation_name(root) if root >= 0 else "",
        "startTime": analysis.start_ns // 1_000,
        "duration": rounded_us(analysis.duration_ns),
        "errorSpanCount": analysis.error_count,
        "services": analysis.services,
        "warnings": warnings.get(-1, []),
        "spans": spans,
        "adjusted": adjusted,
        "operations": _operations(trace, analysis),
        "pairs": _pairs(trace),
        "repeats": _repeats(trace),
    }


def _operations(trace: Trace, analysis: Analysis) -> list[dict[str, Any]]:
    """Statistics by operation, most self time first."""
    return [
        {
            "operation": one.name,
            "count": one.count,
            "errors": one.errors,
            "sum": rounded_us(one.total_ns),
            "self": rounded_us(one.self_ns),
            "min": rounded_us(one.min_ns),
            "max": rounded_us(one.max_ns),
            **{f"p{q}": rounded_us(ns) for q, ns in one.percentiles_ns.items()},
        }
        for one in statistics_by(trace, analysis.self_ns, "operation")
    ]


def _pairs(trace: Trace) -> list[dict[str, Any]]:
    """Client and server halves of one call, with what lies between them."""
    return [
        {
            "client": trace.span_ids[pair.client],
            "server": trace.span_ids[pair.server],
            "attempt": pair.attempt,
            "before": _signed_us(pair.before_ns),
            "after": _signed_us(pair.after_ns),
            "network": _signed_us(pair.network_ns),
            "async": pair.asynchronous,
            "clocksDisagree": pair.clocks_disagree,
        }
        for pair in pair_spans(trace)
    ]


def _repeats(trace: Trace) -> list[dict[str, Any]]:
    """Runs of equal siblings."""
    return [
        {
            "parent": trace.span_ids[one.parent],
            "service": trace.service_name(one.first),
            "operation": trace.operation_name(one.first),
            "count": len(one.rows),
            "errors": one.errors,
            "sum": rounded_us(one.total_ns),
            "wall": rounded_us(one.wall_ns),
            "serial": one.serial,
        }
        for one in find_repeats(trace)
    ]


def _signed_us(ns: int) -> int:
    return rounded_us(ns) if ns >= 0 else -rounded_us(-ns)


def _span(
    trace: Trace,
    analysis: Analysis,
    row: int,
    sections: dict[int, list[list[int]]],
    warnings: dict[int, list[dict[str, str]]],
) -> dict[str, Any]:
    above = int(trace.parent[row])
    kind = Kind(trace.kind[row])
    return {
        "spanID": trace.span_ids[row],
        "shared": bool(trace.flags[row] & Flag.SHARED),
        "parent": trace.span_ids[above] if above >= 0 else None,
        "depth": int(trace.depth[row]),
        "service": trace.service_name(row),
        "operation": trace.operation_name(row),
        "kind": "" if kind == Kind.UNSET else kind.name,
        "startTime": int(trace.start_ns[row]) // 1_000,
        "duration": rounded_us(int(trace.duration_ns[row])),
        "selfTime": rounded_us(int(analysis.self_ns[row])),
        "error": bool(trace.flags[row] & Flag.ERROR),
        "critical": sections.get(row, []),
        "warnings": warnings.get(row, []),
    }
