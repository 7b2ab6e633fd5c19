"""What is stored: one row per trace, rollups, sources and shares."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from dashboard.access.models import AccessToken, User
from dashboard.doctor_models import Diagnosis, DoctorState
from dashboard.note_models import Note, ShareComment
from dashboard.search_models import SavedSearch
from dashboard.share_models import SavedLink, ShareEvent, ShareLink, Snapshot

# Django finds an application's models here.
__all__ = [
    "AccessToken",
    "Diagnosis",
    "DoctorState",
    "Note",
    "SavedLink",
    "SavedSearch",
    "ShareComment",
    "ShareEvent",
    "ShareLink",
    "Snapshot",
    "User",
]


class Source(models.Model):
    """Where traces come from; its state is what the sources page shows."""

    class Kind(models.TextChoices):
        """Kinds of sources."""

        JAEGER = "jaeger", _("Jaeger")
        OTLP = "otlp", _("OTLP receiver")
        ZIPKIN = "zipkin", _("Zipkin receiver")
        UPLOAD = "upload", _("Uploads")
        DEMO = "demo", _("Demo")

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    url = models.CharField(max_length=2000, blank=True)
    enabled = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_success_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    next_try_at = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    cursors = models.JSONField(default=dict)  # service → µs asked up to
    services = models.JSONField(default=list)
    swept_back_to_us = models.BigIntegerField(null=True)
    next_sweep_at = models.DateTimeField(null=True)
    not_had = models.PositiveIntegerField(default=0)  # gaps, see ``Gap``
    # What is still to be asked: service → [[start µs, end µs], …].
    open_windows = models.JSONField(default=dict)
    behind = models.BooleanField(default=False)  # the last pull left some of that
    sweep_from_us = models.BigIntegerField(null=True)  # a sweep is under way
    sweep_since = models.DateTimeField(null=True)
    # Pace: why, how long the pause is, and the usual time of an answer.
    pace = models.CharField(max_length=20, blank=True)
    pause_s = models.FloatField(default=0.0)
    next_pull_at = models.DateTimeField(null=True)
    answer_ms = models.FloatField(default=0.0)
    usual_ms = models.FloatField(default=0.0)
    clock_offset_s = models.FloatField(default=0.0)  # its clock less ours
    # What is taken; empty and ``None`` stand for the settings.
    include = models.TextField(blank=True)
    exclude = models.TextField(blank=True)
    kept_share = models.FloatField(null=True)
    left_out = models.PositiveBigIntegerField(default=0)  # traces not taken by share
    left_out_to_us = models.BigIntegerField(null=True)  # counted up to
    # What pages show without counting rows.
    held = models.PositiveBigIntegerField(default=0)
    newest_us = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.name


class SourceMinute(models.Model):
    """What a source gave in one minute of arrival, for rates and lag.

    Each write adds a row; they are folded to one a minute later.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="minutes")
    minute = models.BigIntegerField()  # since the epoch
    folded = models.BooleanField(default=False)
    traces = models.PositiveBigIntegerField(default=0)
    spans = models.PositiveBigIntegerField(default=0)
    newest_us = models.BigIntegerField(default=0)
    lags = models.JSONField(default=dict)  # bucket → traces, see actions.arrivals

    class Meta:
        """Read by window."""

        indexes = [models.Index(fields=["minute"], name="source_minute")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.minute}"


class Gap(models.Model):
    """A stretch of time whose traces of a service could not be had."""

    class Reason(models.TextChoices):
        """Why."""

        CUT = "cut", _("More traces at one moment than the backend gives")
        OLD = "old", _("Not had before it was too old to be kept")

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="gaps")
    service = models.CharField(max_length=255)
    start_us = models.BigIntegerField()
    end_us = models.BigIntegerField()
    reason = models.CharField(max_length=10, choices=Reason.choices)
    noted_at = models.DateTimeField()

    class Meta:
        """Each once."""

        constraints = [
            models.UniqueConstraint(
                fields=["source", "service", "start_us", "end_us"], name="one_gap"
            )
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.start_us}"


class BackFill(models.Model):
    """A chosen past window that is fetched from a source, with its progress."""

    class State(models.TextChoices):
        """Where it stands; waiting and running ones go on by themselves."""

        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")
        DONE = "done", _("Done")

    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, related_name="back_fills"
    )
    start_us = models.BigIntegerField()
    end_us = models.BigIntegerField()
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.WAITING
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    # What is left: service → [[start µs, end µs], …]; ``None`` before the first ask.
    open_windows = models.JSONField(null=True)
    windows = models.PositiveIntegerField(default=0)
    windows_done = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)  # traces that were looked at
    stored = models.PositiveIntegerField(default=0)
    spans = models.PositiveBigIntegerField(default=0)
    buried = models.PositiveIntegerField(default=0)  # deleted here before
    not_had = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.source_id} {self.start_us}"


class Watch(models.Model):
    """When somebody last had a live page open, on any process; one row."""

    seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.seen_at)


# Not ``settled=False``: SQLite reads "NOT settled" through the whole table.
GROWING = models.Q(settled__in=[False])
SEARCHED = ("listed", "source", "max_span_us")


class TraceRecord(models.Model):
    """One trace from one source: summary, columns, details, contribution."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="traces")
    trace_id = models.CharField(max_length=32)
    trace_key = models.CharField(max_length=32)
    start_us = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    arrived_at = models.DateTimeField()
    last_span_at = models.DateTimeField()
    settled = models.BooleanField(default=False)  # no longer growing
    span_count = models.PositiveIntegerField()
    error_count = models.PositiveIntegerField()
    service_count = models.PositiveIntegerField()
    orphan_count = models.PositiveIntegerField(default=0)
    max_span_us = models.BigIntegerField(default=0)
    root_service = models.TextField(blank=True)
    root_operation = models.TextField(blank=True)
    summary = models.JSONField()
    columns = models.BinaryField()
    details = models.BinaryField()
    contribution = models.BinaryField()
    digest = models.CharField(max_length=32, blank=True)
    byte_size = models.PositiveBigIntegerField()
    version = models.PositiveIntegerField(default=1)
    counted = models.BooleanField(default=True)  # the one of its trace that counts
    listed = models.BooleanField(default=True)  # the one of its trace that is shown

    class Meta:
        """Newest first is the order people ask for."""

        constraints = [
            models.UniqueConstraint(
                fields=["trace_key", "source"], name="one_per_source"
            )
        ]
        indexes = [
            # One for each order of a search, with all that a search asks of a
            # record: it is answered without a look at the wide row.
            models.Index(
                fields=["start_us", "id", *SEARCHED, "error_count"],
                name="trace_by_start",
            ),
            models.Index(
                fields=["duration_us", "id", "start_us", *SEARCHED, "error_count"],
                name="trace_by_duration",
            ),
            models.Index(
                fields=["span_count", "id", "start_us", *SEARCHED, "error_count"],
                name="trace_by_spans",
            ),
            models.Index(
                fields=["error_count", "id", "start_us", *SEARCHED],
                name="trace_by_errors",
            ),
            models.Index(fields=["settled", "last_span_at"], name="trace_growing"),
            models.Index(
                fields=["arrived_at", "id", "byte_size"], name="trace_by_arrival"
            ),
            models.Index(fields=["trace_key"], name="trace_key"),
        ]

    def __str__(self) -> str:
        return self.trace_id


class TraceTerm(models.Model):
    """A term of a trace, which pre-selects for search; hits are checked on spans.

    It repeats what a search asks of the record, so that one index answers it.
    """

    pk = models.CompositePrimaryKey("record_id", "term")
    record = models.ForeignKey(
        TraceRecord, on_delete=models.CASCADE, related_name="terms", db_index=False
    )
    term = models.BigIntegerField()
    start_us = models.BigIntegerField()
    longest_us = models.BigIntegerField()  # of the spans that have the term
    failed = models.BooleanField()  # one of these spans
    listed = models.BooleanField(default=True)
    source = models.ForeignKey(
        Source,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        """Found by term, newest first."""

        indexes = [
            models.Index(
                fields=[
                    "term",
                    "start_us",
                    "record",
                    "longest_us",
                    "failed",
                    "listed",
                    "source",
                ],
                name="term_by_start",
            )
        ]

    def __str__(self) -> str:
        return str(self.term)


class Vocabulary(models.Model):
    """Services and their operations as they were seen, for forms."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    service = models.CharField(max_length=255)
    operation = models.CharField(max_length=255)
    kind = models.PositiveSmallIntegerField(default=0)  # OTLP's number
    seen_at = models.DateTimeField()

    class Meta:
        """Each once a source."""

        constraints = [
            models.UniqueConstraint(
                fields=["source", "service", "operation", "kind"], name="one_word"
            )
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


def fresh_revision() -> int:
    """A number that no other write has: sums of them tell whether rows changed."""
    return secrets.randbits(40)


class RollupDelta(models.Model):
    """A change of the rollups, written in the ingest's transaction.

    ``overlap`` marks what a trace held by several sources counts too often when
    all sources are added up; it is left out where one source is shown.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    first_minute = models.BigIntegerField()
    last_minute = models.BigIntegerField()
    overlap = models.BooleanField(default=False)
    revision = models.BigIntegerField(default=fresh_revision)
    payload = models.BinaryField()

    class Meta:
        """Read by window."""

        indexes = [models.Index(fields=["last_minute"], name="delta_minute")]

    def __str__(self) -> str:
        return f"{self.first_minute}"


class RollupBlock(models.Model):
    """Folded rollups of one source, group of levels, and minute, hour or day."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    span_minutes = models.PositiveIntegerField()  # 1, 60 or 1440
    minute = models.BigIntegerField()  # first minute since the epoch
    overlap = models.BooleanField(default=False)
    level = models.CharField(max_length=20, default="")  # "": all, as it was before
    revision = models.BigIntegerField(default=0)  # another number at each write
    # Sums over all services, for the band; absent in other groups of levels.
    requests = models.BigIntegerField(null=True)
    failed = models.BigIntegerField(null=True)
    payload = models.BinaryField()

    class Meta:
        """One block per source, span, start and group of levels."""

        constraints = [
            models.UniqueConstraint(
                fields=["source", "span_minutes", "minute", "overlap", "level"],
                name="one_block",
            )
        ]
        indexes = [models.Index(fields=["span_minutes", "minute"], name="block_minute")]

    def __str__(self) -> str:
        return f"{self.minute}+{self.span_minutes}"


class Tombstone(models.Model):
    """A deleted trace that its source may return again; its counts stay."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    trace_key = models.CharField(max_length=32)
    span_count = models.PositiveIntegerField()
    start_us = models.BigIntegerField()
    deleted_at = models.DateTimeField()
    counted = models.BooleanField(default=True)  # its counts are those of its trace
    contribution = models.BinaryField()

    class Meta:
        """One per trace and source."""

        constraints = [
            models.UniqueConstraint(fields=["trace_key", "source"], name="one_stone")
        ]

    def __str__(self) -> str:
        return self.trace_key
