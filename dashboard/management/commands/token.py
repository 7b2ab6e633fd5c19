"""``token``: rights of machines."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.models import AccessToken
from dashboard.actions import people
from dashboard.startup import prepare_database


class Command(BaseCommand):
    """Adds, lists and removes tokens."""

    help = "Tokens of machines: token add NAME --ingest|--read | list | remove NAME"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb each."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a token; it is told once")
        add.add_argument("name")
        scope = add.add_mutually_exclusive_group(required=True)
        scope.add_argument(
            "--ingest",
            action="store_const",
            dest="scope",
            const=AccessToken.Scope.INGEST.value,
            help="may send spans",
        )
        scope.add_argument(
            "--read",
            action="store_const",
            dest="scope",
            const=AccessToken.Scope.READ.value,
            help="may read by the API",
        )
        add.add_argument("--days", type=int, help="ends after so many days")
        verbs.add_parser("list", help="all tokens")
        verbs.add_parser("remove", help="end a token").add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say it."""
        prepare_database()
        try:
            getattr(self, f"do_{options['verb']}")(options)
        except ValueError as problem:
            raise CommandError(str(problem)) from problem

    def do_add(self, options: dict[str, Any]) -> None:
        """Make a token: the token alone on standard output, for scripts."""
        if options["days"] is not None and options["days"] < 1:
            raise ValueError("--days must be 1 or more.")
        token = people.add_token(options["name"], options["scope"], options["days"])
        self.stderr.write("Keep it now: only a hash of it is stored.")
        self.stdout.write(token)

    def do_list(self, options: dict[str, Any]) -> None:
        """All tokens."""
        for held in AccessToken.objects.order_by("name"):
            used = held.last_used_at
            last = used.isoformat(" ", "minutes") if used else "never"
            self.stdout.write(f"{held.name}\t{held.scope}\tlast used {last}")

    def do_remove(self, options: dict[str, Any]) -> None:
        """End a token."""
        people.remove_token(options["name"])
        self.stdout.write(f"The token {options['name']} is gone.")
