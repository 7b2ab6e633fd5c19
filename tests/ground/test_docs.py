"""Docs stay true: every setting, address and command is in them; Plotly's rules too."""

from __future__ import annotations

import importlib.util
import re

import pytest

from dashboard import urls
from tests.peers.running import ROOT

DOCS = "\n".join(
    p.read_text("utf-8") for p in [*ROOT.glob("docs/*.md"), ROOT / "README.md"]
)


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text("utf-8")
    names = set(
        re.findall(r'"(SPANBOARD_[A-Z_]+)"', (ROOT / "webapp/settings.py").read_text())
    )
    assert len(names) > 30
    assert not {name for name in names if f"`{name}`" not in text}


def test_every_documented_setting_exists() -> None:
    code = (ROOT / "webapp/settings.py").read_text()
    for name in re.findall(
        r"`(SPANBOARD_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text("utf-8")
    ):
        assert name in code


@pytest.mark.parametrize("pattern", urls.urlpatterns, ids=str)
def test_every_address_is_documented(pattern: object) -> None:
    path = "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", str(pattern.pattern))  # type: ignore[attr-defined]  # Django's URLPattern
    assert f"`{path}" in (ROOT / "docs/api.md").read_text("utf-8")


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_plotlys_extracted_rules_are_those_of_its_bundle() -> None:
    spec = importlib.util.spec_from_file_location(
        "plotly_css", ROOT / "scripts/plotly_css.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rules = module.rules(module.BUNDLE.read_text("utf-8"))
    lines = module.TARGET.read_text("utf-8").splitlines()[1:]
    assert len(rules) == len(lines)
    assert [f"{selector} {{ {text} }}" for selector, text in rules] == lines


def test_every_dependency_has_a_reason() -> None:
    block = (ROOT / "pyproject.toml").read_text().split("dependencies = [")[1:]
    for part in block:
        for line in part.split("\n]")[0].splitlines():
            if line.strip():
                assert "  # " in line, line
