"""State of the sources, for their page and for the badge in the top bar."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.actions import pace
from dashboard.actions.choice import excluded, included, kept_share
from dashboard.models import Gap, Source
from dashboard.presenters import text
from dashboard.presenters.backfill import fill_rows
from dashboard.reads.sources import Arrivals, arrivals, open_stretches
from dashboard.sources.registry import can_pull

MAX_LISTED = 20
CLOCK_TOLD_S = 10.0


def source_rows() -> list[dict[str, Any]]:
    """All sources with their state in words."""
    sources = list(Source.objects.defer("cursors").order_by("pk"))
    came = arrivals(source.pk for source in sources)
    fills = fill_rows()
    return [_row(source, came[source.pk], fills[source.pk]) for source in sources]


def _row(
    source: Source, lately: Arrivals, fills: list[dict[str, Any]]
) -> dict[str, Any]:
    held = source.held + lately.unfolded
    newest_us = max(source.newest_us or 0, lately.newest_us) or None
    lag_s = max(0, round(time.time() - newest_us / 1e6)) if newest_us else None
    pulled = can_pull(source.kind)
    return {
        "id": source.pk,
        "name": source.name,
        "kind": source.get_kind_display(),
        "url": source.url,
        "enabled": source.enabled,
        "is_demo": source.is_demo,
        "pulled": pulled,
        "traces": held,
        "traces_text": text.count(held),
        "services": len(source.services),
        "newest_us": newest_us,
        "lag_s": lag_s,
        "lag_text": _lag(lately),
        "minute_text": _rates(lately.minute_traces, lately.minute_spans, 60),
        "hour_text": _rates(lately.hour_traces, lately.hour_spans, 3600),
        "last_success_us": _us(source.last_success_at),
        "failing_since_us": _us(source.failing_since),
        "next_try_us": _us(source.next_try_at),
        "swept_back_to_us": source.swept_back_to_us,
        "not_had": source.not_had,
        "last_error": source.last_error,
        "state": state(source),
        "state_text": state_text(source),
        "pace_text": pace_text(source) if pulled else "",
        "clock_text": _clock(source),
        "choice": _choice(source) if pulled else {},
        "gaps": _gaps(source) if source.not_had else [],
        **(_waiting(source) if pulled else {"waiting": [], "waiting_count": 0}),
        "fills": fills,
    }


def _lag(lately: Arrivals) -> str:
    middle, most = lately.lag_ms(0.5), lately.lag_ms(0.95)
    if middle is None or most is None:
        return ""
    return _("p50 %(p50)s, p95 %(p95)s") % {
        "p50": text.duration_us(round(middle * 1e3)),
        "p95": text.duration_us(round(most * 1e3)),
    }


def _rates(traces: int, spans: int, seconds: int) -> str:
    return _("traces %(traces)s, spans %(spans)s") % {
        "traces": text.rate(traces / seconds),
        "spans": text.rate(spans / seconds),
    }


def pace_text(source: Source) -> str:
    """How often a source is asked, and why."""
    if not source.enabled:
        return _("It is not asked: it is switched off.")
    now = timezone.now()
    waits = source.next_try_at is not None and source.next_try_at > now
    seconds = {"s": f"{source.pause_s:g}", "answer": "", "usual": ""}
    if source.pace == pace.TOLD and waits:
        return _("It asked for a pause of %(s)s s.") % seconds
    if source.failing_since and waits:
        left = max(1, round(((source.next_try_at or now) - now).total_seconds()))
        return _("It is tried again in %(s)s s.") % {"s": left}
    if source.pace == pace.SLOW:
        seconds["answer"] = text.duration_us(round(source.answer_ms * 1e3))
        seconds["usual"] = text.duration_us(round(source.usual_ms * 1e3))
        return (
            _(
                "Asks every %(s)s s: an answer takes %(answer)s, usually %(usual)s, so "
                "it is spared."
            )
            % seconds
        )
    return {
        pace.WATCHED: _("Asks every %(s)s s: somebody watches."),
        pace.IDLE: _("Asks every %(s)s s: nobody watches."),
        pace.BEHIND: _("Asks without a pause: it catches up."),
    }.get(source.pace, "") % seconds


def _clock(source: Source) -> str:
    offset_s = source.clock_offset_s
    if abs(offset_s) <= CLOCK_TOLD_S:
        return ""
    words = (
        _("Its clock is %(d)s ahead of this machine's.")
        if offset_s > 0
        else _("Its clock is %(d)s behind this machine's.")
    )
    also = _("Nothing is lost, but each pull asks that time again. Set the clocks.")
    gap = text.duration_us(round(abs(offset_s) * 1e6))
    return f"{words % {'d': gap}} {also}"


def _choice(source: Source) -> dict[str, Any]:
    share = kept_share(source)
    return {
        "concurrency": settings.SPANBOARD_PULL_CONCURRENCY,
        "include": ", ".join(included(source)),
        "exclude": ", ".join(excluded(source)),
        "share": f"{share * 100:g}",
        "sampled": share < 1,
        "left_out": source.left_out,
        "left_out_text": text.count(source.left_out),
    }


def _gaps(source: Source) -> list[dict[str, Any]]:
    found = Gap.objects.filter(source=source).order_by("-start_us")[:MAX_LISTED]
    return [
        {
            "service": gap.service,
            "start_us": gap.start_us,
            "from_text": text.moment(gap.start_us),
            "length_text": text.duration_us(gap.end_us - gap.start_us),
            "reason": str(gap.get_reason_display()),
        }
        for gap in found
    ]


def _waiting(source: Source) -> dict[str, Any]:
    """What is still to be asked; a sweep under way is no news."""
    if source.sweep_from_us is not None:
        return {"waiting": [], "waiting_count": 0}
    found = open_stretches(source)
    return {
        "waiting": [
            {
                "service": service,
                "start_us": start_us,
                "from_text": text.moment(start_us),
                "length_text": text.duration_us(end_us - start_us),
            }
            for service, start_us, end_us in found[:MAX_LISTED]
        ],
        "waiting_count": len(found),
    }


def state(source: Source) -> str:
    """``off``, ``failing``, ``told``, ``waiting`` (never answered yet) or ``well``."""
    if not source.enabled:
        return "off"
    if source.failing_since:
        return "failing"
    if source.pace == pace.TOLD and (source.failures or 0) > 0:
        return "told"
    return "well" if source.last_success_at else "waiting"


def state_text(source: Source) -> str:
    """The state in words."""
    return {
        "off": _("Switched off"),
        "failing": _("Does not answer"),
        "told": _("Asks for a pause"),
        "waiting": _("Waiting for the first traces"),
        "well": _("Well"),
    }[state(source)]


def sampled_texts(name: str = "") -> list[str]:
    """A sentence for each shown source that is copied in part."""
    sources = Source.objects.filter(enabled=True).exclude(url="").order_by("pk")
    if name:
        sources = sources.filter(name=name)
    return [
        _(
            "%(source)s: %(share)s of its traces are taken. Counts are of those, not "
            "scaled up."
        )
        % {"source": source.name, "share": text.share(kept_share(source))}
        for source in sources
        if can_pull(source.kind) and kept_share(source) < 1
    ]


def failing() -> list[dict[str, Any]]:
    """Sources that fail now, for the line at the top of pages."""
    return [
        {
            "name": source.name,
            "url": source.url,
            "since_us": _us(source.failing_since),
            "error": source.last_error,
            "failures": source.failures,
            "next_try_us": _us(source.next_try_at),
        }
        for source in Source.objects.filter(enabled=True).exclude(failing_since=None)
    ]


def default_window() -> tuple[str, str]:
    """What the form of a back-fill begins with: the day before the last hour, UTC."""
    end = timezone.now() - timedelta(hours=1)
    start = end - timedelta(days=1)
    return start.strftime("%Y-%m-%dT%H:%M"), end.strftime("%Y-%m-%dT%H:%M")


def _us(at: Any) -> int | None:
    return round(at.timestamp() * 1e6) if at else None
