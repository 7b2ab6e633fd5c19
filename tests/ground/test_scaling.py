"""The arithmetic of docs/scaling.md is done by a program, and shown as it says."""

from __future__ import annotations

from benchmarks import scaling


def test_the_document_shows_what_follows_from_its_inputs() -> None:
    text = scaling.DOCUMENT.read_text("utf-8")
    assert set(scaling.inputs(text)) == set("ncpwtob")
    assert scaling.table(text) in text


def test_needs_grow_with_the_load_and_with_its_inputs() -> None:
    given = {"n": 10.0, "c": 10_000.0, "p": 20_000.0, "w": 5_000.0, "t": 30.0}
    given |= {"o": 400.0, "b": 1_000.0}
    assert scaling.row(10_000, given) == (
        "10,000",
        "1,000",
        "1",
        "2",
        "0.5",
        "31,000",
        "4",
        "860",
        "17 min",
    )
    assert scaling.row(10_001, given)[3] == "3"
