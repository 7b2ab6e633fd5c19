"""A search for traces: read from a query string and written back to one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from dashboard.traces.builder import Problem
from dashboard.traces.durations import parse_duration
from dashboard.traces.query_line import Condition, QueryLine
from dashboard.traces.query_parse import LineError, read_line

SORTS = (
    "newest",
    "oldest",
    "longest",
    "shortest",
    "most-spans",
    "fewest-spans",
    "most-errors",
)
MAX_LIMIT = 1500
KNOWN = {
    "service",
    "operation",
    "tags",
    "tag",
    "minDuration",
    "maxDuration",
    "start",
    "end",
    "lookback",
    "limit",
    "sort",
    "error",
    "source",
    "caller",
    "callee",
    "traceID",
    "maxLimit",
    "q",
    "after",
    "view",
    "span",
    "uiEmbed",
    "uiSearchHideGraph",
    "uiTheme",
}
NO_LINE = QueryLine()
LOGFMT = re.compile(r'\s*([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What to look for; durations are those of spans, as in Jaeger.

    ``caller`` and ``callee`` together ask for traces with a call between them.
    ``line`` holds what the other fields can not say.
    """

    service: str = ""
    operation: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    min_duration_us: int | None = None
    max_duration_us: int | None = None
    start_us: int | None = None
    end_us: int | None = None
    lookback: str = ""
    limit: int = 50
    sort: str = "newest"
    error: bool | None = None
    source: str = ""
    caller: str = ""
    callee: str = ""
    trace_ids: tuple[str, ...] = ()
    after: tuple[int, int] | None = None  # the place before the page, as a search told
    line: QueryLine = NO_LINE

    def window(self, now_us: int) -> tuple[int | None, int | None]:
        """First and last start in µs; ``None`` is open. A look-back goes first."""
        if self.lookback and self.lookback != "custom":
            length_us = parse_duration(self.lookback) // 1_000
            return now_us - length_us, None
        return self.start_us, self.end_us

    def without_each(self) -> Iterator[tuple[str, TraceQuery]]:
        """The query with one of its conditions dropped, for each of them."""
        plain = TraceQuery()
        for name in (
            "service",
            "operation",
            "tags",
            "min_duration_us",
            "max_duration_us",
            "error",
            "caller",
            "lookback",
            "start_us",
            "line",
        ):
            if getattr(self, name) != getattr(plain, name):
                loose = replace(self, after=None, **{name: getattr(plain, name)})
                if name == "service":
                    loose = replace(loose, operation="")
                if name == "caller":
                    loose = replace(loose, callee="")
                if name == "start_us":
                    loose = replace(loose, end_us=None)
                yield name, loose

    @property
    def span_conditions(self) -> tuple[Condition, ...]:
        """All that must hold on one and the same span."""
        return (*self._field_conditions(), *self.line.span)

    def spans_line(self) -> QueryLine:
        """All conditions that spans answer, as one line."""
        return replace(self.line, span=self.span_conditions)

    def _field_conditions(self) -> Iterator[Condition]:
        if self.service:
            yield Condition("service", "=", self.service)
        if self.operation:
            yield Condition("operation", "=", self.operation)
        for key, value in self.tags:
            yield Condition(key, "=", value, tag=True)
        for op, value_us in (
            (">=", self.min_duration_us),
            ("<=", self.max_duration_us),
        ):
            if value_us is not None:
                yield Condition("duration", op, short_duration(value_us))
        if self.error is True:
            yield NOT_WELL

    def whole_line(self) -> QueryLine:
        """The form's conditions and the line's as one line; times and edges are not in it."""
        without = self.line.without
        if self.error is False:
            without = ((NOT_WELL,), *without)
        return replace(self.spans_line(), without=without)

    def logfmt(self) -> str:
        """The tags as a person types them: ``a=b c="d e"``."""
        return " ".join(
            f"{key}={json.dumps(value, ensure_ascii=False)}"
            if re.search(r'[\s"]', value)
            else f"{key}={value}"
            for key, value in self.tags
        )

    def parameters(self) -> list[tuple[str, str]]:
        """Parameters of the address, without those that say nothing."""
        pairs = [
            ("service", self.service),
            ("operation", self.operation),
            (
                "tags",
                json.dumps(dict(self.tags), ensure_ascii=False) if self.tags else "",
            ),
            ("minDuration", _duration(self.min_duration_us)),
            ("maxDuration", _duration(self.max_duration_us)),
            ("lookback", self.lookback),
            ("start", "" if self.start_us is None else str(self.start_us)),
            ("end", "" if self.end_us is None else str(self.end_us)),
            ("error", "" if self.error is None else str(self.error).lower()),
            ("sort", "" if self.sort == "newest" else self.sort),
            ("limit", "" if self.limit == 50 else str(self.limit)),
            ("source", self.source),
            ("caller", self.caller),
            ("callee", self.callee),
            ("q", self.line.text()),
            ("after", "" if self.after is None else "{}.{}".format(*self.after)),
        ]
        return [(k, v) for k, v in pairs if v] + [
            ("traceID", t) for t in self.trace_ids
        ]

    def to_query_string(self) -> str:
        """The address's query string; reads back as an equal query."""
        return urlencode(self.parameters())

    @classmethod
    def read(
        cls, parameters: Mapping[str, list[str]]
    ) -> tuple[TraceQuery, list[Problem], list[str]]:
        """A query from parameters (each a list of values).

        Returns the query of what could be read, a problem for each value that
        could not, and the names of unknown parameters. Of repeated single
        values the first wins, as in Jaeger.
        """
        problems: list[Problem] = []

        def one(name: str) -> str:
            values = parameters.get(name) or [""]
            return values[0].replace("\0", "").strip()

        found: dict[str, object] = {
            "service": one("service"),
            "operation": "" if one("operation") == "all" else one("operation"),
            "source": one("source"),
            "caller": one("caller"),
            "callee": one("callee"),
            "tags": _tags(parameters, problems),
            "trace_ids": tuple(v for v in parameters.get("traceID", []) if v),
        }
        for name, field in (
            ("minDuration", "min_duration_us"),
            ("maxDuration", "max_duration_us"),
        ):
            if one(name):
                try:
                    found[field] = parse_duration(one(name)) // 1_000
                except ValueError as problem:
                    problems.append(
                        Problem("bad-duration", name, {"text": str(problem)})
                    )
        for name, field in (("start", "start_us"), ("end", "end_us")):
            if one(name):
                if re.fullmatch(r"\d{1,18}", one(name)):
                    found[field] = int(one(name))
                else:
                    problems.append(
                        Problem("bad-time", name, {"value": one(name)[:100]})
                    )
        lookback = one("lookback")
        if lookback and lookback != "custom":
            try:
                parse_duration(lookback)
                found["lookback"] = lookback
            except ValueError as problem:
                problems.append(
                    Problem("bad-duration", "lookback", {"text": str(problem)})
                )
        if found.get("lookback") and ("start_us" in found or "end_us" in found):
            del found["lookback"]  # Jaeger's links carry both; the times are meant
        limit = one("limit")
        if limit:
            if re.fullmatch(r"\d{1,9}", limit) and int(limit) > 0:
                found["limit"] = min(int(limit), MAX_LIMIT)
            else:
                problems.append(Problem("bad-limit", "limit", {"value": limit[:100]}))
        sort = one("sort")
        if sort:
            if sort in SORTS:
                found["sort"] = sort
            else:
                problems.append(Problem("bad-sort", "sort", {"value": sort[:100]}))
        after = one("after")
        if after:
            if re.fullmatch(r"-?\d{1,18}\.\d{1,18}", after):
                place, _, number = after.partition(".")
                found["after"] = int(place), int(number)
            else:
                problems.append(Problem("bad-after", "after", {"value": after[:100]}))
        error = one("error").lower()
        if error in ("true", "1", "on"):
            found["error"] = True
        elif error in ("false", "0"):
            found["error"] = False
        if one("q"):
            try:
                found["line"] = _take(read_line(one("q")), found)
            except LineError as wrong:
                problems.append(
                    Problem(
                        "bad-line",
                        "q",
                        {
                            "why": wrong.code,
                            "position": wrong.position,
                            "word": wrong.word,
                            "hint": wrong.hint,
                        },
                    )
                )
        low, high = found.get("min_duration_us"), found.get("max_duration_us")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            problems.append(Problem("min-over-max", "minDuration"))
        unknown = sorted(name for name in parameters if name not in KNOWN)
        known = {field.name for field in fields(cls)}
        return (
            cls(**{k: v for k, v in found.items() if k in known}),  # type: ignore[arg-type]
            problems,
            unknown,
        )


NOT_WELL = Condition("error")


def _take(line: QueryLine, found: dict[str, object]) -> QueryLine:
    """Move what the form can say into its fields, where they are free; the rest."""
    tags = dict(found["tags"])  # type: ignore[call-overload]
    rest = []
    for condition in line.span:
        key, op, value = condition.key, condition.op, condition.value
        if condition.tag:
            if op == "=" and key not in tags:
                tags[key] = value
                continue
        elif key in ("service", "operation") and op == "=":
            # "all" is Jaeger's word for any operation.
            fits = value == value.strip() != "" and (key, value) != ("operation", "all")
            if fits and not found.get(key):
                found[key] = value
                continue
        elif key == "duration" and op in (">=", "<="):
            field = "min_duration_us" if op == ">=" else "max_duration_us"
            if field not in found and condition.number.is_integer():
                found[field] = int(condition.number)
                continue
        elif key == "error" and "error" not in found:
            found["error"] = True
            continue
        rest.append(condition)
    found["tags"] = tuple(tags.items())
    without = []
    for group in line.without:
        if group == (NOT_WELL,) and "error" not in found:
            found["error"] = False
        else:
            without.append(group)
    return replace(line, span=tuple(rest), without=tuple(without))


def short_duration(value_us: int) -> str:
    """A duration that reads back as the same: ``200ms``."""
    for unit, size_us in (("s", 1_000_000), ("ms", 1_000)):
        if value_us and value_us % size_us == 0:
            return f"{value_us // size_us}{unit}"
    return f"{value_us}us"


def _duration(value_us: int | None) -> str:
    return "" if value_us is None else f"{value_us}us"


def _tags(
    parameters: Mapping[str, list[str]], problems: list[Problem]
) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for text in parameters.get("tags", []):
        text = text.strip()
        if text.startswith("{"):
            try:
                content = json.loads(text)
            except ValueError:
                problems.append(Problem("bad-tags", "tags", {"value": text[:200]}))
                continue
            pairs += [
                (str(k), v if isinstance(v, str) else json.dumps(v))
                for k, v in content.items()
            ]
        elif text:
            try:
                pairs += read_logfmt(text)
            except ValueError:
                problems.append(Problem("bad-tags", "tags", {"value": text[:200]}))
    for text in parameters.get("tag", []):
        key, colon, value = text.partition(":")
        if colon and key:
            pairs.append((key, value))
        elif text:
            problems.append(Problem("bad-tags", "tag", {"value": text[:200]}))
    return tuple(dict(pairs).items())


def read_logfmt(text: str) -> list[tuple[str, str]]:
    """``a=b c="d e"`` into pairs; a bare word means ``word=true``.

    Raises ``ValueError`` where the text is no such list.
    """
    pairs, position = [], 0
    while text[position:].strip():
        match = LOGFMT.match(text, position)
        if match:
            key, value = match[1], match[2]
            if value.startswith('"'):
                value = json.loads(value)
        else:
            word = re.match(r"\s*([^\s=\"]+)", text[position:])
            if not word:
                raise ValueError(text)
            key, value = word[1], "true"
            position += word.end()
            pairs.append((key, value))
            continue
        pairs.append((key, value))
        position = match.end()
    return pairs
