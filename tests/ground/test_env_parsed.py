"""Settings that are parsed: in place, from a file, and refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard.analysis.link_patterns import read_patterns
from webapp.env import env_parsed

NAME = "SPANBOARD_LINK_PATTERNS"
GOOD = '[{"type": "traces", "url": "https://a.example/#{traceID}", "text": "x"}]'


def test_patterns_come_from_the_text_or_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read() -> int:
        return len(env_parsed(NAME, read_patterns, "[", "{"))

    monkeypatch.delenv(NAME, raising=False)
    assert read() == 0
    monkeypatch.setenv(NAME, GOOD)
    assert read() == 1
    file = tmp_path / "links.json"
    file.write_text(GOOD)
    monkeypatch.setenv(NAME, str(file))
    assert read() == 1
    file.write_text('[{"type": "traces"}]')
    with pytest.raises(ImproperlyConfigured, match=r"links\.json.*Pattern 1: “url”"):
        read()
    for bad in (str(tmp_path / "absent"), "x" * 5_000):
        monkeypatch.setenv(NAME, bad)
        with pytest.raises(ImproperlyConfigured, match="can not be read"):
            read()
