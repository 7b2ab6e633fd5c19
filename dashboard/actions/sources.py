"""Writes about sources: making them, their state, switching, removing."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from dashboard.actions.choice import patterns
from dashboard.actions.pace import MAX_TOLD_S, TOLD
from dashboard.live.events import SOURCES, publish
from dashboard.models import BackFill, Source
from dashboard.sources.http import HttpSettings
from dashboard.sources.registry import MAKERS
from dashboard.traces.errors import Throttled

log = logging.getLogger(__name__)
MAX_PAUSE_S = 60
THROTTLED_IS_FAILING = 3  # pauses asked for in a row
DEMO_HEADER = "X-Spanboard-Demo"


def demo_key() -> str:
    """What the demo shows the receiver, so that its spans are told from others'."""
    return hashlib.sha256(b"demo\0" + settings.SECRET_KEY.encode()).hexdigest()[:32]


def ensure_source(kind: str, url: str, name: str) -> Source:
    """The source of this name, made or brought up to date."""
    source, _ = Source.objects.update_or_create(
        name=name,
        defaults={"kind": kind, "url": url, "is_demo": kind == Source.Kind.DEMO},
    )
    return source


def receiver_source(is_demo: bool = False) -> Source:
    """The source that pushed spans belong to."""
    if is_demo:
        return _named("Demo", Source.Kind.DEMO)
    return _named("OTLP", Source.Kind.OTLP)


def zipkin_source() -> Source:
    """The source that spans pushed in Zipkin's format belong to."""
    return _named("Zipkin", Source.Kind.ZIPKIN)


def upload_source(name: str = "Uploads") -> Source:
    """The source that uploaded files belong to."""
    return _named(name, Source.Kind.UPLOAD)


def _named(name: str, kind: str) -> Source:
    source, _ = Source.objects.get_or_create(
        name=name, defaults={"kind": kind, "is_demo": kind == Source.Kind.DEMO}
    )
    return source


def pulled_sources() -> QuerySet[Source]:
    """The backends that are asked for traces."""
    return Source.objects.filter(enabled=True, kind__in=list(MAKERS))


def prepare_sources() -> bool:
    """Make the configured sources; returns whether demo traffic is wanted.

    A Jaeger of an earlier start that is no longer configured is switched off;
    its traces stay. Call it where nothing else runs yet: it ends all claims.
    """
    pulled = sync_sources()
    Source.objects.filter(pk__in=pulled).update(
        enabled=True, next_try_at=None, next_pull_at=None
    )
    Source.objects.update(busy_until=None)
    BackFill.objects.update(busy_until=None)
    return bool(settings.SPANBOARD_DEMO) and not pulled


def sync_sources() -> list[int]:
    """Bring the configured Jaegers into the database; returns their ids.

    One with a name keeps its traces when its address changes.
    """
    jaegers = Source.objects.filter(kind=Source.Kind.JAEGER)
    found = []
    for name, url in settings.SPANBOARD_JAEGERS:
        source = jaegers.filter(name=name).first() if name else None
        source = source or jaegers.filter(url=url).first()
        if source is None:
            wanted = name or "Jaeger"
            if Source.objects.filter(name=wanted).exists():
                wanted = f"Jaeger {url}"[:100]
            source = ensure_source(Source.Kind.JAEGER, url, wanted)
        elif (source.url, source.name) != (url, name or source.name):
            Source.objects.filter(pk=source.pk).update(
                url=url, name=name or source.name, cursors={}, open_windows={}
            )
        found.append(source.pk)
    jaegers.exclude(pk__in=found).update(enabled=False)
    return found


def http_settings(source: Source) -> HttpSettings:
    """How to reach a source; secrets come from the environment, not the database."""
    own = settings.SPANBOARD_JAEGER_OWN.get(source.url)
    secrets = own or {
        "token": settings.SPANBOARD_JAEGER_TOKEN,
        "user": settings.SPANBOARD_JAEGER_USER,
        "password": settings.SPANBOARD_JAEGER_PASSWORD,
        "headers": settings.SPANBOARD_JAEGER_HEADERS,
        "ca_file": settings.SPANBOARD_JAEGER_CA,
    }
    return HttpSettings(
        url=source.url,
        token=secrets["token"],
        user=secrets["user"],
        password=secrets["password"],
        headers=_headers(secrets["headers"]),
        ca_file=secrets["ca_file"],
        insecure_tls=settings.SPANBOARD_JAEGER_INSECURE_TLS,
        timeout_s=settings.SPANBOARD_JAEGER_TIMEOUT_SECONDS,
        max_bytes=settings.SPANBOARD_JAEGER_MAX_BYTES,
        concurrency=settings.SPANBOARD_PULL_CONCURRENCY,
    )


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    lines = text.replace("\\n", "\n").split("\n")
    pairs = (line.partition(":") for line in lines)
    return tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)


def note_success(source: Source, fault: str = "") -> None:
    """A source answered; announces the end of an outage.

    ``fault`` tells what part of it failed all the same.
    """
    now = timezone.now()
    was_failing = source.failing_since is not None
    Source.objects.filter(pk=source.pk).update(
        last_success_at=now,
        failing_since=None,
        failures=0,
        last_error=fault[:2000],
        next_try_at=None,
    )
    if was_failing:
        log.info("%s answers again", source.name)
        publish(SOURCES, {"source": source.pk})


def note_failure(source: Source, problem: Exception) -> None:
    """A source failed: back off (1 s, 2 s, … 60 s) and say so on the pages."""
    now = timezone.now()
    pause_s = min(2 ** min(source.failures, 6), MAX_PAUSE_S)
    first = source.failing_since is None
    Source.objects.filter(pk=source.pk).update(
        failing_since=source.failing_since or now,
        failures=F("failures") + 1,
        last_error=str(problem)[:2000],
        next_try_at=now + timedelta(seconds=pause_s),
    )
    if first:
        log.warning("%s fails: %s", source.name, problem)
    publish(SOURCES, {"source": source.pk})


def note_throttled(source: Source, problem: Throttled) -> None:
    """A source asks for a pause: keep it; who asks often enough counts as failing."""
    now = timezone.now()
    pause_s = 2.0 ** min(source.failures, 6)
    if problem.wait_s is not None:
        pause_s = min(max(problem.wait_s, 1.0), MAX_TOLD_S)
    failing = source.failing_since
    if source.failures + 1 >= THROTTLED_IS_FAILING:
        failing = failing or now
    Source.objects.filter(pk=source.pk).update(
        failing_since=failing,
        failures=F("failures") + 1,
        last_error=str(problem)[:2000],
        next_try_at=now + timedelta(seconds=pause_s),
        pace=TOLD,
        pause_s=pause_s,
    )
    log.warning("%s: %s", source.name, problem)
    publish(SOURCES, {"source": source.pk})


def note_received(source: Source) -> None:
    """A push arrived; noted at most once a second."""
    now = timezone.now()
    Source.objects.filter(pk=source.pk).exclude(
        last_success_at__gt=now - timedelta(seconds=1)
    ).update(last_success_at=now)


def set_enabled(source: Source, enabled: bool) -> None:
    """Switch a source on or off; what it gave stays."""
    source.enabled = enabled
    source.save(update_fields=["enabled"])
    publish(SOURCES, {"source": source.pk})


def choose(source: Source, include: str, exclude: str, share: float) -> None:
    """Say which services (patterns) and what share of the traces are taken.

    What equals the settings is left to them, so that it follows when they change.
    """
    wanted, unwanted = patterns(include), patterns(exclude)
    if wanted == list(settings.SPANBOARD_PULL_INCLUDE):
        wanted = []
    if unwanted == list(settings.SPANBOARD_PULL_EXCLUDE):
        unwanted = []
    source.include, source.exclude = ", ".join(wanted), ", ".join(unwanted)
    same = abs(share - settings.SPANBOARD_PULL_SHARE) < 1e-9
    source.kept_share = None if same else share
    source.save(update_fields=["include", "exclude", "kept_share"])
    publish(SOURCES, {"source": source.pk})
