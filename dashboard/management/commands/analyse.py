"""``analyse``: prints what Spanboard concludes from files, without storing them."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.presenters.analysis_format import analysis_document, diff_document
from dashboard.sources.detect import PARSERS, decode
from dashboard.traces.durations import format_duration_ns, parse_duration
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Trace


class Command(BaseCommand):
    """JSON for scripts, or a short table for people; exit 2 on unreadable input."""

    help = "Analyses traces in files: spans, critical path, edges, RED."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Files and options."""
        parser.add_argument(
            "files", nargs="*", metavar="FILE", help="a file, or - for standard input"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--diff", nargs=2, metavar=("A", "B"), help="compare two files"
        )
        parser.add_argument(
            "--adjust-skew",
            default="60s",
            metavar="MAX",
            help="largest clock correction (60s; 0: none)",
        )
        parser.add_argument(
            "--format", default="", choices=["", *PARSERS], help="force a format"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, analyse, print."""
        try:
            document = self.document(options)
        except (OSError, BadTracePayload, ValueError) as problem:
            if options["json"]:
                self.stdout.write(json.dumps({"error": str(problem)}))
            else:
                self.stderr.write(f"spanboard: {problem}")
            sys.exit(2)
        if options["json"]:
            text = json.dumps(document, ensure_ascii=False)
            self.stdout.write(text.encode("utf-8", "replace").decode("utf-8"))
        else:
            self.table(document)

    def document(self, options: dict[str, Any]) -> dict[str, Any]:
        """The analysis of all files together."""
        skew = options["adjust_skew"]
        skew_ns = 0 if skew.strip() == "0" else parse_duration(skew)
        form = options["format"]
        files = list(options["files"])
        if not files and not options["diff"]:
            raise ValueError("Name a file, or - for standard input.")
        traces = [trace for name in files for trace in self.read(name, form)]
        document = analysis_document(traces, skew_ns)
        if options["diff"]:
            left, right = (self.read(name, form) for name in options["diff"])
            if not files:
                document = analysis_document([*left, *right], skew_ns)
            document |= diff_document(left, right)
        return document

    def read(self, name: str, form: str) -> list[Trace]:
        """The traces of one file."""
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        try:
            decoded = decode(body, format=form, salvage=True)
        except BadTracePayload as problem:
            raise BadTracePayload(f"{name}: {problem}") from problem
        for fault in decoded.problems[:20]:
            self.stderr.write(f"{name}: {fault.where}: {fault.code}")
        return decoded.traces

    def table(self, document: dict[str, Any]) -> None:
        """A short table."""
        for trace in document["traces"]:
            took = format_duration_ns(trace["duration"] * 1_000)
            self.stdout.write(
                f"{trace['traceID']}  {trace['rootService']} {trace['rootOperation']}"
                f"  {took}  {trace['spanCount']} spans  {trace['errorSpanCount']} failed"
            )
        for edge in document["edges"]:
            self.stdout.write(
                f"{edge['parent']} → {edge['child']}  {edge['callCount']} calls  "
                f"{edge['errorCount']} failed"
            )
