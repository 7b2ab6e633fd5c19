"""A copy that was redacted elsewhere: what was cleaned stays, what was missed goes."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.redaction.apply import redact, redact_again
from dashboard.redaction.own import Policy, read_rules
from dashboard.sources.detect import decode
from dashboard.traces.trace import Trace
from tests.e2e.test_leaks import BODIES
from tests.factories import make_trace


def text_of(trace: Trace) -> str:
    parts: list[Any] = [trace.services, trace.operations, trace.processes]
    return b"\n".join(trace.details).decode() + repr(parts)


@pytest.mark.parametrize("kind", list(BODIES))
@pytest.mark.parametrize("allow", [None, ["message", "body", "http.*"]])
def test_what_was_cleaned_is_left_as_it_is(kind: str, allow: list[str] | None) -> None:
    policy = Policy(allow=Policy().allow) if allow is None else _allowing(allow)
    clean, report = redact(adjust(decode(BODIES[kind]()).traces[0]), policy)
    assert report["total"] > 100
    again, more, _ = redact_again(clean, policy, "", text_of(clean))
    assert more["total"] == 0
    assert again.details == clean.details
    assert again.processes == clean.processes
    assert again.fact_values == clean.fact_values
    assert (again.services, again.operations) == (clean.services, clean.operations)
    assert again.warnings == clean.warnings


def _allowing(names: list[str]) -> Policy:
    from dashboard.redaction.own import read_policy

    return read_policy((), names)


@pytest.mark.parametrize(
    ("key", "value", "gone"),
    [
        ("note", "[e-mail 7] and eve@example.org", "eve@"),
        ("password", "[secret-tag 1] hunter2", "hunter2"),
        ("password", "hunter2 [secret-tag 1]", "hunter2"),
        ("note", "password=hunter2 [ip 1]", "hunter2"),
        ("note", "Authorization: hunter2 [ip 1]", "hunter2"),
        ("body", '{"a": "[ip 1]", "password": "hunter2"}', "hunter2"),
        ("body", '{"a": "[ip 1]", "b": "eve@example.org"}', "eve@"),
        ("note", "[ip 1] CUST-123", "CUST"),
        ("forwarded", "for=[ip 1];for=203.0.113.9", "203.0"),
    ],
)
def test_what_was_missed_goes_under_another_number(
    key: str, value: str, gone: str
) -> None:
    policy = Policy(own=read_rules('[{"name": "customer", "pattern": "CUST-[0-9]+"}]'))
    trace = adjust(make_trace([{"id": "a" * 16, "tags": {key: value}}]))
    clean, report, _ = redact_again(trace, policy, "", text_of(trace))
    assert report["total"] > 0
    assert gone not in text_of(clean)


def test_new_labels_are_no_old_ones() -> None:
    tags = {"a": "[e-mail 7]", "b": "eve@example.org"}
    trace = adjust(make_trace([{"id": "a" * 16, "tags": tags}]))
    clean, _, _ = redact_again(trace, Policy(), "", text_of(trace))
    assert "[e-mail 7]" in text_of(clean)
    assert "[e-mail 8]" in text_of(clean)
