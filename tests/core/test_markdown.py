"""The small Markdown of notes: what it knows, and that all else is text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.presenters.markdown import blocks, runs

KINDS = {"p", "li", "quote", "pre"}
KEYS = {"text", "bold", "italic", "code", "href"}
HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<b>)",
    "[x](vbscript:x)",
    "[x](//evil.example)",
    "[x](http://a@evil.example/)",
    "![x](https://evil.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "[x](https://e.example/\u202egnp.exe)",
    "[x](https://[::1)",
    "[<b>](https://e.example/\"onclick='x')",
]


def test_what_it_knows() -> None:
    found = blocks(
        "One **bold** and *thin* `a*b*c`\n\n- first\n- second\n> told\n```\nx **y**\n```"
    )
    assert [block["kind"] for block in found] == ["p", "li", "li", "quote", "pre"]
    assert found[0]["runs"] == [
        {"text": "One "},
        {"text": "bold", "bold": True},
        {"text": " and "},
        {"text": "thin", "italic": True},
        {"text": " "},
        {"text": "a*b*c", "code": True},
    ]
    assert found[-1]["runs"] == [{"text": "x **y**"}]


def test_links_lead_to_the_web_only() -> None:
    assert runs("see [this](https://a.example/b?c=d).") == [
        {"text": "see "},
        {"text": "this", "href": "https://a.example/b?c=d"},
        {"text": "."},
    ]
    assert runs("https://a.example/x, b") == [
        {"text": "https://a.example/x", "href": "https://a.example/x"},
        {"text": ", b"},
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_notes_are_text(text: str) -> None:
    found = runs(text)
    links = [run["href"] for run in found if "href" in run]
    assert all(link.startswith("https://e") for link in links)
    assert not any(c in link for link in links for c in "\"'<>\u202e@")
    assert "javascript:" not in "".join(links).lower()


def test_stars_that_close_nothing_stay() -> None:
    assert runs("2 * 3") == [{"text": "2 * 3"}]
    assert runs("a ** b") == [{"text": "a ** b"}]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab *`[]()<>\n-:/htps.!\"'", max_size=200))
def test_nothing_but_known_parts_comes_out(text: str) -> None:
    for block in blocks(text):
        assert set(block) == {"kind", "runs"}
        assert block["kind"] in KINDS
        for run in block["runs"]:
            assert set(run) <= KEYS
            assert isinstance(run["text"], str)
            assert run.get("href", "https://").startswith(("http://", "https://"))
        written = "".join(run["text"] for run in block["runs"])
        assert len(written) <= len(text)


@pytest.mark.parametrize(
    "part", ["[", "`", "*", "**a", "[a](http://", "http://", "> ", "```\n"]
)
def test_long_notes_of_one_sign_end(part: str) -> None:
    began = time.process_time()
    blocks((part * 4_000)[:4_000])
    assert time.process_time() - began < 20  # a hang, no measure
