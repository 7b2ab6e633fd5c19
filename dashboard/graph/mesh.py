"""Which service a span counts for where a mesh gives it another name."""

from __future__ import annotations

import numpy as np

from dashboard.analysis.envoy import Cluster, read_cluster
from dashboard.traces.trace import Int32, Trace


class MeshNames:
    """The service of each row as the graph names it.

    All spans of an ambient mesh's waypoint carry the waypoint's own service; each
    stands for the service that its cluster (``inbound-vip|``) names. An application
    behind a sidecar that sends spans of its own as ``reviews`` is the sidecar's
    ``reviews.default``.
    """

    def __init__(self, trace: Trace):
        self.service: Int32 = trace.service
        self.names: list[str] = trace.services
        self.aliases: dict[str, str] = {}  # lower-case plain name → graph's name
        facts = trace.facts
        if "upstream_cluster" in facts:
            self._read_waypoints(trace)
        if "canonical_service" in facts and "component" in facts:
            self._join_sidecars(trace)

    def _read_waypoints(self, trace: Trace) -> None:
        column = trace.facts["upstream_cluster"]
        hosts: dict[int, Cluster] = {}
        for number in np.unique(column[column >= 0]).tolist():
            cluster = read_cluster(trace.fact_values[number])
            if cluster is not None and cluster.direction == "inbound-vip":
                hosts[number] = cluster
        if not hosts:
            return
        names = {name: place for place, name in enumerate(trace.services)}
        service = trace.service.copy()
        for number, cluster in hosts.items():
            rows = np.flatnonzero(column == number)
            for own in np.unique(trace.service[rows]).tolist():
                name = _host_name(cluster, trace.services[own], names)
                place = names.setdefault(name, len(names))
                service[rows[trace.service[rows] == own]] = place
        self.service, self.names = service, list(names)

    def _join_sidecars(self, trace: Trace) -> None:
        values = trace.fact_values
        proxy = trace.rows_where("component", lambda text: text == "proxy")
        if not proxy.any():
            return
        canonical = trace.facts["canonical_service"]
        named = np.flatnonzero(proxy & (canonical >= 0))
        pairs = np.stack((self.service[named], canonical[named]))
        places = {name: place for place, name in enumerate(self.names)}
        apps = set(np.unique(self.service[~proxy]).tolist())
        sidecars: dict[str, list[int]] = {}
        for sidecar, number in np.unique(pairs, axis=1).T.tolist():
            plain = values[number]
            if self.names[sidecar].startswith(f"{plain}."):
                sidecars.setdefault(plain, []).append(sidecar)
        for plain, found in sidecars.items():
            if len(found) > 1:
                continue  # one name in two namespaces: nobody knows which is meant
            self.aliases[plain.lower()] = self.names[found[0]]
            app = places.get(plain)
            if app is not None and app in apps:
                self.service = np.where(self.service == app, found[0], self.service)


def _host_name(cluster: Cluster, own: str, known: dict[str, int]) -> str:
    """The cluster's service, named as the mesh names its others."""
    full = f"{cluster.service}.{cluster.namespace}"
    if not cluster.namespace or cluster.service in known:
        return cluster.service
    return full if full in known or "." in own else cluster.service
