"""``prepare``: what must be done once before servers and workers start."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.actions.sources import prepare_sources
from dashboard.startup import CannotStart, check_address, prepare_database


class Command(BaseCommand):
    """Migrations and the configured source; ``up`` does the same by itself."""

    help = "Brings the database up to date and sets up the Jaegers of the settings."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, or say in one sentence why it can not be done."""
        from django.conf import settings

        try:
            for place in settings.SPANBOARD_JAEGERS:
                check_address(place.url)
            prepare_database()
        except CannotStart as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)
        prepare_sources()
        self.stdout.write("The database is up to date.")
