"""``pull``: asks all pulled sources once, now, or fetches a past window."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.actions import backfill
from dashboard.actions.pull import due_sources, pull_source
from dashboard.actions.sources import pulled_sources
from dashboard.models import BackFill, Source
from dashboard.presenters.backfill import bad_window_text
from dashboard.traces.moments import parse_moment


class Command(BaseCommand):
    """One pull of each source that is due, or one back-fill, in this process."""

    help = "Pulls each source once, or a past window, and tells what was stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A window, and which source to ask for it."""
        parser.add_argument("--from", dest="start", help="begin of a past window (UTC)")
        parser.add_argument("--to", dest="end", help="its end; without it, now")
        parser.add_argument("--source", help="ask only the source of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pull and tell."""
        if options["end"] and not options["start"]:
            raise CommandError("--to needs --from.")
        sources = pulled_sources()
        if options["source"]:
            sources = sources.filter(name=options["source"])
            if not sources.exists():
                raise CommandError(f"No source that is pulled: {options['source']}")
        if options["start"]:
            for source in sources.order_by("pk"):
                self._fill(source, options["start"], options["end"])
            return
        wanted = set(sources.values_list("pk", flat=True))
        for source_id in due_sources():
            if source_id not in wanted:
                continue
            done = pull_source(source_id)
            source = Source.objects.get(pk=source_id)
            fault = f"; failed: {source.last_error}" if source.last_error else ""
            self.stdout.write(
                f"{source.name}: {done.created} traces stored, {done.grown} grown, "
                f"{done.unchanged} known already{fault}"
            )

    def _fill(self, source: Source, start: str, end: str | None) -> None:
        try:
            start_us = parse_moment(start)
            end_us = parse_moment(end) if end else time.time_ns() // 1_000
            fill = backfill.begin(source, start_us, end_us)
        except backfill.BadWindow as problem:
            raise CommandError(bad_window_text(problem.code)) from problem
        except ValueError as problem:
            raise CommandError(str(problem)) from problem
        told = ""
        while fill.state in backfill.GOING:
            backfill.run(fill.pk, slice_s=10.0)
            fill.refresh_from_db()
            line = (
                f"{source.name}: {fill.windows_done} of {fill.windows} windows, "
                f"{fill.stored} traces stored, {fill.buried} deleted here before"
            )
            if line != told:
                self.stdout.write(line + (f"; {fill.problem}" if fill.problem else ""))
            told = line
            if fill.state in backfill.GOING and fill.problem:
                time.sleep(1)  # it backs off, or another worker has it
        if fill.state != BackFill.State.DONE:
            raise CommandError(f"{source.name}: stopped: {fill.problem}")
