"""Hops: the spans at which a request enters or leaves a workload.

In a mesh these are the sidecars' spans, elsewhere the server and client spans of
SDKs. What lies between (an application's own spans, a proxy's spawned ones) is
looked through, so that a hop's parent is the nearest hop above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field

from dashboard.analysis.envoy import read_cluster, read_host
from dashboard.traces.trace import Flag, Kind, Trace

IN, OUT = "in", "out"
INBOUND = (Kind.SERVER, Kind.CONSUMER)
OUTBOUND = (Kind.CLIENT, Kind.PRODUCER)


@dataclass(slots=True)
class Hop:
    """One hop; times in ns since the epoch, ``parent`` a number of a hop or -1."""

    trace_id: str
    row: int
    way: str  # IN or OUT
    service: str
    version: str
    pod: str
    request_id: str
    start_ns: int
    end_ns: int
    parent: int = -1
    orphan: bool = False  # names a parent that nobody reported
    root: bool = False  # names no parent at all
    target: str = ""  # of OUT: the service that it is sent to
    in_mesh: bool = False  # the target is a service of the cluster
    answered: bool = False  # an IN hop hangs below
    good: bool = False  # 2xx or 3xx
    router: bool = False  # a gateway's
    waypoint: bool = False
    proxy: bool = False
    dialect: str = ""  # b3 or w3c, of proxies
    peer: str = ""  # address at the other end, without its port
    address: str = ""  # the pod's own, as its proxy says
    moved_ns: int = 0  # what clock-skew correction added
    children: list[int] = field(default_factory=list)  # hops

    @property
    def who(self) -> tuple[str, str]:
        """Service and version: one version may lose what another passes on."""
        return self.service, self.version


def hops_of(traces: Iterable[Trace]) -> list[Hop]:
    """The hops of adjusted traces, numbered over all of them."""
    held = list(traces)
    behind = merged_names(map(sidecar_names, held))
    return joined(trace_hops(trace, behind) for trace in held)


Names = dict[str, set[str]]


def sidecar_names(trace: Trace) -> Names:
    """Of applications behind sidecars: the application's name → the sidecars'."""
    names: Names = {}
    if "canonical_service" not in trace.facts or "component" not in trace.facts:
        return names
    proxy = trace.rows_where("component", lambda text: text == "proxy")
    for row in proxy.nonzero()[0].tolist():
        plain = trace.fact("canonical_service", row)
        if plain and not trace.fact("node_id", row).startswith("router~"):
            names.setdefault(plain, set()).add(trace.service_name(row))
    return names


def merged_names(found: Iterable[Names]) -> dict[str, str]:
    """Names over all traces; one name of two workloads says nothing."""
    names: Names = {}
    for one in found:
        for plain, full in one.items():
            names.setdefault(plain, set()).update(full)
    return {plain: next(iter(full)) for plain, full in names.items() if len(full) == 1}


def joined(parts: Iterable[list[Hop]]) -> list[Hop]:
    """Hops of several traces as one list; the parts stay as they are."""
    found: list[Hop] = []
    for part in parts:
        base = len(found)
        for hop in part:
            own = copy(hop)
            own.children, own.answered = [], False
            if own.parent >= 0:
                own.parent += base
            found.append(own)
    for number, hop in enumerate(found):
        if hop.parent >= 0:
            above = found[hop.parent]
            above.children.append(number)
            if hop.way == IN and above.way == OUT:
                above.answered = True
    return found


def trace_hops(trace: Trace, behind: dict[str, str]) -> list[Hop]:
    """The hops of one adjusted trace, numbered from 0; children are not set yet."""
    found: list[Hop] = []
    proxied = set(behind.values())
    parent = trace.parent.tolist()
    nearest = [-1] * len(trace)  # the hop at or above each row
    for row in range(len(trace)):  # display order: parents come first
        above = nearest[parent[row]] if parent[row] >= 0 else -1
        hop = _hop(trace, row, behind, proxied)
        if hop is None:
            nearest[row] = above
            continue
        hop.parent = above
        hop.root = parent[row] < 0 and not trace.parent_ids[row]
        hop.orphan = bool(trace.flags[row] & Flag.ORPHAN)
        nearest[row] = len(found)
        found.append(hop)
    return found


def _hop(
    trace: Trace, row: int, behind: dict[str, str], proxied: set[str]
) -> Hop | None:
    fact = trace.fact
    service = trace.service_name(row)
    proxy = fact("component", row) == "proxy"
    node = fact("node_id", row)
    kind = int(trace.kind[row])
    if not proxy and (service in behind or service in proxied):
        return None  # in the process, between two spans of its sidecar
    if proxy and not node and trace.operation_name(row).startswith("router "):
        return None  # spawned below a proxy's own span
    name = fact("upstream_cluster", row)
    cluster = read_cluster(name) if name else None
    direction = cluster.direction if cluster is not None else ""
    if proxy and direction == "outbound":
        way = OUT
    elif (proxy and direction.startswith("inbound")) or kind in INBOUND:
        way = IN
    elif kind in OUTBOUND:
        way = OUT
    else:
        return None
    target, in_mesh = "", False
    if way == OUT:
        if cluster is not None:
            target, in_mesh = cluster.service, bool(cluster.namespace)
        elif proxy:
            target, namespace = read_host(trace.operation_name(row))
            in_mesh = bool(namespace)
        else:
            target = fact("peer.service", row) or fact("server.address", row)
    waypoint = direction == "inbound-vip"
    if waypoint and cluster is not None:
        service = (
            f"{cluster.service}.{cluster.namespace}"
            if cluster.namespace
            else cluster.service
        )
    parts = node.split("~")
    status = fact("http.status_code", row)
    pod = parts[2] if len(parts) == 4 else fact("pod", row)
    start = int(trace.start_ns[row])
    return Hop(
        trace_id=trace.trace_id,
        row=row,
        way=way,
        service=service,
        version=fact("version", row),
        pod=service if waypoint else pod or service,
        request_id=fact("request_id", row),
        start_ns=start,
        end_ns=start + int(trace.duration_ns[row]),
        target=target,
        in_mesh=in_mesh,
        good=status[:1] in ("2", "3"),
        router=node.startswith("router~"),
        waypoint=waypoint,
        proxy=proxy,
        dialect=("w3c" if fact("sdk", row) == "envoy" else "b3") if proxy else "",
        peer=_address(fact("peer.address", row)),
        address=parts[1] if len(parts) == 4 else "",
        moved_ns=int(trace.skew_ns[row]) if trace.skew_ns is not None else 0,
    )


def _address(text: str) -> str:
    """An address without its port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def plain_name(service: str) -> str:
    """A workload's service without its namespace: ``reviews.default`` → ``reviews``."""
    return service.partition(".")[0]
