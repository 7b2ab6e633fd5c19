"""Accounts of people, and tokens of machines."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """An account; its role says what it may do."""

    class RoleName(models.TextChoices):
        """The roles, each with all of the one before."""

        VIEWER = "viewer", _("Viewer")
        SHARER = "sharer", _("Sharer")
        ADMIN = "admin", _("Admin")

    role = models.CharField(
        max_length=10, choices=RoleName.choices, default=RoleName.VIEWER
    )

    class Meta(AbstractUser.Meta):
        """Belongs to the one application."""

        app_label = "dashboard"


class AccessToken(models.Model):
    """A machine's right to send spans or to read; only a keyed hash is kept."""

    class Scope(models.TextChoices):
        """What a token opens."""

        INGEST = "ingest", _("send spans")
        READ = "read", _("read by the API")

    name = models.CharField(max_length=100, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"
