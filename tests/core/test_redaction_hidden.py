"""Secrets that hide in encodings, in JSON, in several tags; and what has to stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.redaction.apply import redact
from dashboard.redaction.redactor import Redactor
from dashboard.traces.trace import Tag
from tests.factories import make_trace
from tests.planted import IN_TAGS, SPLIT, SPLIT_MARKS, Planted, b64


def stored(tags: dict[str, Any], **more: Any) -> str:
    """All texts of a redacted trace of one span."""
    span = {"id": "01", "tags": tags, **more}
    clean, _ = redact(adjust(make_trace([span])))
    parts = [
        *(raw.decode() for raw in clean.details),
        *(repr(process) for process in clean.processes),
        *clean.fact_values,
        *clean.services,
        *clean.operations,
    ]
    return "\n".join(parts)


@pytest.mark.parametrize("planted", IN_TAGS, ids=lambda planted: planted.name)
def test_a_hidden_secret_is_gone_from_tags_and_processes(planted: Planted) -> None:
    for where in (
        stored({planted.key: planted.value}),
        stored({}, process={planted.key: planted.value}),
    ):
        for mark in planted.marks:
            assert mark not in where
            assert json.dumps(mark)[1:-1] not in where


def test_the_list_of_secrets_is_long_enough() -> None:
    assert len(IN_TAGS) >= 60
    assert len({planted.name for planted in IN_TAGS}) == len(IN_TAGS)


def test_a_secret_split_over_tags_is_put_together() -> None:
    found = stored(dict(SPLIT))
    for mark in SPLIT_MARKS:
        assert mark not in found
    assert "X-Api-Key" in found


def test_a_secret_split_over_logs_is_put_together() -> None:
    groups = [
        (Tag("event", "string", "chunk"), Tag("data.1", "string", "ted.example, ok")),
        (Tag("event", "string", "chunk"), Tag("data.0", "string", "to mail@plan")),
        (Tag("event", "string", "chunk"), Tag("n", "int64", 1)),
    ]
    clean = Redactor().groups(groups)
    assert [tags[1].value for tags in clean] == ["[split 2]", "[split 1]", 1]


def test_equal_values_have_equal_labels_however_they_are_written() -> None:
    redactor = Redactor()
    plain = redactor.text("to ann@planted.example")
    assert redactor.text("to ann%40planted.example") == plain
    assert redactor.text("to ann&#64;planted.example") == plain
    assert redactor.text("to bob@planted.example") != plain
    tag = redactor.tag(Tag("x", "string", '{"m":"ann@planted.example"}'))
    assert tag.value == '{"m":"[e-mail 1]"}'


def test_more_layers_than_are_undone_hide_nothing() -> None:
    text = "password=plantdeep"
    for _ in range(12):
        text = text.replace("%", "%25").replace("=", "%3D")
    assert "plantdeep" not in Redactor().text(text)
    encoded = "password=plantdeep"
    for _ in range(4):
        encoded = b64(encoded)
    assert encoded not in Redactor().text(encoded)


def test_bytes_and_numbers_are_taken_as_what_they_say() -> None:
    redactor = Redactor()
    assert redactor.tag(Tag("blob", "binary", "AAEC")).value == "[binary 1]"
    number = redactor.tag(Tag("ref", "int64", 4111111111111111))
    assert (number.type, number.value) == ("string", "[card-number 1]")
    assert redactor.tag(Tag("user.pin", "int64", 4711)).value == "[secret-tag 1]"
    assert redactor.tag(Tag("auth", "bool", True)).value is True


def test_an_array_or_a_map_stays_one() -> None:
    tag = Redactor().tag(Tag("user", "json", '{"name":"x","password":"plant"}'))
    assert (tag.type, tag.value) == ("json", '{"name":"x","password":"[secret-tag 1]"}')
    whole = Redactor().tag(Tag("cookies", "json", '["a","b"]'))
    assert (whole.type, whole.value) == ("string", "[secret-tag 1]")


READABLE: list[tuple[str, Any]] = [
    ("http.route", "/api/v1/products/{id}/reviews"),
    ("http.method", "GET"),
    ("http.status_code", 200),
    ("http.url", "http://productpage.bookinfo.svc.cluster.local:9080/productpage"),
    ("http.target", "/api/v2/orders/550e8400-e29b-41d4-a716-446655440000"),
    ("upstream_cluster", "outbound|9080|v2|reviews.bookinfo.svc.cluster.local"),
    ("upstream_cluster.name", "inbound|9080||"),
    ("guid:x-request-id", "9a1c0f52-7c0b-9d3e-8a55-0d7c1f0e2b11"),
    ("istio.canonical_revision", "v3"),
    ("istio.mesh_id", "cluster.local"),
    ("service.version", "1.2.3.4"),
    ("telemetry.sdk.version", "1.24.0"),
    ("k8s.pod.name", "reviews-v3-7d99fd7978-mhvtx"),
    ("k8s.node.name", "gke-prod-default-pool-3f1c7a52-x1rz"),
    ("host.name", "worker-12.eu-central-1.compute.internal"),
    ("user_agent", "Mozilla/5.0 (X11; Linux) Chrome/120.0.0.0 Safari/537.36"),
    ("trace.id", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("span.id", "00f067aa0ba902b7"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("digits.id", "12345678901234567890123456789012"),
    ("count", 1234567),
    ("start_ns", 1764079200123456789),
    ("start_us", 1764079200123456),
    ("duration", "12.5ms"),
    ("gen_ai.usage.input_tokens", 1812),
    ("token_count", 12),
    ("token.type", "bearer"),
    ("response_flags", "UF,URX"),
    ("db.system", "postgresql"),
    ("db.statement", "SELECT name FROM reviews WHERE id = ?"),
    ("messaging.destination", "orders.created.v1"),
    ("rpc.service", "hipstershop.ProductCatalogService"),
    ("rpc.method", "ListRecommendationsV2"),
    ("code.function", "com.example.Shop$Inner.doWork"),
    ("exception.type", "java.util.concurrent.TimeoutException"),
    ("exception.message", "upstream connect error or disconnect/reset before headers"),
    ("exception.stacktrace", "at com.shop.Cart.add(Cart.java:42)\n at x.Y.z(Y.java:7)"),
    ("container.image", "docker.io/istio/examples-bookinfo-reviews-v3:1.20.1"),
    (
        "image.digest",
        "reviews@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd",
    ),
    ("at", "2026-11-25T14:00:31.123456Z"),
    ("date", "2026-11-25"),
    ("time", "12:34:56"),
    ("object", "com.shop.Cart@1b2c3d4e"),
    ("content_type", "text/html;charset=utf-8"),
    ("json", '{"items":[1,2,3],"status":"ok","route":"/cart"}'),
    ("message", "basic authentication is off; retry 3 of 5 after 20 ms"),
    ("thread", "http-nio-9080-exec-3"),
    ("zone", "eu-central-1a"),
    ("path", "C:\\shop\\bin\\new"),
    ("author", "no author"),
    ("net.peer.port", 5432),
    ("sampler.param", 0.001),
    ("error", True),
]


@pytest.mark.parametrize(("key", "value"), READABLE)
def test_what_a_normal_trace_says_stays_readable(key: str, value: Any) -> None:
    span = {"id": "01", "tags": {key: value}, "service": "reviews.bookinfo"}
    trace = adjust(make_trace([span]))
    clean, report = redact(trace)
    assert clean.details == trace.details
    assert clean.fact_values == trace.fact_values
    assert clean.services == trace.services
    assert report["total"] == 0


@pytest.mark.parametrize(
    "value", ["fe80::38:1234%eth0", "ip-203-0-113-42.ec2", "2001:db8::1"]
)
@pytest.mark.parametrize("key", ["service.version", "build.host"])
def test_a_version_spares_four_numbers_with_dots_only(key: str, value: str) -> None:
    assert value not in stored({key: value})
    assert "1.2.3.4" in stored({key: "1.2.3.4"})
