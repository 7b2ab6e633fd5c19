"""Writes all that is stored into one file, and reads such a file into a store.

The file is gzip of JSON lines: a head that names format, version and the columns of
each table; one line a row, ``[table, [values]]``; a last line with the number of
rows. Tables come in the order in which they refer to one another. Search terms are
not in it: they are made anew. Neither are accounts, tokens and secrets.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import zstandard
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from dashboard.actions.terms import insert_terms, term_rows
from dashboard.doctor_models import Diagnosis
from dashboard.graph.link import link
from dashboard.live.events import SOURCES, TRACES, publish
from dashboard.models import (
    BackFill,
    Gap,
    RollupBlock,
    RollupDelta,
    Source,
    SourceMinute,
    Tombstone,
    TraceRecord,
    Vocabulary,
)
from dashboard.note_models import Note, ShareComment
from dashboard.search_models import SavedSearch
from dashboard.share_models import SavedLink, ShareEvent, ShareLink, Snapshot
from dashboard.traces import codec
from dashboard.traces.terms import terms_of

FORMAT, VERSION = "spanboard-archive", 1
TABLES: tuple[type[models.Model], ...] = (
    Source,
    SourceMinute,
    Gap,
    BackFill,
    Vocabulary,
    RollupBlock,
    RollupDelta,
    Tombstone,
    Snapshot,
    ShareLink,
    ShareEvent,
    SavedLink,
    ShareComment,
    Note,
    SavedSearch,
    Diagnosis,
    TraceRecord,
)
BY_NAME = {table.__name__: table for table in TABLES}
# What belongs to a running process or to an account of one instance.
LEFT_OUT = {"busy_until", "owner_id"}
AT_ONCE = 200
MAX_LINE = 2**30
UNREADABLE = (
    zstandard.ZstdError,
    msgspec.MsgspecError,
    struct.error,
    LookupError,
    TypeError,
    ValueError,
)


class BadArchive(Exception):
    """The file can not be imported; the text says why. Nothing was changed."""


def columns_of(table: type[models.Model]) -> dict[str, models.Field[Any, Any]]:
    """The columns of a table that an archive holds."""
    fields = {field.attname: field for field in table._meta.concrete_fields}
    return {name: field for name, field in fields.items() if name not in LEFT_OUT}


def export_all(path: Path) -> Counter[str]:
    """Write an archive of one moment; returns rows by table.

    It grows beside its place under another name, so that there never is half of it.
    Raises ``OSError`` where it can not be written.
    """
    counts: Counter[str] = Counter()
    handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, _one_moment():
            with gzip.GzipFile(path.name, "wb", 6, file, mtime=0) as packed:
                for line in _lines(counts):
                    packed.write(line)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return counts


@contextlib.contextmanager
def _one_moment() -> Iterator[None]:
    """All reads see the store of one moment; nobody waits for them."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield


def _lines(counts: Counter[str]) -> Iterator[bytes]:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "made_at": timezone.now().isoformat(),
        "tables": {table.__name__: list(columns_of(table)) for table in TABLES},
    }
    yield _line(head)
    for table in TABLES:
        name, columns = table.__name__, columns_of(table)
        at = list(columns).index("id")
        last = 0
        rows = table._default_manager.order_by("pk")
        while part := list(rows.filter(pk__gt=last).values_list(*columns)[:AT_ONCE]):
            for row in part:
                yield _line([name, _outward(table, columns, row)])
            counts[name] += len(part)
            last = part[-1][at]
    yield _line({"end": dict(counts)})


def _line(content: Any) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _outward(table: type[models.Model], columns: Any, row: Any) -> list[Any]:
    found = [bytes(v) if isinstance(v, memoryview) else v for v in row]
    if table is Source:
        at = list(columns).index("url")
        found[at] = _without_secrets(str(found[at]))
    return found


def _without_secrets(url: str) -> str:
    """An address without a user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def import_all(path: Path, *, replace: bool = False) -> Counter[str]:
    """Restore an archive into an empty store; returns rows by table.

    The whole file is read and checked once before anything is written, and all is
    written in one transaction. ``replace`` deletes first what the store holds.
    Raises ``BadArchive``, ``OSError``.
    """
    expected = _checked(path)
    try:
        with transaction.atomic():
            _make_room(replace)
            counts = _restore(path)
            if counts != expected:
                raise BadArchive(f"{path} changed while it was read.")
    except (DatabaseError, ValidationError, ValueError, TypeError) as problem:
        raise BadArchive(
            f"{path} can not be stored ({problem}). Nothing was changed."
        ) from problem
    publish(SOURCES, {"source": 0})
    publish(TRACES, {"keys": [], "source": 0, "all": True})
    return counts


def _make_room(replace: bool) -> None:
    held = [t for t in TABLES if t is not Source and t._default_manager.exists()]
    if held and not replace:
        raise BadArchive(
            "This Spanboard already holds data. Import into an empty one (another "
            "--data-dir or SPANBOARD_DATABASE_URL), or say --replace to delete "
            "first what it holds."
        )
    for table in reversed(TABLES):
        table._default_manager.all().delete()


def _checked(path: Path) -> Counter[str]:
    """Read all of a file without keeping it; rows by table."""
    counts: Counter[str] = Counter()
    for table, _row in _rows(path):
        counts[table.__name__] += 1
    return counts


def _rows(path: Path) -> Iterator[tuple[type[models.Model], dict[str, Any]]]:
    """Every row of a file with its table; raises ``BadArchive`` in the middle."""
    broken = BadArchive(
        f"{path} is cut off or damaged. Nothing was imported; copy it once more, or "
        "export again."
    )
    try:
        with gzip.open(path, "rb") as file:
            layout = _layout(path, file.readline(MAX_LINE))
            counts: Counter[str] = Counter()
            for line in file:
                content = json.loads(line)
                if isinstance(content, dict):
                    if content.get("end") != dict(counts) or file.read(1):
                        raise broken
                    return
                name, values = content
                columns = layout[name]
                if len(values) != len(columns):
                    raise broken
                counts[name] += 1
                yield BY_NAME[name], dict(zip(columns, values, strict=True))
    except gzip.BadGzipFile as problem:
        raise BadArchive(f"{path} is no archive of Spanboard.") from problem
    except (EOFError, zlib.error, ValueError, KeyError, TypeError) as problem:
        raise broken from problem
    raise broken  # no last line


def _layout(path: Path, line: bytes) -> dict[str, list[str]]:
    """The columns of each table, from the first line."""
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise BadArchive(f"{path} is no archive of Spanboard.")
    layout: dict[str, list[str]] = head.get("tables") or {}
    newer = head.get("version") != VERSION
    for name, columns in layout.items():
        newer |= name not in BY_NAME or bool(
            set(columns) - set(columns_of(BY_NAME[name]))
        )
    if newer:
        raise BadArchive(
            f"{path} was written by another version of Spanboard that stores more. "
            "Update Spanboard first."
        )
    return layout


def _inward(table: type[models.Model], row: dict[str, Any]) -> models.Model:
    """A row as an object; raises ``ValidationError`` for values of a wrong type."""
    fields = columns_of(table)
    values: dict[str, Any] = {}
    for name, value in row.items():
        field = fields[name]
        if isinstance(field, models.BinaryField):
            values[name] = base64.b64decode(value, validate=True)
        elif isinstance(field, models.JSONField) or value is None:
            values[name] = value
        elif isinstance(field, models.ForeignKey):
            values[name] = int(value)
        elif isinstance(field, models.CharField | models.TextField):
            if not isinstance(value, str):
                raise ValueError(f"{table.__name__}.{name}: {value!r}")
            values[name] = value
        else:
            values[name] = field.to_python(value)
    return table(**values)


def _restore(path: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    part: list[models.Model] = []

    def flush() -> None:
        if part:
            table = type(part[0])
            _store(table, part)
            counts[table.__name__] += len(part)
            part.clear()

    for table, row in _rows(path):
        if part and (type(part[0]) is not table or len(part) == AT_ONCE):
            flush()
        part.append(_inward(table, row))
    flush()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(TABLES)):
            cursor.execute(statement)
    return counts


def _store(table: type[models.Model], rows: list[models.Model]) -> None:
    # Django sets such a time itself when a row is made.
    stamped = [
        f.attname
        for f in table._meta.concrete_fields
        if getattr(f, "auto_now_add", False)
    ]
    kept = [{name: getattr(row, name) for name in stamped} for row in rows]
    table._default_manager.bulk_create(rows)
    for row, values in zip(rows, kept, strict=True):
        if values:
            table._default_manager.filter(pk=row.pk).update(**values)
    if table is TraceRecord:
        terms = []
        for record in rows:
            assert isinstance(record, TraceRecord)
            try:
                trace, _ = codec.decode_columns(record.columns)
            except UNREADABLE as problem:
                raise ValueError(f"trace {record.trace_id}: {problem}") from problem
            edges = {(call.caller, call.callee) for call in link(trace)}
            terms += term_rows(record, terms_of(trace, edges))
        insert_terms(terms)
