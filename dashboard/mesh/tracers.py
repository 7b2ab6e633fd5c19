"""Envoy's tracers as Istio sets them, and the older ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

TRACERS = ("zipkin", "zipkin-w3c", "otel", "classic")
COLLECTOR = "tracing-collector"
TYPE = "type.googleapis.com/"


def collector_path(tracer: str, to: str) -> str:
    """Where spans go below the address ``to``."""
    base = urlsplit(to).path.rstrip("/")
    return base + ("/v1/traces" if tracer == "otel" else "/api/v2/spans")


def provider(tracer: str, service: str, to: str) -> dict[str, Any]:
    """The ``provider`` of a connection manager's ``tracing``."""
    if tracer == "otel":
        return {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": TYPE + "envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": service,
                "http_service": {
                    "http_uri": {
                        "uri": to.rstrip("/") + "/v1/traces",
                        "cluster": COLLECTOR,
                        "timeout": "5s",
                    }
                },
            },
        }
    config: dict[str, Any] = {
        "@type": TYPE + "envoy.config.trace.v3.ZipkinConfig",
        "collector_cluster": COLLECTOR,
        "collector_endpoint": collector_path(tracer, to),
        "collector_endpoint_version": "HTTP_JSON",
        "collector_hostname": urlsplit(to).netloc.rpartition("@")[2],
        "trace_id_128bit": tracer != "classic",
        "shared_span_context": tracer == "classic",
    }
    if tracer == "zipkin-w3c":
        config["trace_context_option"] = "USE_B3_WITH_W3C_PROPAGATION"
    return {"name": "envoy.tracers.zipkin", "typed_config": config}


def tracing(
    tracer: str, service: str, version: str, namespace: str, to: str, *, spawn: bool
) -> dict[str, Any]:
    """The ``tracing`` of a connection manager, with Istio's tags."""
    tags = {
        "istio.canonical_service": service,
        "istio.canonical_revision": version,
        "istio.namespace": namespace,
        "istio.mesh_id": "cluster.local",
        "istio.cluster_id": "Kubernetes",
    }
    return {
        "provider": provider(tracer, f"{service}.{namespace}", to),
        "client_sampling": {"value": 100},
        "random_sampling": {"value": 100},
        "overall_sampling": {"value": 100},
        "custom_tags": [
            {"tag": tag, "literal": {"value": value}} for tag, value in tags.items()
        ],
        "spawn_upstream_span": spawn,
    }
