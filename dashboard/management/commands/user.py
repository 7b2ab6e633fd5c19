"""``user``: accounts of people."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.access.models import User
from dashboard.access.person import Role
from dashboard.actions import people
from dashboard.startup import prepare_database


class Command(BaseCommand):
    """Adds, lists, changes and removes accounts."""

    help = "Accounts: user add NAME [--role ROLE] | list | role | password | remove"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb each."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make an account")
        add.add_argument("name")
        add.add_argument(
            "--role", choices=[r.value for r in Role], default=Role.VIEWER.value
        )
        verbs.add_parser("list", help="all accounts")
        role = verbs.add_parser("role", help="give another role")
        role.add_argument("name")
        role.add_argument("role", choices=[r.value for r in Role])
        for verb, text in (
            ("password", "set another password"),
            ("remove", "remove an account"),
        ):
            verbs.add_parser(verb, help=text).add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say it."""
        prepare_database()
        try:
            getattr(self, f"do_{options['verb']}")(options)
        except ValueError as problem:
            raise CommandError(str(problem)) from problem

    def do_add(self, options: dict[str, Any]) -> None:
        """Make an account."""
        people.add_user(options["name"], self._password(), options["role"])
        self.stdout.write(f"The account {options['name']} is a {options['role']}.")

    def do_password(self, options: dict[str, Any]) -> None:
        """Set another password."""
        people.find_user(options["name"])
        people.set_password(options["name"], self._password())
        self.stdout.write(f"{options['name']} has another password.")

    def do_role(self, options: dict[str, Any]) -> None:
        """Give another role."""
        people.set_role(options["name"], options["role"])
        self.stdout.write(f"{options['name']} is a {options['role']} now.")

    def do_remove(self, options: dict[str, Any]) -> None:
        """Remove an account."""
        people.remove_user(options["name"])
        self.stdout.write(f"The account {options['name']} is gone.")

    def do_list(self, options: dict[str, Any]) -> None:
        """All accounts."""
        for user in User.objects.order_by("username"):
            last = user.last_login.isoformat(" ", "minutes") if user.last_login else "-"
            self.stdout.write(f"{user.username}\t{user.role}\tlast sign-in {last}")

    def _password(self) -> str:
        """Asked for twice on a terminal, else the first line of standard input."""
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\r\n")
        first = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != first:
            raise ValueError("The two passwords differ.")
        return first
