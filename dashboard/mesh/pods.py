"""The pods of Bookinfo, their addresses and ports."""

from __future__ import annotations

from dataclasses import dataclass

APP_PORT = 9080
OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
ADMIN_PORT = 15000
CONTROL_PORT = 15020  # on the gateway's address; who holds it holds the mesh
GATEWAY_PORT = 8080
NAMESPACE = "default"
GATEWAY_NAMESPACE = "istio-system"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod: ``last`` is the last number of its address."""

    service: str
    version: str
    last: int
    calls: tuple[str, ...] = ()
    is_gateway: bool = False

    @property
    def key(self) -> str:
        """As switches name it: ``reviews:v2``."""
        return f"{self.service}:{self.version}"

    @property
    def name(self) -> str:
        """As a part and its files are called: ``reviews-v2``."""
        return self.service if self.is_gateway else f"{self.service}-{self.version}"

    @property
    def namespace(self) -> str:
        """Its Kubernetes namespace."""
        return GATEWAY_NAMESPACE if self.is_gateway else NAMESPACE

    @property
    def workload(self) -> str:
        """The service name that its spans carry."""
        return f"{self.service}.{self.namespace}"

    def ip(self, base: str) -> str:
        """Its address in the mesh that begins with ``base`` (``127.0.20``)."""
        return f"{base}.{self.last}"

    def ports(self) -> tuple[int, ...]:
        """What must be free on its address."""
        if self.is_gateway:
            return (GATEWAY_PORT, ADMIN_PORT, CONTROL_PORT)
        return (APP_PORT, OUTBOUND_PORT, INBOUND_PORT, ADMIN_PORT)


GATEWAY = Pod("istio-ingressgateway", "latest", 1, ("productpage",), True)
PODS = (
    GATEWAY,
    Pod("productpage", "v1", 11, ("details", "reviews")),
    Pod("details", "v1", 12, ("ratings",)),
    Pod("reviews", "v1", 13, ("ratings",)),
    Pod("reviews", "v2", 14, ("ratings",)),
    Pod("reviews", "v3", 15, ("ratings",)),
    Pod("ratings", "v1", 16, ("details",)),
)
APPS = tuple(pod for pod in PODS if not pod.is_gateway)
SERVICES = ("productpage", "details", "reviews", "ratings")
BY_KEY = {pod.key: pod for pod in PODS}


def pods_of(name: str) -> list[Pod]:
    """The application pods of ``reviews`` or of ``reviews:v2``."""
    return [pod for pod in APPS if name in (pod.key, pod.service)]


def host_of(service: str) -> str:
    """The full name of a service, as Istio's clusters have it."""
    return f"{service}.{NAMESPACE}.svc.cluster.local"


def cluster_of(service: str, version: str = "") -> str:
    """Istio's name of an outbound cluster."""
    return f"outbound|{APP_PORT}|{version}|{host_of(service)}"
