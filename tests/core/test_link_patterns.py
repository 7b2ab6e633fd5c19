"""Link patterns: Jaeger UI's templates, and values that want to lead elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.analysis.link_patterns import (
    is_http,
    read_patterns,
    tag_links,
    trace_links,
)

LOGS = "https://logs.example.com/q?trace=#{traceID}&from=#{startTime | add -60000000 | epoch_micros_to_date_iso}"


def pattern(**more: Any) -> dict[str, Any]:
    return {
        "type": "tags",
        "key": "pod",
        "url": "https://x.example.com/#{pod}",
        "text": "Pod #{pod}",
        **more,
    }


def one(**more: Any) -> Any:
    return read_patterns(json.dumps([pattern(**more)]))


def test_a_trace_gets_its_link_with_formatted_times() -> None:
    patterns = one(type="traces", url=LOGS, text="Logs of #{traceID}")
    values = {"traceID": "4bf9", "startTime": 1_700_000_060_123_456}
    (link,) = trace_links(patterns, values.get)
    assert link["text"] == "Logs of 4bf9"
    assert link["url"].endswith("trace=4bf9&from=2023-11-14T22%3A13%3A20.123Z")
    assert trace_links(patterns, {"traceID": "4bf9"}.get) == []


def test_a_tag_gets_links_by_place_key_and_value() -> None:
    patterns = one(key=["pod", "k8s.pod"], value="a")
    values = {"pod": "a"}
    assert tag_links(patterns, "tags", "pod", "a", values.get) == [
        {"text": "Pod a", "url": "https://x.example.com/a"}
    ]
    assert tag_links(patterns, "tags", "k8s.pod", "a", values.get)
    for kind, key, value in (
        ("logs", "pod", "a"),
        ("tags", "other", "a"),
        ("tags", "pod", "b"),
    ):
        assert tag_links(patterns, kind, key, value, values.get) == []
    several = one(type=["tags", "logs"], key=None)
    assert tag_links(several, "logs", "anything", 1, values.get)


def test_jaegers_own_configuration_is_read() -> None:
    content = json.dumps({"linkPatterns": [pattern()], "tracking": {"gaID": "x"}})
    assert len(read_patterns(content)) == 1
    assert read_patterns("{}") == read_patterns("[]") == ()


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("#{v | pad_start 6 0}", "abc", "000abc"),
        ("#{v | pad_start 2 0}", "abc", "abc"),
        ("#{v|add 5}", 10, "15"),
        ("#{v | add -5}", "10", "5"),
        ("#{v | epoch_micros_to_date_iso}", 0, "1970-01-01T00%3A00%3A00.000Z"),
        ("#{v}", True, "true"),
        ("#{v}", "a b/c?d#e&f=g\u202e", "a%20b%2Fc%3Fd%23e%26f%3Dg%E2%80%AE"),
        ("#{v}", "\ud800", "%3F"),
    ],
)
def test_values_are_formatted_and_encoded(
    template: str, value: Any, expected: str
) -> None:
    patterns = one(url=f"https://x.example.com/{template}", text="t")
    (link,) = tag_links(patterns, "tags", "pod", "", {"v": value}.get)
    assert link["url"] == f"https://x.example.com/{expected}"


@pytest.mark.parametrize(
    "value", ["abc", "1e400", True, 10**40, "x" * 5_000, float("nan")]
)
def test_what_can_not_be_formatted_makes_no_link(value: Any) -> None:
    url = "https://x.example.com/#{v | epoch_micros_to_date_iso}"
    assert tag_links(one(url=url), "tags", "pod", "", {"v": value}.get) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("3", "list of patterns"),
        ("[3]", "Pattern 1: an object"),
        (json.dumps([pattern(), pattern(type="span")]), "Pattern 2: the type"),
        (json.dumps([pattern(url="javascript:alert(1)")]), "must begin with http"),
        (json.dumps([pattern(url="#{pod}")]), "must begin with http"),
        (json.dumps([pattern(url="https://#{pod}")]), "end of the host"),
        (json.dumps([pattern(url="https://#{pod}/x")]), "end of the host"),
        (json.dumps([pattern(url="https://a.example#{pod}/x")]), "end of the host"),
        (json.dumps([pattern(url="https://u:p@a.example/x")]), "no user"),
        (json.dumps([pattern(url="https:///x")]), "needs a host"),
        (json.dumps([pattern(text="")]), "“text” is missing"),
        (json.dumps([pattern(url=None)]), "“url” is missing"),
        (json.dumps([pattern(key=[1])]), "list of texts"),
        (json.dumps([pattern(wrong=1)]), "“wrong” is not known"),
        (json.dumps([pattern(text="#{a | upper}")]), "no formatter"),
        (json.dumps([pattern(text="#{a | pad_start x 0}")]), "no formatter"),
        (json.dumps([pattern(text="#{ }")]), "no name"),
        (json.dumps([pattern()] * 201), "more than 200"),
    ],
)
def test_a_bad_configuration_is_refused_with_its_place(
    content: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_patterns(content)


def test_a_host_may_be_chosen_below_a_literal_domain() -> None:
    patterns = one(url="https://#{pod}.example.com:8080/x")
    (link,) = tag_links(patterns, "tags", "pod", "", {"pod": "one"}.get)
    assert link["url"] == "https://one.example.com:8080/x"


@given(st.text())
def test_no_value_leads_to_another_place(value: str) -> None:
    url = "https://x.example.com/a/#{v}?b=#{v}"
    for link in tag_links(
        one(url=url), "tags", "pod", "", {"v": value, "pod": "p"}.get
    ):
        assert link["url"].startswith("https://x.example.com/a/")
        assert is_http(link["url"])
        assert link["url"].count("?") == 1
        assert not set(link["url"]) & set("<>\"'` #\\\n")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.com/a?b#c", True),
        ("HTTP://example.com", True),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https:///x", False),
        (" https://example.com", False),
        ("https://exa mple.com", False),
        ("https://example.com/\u202ereversed", False),
        ("https://example.com\nx", False),
        ("https://[::1", False),
        ("data:text/html,x", False),
        ("//example.com", False),
    ],
)
def test_only_whole_http_addresses_are_links(url: str, good: bool) -> None:
    assert is_http(url) is good
