"""Two languages: every text is translated, and the page follows the browser."""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from dashboard.live.consumers import page_language
from dashboard.presenters import text
from tests.peers.need import need
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


def extracted(folder: Path) -> Path:
    """The catalogue with all texts of today's sources, made in an empty folder."""
    tools = ("xgettext", "msguniq", "msgmerge", "msgattrib")
    need(all(map(shutil.which, tools)), "GNU gettext", "apt-get install gettext")
    for name in ("dashboard", "templates", "webapp", "locale"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder / "locale/zh_Hans/LC_MESSAGES/django.po"


def listed(catalogue: Path, which: str) -> list[str]:
    """Texts of a catalogue that ``msgattrib`` chooses."""
    told = subprocess.run(
        ["msgattrib", f"--{which}", "--no-wrap", catalogue],
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    return re.findall(r'^msgid (".+")$', told, re.MULTILINE)


def test_no_text_of_the_project_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = extracted(tmp_path)
    known = len(listed(catalogue, "no-obsolete"))
    (tmp_path / "dashboard/forgotten.py").write_text('_("A text that nobody knows")\n')
    monkeypatch.chdir(tmp_path)
    with override_settings(LOCALE_PATHS=[tmp_path / "locale"]):
        call_command("makemessages", locale=["zh_Hans"], no_location=True, verbosity=0)
    assert len(listed(catalogue, "no-obsolete")) > known // 2
    forgotten = {*listed(catalogue, "untranslated"), *listed(catalogue, "only-fuzzy")}
    assert forgotten == {'"A text that nobody knows"'}


def test_sentences_within_sentences_lose_either_full_stop() -> None:
    assert text.without_stop("All retries failed.") == "All retries failed"
    assert text.without_stop("所有重试都失败了。") == "所有重试都失败了"


@pytest.mark.parametrize(
    ("given", "language"),
    [
        (["zh-hans"], "zh-hans"),
        (["zh-CN"], "zh-hans"),
        (["tlh", "zh-hans"], "zh-hans"),
        (["x" * 600], "en"),
        (["\0"], "en"),
        ([], "en"),
    ],
)
def test_a_live_page_names_its_language(given: list[str], language: str) -> None:
    parameters = {"lang": given, "service": ["reviews"]}
    assert page_language(parameters) == language
    assert parameters == {"service": ["reviews"]}


@pytest.mark.django_db
def test_pages_follow_the_browsers_language(client: Client) -> None:
    chinese = client.get("/graph", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    text = chinese.content.decode()
    assert "服务拓扑" in text
    assert 'lang="zh-hans"' in text
    assert "5%%" not in text
    assert "Accept-Language" in chinese["Vary"]
    assert "Service graph" in client.get("/graph").content.decode()
