"""A small part of Markdown as plain data; everything else is text.

Known are paragraphs, lines that begin with ``- `` or ``> ``, blocks between three
backticks, `code`, **bold**, *italic*, links to http and https. A page makes elements
of its own from the data, so that nothing in a note is ever markup.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

FENCE = "```"
MAX_LINK = 1_000
PART = re.compile(
    r"`(?P<code>[^`\n]{1,1000})`"
    r"|\[(?P<name>[^\[\]\n]{1,300})\]\((?P<named>https?://[^\s()<>\"]{1,1000})\)"
    r"|(?P<url>https?://[^\s<>()\[\]\"'`]{1,1000})"
    r"|(?P<mark>\*\*|\*)"
)
TRAILING = ".,;:!?"


def blocks(text: str) -> list[dict[str, Any]]:
    """The blocks of a text: ``kind`` (p, li, quote, pre) and ``runs``.

    A run has a ``text``, and maybe ``bold``, ``italic``, ``code``, ``href``.
    """
    found: list[dict[str, Any]] = []
    lines: list[str] = []

    def close(kind: str = "p") -> None:
        if lines:
            found.append({"kind": kind, "runs": runs("\n".join(lines))})
            lines.clear()

    fenced: list[str] | None = None
    for line in text.split("\n"):
        if fenced is not None:
            if line.strip() == FENCE:
                found.append({"kind": "pre", "runs": [{"text": "\n".join(fenced)}]})
                fenced = None
            else:
                fenced.append(line)
        elif line.startswith(FENCE):
            close()
            fenced = []
        elif line.startswith(("- ", "* ")):
            close()
            found.append({"kind": "li", "runs": runs(line[2:])})
        elif line.startswith("> "):
            close()
            found.append({"kind": "quote", "runs": runs(line[2:])})
        elif not line.strip():
            close()
        else:
            lines.append(line)
    close()
    if fenced:  # never closed: to the end
        found.append({"kind": "pre", "runs": [{"text": "\n".join(fenced)}]})
    return found


def runs(text: str) -> list[dict[str, Any]]:
    """The runs of one block."""
    found: list[dict[str, Any]] = []
    on = {"**": False, "*": False}
    left = {"**": 0, "*": 0}
    parts = list(PART.finditer(text))
    for part in parts:
        if part["mark"]:
            left[part["mark"]] += 1

    def add(words: str, **more: Any) -> None:
        if not words:
            return
        styles = {"bold": on["**"], "italic": on["*"]}
        run = {"text": words, **{k: v for k, v in styles.items() if v}, **more}
        if found and {**found[-1], "text": ""} == {**run, "text": ""} and not more:
            found[-1]["text"] += words
        else:
            found.append(run)

    at = 0
    for part in parts:
        add(text[at : part.start()])
        at = part.end()
        mark = part["mark"]
        if mark:
            left[mark] -= 1
            if on[mark] or left[mark]:
                on[mark] = not on[mark]
            else:
                add(mark)  # opens nothing that is closed
        elif part["code"] is not None:
            add(part["code"], code=True)
        elif part["name"] is not None:
            add(part["name"], **_link(part["named"]))
        else:
            url = part["url"].rstrip(TRAILING)
            add(url, **_link(url))
            add(part["url"][len(url) :])
    add(text[at:])
    return found


def _link(url: str) -> dict[str, str]:
    """Where a link leads, nothing where that is no plain web address."""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_plain = is_plain and parts.username is None and url.isprintable()
    except ValueError:
        return {}
    return {"href": url} if is_plain else {}
