"""``import``: restores what ``export`` wrote."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from dashboard.actions.archive import BadArchive, import_all
from dashboard.startup import CannotStart, prepare_database


class Command(BaseCommand):
    """All of a file or nothing, into an empty store."""

    help = "Restores a file that export wrote, all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what to do with what is there."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="delete first what is stored here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import; exit 2 when it can not be done."""
        try:
            prepare_database()
            counts = import_all(options["file"], replace=options["replace"])
        except (OSError, BadArchive, CannotStart, DatabaseError) as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)
        self.stdout.write(
            f"{counts['TraceRecord']} traces, {counts['Snapshot']} shared copies, "
            f"{counts.total()} rows in all. ./spanboard verify checks the figures."
        )
