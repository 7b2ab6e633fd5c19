"""Terms tell what a search asks; one index for each order of a search.

The terms are made anew from the stored traces, some thousand a second.
"""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

AT_ONCE = 200


def fill(apps: Any, schema_editor: Any) -> None:
    """Derive the terms of every stored trace."""
    from dashboard.graph.link import link
    from dashboard.traces import codec
    from dashboard.traces.terms import terms_of

    record_model = apps.get_model("dashboard", "TraceRecord")
    term_model = apps.get_model("dashboard", "TraceTerm")
    last = 0
    while True:
        rows = list(
            record_model.objects.filter(pk__gt=last)
            .order_by("pk")
            .values_list("pk", "source_id", "start_us", "listed", "columns")[:AT_ONCE]
        )
        if not rows:
            return
        made = []
        for pk, source_id, start_us, listed, columns in rows:
            trace, _ = codec.decode_columns(columns)
            edges = {(call.caller, call.callee) for call in link(trace)}
            for number, (longest_us, failed) in terms_of(trace, edges).items():
                made.append(
                    term_model(
                        record_id=pk,
                        term=number,
                        start_us=start_us,
                        longest_us=longest_us,
                        failed=failed,
                        listed=listed,
                        source_id=source_id,
                    )
                )
        term_model.objects.bulk_create(made, batch_size=2_000)
        last = rows[-1][0]


class Migration(migrations.Migration):
    """Replaces the table of terms and the indexes of traces."""

    dependencies = [("dashboard", "0007_zipkin_sources")]

    operations = [
        migrations.DeleteModel(name="TraceTerm"),
        migrations.RemoveIndex(model_name="tracerecord", name="trace_start"),
        migrations.RemoveIndex(model_name="tracerecord", name="trace_duration"),
        migrations.RemoveIndex(model_name="tracerecord", name="trace_arrived"),
        migrations.AddIndex(
            model_name="tracerecord",
            index=models.Index(
                fields=[
                    "start_us",
                    "id",
                    "listed",
                    "source",
                    "max_span_us",
                    "error_count",
                ],
                name="trace_by_start",
            ),
        ),
        migrations.AddIndex(
            model_name="tracerecord",
            index=models.Index(
                fields=[
                    "duration_us",
                    "id",
                    "start_us",
                    "listed",
                    "source",
                    "max_span_us",
                    "error_count",
                ],
                name="trace_by_duration",
            ),
        ),
        migrations.AddIndex(
            model_name="tracerecord",
            index=models.Index(
                fields=[
                    "span_count",
                    "id",
                    "start_us",
                    "listed",
                    "source",
                    "max_span_us",
                    "error_count",
                ],
                name="trace_by_spans",
            ),
        ),
        migrations.AddIndex(
            model_name="tracerecord",
            index=models.Index(
                fields=[
                    "error_count",
                    "id",
                    "start_us",
                    "listed",
                    "source",
                    "max_span_us",
                ],
                name="trace_by_errors",
            ),
        ),
        migrations.AddIndex(
            model_name="tracerecord",
            index=models.Index(
                fields=["arrived_at", "id", "byte_size"], name="trace_by_arrival"
            ),
        ),
        migrations.CreateModel(
            name="TraceTerm",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "record_id",
                        "term",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="terms",
                        to="dashboard.tracerecord",
                    ),
                ),
                ("term", models.BigIntegerField()),
                ("start_us", models.BigIntegerField()),
                ("longest_us", models.BigIntegerField()),
                ("failed", models.BooleanField()),
                ("listed", models.BooleanField(default=True)),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="dashboard.source",
                    ),
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="traceterm",
            index=models.Index(
                fields=[
                    "term",
                    "start_us",
                    "record",
                    "longest_us",
                    "failed",
                    "listed",
                    "source",
                ],
                name="term_by_start",
            ),
        ),
    ]
