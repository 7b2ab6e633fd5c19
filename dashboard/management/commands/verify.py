"""``verify``: is every stored span counted exactly once?"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.actions.verify import AlreadyVerifying, verify


class Command(BaseCommand):
    """Exit 0 when rollups equal a recount, else 1."""

    help = "Compares the rollups with a recount of the stored traces."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--repair", action="store_true", help="write what is missing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Count and compare."""
        try:
            found = verify(repair=options["repair"])
        except AlreadyVerifying as problem:
            raise CommandError(str(problem)) from problem
        document = {
            "traces": found.traces,
            "spans": found.spans,
            "calls": found.calls,
            "differences": found.differences,
        }
        if options["json"]:
            self.stdout.write(json.dumps(document))
        else:
            self.stdout.write(
                f"{found.traces} traces, {found.spans} spans, {found.calls} calls, "
                f"{len(found.differences)} differences"
            )
        if found.differences and not options["repair"]:
            sys.exit(1)
