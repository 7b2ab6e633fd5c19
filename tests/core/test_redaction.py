"""Redaction: planted secrets go, whatever place they hide in."""

from __future__ import annotations

import json

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.redaction.apply import redact
from dashboard.traces import codec
from tests.factories import make_trace

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
SECRETS = [
    ("http.request.header.authorization", "Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    ("http.request.header.cookie", "sid=c0ffee99", "c0ffee99"),
    ("set-cookie", "a=deadbeef77", "deadbeef77"),
    ("db.password", "hunter2secret", "hunter2secret"),
    ("api_key", "k-778899", "k-778899"),
    ("message", f"token {JWT} refused", JWT),
    ("message", "sent Bearer abc.def-ghi123", "abc.def-ghi123"),
    ("message", "key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
    ("user", "write to ann.lee+x@example.co.uk now", "ann.lee+x@example.co.uk"),
    ("card", "paid with 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("client.address", "203.0.113.77", "203.0.113.77"),
    ("client.address", "2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329"),
    ("url.full", "https://h/p?session=zzz111&x=1", "zzz111"),
    ("url.full", "https://ann:pw99secret@h/p", "pw99secret"),
    ("db.statement", "SELECT * FROM u WHERE n = 'Ann Lee' AND z = 90210", "Ann Lee"),
    ("db.query.text", "update u set pin = 4711 where id=1", "4711"),
    ("body", json.dumps({"user": {"password": "inner-secret-1"}}), "inner-secret-1"),
    ("body", "password=plain-secret-2&next=/", "plain-secret-2"),
    (
        "key",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEsecret\n-----END RSA PRIVATE KEY-----",
        "MIIEsecret",
    ),
]


HARD = [
    ("message", "connection refused by 10.20.30.41.", "10.20.30.41"),
    ("message", "peer_10.20.30.42 gone", "10.20.30.42"),
    ("message", "client ip-10-20-30-43.internal", "10-20-30-43"),
    ("url.query", "user=bob77&card=x", "bob77"),
    ("http.url", "http://a/b?debug&who=carol88", "carol88"),
    ("http.target", "/x?ticketABC999", "ticketABC999"),
    ("message", "Authorization: Token abcSECRET1", "abcSECRET1"),
    ("message", "Authorization: Negotiate YIIsecret2", "YIIsecret2"),
    ("message", "authorization=AWS4 Credential=AKX, Signature=deadbeef3", "deadbeef3"),
    ("message", "Cookie: a=secretcookie4; b=2", "secretcookie4"),
    ("message", '{"cookie":"a=secretcookie5"}', "secretcookie5"),
    ("message", "Set-Cookie: id=secretcookie6; Path=/", "secretcookie6"),
    ("payload", '{"password":"two words7"}', "words7"),
    ("payload", '{\\"password\\":\\"esc8secret\\"}', "esc8secret"),
    ("message", "password%3Dhunter9pw", "hunter9pw"),
    ("message", "go%3Fto%3D1 mail=ann%40example.org", "ann%40example.org"),
    ("db.statement", 'SELECT * FROM u WHERE n = "mallory10"', "mallory10"),
    ("db.statement", "AUTH redispw11", "redispw11"),
    ("db.statement", "SET user:1 secretval12", "secretval12"),
    ("db.statement", '{"find": "users", "filter": {"name": "oscar12"}}', "oscar12"),
    ("message", "query failed: SELECT * FROM u WHERE n='trent13'", "trent13"),
    ("message", "/* app */ select * from u where n='trent14'", "trent14"),
    ("message", "mail dave@localhost15", "dave@localhost15"),
    ("authToken", "tok16", "tok16"),
    ("x-amz-security-token", "tok17", "tok17"),
    ("http.request.header.authorization", '["Bearer a18"]', "a18"),
    ("url", "redis://:pw20@h:1/0", "pw20"),
    ("url", "amqp://u:p@ss21@h", "ss21"),
    ("pass", "p24", "p24"),
    ("auth", "p25", "p25"),
    ("message", "pass=p26secret", "p26secret"),
    ("message", "dbPassword: p27secret", "p27secret"),
    ("message", "ssn 123-45-6789", "123-45-6789"),
    ("message", "npm_abcdefghijklmnopqrstuvwxyz0123456789", "npm_abcdefghij"),
    ("message", "hooks.slack.com/services/T000/B000/XXXsecret27", "secret27"),
]


@pytest.mark.parametrize(("key", "value", "secret"), HARD)
def test_a_secret_in_an_awkward_place_is_found(
    key: str, value: str, secret: str
) -> None:
    tags = {key: value}
    clean, report = redact(adjust(make_trace([{"id": "01", "tags": tags}])))
    assert secret not in clean.details[0].decode()
    assert secret not in "".join(clean.fact_values)
    assert report["total"] >= 1


def test_names_and_keys_are_cleaned_and_the_report_holds_no_value() -> None:
    span = {
        "id": "01",
        "operation": "SELECT name FROM users WHERE ssn='secret-31'",
        "tags": {"user.frank@example.com": "from 10.0.0.1 on"},
    }
    clean, report = redact(adjust(make_trace([span])))
    assert "secret-31" not in clean.operations[0]
    assert clean.operations[0].startswith("SELECT name FROM users")
    assert "frank@example.com" not in str(report)


LONG = [
    "a",
    "select ",
    "eyJa-",
    "xoxb-a",
    "pass=",
    "'",
    "\\",
    "ann@",
    "1",
    "1.",
    "a:",
    "?a",
    "://a:",
]


@pytest.mark.parametrize("piece", LONG)
def test_megabytes_of_a_hostile_value_end(piece: str) -> None:
    tags = {"message": piece * (1_000_000 // len(piece))}
    clean, _report = redact(adjust(make_trace([{"id": "01", "tags": tags}])))
    assert len(clean.details) == 1


HARMLESS = [
    ("http.route", "/reviews/{id}"),
    ("message", "connected to reviews v2.1.3 after 12 ms, selected from 3 hosts"),
    ("db.statement", "COMMIT"),
    ("version", "1.20.3"),
    ("exception.type", "java.lang.IllegalStateException: no author"),
    ("thread.name", "http-nio-9080-exec-3"),
    ("otel.status_description", "Lock wait timeout exceeded; try again"),
    ("peer", "productpage.default.svc.cluster.local:9080"),
]


@pytest.mark.parametrize(("key", "value"), HARMLESS)
def test_what_is_no_secret_stays(key: str, value: str) -> None:
    clean, _report = redact(adjust(make_trace([{"id": "01", "tags": {key: value}}])))
    assert value in clean.details[0].decode()


BY_LOOK = ("message", "user", "client.address", "key", "card")
CASES = [
    (*secret, place)
    for secret in SECRETS
    for place in ("tag", "process", "operation")
    if place != "operation" or secret[0] in BY_LOOK  # a name has no key
]


@pytest.mark.parametrize(("key", "value", "secret", "place"), CASES)
def test_a_planted_secret_is_nowhere_in_what_is_stored(
    key: str, value: str, secret: str, place: str
) -> None:
    span: dict[str, object] = {"id": "01", "service": "a"}
    if place == "tag":
        span["tags"] = {key: value}
    elif place == "process":
        span["process"] = {key: value}
    else:
        span["operation"] = value
    clean, report = redact(adjust(make_trace([span])))
    import zstandard

    columns = zstandard.ZstdDecompressor().decompress(codec.encode_columns(clean))
    details = b"".join(codec.decode_all_details(codec.encode_details(clean)))
    for part in (columns, details):
        assert secret.encode() not in part
        assert (
            secret.encode().split(b" ")[0] not in part or len(secret.split(" ")[0]) < 5
        )
    assert report["total"] >= 1


def test_equal_values_get_equal_labels_and_others_stay() -> None:
    tags = {
        "a": "from 203.0.113.7",
        "b": "to 203.0.113.7",
        "c": "to 203.0.113.8",
        "n": 12,
        "v": "1.2.3",
    }
    clean, report = redact(adjust(make_trace([{"id": "01", "tags": tags}])))
    text = clean.details[0].decode()
    assert text.count("[ip 1]") == 2
    assert text.count("[ip 2]") == 1
    assert '"1.2.3"' in text
    assert report["rules"]["ip"] == 3
    assert report["rules"]["jwt"] == 0
