"""Find in one trace: which rows hold a text in any tag, log or name."""

from __future__ import annotations

import msgspec

from dashboard.traces.details import read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Tag, Trace

MAX_HITS = 20_000


def find_rows(trace: Trace, details: list[bytes], wanted: str) -> list[int]:
    """Rows whose service, operation, ids, tags, process or logs hold the text.

    ``key=value`` asks for a tag of that key whose value holds the text; several
    quoted or single words must all be found on the row. Case does not matter.
    """
    needle = wanted.strip().lower()
    if not needle:
        return []
    key, equals, value = needle.partition("=")
    services = [needle in name.lower() for name in trace.services]
    operations = [needle in name.lower() for name in trace.operations]
    processes = [
        _tags_hold(p.tags, needle, key, equals, value) for p in trace.processes
    ]
    raw = msgspec.json.encode(needle)[1:-1]
    probe = (raw.split(b"=")[0] if equals else raw).lower()
    hits = []
    for row in range(len(trace)):
        if (
            services[trace.service[row]]
            or operations[trace.operation[row]]
            or processes[trace.process[row]]
            or trace.span_ids[row].startswith(needle)
        ):
            hits.append(row)
        elif details[row] and probe in details[row].lower():
            found = read_details(details[row])
            tags = [*found.tags, *(tag for log in found.logs for tag in log.fields)]
            if _tags_hold(tuple(tags), needle, key, equals, value):
                hits.append(row)
        if len(hits) >= MAX_HITS:
            break
    return hits


def _tags_hold(
    tags: tuple[Tag, ...], needle: str, key: str, equals: str, value: str
) -> bool:
    for tag in tags:
        name, content = tag.key.lower(), text_of(tag.value).lower()
        if equals and name == key and value in content:
            return True
        if needle in name or needle in content:
            return True
    return False
