"""Fills a database with a million stored traces, for the benchmarks of the store.

    python -m benchmarks.million [--traces N]

Some thousand made traces of 30 services go the real way, through ``ingest``. Each
is then copied many times by bulk inserts: with an id, a start and a pace of its own
(all its durations times one factor), in the blobs, the record and the terms alike.
Services, operations and tags keep their skewed shares; a few things are rare.
Summaries keep the words of the original. The rollups know the originals only, so
``verify`` finds differences here. The database is the one of the settings.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("SPANBOARD_LOG_LEVEL", "ERROR")

import msgspec
import numpy as np
import zstandard

ORIGINALS = 3_000
WEEK_US = 7 * 86_400_000_000
SERVICES = [f"service-{number:02d}" for number in range(30)]
RARE_SERVICE = "audit-archive"
REGIONS = ["eu-west", "us-east", "ap-south"]


def made_trace(number: int, chance: random.Random, start_us: int) -> dict[str, Any]:
    """One trace in Jaeger's form: a tree of calls from a skewed choice of services."""
    trace_id = f"{chance.getrandbits(128) | 1:032x}"
    spans: list[dict[str, Any]] = []
    count = min(60, 3 + int(chance.expovariate(1 / 8)))
    rare = number % 1_000 == 7
    length = int(chance.lognormvariate(10.8, 0.9)) + 2_000
    names = [SERVICES[min(29, int(chance.expovariate(1 / 5)))] for _ in range(5)]
    if rare:
        names[-1] = RARE_SERVICE
    chosen: list[int] = []
    for row in range(count):
        service = names[0] if row == 0 else names[chance.randrange(5)]
        if rare and row == 1:
            service = RARE_SERVICE
        parent = None if row == 0 else chance.randrange(max(0, row - 6), row)
        begin, width = start_us, length
        if parent is not None:
            above = spans[parent]
            width = max(20, above["duration"] * chance.randrange(10, 80) // 100)
            begin = above["startTime"] + chance.randrange(
                max(1, above["duration"] - width)
            )
        failed = chance.random() < 0.006
        operation = min(39, int(chance.expovariate(1 / 6)))
        tags: dict[str, Any] = {
            "span.kind": "server" if row % 2 == 0 else "client",
            "http.method": chance.choices(["GET", "POST", "DELETE"], [80, 18, 2])[0],
            "http.status_code": chance.choice([500, 503]) if failed else 200,
            "http.url": f"http://{service}/api/items/{chance.randrange(10**6)}",
            "component": "net/http",
            "peer.address": f"10.0.{chance.randrange(255)}.{chance.randrange(255)}",
            "user.id": f"u-{chance.randrange(10**6)}",
            "region": chance.choice(REGIONS),
        }
        if failed:
            tags["error"] = True
        if chance.random() < 0.15:
            tags["db.system"] = chance.choices(
                ["mysql", "redis", "cassandra"], [80, 19, 1]
            )[0]
        if rare and row == 1:
            tags["http.status_code"] = 418
        kinds = {bool: "bool", int: "int64", str: "string"}
        spans.append(
            {
                "traceID": trace_id,
                "spanID": f"{chance.getrandbits(64) | 1:016x}",
                "operationName": f"{tags['http.method']} /v{operation}",
                "references": []
                if parent is None
                else [
                    {
                        "refType": "CHILD_OF",
                        "traceID": trace_id,
                        "spanID": spans[parent]["spanID"],
                    }
                ],
                "startTime": begin,
                "duration": width,
                "tags": [
                    {"key": k, "type": kinds[type(v)], "value": v}
                    for k, v in tags.items()
                ],
                "logs": [],
                "processID": service,
            }
        )
        chosen.append(row)
    processes = {
        name: {
            "serviceName": name,
            "tags": [
                {
                    "key": "host.name",
                    "type": "string",
                    "value": f"host-{len(name) % 5}",
                },
                {"key": "service.version", "type": "string", "value": "1.4.2"},
            ],
        }
        for name in set(names)
    }
    return {"traceID": trace_id, "spans": spans, "processes": processes}


@dataclass(slots=True)
class Original:
    """A stored trace, taken apart so that a copy is cheap."""

    row: dict[str, Any]
    head: bytes  # of the columns' blob, with its length
    trace_id: bytes
    arrays: list[tuple[str, np.ndarray]]
    terms: list[tuple[int, int, bool]]  # term, longest ns, failed


def take_apart(record: Any) -> Original:
    """Read one record into an ``Original``."""
    from dashboard.graph.link import link
    from dashboard.traces import codec
    from dashboard.traces.terms import terms_of

    body = zstandard.ZstdDecompressor().decompress(bytes(record.columns))
    (length,) = struct.unpack_from("<I", body)
    position = 4 + length
    arrays = []
    for name, dtype, count in msgspec.msgpack.decode(body[4:position])["arrays"]:
        array = np.frombuffer(body, np.dtype(dtype), count, position)
        arrays.append((name, array))
        position += array.nbytes
    trace, _ = codec.decode_columns(record.columns)
    edges = {(call.caller, call.callee) for call in link(trace)}
    trace.duration_ns = trace.duration_ns * 1_000  # terms in ns instead of µs
    terms = sorted((n, ns, bad) for n, (ns, bad) in terms_of(trace, edges).items())
    names = [field.column for field in record._meta.concrete_fields]
    row = {name: getattr(record, name) for name in names}
    return Original(row, body[: 4 + length], record.trace_id.encode(), arrays, terms)


TIMES = {"start_ns", "extra:critical_start_ns", "extra:critical_end_ns"}


def copies(
    originals: list[Original], count: int, first_pk: int, end_us: int, seed: int
) -> Iterator[tuple[dict[str, Any], list[tuple[Any, ...]]]]:
    """Records and their terms, in the order of their starts."""
    chance = random.Random(seed + 1)
    # Some originals are common, others rare: down to some dozen of a million.
    weights = [chance.paretovariate(1.1) for _ in originals]
    for number, original in enumerate(originals):
        if any(s.startswith(RARE_SERVICE) for s in original.row["summary"]["services"]):
            weights[number] = 0.02
    chosen = chance.choices(range(len(originals)), weights, k=count)
    step = WEEK_US / count
    compressor = zstandard.ZstdCompressor(level=3)
    for number, which in enumerate(chosen):
        original = originals[which]
        old = original.row
        start_us = int(end_us - WEEK_US + number * step + chance.random() * step)
        pace = chance.lognormvariate(0, 0.5)
        trace_id = f"{chance.getrandbits(128) | 1 << 127:032x}"
        parts = [original.head.replace(original.trace_id, trace_id.encode(), 1)]
        origin_ns = old["start_us"] * 1_000
        longest_ns = end_ns = 0
        for name, array in original.arrays:
            if name in TIMES:
                array = (
                    np.floor((array - origin_ns) * pace).astype(array.dtype)
                    + start_us * 1_000
                )
                if name == "start_ns":
                    begin_ns = array
            elif name == "duration_ns":
                array = np.floor(array * pace).astype(array.dtype)
                longest_ns = int(array.max())
                end_ns = int((begin_ns + array).max())
            elif name == "extra:self_ns":
                array = np.floor(array * pace).astype(array.dtype)
            parts.append(array.tobytes())
        arrived = datetime.fromtimestamp(start_us / 1e6 + 2, UTC)
        row = {
            **old,
            "id": first_pk + number,
            "trace_id": trace_id,
            "trace_key": trace_id,
            "start_us": start_us,
            "duration_us": end_ns // 1_000 - start_us,
            "arrived_at": arrived,
            "last_span_at": arrived,
            "settled": True,
            "max_span_us": longest_ns // 1_000,
            "digest": "",
            "columns": compressor.compress(b"".join(parts)),
        }
        terms = [
            (
                row["id"],
                term,
                start_us,
                int(np.floor(ns * pace)) // 1_000,
                failed,
                True,
                old["source_id"],
            )
            for term, ns, failed in original.terms
        ]
        yield row, terms


def write_sqlite(rows: Any, names: list[str], terms_table: str, table: str) -> None:
    """Plain inserts, some thousand rows a transaction."""
    from django.db import connection

    from dashboard.actions.terms import TERM_COLUMNS

    connection.ensure_connection()
    raw = connection.connection
    raw.execute("PRAGMA synchronous=OFF")
    into = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    into_terms = (
        f"INSERT INTO {terms_table} ({', '.join(TERM_COLUMNS)}) "
        f"VALUES ({', '.join('?' * len(TERM_COLUMNS))})"
    )
    part: list[tuple[Any, ...]] = []
    terms: list[tuple[Any, ...]] = []

    def flush() -> None:
        raw.execute("BEGIN")
        raw.executemany(into, part)
        raw.executemany(into_terms, terms)
        raw.execute("COMMIT")
        part.clear()
        terms.clear()

    for row, its_terms in rows:
        part.append(
            tuple(
                str(v.replace(tzinfo=None))
                if isinstance(v, datetime)
                else json.dumps(v)
                if isinstance(v, dict)
                else v
                for v in (row[name] for name in names)
            )
        )
        terms += its_terms
        if len(part) == 5_000:
            flush()
    flush()


def write_postgresql(rows: Any, names: list[str], terms_table: str, table: str) -> None:
    """COPY, some thousand rows a statement."""
    from django.db import connection, transaction

    from dashboard.actions.terms import TERM_COLUMNS

    part: list[list[Any]] = []
    terms: list[tuple[Any, ...]] = []

    def flush() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for name, columns, lines in (
                (table, names, part),
                (terms_table, TERM_COLUMNS, terms),
            ):
                with cursor.copy(
                    f"COPY {name} ({', '.join(columns)}) FROM STDIN"
                ) as copy:
                    for line in lines:
                        copy.write_row(line)
        part.clear()
        terms.clear()

    for row, its_terms in rows:
        part.append(
            [
                json.dumps(v) if isinstance(v, dict) else v
                for v in (row[n] for n in names)
            ]
        )
        terms += its_terms
        if len(part) == 5_000:
            flush()
    flush()


def main() -> None:
    """Fill the database of the settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Max

    from dashboard.actions.ingest import ingest
    from dashboard.actions.sources import ensure_source
    from dashboard.models import Source, TraceRecord, TraceTerm
    from dashboard.sources.detect import decode

    call_command("migrate", verbosity=0)
    chance = random.Random(options.seed)
    end_us = time.time_ns() // 1_000
    source = ensure_source(Source.Kind.JAEGER, "http://localhost:1", "Million")
    Source.objects.filter(pk=source.pk).update(enabled=False)
    made = [
        made_trace(n, chance, end_us - chance.randrange(3_600_000_000))
        for n in range(ORIGINALS)
    ]
    for first in range(0, ORIGINALS, 200):
        body = json.dumps({"data": made[first : first + 200]}).encode()
        ingest(source, decode(body, max_bytes=2**30).traces, replace=True)
    originals = [take_apart(r) for r in TraceRecord.objects.order_by("pk")]
    print(f"{len(originals)} originals", flush=True)
    began = time.perf_counter()
    first_pk = TraceRecord.objects.aggregate(last=Max("pk"))["last"] + 1
    count = options.traces - len(originals)
    rows = copies(originals, count, first_pk, end_us, options.seed)
    names = [field.column for field in TraceRecord._meta.concrete_fields]
    tables = (TraceTerm._meta.db_table, TraceRecord._meta.db_table)
    index = TraceTerm._meta.indexes[0]
    with connection.schema_editor() as editor:
        editor.remove_index(TraceTerm, index)
    if connection.vendor == "sqlite":
        write_sqlite(rows, names, *tables)
    else:
        write_postgresql(rows, names, *tables)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{tables[1]}', 'id'), "
                f"(SELECT max(id) FROM {tables[1]}))"
            )
    with connection.schema_editor() as editor:
        editor.add_index(TraceTerm, index)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    print(f"{count} copies in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
