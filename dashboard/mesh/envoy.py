"""The fixed configuration of one Envoy, as Istio would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard.mesh.pods import (
    ADMIN_PORT,
    APP_PORT,
    GATEWAY_PORT,
    INBOUND_PORT,
    OUTBOUND_PORT,
    Pod,
    cluster_of,
    host_of,
)
from dashboard.mesh.resources import ROUTES, address, endpoints_file, versions_of
from dashboard.mesh.tracers import COLLECTOR, TYPE, tracing

LOG_FORMAT = {
    "start": "%START_TIME(%s.%6f)%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "trace_id": "%TRACE_ID%",
    "duration_ms": "%DURATION%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
}


def bootstrap(
    pod: Pod,
    base: str,
    folder: Path,
    *,
    tracer: str,
    to: str,
    sampling: float,
    flush_ms: int,
) -> dict[str, Any]:
    """All that one Envoy is started with; ``folder`` holds its files."""
    ip = pod.ip(base)
    kind = "router" if pod.is_gateway else "sidecar"
    # Envoy would send each five spans: bodies that cost more than what they hold.
    flush = {"flush_interval_ms": flush_ms, "min_flush_spans": 200}
    spawn = pod.is_gateway and tracer != "classic"  # the old gateway has one span
    traced = tracing(tracer, pod.service, pod.version, pod.namespace, to, spawn=spawn)
    outbound_port = GATEWAY_PORT if pod.is_gateway else OUTBOUND_PORT
    listeners = [_outbound(pod, ip, outbound_port, folder, traced)]
    clusters = [_collector(to)]
    if not pod.is_gateway:
        listeners.append(_inbound(pod, ip, folder, traced))
        clusters.append(_application(ip))
    clusters += [
        _upstream(pod, cluster_of(service, version), ip, folder)
        for service in pod.calls
        for version in versions_of(service)
    ]
    return {
        "node": {
            "id": f"{kind}~{ip}~{pod.name}.{pod.namespace}~{pod.namespace}.svc.cluster.local",
            "cluster": pod.workload,
            "locality": {"region": "here", "zone": "one-machine"},
        },
        "admin": {"address": address(ip, ADMIN_PORT)},
        "layered_runtime": {
            "layers": [
                {
                    "name": "start",
                    "static_layer": {
                        "tracing": {
                            "random_sampling": round(sampling),
                            "zipkin": flush,
                            "opentelemetry": flush,
                        }
                    },
                },
                {"name": "switched", "admin_layer": {}},
            ]
        },
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def _manager(
    pod: Pod, direction: str, folder: Path, traced: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """A connection manager in its listener's filter chain."""
    faults = {
        "name": "envoy.filters.http.fault",
        "typed_config": {
            "@type": TYPE + "envoy.extensions.filters.http.fault.v3.HTTPFault"
        },
    }
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": TYPE + "envoy.extensions.filters.http.router.v3.Router"
        },
    }
    log = {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / f"{pod.name}.{direction}.access.log"),
            "log_format": {"json_format": LOG_FORMAT},
        },
    }
    config = {
        "@type": TYPE
        + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": direction,
        "generate_request_id": True,
        "tracing": traced,
        "access_log": [log],
        "http_filters": [faults, router] if direction == "outbound" else [router],
        **more,
    }
    return {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": config,
            }
        ]
    }


def _file(path: Path) -> dict[str, Any]:
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
    }


def _outbound(
    pod: Pod, ip: str, port: int, folder: Path, traced: dict[str, Any]
) -> dict[str, Any]:
    routes = {
        "route_config_name": ROUTES,
        "config_source": _file(folder / "live" / f"routes-{pod.name}.json"),
    }
    more: dict[str, Any] = {"rds": routes}
    if pod.is_gateway:
        more["use_remote_address"] = True
    return {
        "name": "outbound",
        "traffic_direction": "OUTBOUND",
        "address": address(ip, port),
        "filter_chains": [_manager(pod, "outbound", folder, traced, **more)],
    }


def _inbound(pod: Pod, ip: str, folder: Path, traced: dict[str, Any]) -> dict[str, Any]:
    route = {
        "name": "default",
        "match": {"prefix": "/"},
        "decorator": {"operation": f"{host_of(pod.service)}:{APP_PORT}/*"},
        "route": {"cluster": f"inbound|{APP_PORT}||", "timeout": "0s"},
    }
    routes = {
        "name": "inbound",
        "virtual_hosts": [
            {"name": f"inbound|http|{APP_PORT}", "domains": ["*"], "routes": [route]}
        ],
    }
    return {
        "name": "inbound",
        "traffic_direction": "INBOUND",
        "address": address(ip, INBOUND_PORT),
        "filter_chains": [
            _manager(pod, "inbound", folder, traced, route_config=routes)
        ],
    }


def _upstream(pod: Pod, name: str, ip: str, folder: Path) -> dict[str, Any]:
    path = folder / "live" / endpoints_file(pod, name)
    return {
        "name": name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {"eds_config": _file(path)},
        # So that the callee's spans name the caller's pod as their peer.
        "upstream_bind_config": {
            "source_address": {"address": ip, "port_value": 0, "protocol": "TCP"}
        },
    }


def _application(ip: str) -> dict[str, Any]:
    cluster = _static(f"inbound|{APP_PORT}||", ip, APP_PORT)
    cluster["upstream_bind_config"] = {
        "source_address": {"address": ip, "port_value": 0, "protocol": "TCP"}
    }
    return cluster


def _collector(to: str) -> dict[str, Any]:
    parts = urlsplit(to)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    cluster = _static(COLLECTOR, parts.hostname or "127.0.0.1", port)
    cluster["type"] = "STRICT_DNS"  # a name or an address
    if parts.scheme == "https":
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": TYPE
                + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": parts.hostname,
            },
        }
    return cluster


def _static(name: str, ip: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(ip, port)}}]}
            ],
        },
    }
