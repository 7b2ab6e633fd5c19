"""What one stored span costs: CPU of ingest, bytes and rows in the database.

    python -m benchmarks.stored [--bodies N]

Bodies of 50 Bookinfo requests each go through decoding and ``ingest``, one after the
other in this process. The database is the one of the settings; take an empty one.
These are the inputs of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("SPANBOARD_LOG_LEVEL", "ERROR")


def main() -> None:
    """Ingest, then count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=60)
    number = parser.parse_args().bodies
    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Sum
    from django.db.models.functions import Length

    from benchmarks import traffic
    from dashboard.actions.ingest import ingest
    from dashboard.actions.sources import receiver_source
    from dashboard.models import TraceRecord, TraceTerm
    from dashboard.sources.otlp.parse import parse_protobuf

    call_command("migrate", verbosity=0)
    source = receiver_source()
    made = traffic.pattern(50)
    origin_ns = time.time_ns() - 60_000_000_000
    bodies = [
        traffic.copy_of(made, at, origin_ns + at * 10_000_000) for at in range(number)
    ]
    cpu_s, began_s, spans = time.process_time(), time.monotonic(), 0
    for body in bodies:
        traces = parse_protobuf(body).traces
        ingest(source, traces, replace=False)
        spans += sum(len(trace) for trace in traces)
    cpu_s, took_s = time.process_time() - cpu_s, time.monotonic() - began_s
    count = TraceRecord.objects.count()
    blobs = TraceRecord.objects.aggregate(
        columns=Sum(Length("columns")), details=Sum(Length("details"))
    )
    print(f"{count} traces, {spans} spans: {spans / count:.1f} spans a trace")
    print(f"{spans / cpu_s:,.0f} spans per second of CPU; {took_s:.1f} s in all")
    print(f"{sum(map(len, bodies)) / spans:.0f} bytes a span as sent, unpacked")
    print(f"{sum(blobs.values()) / spans:.0f} bytes a span in blobs")
    print(f"{TraceTerm.objects.count() / count:.1f} search terms a trace")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            )
        print(f"{cursor.fetchone()[0] / spans:,.0f} bytes a span in the database")


if __name__ == "__main__":
    main()
