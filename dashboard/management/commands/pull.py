"""``pull``: asks all pulled sources once, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from dashboard.actions.pull import due_sources, pull_source
from dashboard.models import Source


class Command(BaseCommand):
    """One pull of each source that is due, in this process."""

    help = "Pulls each source once and tells what was stored."

    def handle(self, *args: Any, **options: Any) -> None:
        """Pull and tell."""
        for source_id in due_sources():
            done = pull_source(source_id)
            source = Source.objects.get(pk=source_id)
            fault = f"; failed: {source.last_error}" if source.last_error else ""
            self.stdout.write(
                f"{source.name}: {done.created} traces stored, {done.grown} grown, "
                f"{done.unchanged} known already{fault}"
            )
