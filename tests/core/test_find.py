"""Find in a trace: words, tags, escapes, and what bytes hide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.reads.find import find_rows, read_wanted
from dashboard.sources.detect import decode
from dashboard.traces import codec


def stored(values: list[Any], ascii_only: bool) -> tuple[Any, bytes]:
    """A trace with one tag ``note`` per span, as a blob."""
    spans = [
        {
            "traceID": "ab" * 16,
            "spanID": f"{number + 1:016x}",
            "operationName": f"op{number}",
            "startTime": 1_700_000_000_000_000 + number,
            "duration": 5,
            "processID": "p1",
            "tags": [{"key": "note", "type": "string", "value": value}],
        }
        for number, value in enumerate(values)
    ]
    body = {
        "data": [
            {
                "traceID": "ab" * 16,
                "spans": spans,
                "processes": {"p1": {"serviceName": "shop", "tags": []}},
            }
        ]
    }
    text = json.dumps(body, ensure_ascii=ascii_only)
    if ascii_only:
        text = text.replace("&", "\\u0026").replace("<", "\\u003c")
    trace = adjust(decode(text.encode()).traces[0])
    return trace, codec.encode_details(trace)


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ("a&b", [0]),
        ("note=a&b", [0]),
        ("note=", list(range(8))),
        ("=", list(range(8))),
        ("ote=a", []),
        ("other=a&b", []),
        ("café", [1]),
        ("CAFÉ", [1]),
        ("<tag>", [2]),
        ("订单", [3]),
        ('say"', [4]),
        ("back\\slash", [5]),
        ("a&b 订单", [0, 3]),
        ('"two words"', [6]),
        ('note="two words"', [6]),
        ("two", [6]),
        ("op2", [2]),
        ("shop", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("200", [7]),
        ("note=200", [7]),
        ("a&b -note", []),
        (f"{3:016x}", [2]),
        ("", []),
        ("absent", []),
    ],
)
def test_text_is_found_however_its_json_is_written(
    wanted: str, rows: list[int], ascii_only: bool
) -> None:
    values = [
        "x a&b",
        "CafÉ",
        "<TAG>",
        "新订单号",
        'he said "say"',
        "back\\slash",
        "two words",
        200,
    ]
    trace, blob = stored(values, ascii_only)
    assert find_rows(trace, blob, wanted) == rows


def test_rows_of_every_frame_are_found() -> None:
    values = [f"v{n}" for n in range(3 * codec.FRAME)]
    trace, blob = stored(values, False)
    for number in (0, codec.FRAME - 1, codec.FRAME, 3 * codec.FRAME - 1):
        assert number in find_rows(trace, blob, f"note=v{number}")
    assert len(find_rows(trace, blob, "note=v")) == len(values)


def test_quotes_group_and_an_open_quote_is_text() -> None:
    assert read_wanted('"a b" c').words == ("a b", "c")
    assert read_wanted('"a b').words == ('"a', "b")
    assert read_wanted("-x y").hidden == {"x"}
