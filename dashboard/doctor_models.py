"""What the doctor found, and how far it has looked."""

from __future__ import annotations

from django.db import models


class Diagnosis(models.Model):
    """A finding of the doctor that is kept: since when, how often, cleared when.

    ``evidence`` holds examples (trace ids, pods, targets) and what the sentence
    needs; times of spans are µs since the epoch.
    """

    source = models.ForeignKey("dashboard.Source", on_delete=models.CASCADE)
    rule = models.CharField(max_length=20)
    service = models.CharField(max_length=255)
    version = models.CharField(max_length=255, blank=True)
    certainty = models.CharField(max_length=10)
    variant = models.CharField(max_length=20, blank=True)
    count = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    found_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.CharField(max_length=150, blank=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        """One of a rule for a version of a service."""

        app_label = "dashboard"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "rule", "service", "version"], name="one_diagnosis"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.service} {self.version}"


class DoctorState(models.Model):
    """How far the doctor has looked at one source."""

    source = models.OneToOneField("dashboard.Source", on_delete=models.CASCADE)
    checked_at = models.DateTimeField(null=True)
    walked_to_us = models.BigIntegerField(null=True)  # older traces judged down to here
    traces = models.PositiveIntegerField(default=0)  # of the last window
    well = models.JSONField(default=list)  # [service, version]
    silent = models.JSONField(default=list)  # [service, version, why]

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"

    def __str__(self) -> str:
        return f"doctor of source {self.source_id}"
