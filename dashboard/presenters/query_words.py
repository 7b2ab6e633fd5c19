"""What may follow in a line of query: keys and values of what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from dashboard.reads.traces import vocabulary
from dashboard.reads.words import sampled_tags
from dashboard.traces.query_complete import Place, place_at
from dashboard.traces.query_line import (
    FIELDS,
    FLAGS,
    PLAIN_KEY,
    PLAIN_VALUE,
    WHOLE_FIELDS,
    quoted,
)

MAX_OFFERED = 30
DURATIONS = ("10ms", "100ms", "500ms", "1s", "5s")


def offered(text: str, position: int, source: str = "") -> dict[str, Any]:
    """What may stand at the cursor; ``start`` and ``end`` say what it replaces."""
    place = place_at(text, position)
    items = _values(place, source) if place.key else _keys(place, source)
    return {"start": place.start, "end": place.end, "items": items[:MAX_OFFERED]}


def _keys(place: Place, source: str) -> list[dict[str, str]]:
    notes = {
        "service": _("of the span"),
        "operation": _("of the span"),
        "duration": _("of the span"),
        "error": _("the span failed"),
        "trace.duration": _("of the whole trace"),
        "trace.services": _("how many in the trace"),
        "trace.spans": _("how many in the trace"),
        "trace.error": _("a span of the trace failed"),
    }
    fields: tuple[str, ...] = FIELDS if place.in_braces else (*FIELDS, *WHOLE_FIELDS)
    if place.service:
        fields = fields[1:]
    own = [
        {
            "text": name if name in FLAGS else f"{name}=",
            "label": name,
            "note": notes[name],
        }
        for name in _ranked(fields, place.prefix)
    ]
    for item in own:
        if item["label"].endswith(("duration", "services", "spans")):
            item["text"] = item["text"][:-1] + ">"
        elif item["label"] in FLAGS:
            item["text"] += " "
    services = [] if place.service or not place.prefix else vocabulary(source)
    found = [
        {"text": f"service={_value(name)} ", "label": f"service={name}", "note": ""}
        for name in list(_ranked(services, place.prefix))[:8]
    ]
    tags = [name for name in sampled_tags(place.service, source) if name != "error"]
    found += [
        {"text": f"{_key(name)}=", "label": name, "note": _("tag")}
        for name in _ranked(tags, place.prefix)
    ]
    return own + found


def _values(place: Place, source: str) -> list[dict[str, str]]:
    names: Iterable[str]
    if place.key == "service":
        names = vocabulary(source)
    elif place.key == "operation":
        words = vocabulary(source)
        every = (name for operations in words.values() for name in operations)
        names = words.get(place.service) or sorted(set(every))
    elif place.key in ("duration", "trace.duration"):
        names = DURATIONS
    elif place.key in FLAGS:
        names = ("true", "false")
    else:
        names = sampled_tags(place.service, source).get(place.key, [])
    return [
        {"text": f"{_value(name)} ", "label": name, "note": ""}
        for name in _ranked(names, place.prefix)
    ]


def _ranked(names: Iterable[str], prefix: str) -> list[str]:
    """Those that hold what was written; those that begin with it first."""
    prefix = prefix.casefold()
    found = [name for name in names if prefix in name.casefold()]
    return sorted(found, key=lambda name: not name.casefold().startswith(prefix))


def _key(name: str) -> str:
    taken = name in (*FIELDS, *WHOLE_FIELDS)
    return name if PLAIN_KEY.fullmatch(name) and not taken else quoted(name)


def _value(text: str) -> str:
    return text if PLAIN_VALUE.fullmatch(text) else quoted(text)
