"""Writes the terms by which traces are searched."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from dashboard.models import TraceRecord, TraceTerm

TERM_COLUMNS = (
    "record_id",
    "term",
    "start_us",
    "longest_us",
    "failed",
    "listed",
    "source_id",
)
TERMS_AT_ONCE = 2_000  # times seven parameters, of some 32,000 that SQLite takes
Row = tuple[int, int, int, int, bool, bool, int]


def term_rows(record: TraceRecord, terms: dict[int, tuple[int, bool]]) -> list[Row]:
    """Rows of ``TraceTerm`` for a stored record."""
    return [
        (
            record.pk,
            number,
            record.start_us,
            longest_us,
            failed,
            record.listed,
            record.source_id,
        )
        for number, (longest_us, failed) in terms.items()
    ]


def insert_terms(terms: list[Row]) -> None:
    """Write terms in plain rows: a model's object for each costs twice as much."""
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, TERM_COLUMNS))
    into = f"INSERT INTO {quote(TraceTerm._meta.db_table)} ({columns}) VALUES "
    one = f"({', '.join(['%s'] * len(TERM_COLUMNS))})"
    with connection.cursor() as cursor:
        for first in range(0, len(terms), TERMS_AT_ONCE):
            rows = terms[first : first + TERMS_AT_ONCE]
            values = ", ".join([one] * len(rows))
            cursor.execute(into + values, [value for row in rows for value in row])


def list_terms(records: Iterable[int], listed: bool) -> None:
    """Repeat on the terms which copy of a trace is shown, after its record changed."""
    TraceTerm.objects.filter(record__in=list(records)).update(listed=listed)
