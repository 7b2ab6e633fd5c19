"""``load``: stores the traces of files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, transaction

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.sources.detect import PARSERS, decode
from dashboard.startup import CannotStart, prepare_database
from dashboard.traces.errors import BadTracePayload


class Command(BaseCommand):
    """Reads any known format, plain or gzip; a bad file stores nothing of itself."""

    help = "Stores traces from files (Jaeger, OTLP, Zipkin v2, Tempo; gzip or plain)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Files and the name of the source they go to."""
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help="a file, or - for standard input"
        )
        parser.add_argument("--source", default="Uploads", help="name of the source")
        parser.add_argument(
            "--format", default="", choices=["", *PARSERS], help="force a format"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load each file; exit 2 when one can not be read."""
        try:
            prepare_database()
            for name in options["files"]:
                self.load(name, options["source"], options["format"])
        except (OSError, BadTracePayload, CannotStart, DatabaseError) as problem:
            self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)

    def load(self, name: str, source: str, form: str) -> None:
        """Load one file and tell what was stored."""
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        try:
            decoded = decode(body, format=form, salvage=True)
        except BadTracePayload as problem:
            raise BadTracePayload(f"{name}: {problem}") from problem
        with transaction.atomic():  # all of a file, or nothing
            done = ingest(upload_source(source), decoded.traces, replace=False)
        self.stdout.write(
            f"{name}: {done.created} traces stored, {done.grown} grown, "
            f"{done.unchanged} known already; {done.spans} spans."
        )
        for fault in decoded.problems[:20]:
            self.stderr.write(f"{name}: {fault.where}: {fault.code}")
