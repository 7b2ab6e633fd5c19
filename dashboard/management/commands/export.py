"""``export``: writes all that is stored into one file."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from dashboard.actions.archive import export_all
from dashboard.startup import CannotStart, prepare_database


class Command(BaseCommand):
    """Traces, figures, sources, shares and words, of one moment, while it runs."""

    help = "Writes all that is stored into one file, for import elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Export; exit 2 when it can not be done."""
        try:
            prepare_database()
            counts = export_all(options["file"])
        except (OSError, CannotStart, DatabaseError) as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)
        self.stdout.write(
            f"{options['file']}: {counts['TraceRecord']} traces, "
            f"{counts['Snapshot']} shared copies, {counts.total()} rows in all."
        )
