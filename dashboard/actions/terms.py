"""Writes the terms by which traces are searched."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from dashboard.actions.insert import insert_rows
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
    if terms:
        # In the index's order, so that each of its pages is taken up once.
        terms.sort(key=itemgetter(1, 2))
        insert_rows(TraceTerm, TERM_COLUMNS, terms)


def list_terms(records: Iterable[int], listed: bool) -> None:
    """Repeat on the terms which copy of a trace is shown, after its record changed."""
    TraceTerm.objects.filter(record__in=list(records)).update(listed=listed)
