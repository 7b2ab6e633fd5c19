"""Two languages: every text is translated, and the page follows the browser."""

from __future__ import annotations

import gettext
import re

import pytest
from django.test import Client

from tests.peers.running import ROOT

FOLDER = ROOT / "locale/zh_Hans/LC_MESSAGES"
PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")


def entries() -> list[tuple[str, str]]:
    """Texts and translations of the compiled catalogue."""
    with (FOLDER / "django.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # no public reader
    return [
        (key if isinstance(key, str) else key[0], value)
        for key, value in found.items()
        if key
    ]


def test_every_text_is_translated_and_compiled() -> None:
    source = (FOLDER / "django.po").read_text("utf-8")
    assert 'msgstr ""\n\n' not in source.split("\n\n", 1)[1]
    assert len(entries()) == source.count("\nmsgid ") - 1


@pytest.mark.parametrize(("text", "translation"), entries())
def test_a_translation_has_the_places_of_its_text(text: str, translation: str) -> None:
    wanted, found = set(PLACE.findall(text)), set(PLACE.findall(translation))
    assert found <= wanted | {"%(n)s"}
    assert wanted <= found | {"%(n)s"}


@pytest.mark.django_db
def test_pages_follow_the_browsers_language(client: Client) -> None:
    chinese = client.get("/graph", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    text = chinese.content.decode()
    assert "服务拓扑" in text
    assert 'lang="zh-hans"' in text
    assert "5%%" not in text
    assert "Accept-Language" in chinese["Vary"]
    assert "Service graph" in client.get("/graph").content.decode()
