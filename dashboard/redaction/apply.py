"""Takes secrets out of a whole trace, and tells what goes before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from dashboard.redaction.notes import Notes
from dashboard.redaction.own import Policy
from dashboard.redaction.redactor import LABELS, Redactor
from dashboard.redaction.rules import RULE_NAMES
from dashboard.redaction.state import clean_state
from dashboard.traces.collector import no_collection
from dashboard.traces.details import read_details, write_details
from dashboard.traces.facts import ALIASES, MAX_FACT
from dashboard.traces.trace import (
    Log,
    Process,
    Reference,
    SpanDetails,
    Tag,
    Trace,
    Warning,
)

STANDARD = Policy()


def redact(
    trace: Trace, policy: Policy = STANDARD, extra_keys: Iterable[str] = ()
) -> tuple[Trace, dict[str, Any]]:
    """A copy of an adjusted trace (with details) without secrets, and the report.

    ``extra_keys``: tags, log fields and process tags whose values go as well.
    The report holds counts and names of rules only, no value.
    """
    with no_collection():
        redactor = _redactor(policy, extra_keys)
        return _redact(trace, redactor, None)


def redact_shared(
    trace: Trace, policy: Policy, extra_keys: Iterable[str], state: str
) -> tuple[Trace, dict[str, Any], str]:
    """As ``redact``, and the query with which the page opens, cleaned as well."""
    with no_collection():
        redactor = _redactor(policy, extra_keys)
        clean, report = _redact(trace, redactor, None)
        return clean, report, clean_state(redactor, state)


def redact_again(
    trace: Trace, policy: Policy, state: str, before: str
) -> tuple[Trace, dict[str, Any], str]:
    """As ``redact_shared`` for a copy that was redacted elsewhere: its labels stay.

    ``before`` is all of its text, so that new labels get other numbers.
    """
    with no_collection():
        redactor = trusting(policy, before)
        clean, report = _redact(trace, redactor, None)
        return clean, report, clean_state(redactor, state)


def trusting(policy: Policy, before: str) -> Redactor:
    """A redactor that leaves the labels of ``before``, a text redacted elsewhere."""
    redactor = Redactor(policy, trusts_labels=True)
    for label in set(LABELS.findall(before)):
        name, _, number = label[1:-1].rpartition(" ")
        redactor.kinds[name] = max(redactor.kinds[name], int(number))
    return redactor


def preview(
    trace: Trace,
    policy: Policy = STANDARD,
    extra_keys: Iterable[str] = (),
    *,
    page: int = 1,
    size: int = 20,
) -> dict[str, Any]:
    """What ``redact`` would take out, with examples before and after.

    The report, and ``examples``: one for each field, the most frequent first, in
    pages of ``size`` (at most 100), each with

    - ``place`` (tag, log, process, reference, warning, operation, service), ``field``
    - ``spans``, ``services`` (of the copy: name and spans), ``rows`` (the first)
    - ``before`` and ``after``: ``text`` (a part of it), ``marks`` ([start, end] in
      characters of that text) and ``cut``

    The values before are secrets: show them to the author, store them nowhere.
    """
    notes = Notes()
    with no_collection():
        redactor = _redactor(policy, extra_keys)
        clean, report = _redact(trace, redactor, notes)
    return report | notes.page(clean, page, size)


def _redactor(policy: Policy, extra_keys: Iterable[str]) -> Redactor:
    return Redactor(policy, frozenset(key.lower() for key in extra_keys))


def _redact(
    trace: Trace, redactor: Redactor, notes: Notes | None
) -> tuple[Trace, dict[str, Any]]:
    cleaner = _Cleaner(redactor, notes)
    details = [
        write_details(cleaner.details(row, read_details(raw)))
        for row, raw in enumerate(trace.details)
    ]
    processes = [
        cleaner.process(number, process)
        for number, process in enumerate(trace.processes)
    ]
    references = {
        row: tuple(cleaner.reference(row, one) for one in found)
        for row, found in trace.references.items()
    }
    warnings = [cleaner.warning(warning) for warning in trace.warnings]
    services = cleaner.names("service", trace.services)
    operations = cleaner.names("operation", trace.operations)
    counts = redactor.counts.copy()
    clean = replace(
        trace,
        span_ids=[cleaner.id(text) for text in trace.span_ids],
        parent_ids=[cleaner.id(text) for text in trace.parent_ids],
        details=details,
        processes=processes,
        references=references,
        fact_values=_facts(trace, redactor),
        warnings=warnings,
        services=services,
        operations=operations,
    )
    redactor.counts = counts  # facts are tags that were counted
    if notes is not None:
        notes.values = redactor.values
    return clean, report_of(redactor)


def report_of(redactor: Redactor) -> dict[str, Any]:
    """Which rules ran and how often each found something."""
    names = [*RULE_NAMES, *(rule.name for rule in redactor.policy.own)]
    if redactor.by_hand:
        names.append("by-hand")
    if redactor.policy.allow is not None:
        names.append("not-allowed")
    return {
        "rules": {name: redactor.counts.get(name, 0) for name in names},
        "total": sum(redactor.counts.values()),
        "own": [rule.name for rule in redactor.policy.own],
        "allow_list": redactor.policy.allow is not None,
    }


def _facts(trace: Trace, redactor: Redactor) -> list[str]:
    """Facts with the same labels as their tags, so nothing stays behind in columns."""
    used: dict[int, list[str]] = {}
    for key, column in trace.facts.items():
        for number in set(column[column >= 0].tolist()):
            used.setdefault(number, []).append(key)
    kept = {(ALIASES.get(key), text[:MAX_FACT]) for key, text in redactor.kept}
    hand = {ALIASES.get(key, key) for key in ALIASES if key in redactor.by_hand}
    values = []
    for number, value in enumerate(trace.fact_values):
        text = value
        for key in used.get(number, []):
            if key in hand:
                text = redactor.label("by-hand", value)
            elif redactor.policy.allow is not None and (key, value) not in kept:
                text = redactor.label("not-allowed", value)
            if text != value:
                break
            text = redactor.field(key, text)
        else:
            if number not in used:
                text = redactor.text(text)
        values.append(redactor.cut(text) if len(value) >= MAX_FACT else text)
    return values


class _Cleaner:
    """Cleans the parts of a trace, and notes what changed when asked to."""

    def __init__(self, redactor: Redactor, notes: Notes | None) -> None:
        self.redactor = redactor
        self.notes = notes

    def tags(self, place: str, row: int, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        clean = self.redactor.tags(tags)
        self.note(place, row, tags, clean)
        return clean

    def note(
        self, place: str, row: int, tags: tuple[Tag, ...], clean: tuple[Tag, ...]
    ) -> None:
        if self.notes is None:
            return
        for old, new in zip(tags, clean, strict=True):
            if new is not old and new != old:
                self.notes.add(place, row, old, new)

    def text(self, place: str, row: int, text: str) -> str:
        clean = self.redactor.text(text)
        if self.notes is not None and clean != text:
            self.notes.add_text(place, row, place, text, clean)
        return clean

    def details(self, row: int, details: SpanDetails) -> SpanDetails:
        logs = details.logs
        fields = self.redactor.groups([log.fields for log in logs]) if logs else []
        for log, clean in zip(logs, fields, strict=True):
            self.note("log", row, log.fields, clean)
        return SpanDetails(
            self.tags("tag", row, details.tags),
            tuple(
                Log(log.at_ns, clean) for log, clean in zip(logs, fields, strict=True)
            ),
            tuple(self.text("warning", row, text) for text in details.warnings),
        )

    def process(self, number: int, process: Process) -> Process:
        service = self.redactor.text(process.service)
        return Process(service, self.tags("process", number, process.tags))

    def reference(self, row: int, reference: Reference) -> Reference:
        return Reference(
            reference.kind,
            self.id(reference.trace_id),
            self.id(reference.span_id),
            self.tags("reference", row, reference.tags),
        )

    def id(self, text: str) -> str:
        """An id; only one that is no number is looked at."""
        return text if text.isalnum() and len(text) <= 32 else self.redactor.text(text)

    def warning(self, warning: Warning) -> Warning:
        values = {
            key: self.text("warning", warning.row, value)
            if isinstance(value, str)
            else value
            for key, value in warning.values.items()
        }
        return replace(warning, values=values)

    def names(self, place: str, names: list[str]) -> list[str]:
        return [self.text(place, number, name) for number, name in enumerate(names)]
