"""What Envoy's names and flags mean, in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from dashboard.analysis.envoy import (
    RESPONSE_FLAGS,
    Cluster,
    read_cluster,
    read_flags,
    read_host,
)
from dashboard.traces.trace import Trace

INJECTED = ("fault-injected", "delay-injected")
MAX_FAULTS = 3


def flag_text(code: str) -> str:
    """A response flag in words; an unknown one shows itself."""
    return {
        "downstream-gone": _("The caller went away before the answer."),
        "delay-injected": _("The mesh was told to delay this call (a test)."),
        "fault-injected": _("The mesh was told to fail this call (a test)."),
        "health-check-failed": _("The health check of the callee failed."),
        "local-reset": _("The proxy reset the connection itself."),
        "no-route": _("The proxy knows no route for this host or path."),
        "no-cluster": _("The proxy knows no such cluster."),
        "rate-limited": _("A rate limit refused the call."),
        "not-authorised": _("An authorisation policy refused the call."),
        "upstream-closed": _("The callee closed the connection."),
        "connection-failed": _("The connection to the callee failed."),
        "no-healthy-host": _("The callee has no healthy host."),
        "max-stream-duration": _("The call reached the longest allowed duration."),
        "circuit-open": _("A circuit breaker refused the call."),
        "upstream-reset": _("The callee reset the connection."),
        "retries-exhausted": _("All retries failed."),
        "upstream-timeout": _("The callee did not answer in time."),
        "stream-idle-timeout": _("The stream was idle for too long."),
        "downstream-protocol-error": _("The caller broke the protocol."),
        "upstream-protocol-error": _("The callee broke the protocol."),
        "overload": _("The proxy was overloaded and refused the call."),
        "duration-timeout": _("The call reached the longest allowed duration."),
    }.get(code, code)


def reason(words: str) -> str:
    """Why a span failed; where it is Envoy's flags, in words."""
    codes = words.split(", ")
    if set(codes) <= set(RESPONSE_FLAGS.values()):
        return " ".join(flag_text(code) for code in codes).rstrip(".")
    return words


def cluster_text(cluster: Cluster) -> str:
    """``reviews in default, port 9080, subset v2``."""
    if cluster.direction == "inbound":
        return _("its own application, port %(port)s") % {"port": cluster.port}
    words = cluster.service or cluster.host
    if cluster.namespace:
        words = _("%(name)s in %(namespace)s") % {
            "name": words,
            "namespace": cluster.namespace,
        }
    if cluster.port:
        words += _(", port %(port)s") % {"port": cluster.port}
    if cluster.subset:
        words += _(", subset %(subset)s") % {"subset": cluster.subset}
    return words


def envoy_facts(trace: Trace, row: int) -> dict[str, Any] | None:
    """What a proxy's span says, or ``None`` where it says nothing of the kind."""
    cluster = read_cluster(trace.fact("upstream_cluster", row))
    flags = read_flags(trace.fact("response_flags", row))
    if cluster is None and not flags:
        return None
    upstream = None
    if cluster is not None:
        upstream = {
            "service": cluster.service,
            "namespace": cluster.namespace,
            "port": cluster.port,
            "subset": cluster.subset,
            "host": cluster.host,
            "direction": cluster.direction,
            "text": cluster_text(cluster),
        }
    words = []
    if upstream is not None:
        words.append(_("Calls %(upstream)s.") % {"upstream": upstream["text"]})
    told = [{"code": code, "text": flag_text(code)} for code in flags]
    return {
        "upstream": upstream,
        "flags": told,
        "text": " ".join([*words, *(one["text"] for one in told)]),
    }


def fault_sentences(trace: Trace) -> list[tuple[str, list[int]]]:
    """Sentences on response flags, each with its rows; injected faults first."""
    column = trace.facts.get("response_flags")
    if column is None:
        return []
    clusters = trace.facts.get("upstream_cluster", np.full(len(trace), -1, np.int32))
    told = [bool(read_flags(value)) for value in trace.fact_values]
    marked = np.flatnonzero(np.array([*told, False])[column])
    # Rows that tell the same, found by number: a trace may have 100,000 of them.
    columns = (column, trace.service, clusters, trace.operation)
    alike = np.stack([values[marked] for values in columns])
    order = np.lexsort(alike)
    cuts = np.flatnonzero((np.diff(alike[:, order]) != 0).any(axis=0)) + 1
    groups: dict[tuple[str, str, str], list[int]] = {}
    for part in np.split(marked[order], cuts) if len(marked) else []:
        rows = part.tolist()
        target = _target(trace, rows[0])
        for code in read_flags(trace.fact("response_flags", rows[0])):
            key = (code, trace.service_name(rows[0]), target)
            groups.setdefault(key, []).extend(rows)
    by_weight = sorted(
        groups.items(),
        key=lambda item: (item[0][0] not in INJECTED, -len(item[1]), min(item[1])),
    )
    return [
        (_fault_text(*key, len(rows)), sorted(rows))
        for key, rows in by_weight[:MAX_FAULTS]
    ]


def _target(trace: Trace, row: int) -> str:
    """The called host's service; "" for a proxy's own application."""
    cluster = read_cluster(trace.fact("upstream_cluster", row))
    if cluster is None:
        return read_host(trace.operation_name(row))[0]
    return "" if cluster.direction == "inbound" else cluster.service or cluster.host


def _fault_text(code: str, service: str, target: str, count: int) -> str:
    values = {
        "service": service,
        "target": target or _("its own application"),
        "n": count,
        "code": flag_text(code),
    }
    sentences = {
        "fault-injected": _(
            "The mesh was told to fail calls of %(service)s to %(target)s (%(n)s ×, "
            "a test)."
        ),
        "delay-injected": _(
            "The mesh was told to delay calls of %(service)s to %(target)s (%(n)s ×, "
            "a test)."
        ),
        "downstream-gone": _(
            "%(service)s was not done when its caller went away (%(n)s ×)."
        ),
        "connection-failed": _(
            "%(service)s could not connect to %(target)s (%(n)s ×)."
        ),
        "no-healthy-host": _(
            "%(service)s found no healthy host of %(target)s (%(n)s ×)."
        ),
        "upstream-timeout": _(
            "%(target)s did not answer %(service)s in time (%(n)s ×)."
        ),
        "retries-exhausted": _(
            "All retries of %(service)s to %(target)s failed (%(n)s ×)."
        ),
        "no-route": _("%(service)s has no route to %(target)s (%(n)s ×)."),
    }
    other = _("%(service)s to %(target)s: %(code)s (%(n)s ×)")
    return sentences.get(code, other) % values
