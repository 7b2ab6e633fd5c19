"""Searches that people keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedSearch(models.Model):
    """A search with a name, of an account or (without one) of this machine."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+"
    )
    name = models.CharField(max_length=80)
    query = models.TextField()  # the query string of the search page
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Belongs to the one application."""

        app_label = "dashboard"
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name
