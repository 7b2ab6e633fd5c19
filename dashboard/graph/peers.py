"""Names the other side of a call that sent no spans itself."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.analysis.envoy import read_cluster, read_host
from dashboard.traces.trace import Kind, Trace


@dataclass(frozen=True, slots=True)
class Peer:
    """A named peer: its node's name, kind and (from a subset) version."""

    name: str
    kind: str  # "service", "database", "queue", "external"
    version: str = ""


# What the name of a peer depends on, beside the span's kind.
PEER_FACTS = (
    "component",
    "upstream_cluster",
    "peer.service",
    "db.system",
    "db.name",
    "messaging.system",
    "messaging.destination",
    "remote.service",
    "server.address",
    "server.port",
    "net.peer.ip",
    "namespace",
)


class PeerNames:
    """Names the peers of a trace; spans that say the same are read once."""

    def __init__(self, trace: Trace, known: dict[str, str]):
        self.trace = trace
        self.known = known
        self.found: dict[tuple[int, ...], Peer | None] = {}
        columns = [trace.facts[key] for key in PEER_FACTS if key in trace.facts]
        if "component" in trace.facts:  # a proxy's peer may be in the span's name
            columns += [trace.service, trace.operation]
        self.columns: list[list[int]] = [
            trace.kind.tolist(),
            *[column.tolist() for column in columns],
        ]

    def of(self, row: int) -> Peer | None:
        """The peer that the span in a row names."""
        said = tuple([column[row] for column in self.columns])
        if said not in self.found:
            self.found[said] = name_peer(self.trace, row, self.known)
        return self.found[said]


def name_peer(trace: Trace, row: int, known: dict[str, str]) -> Peer | None:
    """The peer that a CLIENT or PRODUCER span names, in the order of definitions.

    ``known`` maps lower-case names of services with spans to their names; a peer
    of that name is that service.
    """
    fact = trace.fact
    if fact("component", row) == "proxy":
        return _proxy_peer(trace, row, known)
    service = fact("peer.service", row)
    if service:
        return _as_known(Peer(service, _kind(trace, row)), known)
    database = fact("db.name", row)
    if database and not database.isdigit():  # Redis numbers its databases
        return _as_known(Peer(database, "database"), known)
    destination = fact("messaging.destination", row)
    if destination:
        return Peer(destination, "queue")
    kind = _kind(trace, row)
    remote = fact("remote.service", row)
    if remote:
        return _as_known(Peer(remote, kind), known)
    address = fact("server.address", row) or fact("net.peer.ip", row)
    if address:
        label = read_host(address)[0]
        if label.lower() in known:
            return Peer(known[label.lower()], "service")
        return _as_known(Peer(_with_port(trace, row, address), kind), known)
    system = fact("db.system", row)
    return _as_known(Peer(system, "database"), known) if system else None


def _with_port(trace: Trace, row: int, address: str) -> str:
    """An IP address with its port; a host's name says enough alone."""
    port = trace.fact("server.port", row)
    if not port:
        return address
    if address.count(":") > 1 and not address.startswith("["):
        return f"[{address}]:{port}"
    is_number = address.replace(".", "").isdigit()
    return f"{address}:{port}" if is_number and ":" not in address else address


def _kind(trace: Trace, row: int) -> str:
    if trace.fact("db.system", row):
        return "database"
    if trace.fact("messaging.system", row) or trace.kind[row] == Kind.PRODUCER:
        return "queue"
    return "external"


def _as_known(peer: Peer, known: dict[str, str]) -> Peer:
    name = known.get(peer.name.lower())
    return Peer(name, "service", peer.version) if name else peer


def _proxy_peer(trace: Trace, row: int, known: dict[str, str]) -> Peer | None:
    """The host in ``upstream_cluster``, or in the span's name where that is empty."""
    text = trace.fact("upstream_cluster", row)
    cluster = read_cluster(text)
    if cluster is not None:
        if cluster.direction.startswith("inbound"):
            return None
        return _host_peer(trace, row, cluster.host, cluster.subset, known)
    name = text or trace.operation_name(row).split(" ")[0]
    if not name or name.startswith("router"):
        return None
    return _host_peer(trace, row, name, "", known)


def _host_peer(
    trace: Trace, row: int, host: str, version: str, known: dict[str, str]
) -> Peer | None:
    service, namespace = read_host(host)
    if not service:
        return None
    candidates = [f"{service}.{namespace}", service] if namespace else [service]
    for candidate in candidates:
        if candidate.lower() in known:
            return Peer(known[candidate.lower()], "service", version)
    if namespace:
        own_namespace = trace.fact("namespace", row)
        suffixed = bool(own_namespace) and trace.service_name(row).endswith(
            f".{own_namespace}"
        )
        return Peer(candidates[0] if suffixed else service, "service", version)
    return Peer(service, "external", version)


def is_inbound(trace: Trace, row: int) -> bool:
    """Whether a proxy's span leads into its own application, not out of it."""
    cluster = read_cluster(trace.fact("upstream_cluster", row))
    return cluster is not None and cluster.direction == "inbound"
