"""``erase``: remove a trace from the store, its counts and its files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.actions.erase import erase_trace
from dashboard.traces.ids import normalise_trace_id


class Command(BaseCommand):
    """Exit 0 when nothing of the trace is left, also where there was none."""

    help = "Removes a trace, its counts, and names that no other trace has."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("trace_id")
        parser.add_argument(
            "--shares", action="store_true", help="its snapshots and links too"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase and tell what was found."""
        try:
            trace_id = normalise_trace_id(options["trace_id"])
        except ValueError as problem:
            raise CommandError(str(problem)) from problem
        found = erase_trace(trace_id, shares=options["shares"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
            return
        self.stdout.write(
            f"{found.copies} copies, {found.stones} stones, {found.words} words and "
            f"{found.snapshots} snapshots were erased"
        )
        if not found.cleared:
            self.stdout.write(
                "The database's files may still hold it: run this again when no page "
                "is open; for PostgreSQL see docs/sharing.md."
            )
