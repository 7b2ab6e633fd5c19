"""Sentences on what proxies report: injected faults, broken connections, leavers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from django.utils.translation import gettext as _

from dashboard.analysis.envoy import read_cluster, read_flags, read_host
from dashboard.presenters import text
from dashboard.presenters.envoy import flag_text
from dashboard.traces.trace import Kind, Trace

INJECTED = ("fault-injected", "delay-injected")


class Fault(NamedTuple):
    """One kind of fault between two services, with its rows."""

    code: str
    service: str
    target: str  # "" for a proxy's own application
    rows: list[int]

    @property
    def injected(self) -> bool:
        """Whether the mesh was told to do it."""
        return self.code in INJECTED


def find_faults(trace: Trace) -> list[Fault]:
    """What the response flags tell, injected faults first, then the most frequent.

    Of a call's several flags the reason goes before "retries exhausted". Where a
    caller went away, a client half tells that its service gave up itself.
    """
    column = trace.facts.get("response_flags")
    if column is None:
        return []
    clusters = trace.facts.get("upstream_cluster", np.full(len(trace), -1, np.int32))
    told = [bool(read_flags(value)) for value in trace.fact_values]
    marked = np.flatnonzero(np.array([*told, False])[column])
    if not len(marked):
        return []
    # Rows that tell the same, found by number: a trace may have 100,000 of them.
    columns = (column, trace.service, clusters, trace.operation, trace.kind)
    alike = np.stack([values[marked] for values in columns])
    order = np.lexsort(alike)
    cuts = np.flatnonzero((np.diff(alike[:, order]) != 0).any(axis=0)) + 1
    groups: dict[tuple[str, str, str], list[int]] = {}
    for part in np.split(marked[order], cuts):
        rows = part.tolist()
        codes = read_flags(trace.fact("response_flags", rows[0]))
        if len(codes) > 1:
            codes = [code for code in codes if code != "retries-exhausted"]
        for code in codes:
            if code == "downstream-gone" and trace.kind[rows[0]] != Kind.SERVER:
                code = "gave-up"
            key = (code, trace.service_name(rows[0]), _target(trace, rows[0]))
            groups.setdefault(key, []).extend(rows)
    found = [Fault(*key, sorted(rows)) for key, rows in groups.items()]
    found.sort(key=lambda one: (not one.injected, -len(one.rows), one.rows[0]))
    return found


def _target(trace: Trace, row: int) -> str:
    """The called host's service; "" for a proxy's own application."""
    cluster = read_cluster(trace.fact("upstream_cluster", row))
    if cluster is None:
        return read_host(trace.operation_name(row))[0]
    return "" if cluster.direction == "inbound" else cluster.service or cluster.host


def fault_text(fault: Fault) -> str:
    """The sentence of a fault."""
    values = {
        "service": fault.service,
        "target": fault.target or _("its own application"),
        "code": text.without_stop(flag_text(fault.code)),
        "times": text.times(len(fault.rows)),
    }
    sentences = {
        "fault-injected": _(
            "As a test, the mesh was told to fail calls of %(service)s to "
            "%(target)s%(times)s."
        ),
        "delay-injected": _(
            "As a test, the mesh was told to delay calls of %(service)s to "
            "%(target)s%(times)s."
        ),
        "downstream-gone": _(
            "%(service)s was not done when its caller went away%(times)s."
        ),
        "gave-up": _("%(service)s gave up waiting for %(target)s%(times)s."),
        "connection-failed": _("%(service)s could not connect to %(target)s%(times)s."),
        "no-healthy-host": _(
            "%(service)s found no healthy host of %(target)s%(times)s."
        ),
        "upstream-timeout": _(
            "%(target)s did not answer %(service)s in time%(times)s."
        ),
        "retries-exhausted": _(
            "All retries of %(service)s to %(target)s failed%(times)s."
        ),
        "no-route": _("%(service)s has no route to %(target)s%(times)s."),
    }
    other = _("%(service)s to %(target)s: %(code)s%(times)s.")
    return sentences.get(fault.code, other) % values
