"""Own rules, the allow-list, fields removed by hand, and the preview."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.redaction.apply import preview, redact, redact_shared
from dashboard.redaction.own import Policy, read_policy, read_rules, safe_pattern
from dashboard.redaction.redactor import Redactor
from dashboard.traces.trace import Trace
from tests.factories import make_trace

RULES = [
    {"name": "customer", "pattern": r"CUST-\d+"},
    {"name": "tenant", "key": r"tenant(\.id)?$"},
    {"name": "order", "key": "^note$", "pattern": r"order \w+"},
]


def policy(rules: Any = RULES, allow: tuple[str, ...] = ()) -> Policy:
    return read_policy(read_rules(json.dumps(rules)), allow)


def trace_of(*spans: dict[str, Any]) -> Trace:
    return adjust(
        make_trace([{"id": f"{n:02}", **span} for n, span in enumerate(spans, 1)])
    )


def test_own_rules_go_by_key_by_pattern_and_by_both() -> None:
    tags = {"shop.Tenant.id": "acme", "note": "order 77 of CUST-12", "x": "order 78"}
    trace = trace_of({"tags": tags, "operation": "load CUST-12"})
    clean, report = redact(trace, policy())
    text = clean.details[0].decode()
    assert "acme" not in text
    assert '"[order 1] of [customer 1]"' in text
    assert '"order 78"' in text
    assert clean.operations == ["load [customer 1]"]
    assert report["own"] == ["customer", "tenant", "order"]
    assert report["rules"]["customer"] == 2


BAD: list[tuple[Any, str]] = [
    ("{}", "A list"),
    ("[1]", "Rule 1: an object"),
    ([{"name": "a b", "key": "x"}], "Rule 1: “name”"),
    ([{"name": "jwt", "key": "x"}], "built-in"),
    ([{"name": "a"}], "missing"),
    ([{"name": "a", "key": "x"}, {"name": "b", "regex": "x"}], "Rule 2: “regex”"),
    ([{"name": "a", "pattern": "("}], "can not be read"),
    ([{"name": "a", "pattern": "a*"}], "empty text"),
    ([{"name": "a", "pattern": 5}], "regular expression"),
    ([{"name": "a", "pattern": "x" * 501}], "longer"),
    ("[", "no JSON"),
]


@pytest.mark.parametrize(("content", "words"), BAD)
def test_a_fault_in_a_rule_is_told(content: Any, words: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(ValueError, match=words):
        read_rules(text)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+b",
        r"(a|a)*b",
        r"(a|ab)+c",
        r"(\w+\s?)+$",
        r".*x.*y.*z",
        r"a*a*a*b",
        r"(a?){40}a{40}",
        r"(x)\1",
        r"(.*?,){20}x",
        r"(?=.*a)(?=.*b)x",
        r"(?:\d+\.)+x",
        r"(?P<a>x+x+)+y",
        r"((a*)*)*b",
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"too many ways|groups|more than 1000"):
        safe_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"CUST-\d+", "a CUST-12 b", "CUST-12"),
        (r"[\w.]+@\w+\.\w+", "to a.b@c.de!", "a.b@c.de"),
        (r"\d{3,}-\w+", "12 345-x", "345-x"),
        (r"[]a]+b", "x]a]b", "]a]b"),
        (r"[^]]+x", "]abx", "abx"),
        (r"\bacct_[a-z0-9]{6,}\b", "acct_abc123", "acct_abc123"),
        (r"a\+b\*", "a+b*", "a+b*"),
        (r"[+*]+x", "+*x", "+*x"),
    ],
)
def test_a_usual_pattern_is_taken_as_it_is_meant(
    pattern: str, text: str, found: str
) -> None:
    match = safe_pattern(pattern).search(text)
    assert match is not None
    assert match[0] == found


def test_repeats_without_a_limit_get_one() -> None:
    assert safe_pattern(r"x-\d+").pattern == r"x-\d{1,200}"
    redactor = Redactor(policy([{"name": "long", "pattern": r"[ab]+c"}]))
    text = "ab" * 500_000
    assert redactor.text(text) == text


def test_an_allow_list_keeps_only_what_it_names() -> None:
    tags = {
        "http.response.status_code": 500,
        "http.route": "/a",
        "db.system": "mysql",
        "note": "free words",
        "http.request.header.cookie": "a=b",
        "error": True,
    }
    spans = ({"tags": tags, "process": {"k8s.pod.name": "pod-1"}}, {"tags": tags})
    clean, report = redact(trace_of(*spans), policy([], ("http.*", "error")))
    text = clean.details[0].decode()
    assert '"/a"' in text
    assert "500" in text
    assert "a=b" not in text
    assert "mysql" not in text
    assert text.count("[not-allowed ") == 2
    assert "free words" not in text
    assert clean.processes[0].tags[0].value.startswith("[not-allowed ")
    assert not {"mysql", "pod-1"} & set(clean.fact_values)
    assert "500" in clean.fact_values
    assert report["allow_list"] is True
    assert report["rules"]["not-allowed"] == 5


def test_a_field_is_removed_by_hand_from_tags_and_facts() -> None:
    spans = ({"tags": {"db.system": "mysql", "error": True, "n": 5}},)
    clean, report = redact(trace_of(*spans), extra_keys=["DB.system", "n", "error"])
    text = clean.details[0].decode()
    assert "mysql" not in text
    assert "true" not in text.lower()
    assert "mysql" not in clean.fact_values
    assert report["rules"]["by-hand"] == 3


def test_a_fact_that_was_cut_off_ends_at_a_word() -> None:
    words = "x " * 495 + "token ghp_plant60abcdefghijklmnopqrstuvwxyz0"
    trace = trace_of({"tags": {"otel.status_description": words, "error": True}})
    assert any(value.endswith("ghp_") for value in trace.fact_values)
    clean, _ = redact(trace)
    assert not any("ghp_" in value for value in clean.fact_values)


def example(found: dict[str, Any], place: str, name: str) -> dict[str, Any]:
    return next(
        one
        for one in found["examples"]
        if (one["place"], one["field"]) == (place, name)
    )


def marked(shown: dict[str, Any]) -> list[str]:
    return [shown["text"][a:b] for a, b in shown["marks"]]


def test_the_preview_tells_counts_and_marks_what_goes() -> None:
    calls = [
        {
            "service": "mysql",
            "tags": {"db.statement": f"SELECT a FROM t WHERE n = 'name{n}' AND z = 5"},
            "operation": "to ann@planted.example",
        }
        for n in range(30)
    ]
    web = {"service": "web", "tags": {"m": "from 10.0.0.1 to 10.0.0.2", "n": 1}}
    trace = trace_of(web, *calls)
    found = preview(trace)
    clean, report = redact(trace)
    assert {key: found[key] for key in report} == report
    assert found["rules"]["sql-literal"] == 60
    assert found["fields"] == len(found["examples"]) == 3
    statement = example(found, "tag", "db.statement")
    assert statement["spans"] == 30
    assert statement["services"] == [{"name": "mysql", "spans": 30}]
    assert len(statement["rows"]) == 20
    assert marked(statement["before"]) == ["'name0'", "5"]
    assert marked(statement["after"]) == ["[sql-literal 1]", "[sql-literal 2]"]
    operation = example(found, "operation", "operation")
    assert operation["spans"] == 30
    assert marked(operation["before"]) == ["ann@planted.example"]
    message = example(found, "tag", "m")
    assert marked(message["before"]) == ["10.0.0.1", "10.0.0.2"]
    assert message["services"] == [{"name": "web", "spans": 1}]
    assert [one["spans"] for one in found["examples"]] == [30, 30, 1]
    assert clean.operations[1] == operation["after"]["text"]


def test_a_decoded_text_is_marked_as_a_whole_and_a_nested_part_exactly() -> None:
    mail = "http://h/?a=1&to=ann@planted.example and 10.0.0.9"
    found = preview(trace_of({"tags": {"u": mail, "p": "x ann%40planted.example"}}))
    assert marked(example(found, "tag", "u")["before"]) == [
        "a=1&to=ann@planted.example",
        "10.0.0.9",
    ]
    whole = example(found, "tag", "p")["before"]
    assert marked(whole) == [whole["text"]]


def test_the_preview_is_in_pages_and_bounded() -> None:
    tags = {f"key{n:03}": "y" * 1_000 + " a@planted.example " for n in range(45)}
    trace = trace_of({"tags": tags})
    pages = [preview(trace, page=n, size=20) for n in (1, 2, 3, 9)]
    assert [len(one["examples"]) for one in pages] == [20, 20, 5, 5]
    assert pages[0]["pages"] == 3
    fields = [one["field"] for page in pages[:3] for one in page["examples"]]
    assert fields == sorted(tags)
    shown = pages[0]["examples"][0]["before"]
    assert len(shown["text"]) <= 400
    assert shown["cut"]
    assert marked(shown) == ["a@planted.example"]


def test_the_report_that_is_stored_holds_no_value() -> None:
    tags = {"m": "ann@planted.example", "bob@planted.example": "x", "password": "pw"}
    _, report = redact(trace_of({"tags": tags, "operation": "carl@planted.example"}))
    text = json.dumps(report)
    assert "planted" not in text
    assert '"pw"' not in text
    assert "examples" not in report


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("view=table&span=00f067aa0ba902b7&from=0&to=5000", None),
        ("q=web&view=flame", None),
        ("q=ann@planted.example&from=1", "from=1"),
        ("q=ann%2540planted.example&from=1", "from=1"),
        ("filter=the+PLANTSECRET&view=table", "view=table"),
        ("q=tsecret", ""),
        ("q=4711", ""),
        ("from=4711", None),
        ("other=plantsecret&x=", "x="),
        ("bob@planted.example=1&from=2", "from=2"),
        ("&".join(["a=1"] * 300), ""),
    ],
)
def test_a_link_does_not_tell_what_was_taken_out(state: str, kept: str | None) -> None:
    trace = trace_of({"tags": {"password": "plantsecret", "user.pin": 4711}})
    _, report, found = redact_shared(trace, Policy(), (), state)
    assert found == (state if kept is None else kept)
    assert report["total"] == 2
