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
