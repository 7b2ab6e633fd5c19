"""Takes secrets out of a trace; the same value gets the same label."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from dashboard.redaction.rules import (
    DATABASE_KEY,
    DATABASE_TEXT,
    QUERY_KEY,
    RULE_NAMES,
    RULES,
    SECRET_KEY,
    SQL_LITERAL,
    Rule,
    is_sql,
)
from dashboard.traces.details import read_details, write_details
from dashboard.traces.trace import Log, Process, Reference, SpanDetails, Tag, Trace

MAX_EXAMPLES = 12


@dataclass(slots=True)
class Redactor:
    """Replaces secrets by labels such as ``[ip 1]`` and counts them by rule."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # different values by rule
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)

    def label(self, rule: str, value: str) -> str:
        """The label of a value; equal values have equal labels."""
        self.counts[rule] += 1
        found = self.labels.get((rule, value))
        if found is None:
            self.kinds[rule] += 1
            found = self.labels[rule, value] = f"[{rule} {self.kinds[rule]}]"
        return found

    def text(self, text: str) -> str:
        """A free text without secrets, also those in percent-encoding."""
        clean = self._clean(text)
        if "%" in clean:
            decoded = unquote(clean)
            found = self._clean(decoded)
            if found != decoded:
                return found
        return clean

    def _clean(self, text: str) -> str:
        if is_sql(text):
            text = self._literals(text)
        for rule in RULES:
            text = rule.pattern.sub(partial(self._replace, rule), text)
        return text

    def _literals(self, text: str) -> str:
        return SQL_LITERAL.sub(lambda m: self.label("sql-literal", m[0]), text)

    def _database(self, text: str) -> str:
        """A statement: SQL without literals; of other commands only the first word."""
        if is_sql(text) or text.lstrip()[:1] in "{[":
            return self._literals(text)
        command, blank, rest = text.strip().partition(" ")
        return f"{command} {self.label('sql-literal', rest)}" if blank else text

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        return self.label(rule.name, match[0]) if rule.check(match[0]) else match[0]

    def tag(self, tag: Tag) -> Tag:
        """A tag without secrets: by its key, else by its value's look."""
        if SECRET_KEY.search(tag.key):
            return Tag(
                self.text(tag.key), "string", self.label("secret-tag", str(tag.value))
            )
        value: Any = tag.value
        if tag.type in ("bool", "int64", "float64") and not isinstance(value, str):
            shown = self.text(str(value))
            same = shown == str(value)
            return tag if same else Tag(tag.key, "string", shown)
        text = "" if value is None else str(value)
        clean = text
        is_database = DATABASE_KEY.search(tag.key) and DATABASE_TEXT.search(tag.key)
        if is_database:
            clean = self._database(text)
        elif QUERY_KEY.search(tag.key) and text:
            clean = self.label("query-string", text)
        clean = self.text(clean)
        if tag.type == "binary" and text:
            clean = self.label("secret-tag", text)
        if clean != text and len(self.examples) < MAX_EXAMPLES:
            self.examples.append({"key": self.text(tag.key), "after": clean[:200]})
        return Tag(self.text(tag.key), tag.type if clean == text else "string", clean)

    def tags(self, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        """Several tags."""
        return tuple(self.tag(tag) for tag in tags)

    def details(self, details: SpanDetails) -> SpanDetails:
        """A span's details."""
        return SpanDetails(
            self.tags(details.tags),
            tuple(Log(log.at_ns, self.tags(log.fields)) for log in details.logs),
            tuple(self.text(text) for text in details.warnings),
        )

    def report(self) -> dict[str, Any]:
        """Which rules ran and how often each found something."""
        return {
            "rules": {name: self.counts.get(name, 0) for name in RULE_NAMES},
            "total": sum(self.counts.values()),
            "examples": self.examples,
        }


def redact(trace: Trace) -> tuple[Trace, dict[str, Any]]:
    """A copy of an adjusted trace (with details) without secrets, and the report.

    Facts are cleaned with the same labels, so nothing stays behind in columns.
    """
    redactor = Redactor()
    details = [write_details(redactor.details(read_details(d))) for d in trace.details]
    processes = [
        Process(redactor.text(p.service), redactor.tags(p.tags))
        for p in trace.processes
    ]
    references = {
        row: tuple(
            Reference(r.kind, r.trace_id, r.span_id, redactor.tags(r.tags))
            for r in found
        )
        for row, found in trace.references.items()
    }
    counted = Counter(redactor.counts)
    statements = (
        set(trace.facts["db.statement"].tolist())
        if ("db.statement" in trace.facts)
        else set()
    )
    fact_values = [
        redactor.tag(
            Tag("db.statement" if place in statements else "fact", "string", value)
        ).value
        for place, value in enumerate(trace.fact_values)
    ]
    warnings = [
        replace(
            w,
            values={
                k: redactor.text(v) if isinstance(v, str) else v
                for k, v in w.values.items()
            },
        )
        for w in trace.warnings
    ]
    redactor.counts = counted
    services = [redactor.text(name) for name in trace.services]
    operations = [redactor.text(name) for name in trace.operations]
    clean = replace(
        trace,
        details=details,
        processes=processes,
        references=references,
        fact_values=[str(value) for value in fact_values],
        warnings=warnings,
        services=services,
        operations=operations,
    )
    return clean, redactor.report()
