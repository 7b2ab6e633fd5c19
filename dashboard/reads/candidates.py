"""Walks through stored traces in the order of a search, a bounded piece at a time.

A search never asks the database for all that matches. It walks along one index in
the wanted order, drops what does not fit, and stops when a page is full or so many
entries were looked at. Which index is chosen by how many entries each condition
has, counted up to a limit. Where few have one, these are gathered and sorted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from dashboard.models import TraceRecord, TraceTerm

COUNTED = 10_000  # beyond, a count says "more than"
SAMPLED = 2_000  # entries of which a count is made where they are more than that
GATHERED = 2_500  # so many entries are sorted rather than walked
LOOKED_AT = 20_000  # entries of an index that one piece of a walk passes
RECORDS = f'"{TraceRecord._meta.db_table}"'
TERMS = f'"{TraceTerm._meta.db_table}"'
# Column and direction of each order; ties go by the record's number, likewise.
ORDERS = {
    "newest": ("start_us", "DESC"),
    "oldest": ("start_us", "ASC"),
    "longest": ("duration_us", "DESC"),
    "shortest": ("duration_us", "ASC"),
    "most-spans": ("span_count", "DESC"),
    "fewest-spans": ("span_count", "ASC"),
    "most-errors": ("error_count", "DESC"),
}
Place = tuple[int, int]  # of a row in an order: the column's value, the number


@dataclass(frozen=True, slots=True)
class Asked:
    """Terms of which a trace must have one, on a span at least so long, or failed."""

    terms: tuple[int, ...]
    least_us: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the indexes can tell of a search; ``sources`` and times ``None``: any.

    Each of ``terms`` is a list of numbers of which a trace must have one, all on a
    span of ``least_us`` that, if so asked, ``failed``. ``others`` are asked of other
    spans. ``figures`` are columns of the record with an operator and a number;
    a trace must have none of ``absent``.
    """

    terms: tuple[tuple[int, ...], ...] = ()
    start_us: int | None = None
    end_us: int | None = None
    sources: tuple[int, ...] | None = None
    listed: bool = True
    least_us: int | None = None
    failed: bool | None = None
    others: tuple[Asked, ...] = ()
    figures: tuple[tuple[str, str, float], ...] = ()
    absent: tuple[int, ...] = ()

    @property
    def asked(self) -> tuple[Asked, ...]:
        """All terms asked for."""
        own = (Asked(t, self.least_us, self.failed is True) for t in self.terms)
        return (*own, *self.others)

    @property
    def longer_us(self) -> float | None:
        """The shortest that the whole trace may be: no span is longer than it."""
        found = [n for c, op, n in self.figures if (c, op[0]) == ("duration_us", ">")]
        found += [one.least_us for one in self.others if one.least_us is not None]
        if self.least_us is not None:
            found.append(self.least_us)
        return max(found, default=None)

    @property
    def some_failed(self) -> bool:
        """Whether a span of it must have failed."""
        return (
            self.failed is True
            or any(one.failed for one in self.others)
            or ("error_count", ">", 0) in self.figures
        )


@dataclass(slots=True)
class Sql:
    """A piece of a statement with its parameters."""

    words: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, words: str, *values: Any) -> Sql:
        """Append."""
        self.words.append(words)
        self.values += values
        return self

    def where(self, words: str, *values: Any) -> Sql:
        """Append one more condition."""
        return self.add("AND " + words, *values)

    def join(self, other: Sql) -> Sql:
        """Append another piece."""
        return self.add(" ".join(other.words), *other.values)

    def rows(self) -> list[tuple[Any, ...]]:
        """Run it."""
        with connection.cursor() as cursor:
            cursor.execute(" ".join(self.words), self.values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def number(self) -> int:
        """Run it; the one number that it gives."""
        return int(self.rows()[0][0] or 0)


@dataclass(slots=True)
class Piece:
    """Rows of one piece of a walk; ``after`` is where to go on, if there is more."""

    places: list[Place]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Driver:
    """An index by which a search can be led, and how many entries it has there.

    Its kind: the records of a ``term``, those in the ``window`` of time, those of
    a ``duration`` or longer, or those with ``errors``.
    """

    kind: str
    asked: Asked | None = None
    entries: int = 0

    @property
    def terms(self) -> tuple[int, ...]:
        """Those of a ``term``."""
        return self.asked.terms if self.asked else ()

    @property
    def few(self) -> bool:
        """Whether all of them can be gathered."""
        return self.entries <= GATHERED


class Walk:
    """One search's way through the store."""

    def __init__(self, conditions: Conditions, sort: str):
        self.conditions = conditions
        self.column, self.direction = ORDERS[sort]
        drivers = [self._counted(driver) for driver in self._drivers()]
        self.driver = min(drivers, key=lambda driver: driver.entries)
        self.nothing = self.driver.entries == 0

    def _drivers(self) -> list[Driver]:
        found = [Driver("term", asked) for asked in self.conditions.asked]
        if self.conditions.some_failed:
            found.append(Driver("errors"))
        if self.conditions.longer_us is not None:
            found.append(Driver("duration"))
        if not self.conditions.asked:
            found.append(Driver("window"))
        return found

    def _counted(self, driver: Driver) -> Driver:
        inner = Sql().add("SELECT 1 AS one").join(self._entries(driver))
        inner.add("LIMIT %s", COUNTED + 1)
        count = Sql().add("SELECT COUNT(*) FROM (").join(inner).add(") e")
        return Driver(driver.kind, driver.asked, count.number())

    def _entries(self, driver: Driver) -> Sql:
        """``FROM … WHERE …`` of a driver's entries."""
        conditions, sql = self.conditions, Sql()
        if driver.kind == "term":
            sql.add(f"FROM {TERMS} WHERE").join(_one_of("term", driver.terms))
        elif driver.kind == "duration":
            sql.add(f"FROM {RECORDS} WHERE duration_us >= %s", conditions.longer_us)
            return sql
        elif driver.kind == "errors":
            return sql.add(f"FROM {RECORDS} WHERE error_count > 0")
        else:
            sql.add(f"FROM {RECORDS} WHERE 1 = 1")
        return sql.join(self._window())

    def _window(self) -> Sql:
        sql = Sql()
        if self.conditions.start_us is not None:
            sql.where("start_us >= %s", self.conditions.start_us)
        if self.conditions.end_us is not None:
            sql.where("start_us <= %s", self.conditions.end_us)
        return sql

    def piece(self, after: Place | None, size: int) -> Piece:
        """The next at most ``size`` rows after a place, and where to go on."""
        if self.nothing:
            return Piece([], None)
        in_order = self.column == "start_us" and self.driver.kind in ("term", "window")
        if self.driver.few and not in_order:
            return self._gather(after, size)
        if self.driver.kind == "term" and in_order:
            return self._along_terms(after, size)
        return self._along_records(after, size)

    def _along_terms(self, after: Place | None, size: int) -> Piece:
        """Along the index of terms by start: of one term, or of a few, merged."""
        order = f"ORDER BY start_us {self.direction}, record_id {self.direction}"
        inner = Sql()
        for number, term in enumerate(self.driver.terms):
            inner.add(
                f"{'UNION ALL ' if number else ''}SELECT * FROM (SELECT record_id, "
                "start_us, longest_us, failed, listed, source_id "
                f"FROM {TERMS} WHERE term = %s",
                term,
            ).join(self._window())
            if after is not None:
                inner.where(f"(start_us, record_id) {self._beyond} (%s, %s)", *after)
            inner.add(f"{order} LIMIT %s) t{number}", LOOKED_AT)
        if len(self.driver.terms) > 1:
            inner.add(f"{order} LIMIT %s", LOOKED_AT)
        sql = Sql().add("SELECT record_id, start_us FROM (SELECT record_id AS id, t.*")
        sql.add("FROM (").join(inner).add(") t) e WHERE 1 = 1")
        sql.join(self._filters(self.driver.asked)).add("LIMIT %s", size + 1)
        last = Sql().add("SELECT record_id, start_us FROM (").join(inner)
        # A record has an entry for each of its terms: the look ends before one of
        # which some entries may lie beyond it.
        several = len(self.driver.terms) if len(self.driver.terms) > 1 else 0
        last.add(") t LIMIT 1 OFFSET %s", LOOKED_AT - 1 - several)
        piece = self._cut(sql, last, size)
        if several and piece.after is not None:
            piece.places = [
                p for p in piece.places if not self._is_past(p, piece.after)
            ]
        return piece

    def _is_past(self, place: Place, end: Place) -> bool:
        return place < end if self.direction == "DESC" else place > end

    def _along_records(self, after: Place | None, size: int) -> Piece:
        """Along the index of the order, over all records."""
        column, conditions = self.column, self.conditions
        inner = Sql().add(
            "SELECT id, start_us, error_count, max_span_us, listed, source_id, "
            f"{column} AS place FROM {RECORDS} WHERE 1 = 1"
        )
        if column == "start_us":
            inner.join(self._window())
        if column == "duration_us" and conditions.longer_us is not None:
            inner.where("duration_us >= %s", conditions.longer_us)
        if column == "error_count" and conditions.some_failed:
            inner.where("error_count > 0")
        if after is not None:
            inner.where(f"({column}, id) {self._beyond} (%s, %s)", *after)
        inner.add(f"ORDER BY {column} {self.direction}, id {self.direction}")
        inner.add("LIMIT %s", LOOKED_AT)
        sql = Sql().add("SELECT id, place FROM (").join(inner).add(") e WHERE 1 = 1")
        if column != "start_us":
            sql.join(self._window())
        sql.join(self._filters(None)).add("LIMIT %s", size + 1)
        last = Sql().add("SELECT id, place FROM (").join(inner)
        return self._cut(sql, last.add(") e LIMIT 1 OFFSET %s", LOOKED_AT - 1), size)

    @property
    def _beyond(self) -> str:
        return "<" if self.direction == "DESC" else ">"

    def _cut(self, sql: Sql, last: Sql, size: int) -> Piece:
        """A piece of one statement's rows; ``last`` finds where the look ended."""
        places = [(int(place), int(pk)) for pk, place in sql.rows()]
        if len(places) > size:
            return Piece(places[:size], places[size - 1])
        end = last.rows()
        return Piece(places, (int(end[0][1]), int(end[0][0])) if end else None)

    def _gather(self, after: Place | None, size: int) -> Piece:
        """All of the driver's entries, sorted."""
        sql = Sql().add(f"SELECT id, {self.column} FROM").join(self._gathered())
        sql.join(self._filters(self.driver.asked))
        if after is not None:
            sql.where(f"({self.column}, id) {self._beyond} (%s, %s)", *after)
        order = f"ORDER BY {self.column} {self.direction}, id {self.direction}"
        sql.add(order).add("LIMIT %s", size + 1)
        places = [(int(place), int(pk)) for pk, place in sql.rows()]
        more = len(places) > size
        return Piece(places[:size], places[size - 1] if more else None)

    def _gathered(self) -> Sql:
        """The driver's entries with their records' columns, as ``e``."""
        driver = self.driver
        columns = ("start_us", "max_span_us", "error_count", "listed", "source_id")
        extra = () if self.column in columns else (self.column,)
        if driver.kind == "term":
            inner = Sql().add("SELECT record_id, longest_us, failed")
            inner.join(self._entries(driver)).add("LIMIT %s", COUNTED + 1)
            names = ", ".join(f"r.{name}" for name in (*columns, *extra))
            sql = Sql().add(f"(SELECT r.id, t.longest_us, t.failed, {names} FROM (")
            sql.join(inner).add(f") t JOIN {RECORDS} r ON r.id = t.record_id")
            return sql.add(") e WHERE 1 = 1")
        sql = Sql().add(f"(SELECT id, {', '.join((*columns, *extra))}")
        sql.join(self._entries(driver)).add("LIMIT %s", COUNTED + 1)
        return sql.add(") e WHERE 1 = 1").join(self._window())

    def _filters(self, led: Asked | None) -> Sql:
        """What an entry ``e`` must meet; ``led`` are the terms that led to it."""
        conditions, sql = self.conditions, Sql()
        if conditions.listed:
            sql.where("listed")
        if conditions.sources is not None:
            sql.where("").join(_one_of("source_id", conditions.sources))
        if led is None:
            if conditions.least_us is not None:
                sql.where("max_span_us >= %s", conditions.least_us)
            if conditions.failed is True:
                sql.where("error_count > 0")
            if conditions.failed is False:
                sql.where("error_count = 0")
        else:
            if led.least_us is not None:
                sql.where("longest_us >= %s", led.least_us)
            if led.failed:
                sql.where("failed")
            if not conditions.terms and conditions.least_us is not None:
                self._figure(sql, "max_span_us", ">=", conditions.least_us)
            if not conditions.terms and conditions.failed is True:
                self._figure(sql, "error_count", ">", 0)
            if conditions.failed is False:
                self._figure(sql, "error_count", "=", 0)
        for column, op, number in conditions.figures:
            self._figure(sql, column, op, number)
        for asked in conditions.asked:
            if asked == led:
                continue
            # Not EXISTS, which may be turned into a join that reads all of a term.
            sql.where(f"(SELECT 1 FROM {TERMS} u WHERE u.record_id = e.id AND")
            sql.join(_one_of("u.term", asked.terms))
            if asked.least_us is not None:
                sql.where("u.longest_us >= %s", asked.least_us)
            if asked.failed:
                sql.where("u.failed")
            sql.add("LIMIT 1) IS NOT NULL")
        for term in conditions.absent:
            sql.where(f"(SELECT 1 FROM {TERMS} u WHERE u.record_id = e.id")
            sql.add("AND u.term = %s LIMIT 1) IS NULL", term)
        return sql

    @staticmethod
    def _figure(sql: Sql, column: str, op: str, number: float) -> None:
        """A condition on the record of an entry; ``column`` and ``op`` are our own words."""
        sql.where(f"(SELECT r.{column} FROM {RECORDS} r WHERE r.id = e.id)")
        sql.add("<>" if op == "!=" else op).add("%s", number)

    @property
    def countable(self) -> bool:
        """Whether a count would be complete."""
        return self.driver.entries <= COUNTED

    def count(self) -> tuple[int, bool]:
        """How many match as far as the indexes tell, and whether these are all.

        At most ``COUNTED`` + 1 are counted. Where even the rarest condition has more
        than that, the others are tried on some of its traces only.
        """
        if self.nothing:
            return 0, True
        driver = self.driver
        limit = COUNTED + 1 if self.countable or self._alone() else SAMPLED
        if driver.kind == "term":
            inner = Sql().add(
                "SELECT record_id AS id, longest_us, failed, listed, source_id"
            )
        else:
            inner = Sql().add(
                "SELECT id, start_us, max_span_us, error_count, listed, source_id"
            )
        inner.join(self._entries(driver)).add("LIMIT %s", limit)
        sql = (
            Sql()
            .add("SELECT COUNT(DISTINCT id) FROM (")
            .join(inner)
            .add(") e WHERE 1 = 1")
        )
        if driver.kind != "term":
            sql.join(self._window())
        sql.join(self._filters(driver.asked))
        return sql.number(), self.countable

    def _alone(self) -> bool:
        """Whether the driver's is the only condition that costs anything."""
        conditions = self.conditions
        if conditions.figures or conditions.absent:
            return False
        if self.driver.kind == "term":
            return len(conditions.asked) == 1 and conditions.failed is not False
        return not conditions.asked


def _one_of(column: str, values: tuple[int, ...]) -> Sql:
    if len(values) == 1:
        return Sql().add(f"{column} = %s", values[0])
    marks = ", ".join(["%s"] * len(values))
    return (
        Sql().add(f"{column} IN ({marks})", *values) if values else Sql().add("1 = 0")
    )
