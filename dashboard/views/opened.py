"""A trace that a request opens: the stored one, or the snapshot behind a share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from dashboard.analysis.tag_values import Frames
from dashboard.presenters.notes import kept_rows
from dashboard.presenters.shares import snapshot_facts
from dashboard.presenters.shown import Shown
from dashboard.share_models import ShareLink
from dashboard.traces import codec
from dashboard.traces.trace import Trace
from dashboard.views import share, trace


@dataclass(frozen=True, slots=True)
class Opened:
    """What the views of a trace are made of."""

    shown: Shown
    details: bytes  # the stored blob
    source: str
    version: int
    link: ShareLink | None = None  # of a share

    @property
    def snapshot(self) -> dict[str, Any] | None:
        """Facts of a share."""
        return None if self.link is None else snapshot_facts(self.link)

    @property
    def notes(self) -> list[dict[str, Any]]:
        """Notes and pins that a share has kept."""
        return [] if self.link is None else kept_rows(self.link.snapshot.notes)

    def frames(self) -> Frames:
        """The details, frame by frame."""
        return codec.detail_frames(self.details)

    def whole(self) -> Trace:
        """The trace with all details, for exports."""
        return replace(self.shown.trace, details=codec.decode_all_details(self.details))


Answer = Callable[..., HttpResponse]


def of_trace(answer: Answer) -> Answer:
    """A view of a stored trace from a function of ``(request, opened, …)``."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest, trace_id: str, **more: Any) -> HttpResponse:
        record = trace.record_or_404(trace_id)
        wanted = request.GET.get("v", "")
        if wanted and wanted != str(record.version):
            return refusal(409, trace.grown_text())
        details = bytes(record.details)
        opened = Opened(
            trace.shown_of(record), details, record.source.name, record.version
        )
        return answer(request, opened, **more)

    return view


def of_share(answer: Answer) -> Answer:
    """The same for the snapshot behind a token, with a share's headers."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest, token: str, **more: Any) -> HttpResponse:
        link = share.link_or_404(request, token)
        snapshot = link.snapshot
        opened = Opened(
            share.shown_of(link),
            bytes(snapshot.details),
            snapshot.source_name,
            0,
            link,
        )
        return share.private(answer(request, opened, **more))

    return view


def refusal(status: int, text: str) -> JsonResponse:
    """The one shape of JSON errors."""
    return JsonResponse({"ok": False, "error": text, "status": status}, status=status)
