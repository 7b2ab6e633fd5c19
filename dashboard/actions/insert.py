"""Many new rows at once, without a statement's or a model's cost for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import connection, models

PARAMETERS = 30_000  # of one statement; SQLite takes some 32,000
_json = msgspec.json.Encoder()


def insert_models(rows: Sequence[models.Model]) -> None:
    """Insert objects of one model and give them their keys; no signals are sent."""
    if not rows:
        return
    fields = [f for f in type(rows[0])._meta.concrete_fields if not f.primary_key]
    to_value = [_adapter(field) for field in fields]
    quote = connection.ops.quote_name
    meta = type(rows[0])._meta
    assert meta.pk is not None
    names = [quote(str(field.column)) for field in fields]
    is_postgres = connection.vendor == "postgresql"
    one = ", ".join(
        "%s::jsonb" if is_postgres and isinstance(field, models.JSONField) else "%s"
        for field in fields
    )
    at_once = PARAMETERS // len(fields)
    with connection.cursor() as cursor:
        for first in range(0, len(rows), at_once):
            part = rows[first : first + at_once]
            values: list[Any] = []
            for row in part:
                held = row.__dict__
                for field, adapt in zip(fields, to_value, strict=True):
                    value = held[field.attname]
                    values.append(value if adapt is None else adapt(value))
            cursor.execute(
                f"INSERT INTO {quote(meta.db_table)} ({', '.join(names)}) "
                f"VALUES {', '.join([f'({one})'] * len(part))} "
                f"RETURNING {quote(str(meta.pk.column))}",
                values,
            )
            for row, (number,) in zip(part, cursor.fetchall(), strict=True):
                row.pk = number
                row._state.adding = False
                row._state.db = connection.alias


def _adapter(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """What a field's values need before the database takes them."""
    if isinstance(field, models.JSONField):
        return lambda value: _json.encode(value).decode()
    if isinstance(field, models.DateTimeField):
        return cache(connection.ops.adapt_datetimefield_value)  # few in a batch
    return None


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert plain rows of numbers and texts in the order of the columns."""
    quote = connection.ops.quote_name
    into = f"{quote(model._meta.db_table)} ({', '.join(map(quote, columns))})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:  # psycopg's
                for row in rows:
                    copy.write_row(row)
            return
        places = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {into} VALUES ({places})", rows)
