"""Envoy's and Istio's names made plain: cluster names and response flags."""

from __future__ import annotations

from dataclasses import dataclass

RESPONSE_FLAGS = {
    "DC": "downstream-gone",
    "DI": "delay-injected",
    "FI": "fault-injected",
    "LH": "health-check-failed",
    "LR": "local-reset",
    "NR": "no-route",
    "NC": "no-cluster",
    "RL": "rate-limited",
    "UAEX": "not-authorised",
    "UC": "upstream-closed",
    "UF": "connection-failed",
    "UH": "no-healthy-host",
    "UMSDR": "max-stream-duration",
    "UO": "circuit-open",
    "UR": "upstream-reset",
    "URX": "retries-exhausted",
    "UT": "upstream-timeout",
    "SI": "stream-idle-timeout",
    "DPE": "downstream-protocol-error",
    "UPE": "upstream-protocol-error",
    "OM": "overload",
    "DT": "duration-timeout",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster name such as ``outbound|9080|v2|reviews.default.svc.cluster.local``."""

    direction: str  # "outbound", "inbound", "inbound-vip" or ""
    port: int
    subset: str
    host: str
    service: str
    namespace: str


def read_cluster(name: str) -> Cluster | None:
    """The parts of Istio's cluster name, or ``None`` when it is none."""
    parts = name.split("|")
    if len(parts) != 4 or not parts[0].startswith(("outbound", "inbound")):
        return None
    host = parts[3]
    service, namespace = read_host(host)
    port = int(parts[1]) if parts[1].isdecimal() else 0
    return Cluster(parts[0].rstrip("_."), port, parts[2], host, service, namespace)


def read_host(host: str) -> tuple[str, str]:
    """Service and namespace of a host; the namespace is empty outside a cluster."""
    name = host.split(":")[0].split("/")[0]
    labels = name.split(".")
    if len(labels) >= 3 and labels[2] == "svc":
        return labels[0], labels[1]
    return name, ""


def read_flags(text: str) -> list[str]:
    """Codes of ``response_flags``: ``URX,UF`` → retries-exhausted, connection-failed."""
    return [
        RESPONSE_FLAGS.get(flag.strip(), flag.strip())
        for flag in text.split(",")
        if flag.strip() not in ("", "-")
    ]
