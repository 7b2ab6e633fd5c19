"""What is shared: snapshots, links to them, short links to pages, and the log."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Snapshot(models.Model):
    """A redacted copy that outlives its source and its retention."""

    class Kind(models.TextChoices):
        """What was copied."""

        TRACE = "trace", _("Trace")
        GRAPH = "graph", _("Service graph")
        LIVE = "live-graph", _("Live service graph")

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TRACE)
    title = models.CharField(max_length=300, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    source_name = models.CharField(max_length=100)
    source_kind = models.CharField(max_length=20)
    captured_at = models.DateTimeField()
    captured_by = models.CharField(max_length=150, blank=True)
    imported_at = models.DateTimeField(null=True)  # taken in from another's file
    complete = models.BooleanField(default=True)
    summary = models.JSONField()
    columns = models.BinaryField()
    details = models.BinaryField()
    content = models.BinaryField(default=b"")  # of other kinds than a trace
    redaction = models.JSONField(default=dict)
    notes = models.JSONField(default=list)  # redacted; rows of the copy

    class Meta:
        """Found by trace id, for erasure."""

        app_label = "dashboard"
        indexes = [models.Index(fields=["trace_id"], name="snapshot_trace")]

    def __str__(self) -> str:
        return self.trace_id or self.title


class ShareLink(models.Model):
    """A link to a snapshot; only a keyed hash of its token is kept."""

    class Audience(models.TextChoices):
        """Who may open it."""

        SIGNED_IN = "signed-in", _("Signed-in people")
        ANYONE = "anyone", _("Anyone with the link")

    snapshot = models.ForeignKey(
        Snapshot, on_delete=models.CASCADE, related_name="links"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    audience = models.CharField(
        max_length=10, choices=Audience.choices, default=Audience.ANYONE
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    owner_name = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=2000, blank=True)
    state = models.TextField(blank=True)  # the query that the page opens with
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    opened_count = models.PositiveIntegerField(default=0)
    last_opened_at = models.DateTimeField(null=True)

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"

    def __str__(self) -> str:
        return f"share {self.pk}"


class ShareEvent(models.Model):
    """The log of shares: who did what and when; no value of a trace is in it."""

    class What(models.TextChoices):
        """What was done."""

        CREATED = "created", _("Made")
        OPENED = "opened", _("Opened")
        EXTENDED = "extended", _("Extended")
        RENEWED = "renewed", _("New link")
        REVOKED = "revoked", _("Revoked")
        DELETED = "deleted", _("Deleted")
        IMPORTED = "imported", _("Imported")

    at = models.DateTimeField()
    what = models.CharField(max_length=10, choices=What.choices)
    who = models.CharField(max_length=150, blank=True)
    audience = models.CharField(max_length=10, blank=True)
    kind = models.CharField(max_length=10, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    snapshot_number = models.BigIntegerField(null=True)  # rows go, the log stays
    link_number = models.BigIntegerField(null=True)

    class Meta:
        """Newest first."""

        app_label = "dashboard"
        indexes = [models.Index(fields=["-at"], name="share_event_at")]

    def __str__(self) -> str:
        return f"{self.what} {self.link_number}"


class SavedLink(models.Model):
    """A short link to a page and its state, for people with access; no secret."""

    code = models.CharField(max_length=16, unique=True)
    path = models.TextField()  # below the base path, with absolute times
    digest = models.CharField(max_length=32, unique=True)  # equal pages, one link
    title = models.CharField(max_length=300, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    owner_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"

    def __str__(self) -> str:
        return self.code
