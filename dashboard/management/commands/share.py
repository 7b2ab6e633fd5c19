"""``share``: takes in the file of a snapshot."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from dashboard.access.person import LOCAL
from dashboard.actions.carry import import_snapshot
from dashboard.share_models import ShareLink
from dashboard.startup import CannotStart, prepare_database


class Command(BaseCommand):
    """All of a file or nothing; the link alone on standard output."""

    help = "Snapshots: share import FILE takes in what another Spanboard wrote."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb, with the link's facts."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        take = verbs.add_parser("import", help="take in a snapshot's file")
        take.add_argument("file", metavar="FILE", type=Path)
        take.add_argument(
            "--days", type=int, default=settings.SPANBOARD_SHARE_DAYS, metavar="N"
        )
        take.add_argument(
            "--anyone", action="store_true", help="anyone with the link may open it"
        )
        take.add_argument("--note", default="", help="instead of the file's own note")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it in; exit 1 with a sentence when it can not be done."""
        path: Path = options["file"]
        limit = settings.SPANBOARD_UPLOAD_MAX_BYTES
        audience = ShareLink.Audience
        try:
            prepare_database()
            if path.stat().st_size > limit:
                raise ValueError(f"The file is larger than {limit // 2**20} MiB.")
            link, token = import_snapshot(
                path.read_bytes(),
                max_bytes=2 * limit,
                days=options["days"],
                audience=audience.ANYONE if options["anyone"] else audience.SIGNED_IN,
                person=LOCAL,
                note=options["note"],
            )
        except (OSError, ValueError, CannotStart) as problem:
            raise CommandError(str(problem)) from problem
        told = (
            f"{link.snapshot.title}: opens until {link.expires_at:%Y-%m-%d %H:%M} UTC."
        )
        self.stderr.write(told)
        self.stdout.write(
            settings.SPANBOARD_PUBLIC_URL
            + reverse("dashboard:share-open", args=[token])
        )
