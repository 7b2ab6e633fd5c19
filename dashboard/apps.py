"""Application configuration."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The one application of Spanboard."""

    name = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Spanboard"
