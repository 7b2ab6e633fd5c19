"""Pictures of what is shared, by URL: for wikis and for previews in chats."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from dashboard.actions.shares import is_for_anyone
from dashboard.presenters import shares as presenter
from dashboard.presenters.graph_picture import graph_picture
from dashboard.presenters.png import png_of
from dashboard.presenters.trace_picture import trace_picture
from dashboard.share_models import ShareLink, Snapshot
from dashboard.views.graph_share import shared_graph
from dashboard.views.share import link_or_404, private, shown_of

WIDTHS = (400, 600, 800, 1000, 1240, 1600, 2000)  # px; others become the next one
USUAL_WIDTH = 1240
LIVE_FOR_NS = 10 * 10**9  # a live graph's picture is drawn anew so often
MAX_KEPT_BYTES = 32 * 2**20
# A picture of ours has no script and asks for nothing; opened alone, neither can it.
POLICY = "default-src 'none'; frame-ancestors 'self'; sandbox"


class Kept:
    """Pictures made last, up to so many bytes."""

    def __init__(self, most: int = MAX_KEPT_BYTES):
        self.most, self.size = most, 0
        self.found: OrderedDict[Any, bytes] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], bytes]) -> bytes:
        """What is kept, else what ``make`` gives."""
        with self.lock:
            if key in self.found:
                self.found.move_to_end(key)
                return self.found[key]
        made = make()
        with self.lock:
            self.size += len(made) - len(self.found.pop(key, b""))
            self.found[key] = made
            while self.size > self.most:
                self.size -= len(self.found.popitem(last=False)[1])
        return made


kept = Kept()


@require_safe
def share_picture(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """The snapshot as SVG or PNG; ``theme`` is light or dark, ``width`` px."""
    link = link_or_404(request, token, Snapshot.Kind.values)
    theme = "dark" if request.GET.get("theme") == "dark" else "light"
    width = _width(request.GET.get("width", ""))
    snapshot = link.snapshot
    version: object = snapshot.captured_at
    if snapshot.kind == Snapshot.Kind.LIVE:
        version = time.time_ns() // LIVE_FOR_NS
    key = (snapshot.pk, version, theme, width, get_language())

    def drawn() -> bytes:
        return picture_of(link, theme, width).encode("utf-8", "replace")

    content = kept.get(("svg", *key), drawn)
    if kind == "png":
        svg = content.decode()
        content = kept.get(("png", *key), lambda: png_of(svg))
    mime = {"svg": "image/svg+xml; charset=utf-8", "png": "image/png"}[kind]
    answer = private(HttpResponse(content, mime))
    answer["Content-Disposition"] = f'inline; filename="picture.{kind}"'
    answer["Content-Security-Policy"] = POLICY
    if is_for_anyone(link):
        answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _width(words: str) -> int:
    if not words.isdecimal() or len(words) > 6:
        return USUAL_WIDTH
    return next((width for width in WIDTHS if width >= int(words)), WIDTHS[-1])


def picture_of(link: ShareLink, theme: str, width: int) -> str:
    """The SVG of what a link opens."""
    captured = presenter.snapshot_facts(link)["captured"]
    if link.snapshot.kind == Snapshot.Kind.TRACE:
        shown = shown_of(link)
        return trace_picture(shown, captured=captured, theme=theme, width=width)
    if link.snapshot.kind == Snapshot.Kind.LIVE:
        captured = ""
    data = shared_graph(link)
    return graph_picture(data, captured=captured, theme=theme, width=width)
