"""What people write on traces and on shares."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from dashboard.share_models import Snapshot


class Note(models.Model):
    """A note on a span or on a whole trace; one without text is a pin.

    A span is named by its id and service, which outlive the trace's growth: both
    halves of a call may have the same id.
    """

    trace_key = models.CharField(max_length=32)
    span_id = models.CharField(max_length=64, blank=True)  # "": the trace
    service = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    owner_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)

    class Meta:
        """Found by trace, oldest first."""

        app_label = "dashboard"
        indexes = [models.Index(fields=["trace_key"], name="note_trace")]

    def __str__(self) -> str:
        return f"note {self.pk}"


class ShareComment(models.Model):
    """One comment of the thread of a share."""

    snapshot = models.ForeignKey(
        Snapshot, on_delete=models.CASCADE, related_name="comments"
    )
    text = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    owner_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"

    def __str__(self) -> str:
        return f"comment {self.pk}"
