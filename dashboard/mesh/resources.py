"""What an Envoy reads again while it runs: routes and endpoints, from files."""

from __future__ import annotations

from typing import Any

from dashboard.mesh.pods import (
    APP_PORT,
    BY_KEY,
    INBOUND_PORT,
    Pod,
    cluster_of,
    host_of,
    pods_of,
)
from dashboard.mesh.state import State
from dashboard.mesh.tracers import TYPE

ROUTES = "outbound"
RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


def resources(pod: Pod, base: str, state: State) -> dict[str, dict[str, Any]]:
    """File name → resource of all that one Envoy reads again."""
    found: dict[str, dict[str, Any]] = {f"routes-{pod.name}.json": _routes(pod, state)}
    for service in pod.calls:
        for version in versions_of(service):
            name = cluster_of(service, version)
            found[endpoints_file(pod, name)] = _endpoints(
                name, service, version, base, state
            )
    return found


def endpoints_file(pod: Pod, cluster: str) -> str:
    """The file of one cluster's endpoints as one pod sees them."""
    _, _, version, host = cluster.split("|")
    return f"endpoints-{pod.name}-{host.split('.')[0]}{version and '-' + version}.json"


def versions_of(service: str) -> tuple[str, ...]:
    """The subsets of a service: reviews has one a version, the others none."""
    pods = pods_of(service)
    return tuple(pod.version for pod in pods) if len(pods) > 1 else ("",)


def _routes(pod: Pod, state: State) -> dict[str, Any]:
    return {
        "@type": TYPE + "envoy.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "validate_clusters": False,
        "virtual_hosts": [
            {
                "name": f"{host_of(service)}:{APP_PORT}",
                "domains": ["*"] if pod.is_gateway else _domains(service),
                "include_request_attempt_count": True,
                "routes": [_route(service, state)],
            }
            for service in pod.calls
        ],
    }


def _domains(service: str) -> list[str]:
    names = (service, f"{service}.default", host_of(service))
    return [*names, *(f"{name}:{APP_PORT}" for name in names)]


def _route(service: str, state: State) -> dict[str, Any]:
    versions = versions_of(service)
    timeout_ms = state.timeout_ms.get(service, 0)
    action: dict[str, Any] = {"timeout": f"{timeout_ms / 1000:g}s"}
    if len(versions) > 1:
        action["weighted_clusters"] = {
            "clusters": [
                {
                    "name": cluster_of(service, version),
                    "weight": state.weights.get(version, 0),
                }
                for version in versions
            ]
        }
    else:
        action["cluster"] = cluster_of(service)
    if state.retries:
        action["retry_policy"] = {
            "retry_on": RETRY_ON,
            "num_retries": state.retries,
            "retriable_status_codes": [503],
        }
    route: dict[str, Any] = {
        "name": "default",
        "match": {"prefix": "/"},
        "decorator": {"operation": f"{host_of(service)}:{APP_PORT}/*"},
        "route": action,
    }
    fault = _fault(service, state)
    if fault:
        route["typed_per_filter_config"] = {"envoy.filters.http.fault": fault}
    return route


def _fault(service: str, state: State) -> dict[str, Any]:
    fault: dict[str, Any] = {}
    always = {"numerator": 100, "denominator": "HUNDRED"}
    if service in state.delay_ms:
        seconds = f"{state.delay_ms[service] / 1000:g}s"
        fault["delay"] = {"fixed_delay": seconds, "percentage": always}
    if service in state.abort:
        fault["abort"] = {"http_status": state.abort[service], "percentage": always}
    if fault:
        fault["@type"] = TYPE + "envoy.extensions.filters.http.fault.v3.HTTPFault"
    return fault


def _endpoints(
    cluster: str, service: str, version: str, base: str, state: State
) -> dict[str, Any]:
    pods = [BY_KEY[f"{service}:{version}"]] if version else pods_of(service)
    if service in state.no_endpoints:
        pods = []
    return {
        "@type": TYPE + "envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster,
        "endpoints": [
            {
                "lb_endpoints": [
                    {
                        "endpoint": {
                            "address": address(pod.ip(base), port_of(pod, state))
                        }
                    }
                    for pod in pods
                ]
            }
        ]
        if pods
        else [],
    }


def port_of(pod: Pod, state: State) -> int:
    """Where others reach a pod: its sidecar, or the application itself."""
    return APP_PORT if pod.key in state.untraced else INBOUND_PORT


def address(ip: str, port: int) -> dict[str, Any]:
    """Envoy's way to write an address."""
    return {"socket_address": {"address": ip, "port_value": port}}
