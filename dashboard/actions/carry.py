"""Snapshots that travel: one file, written here and taken in by another Spanboard.

The file is gzip over JSON, so that anybody can look into it (``zcat FILE | jq``). It
holds what the page behind the link shows and nothing else: it is written from the
redacted copy, and this Spanboard's rules run once more over what comes in.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec import Meta, Struct

from dashboard.access.person import Person
from dashboard.actions import shares
from dashboard.actions.notes import MOST_NOTES
from dashboard.graph.histogram import BUCKETS
from dashboard.redaction.redactor import Redactor
from dashboard.redaction.written import Written, redact_all
from dashboard.share_models import ShareEvent, ShareLink, Snapshot
from dashboard.sources.detect import inflate
from dashboard.traces import codec
from dashboard.traces.builder import storable
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge
from dashboard.traces.portable import (
    BadFile,
    PortableTrace,
    from_portable,
    to_portable,
)

FORMAT, VERSION = "spanboard-snapshot", 1
ENDING = "spanboard.json.gz"
LATEST_US = 253_402_300_799_000_000  # the last second that has a date
MAX_RULES = 300
Count = Annotated[int, Meta(ge=0, le=2**53)]
Short = Annotated[str, Meta(max_length=300)]


class TooLarge(BadFile):
    """The file grows beyond what is taken in."""


class _Report(Struct):
    """What was taken out; names of rules and counts."""

    rules: dict[Short, Count] = {}
    total: Count = 0
    own: list[Short] = []
    allow_list: bool = False


class _Head(Struct):
    """Of every version."""

    format: str = ""
    version: int = 0
    kind: str = "trace"


class _Note(Struct):
    """A note or pin that goes along; ``row`` -1 is the trace."""

    row: Annotated[int, Meta(ge=-1, le=2**31)]
    text: Annotated[str, Meta(max_length=20_000)] = ""
    author: Short = ""
    at_us: Annotated[int, Meta(ge=0, le=LATEST_US)] = 0
    edited_us: Annotated[int, Meta(ge=0, le=LATEST_US)] = 0


class _File(Struct):
    """A snapshot of a trace, version 1."""

    format: str
    version: int
    kind: str
    source: Short
    source_kind: Annotated[str, Meta(max_length=20)]
    captured_at_us: Annotated[int, Meta(ge=0, le=LATEST_US)]
    trace: PortableTrace
    captured_by: Annotated[str, Meta(max_length=150)] = ""
    complete: bool = True
    note: Annotated[str, Meta(max_length=2000)] = ""
    state: Annotated[str, Meta(max_length=4000)] = ""
    redaction: _Report = msgspec.field(default_factory=_Report)
    notes: Annotated[list[_Note], Meta(max_length=MOST_NOTES)] = []


def snapshot_file(link: ShareLink, *, names_author: bool) -> bytes:
    """The file of a link's snapshot; ``names_author`` says who captured it, too.

    Raises ``BadFile`` for kinds that have no such file.
    """
    snapshot = link.snapshot
    if snapshot.kind != Snapshot.Kind.TRACE:
        raise BadFile("Only snapshots of traces can be carried elsewhere.")
    trace, extra = codec.decode_columns(snapshot.columns)
    trace.details = codec.decode_all_details(snapshot.details)
    content = _File(
        format=FORMAT,
        version=VERSION,
        kind=snapshot.kind,
        source=snapshot.source_name,
        source_kind=snapshot.source_kind,
        captured_at_us=round(snapshot.captured_at.timestamp() * 1e6),
        captured_by=snapshot.captured_by if names_author else "",
        complete=snapshot.complete,
        note=link.note,
        state=link.state,
        redaction=msgspec.convert(snapshot.redaction or {}, _Report),
        notes=msgspec.convert(snapshot.notes, list[_Note])
        if names_author
        else _nameless(snapshot.notes),
        trace=to_portable(trace, extra),
    )
    return gzip.compress(msgspec.json.encode(content), 6, mtime=0)


def import_snapshot(
    body: bytes,
    *,
    max_bytes: int,
    days: int,
    audience: str,
    person: Person,
    note: str = "",
) -> tuple[ShareLink, str]:
    """Take a snapshot's file in and make a link to it; the token is told once.

    ``max_bytes`` bounds the unpacked file. All of it is taken or nothing. Raises
    ``BadFile`` (``TooLarge``) for what is no such file and ``ValueError`` when
    ``days`` or ``audience`` can't be had, each with a sentence.
    """
    shares.check_link(days, audience)
    found, plain = _read(body, max_bytes)
    trace, known = from_portable(found.trace, BUCKETS)
    policy = shares.site_policy()
    written = [Written(n.row, n.text, n.author) for n in found.notes]
    clean, report, state, written = redact_all(
        trace, policy, (), found.state, written, plain
    )
    fields = shares.contents(clean, known)
    redactor = Redactor(policy, trusts_labels=True)
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            trace_id=clean.trace_id,
            source_name=storable(redactor.text(found.source))[:100],
            source_kind=storable(found.source_kind),
            captured_at=datetime.fromtimestamp(found.captured_at_us / 1e6, UTC),
            captured_by=storable(redactor.text(found.captured_by))[:150],
            imported_at=timezone.now(),
            complete=found.complete,
            redaction=_merged(found.redaction, report),
            notes=_taken(found.notes, written, len(clean)),
            **fields,
        )
        link, token = shares.add_link(
            snapshot,
            days=days,
            note=storable(note or redactor.text(found.note)),
            person=person,
            audience=audience,
            state=storable(state),
        )
        shares.record_event(ShareEvent.What.IMPORTED, link, person)
    return link, token


def _nameless(notes: list[dict[str, Any]]) -> list[_Note]:
    """Notes without their writers."""
    return [
        msgspec.structs.replace(note, author="")
        for note in msgspec.convert(notes, list[_Note])
    ]


def _taken(
    notes: list[_Note], clean: list[Written], spans: int
) -> list[dict[str, Any]]:
    """Notes of a file as a snapshot keeps them; one on no span of it goes."""
    return [
        {
            "row": note.row,
            "text": storable(new.text),
            "author": storable(new.author),
            "at_us": note.at_us,
            "edited_us": note.edited_us,
        }
        for note, new in zip(notes, clean, strict=True)
        if note.row < spans
    ]


def _read(body: bytes, max_bytes: int) -> tuple[_File, str]:
    """The checked file, and all of its text."""
    if body[:2] != b"\x1f\x8b" and body.lstrip()[:1] != b"{":
        raise BadFile(f"This is no snapshot of a Spanboard (.{ENDING}).")
    try:
        plain = inflate(body, max_bytes)
    except PayloadTooLarge as problem:
        raise TooLarge(str(problem)) from problem
    except BadTracePayload as problem:
        raise BadFile(str(problem)) from problem
    if len(plain) > max_bytes:
        raise TooLarge(f"The file is larger than {max_bytes // 2**20} MiB.")
    try:
        head = msgspec.json.decode(plain, type=_Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise BadFile(
            "The file can not be read as JSON. It may be cut off: download it again."
        ) from problem
    if head.format != FORMAT:
        raise BadFile(
            "This is no snapshot of a Spanboard. Traces of other formats are uploaded "
            "on the search page."
        )
    if head.version != VERSION:
        raise BadFile(
            f"The file has version {head.version}; this Spanboard reads {VERSION}. "
            "Use an equally new one."
        )
    if head.kind != Snapshot.Kind.TRACE:
        raise BadFile("Only snapshots of traces can be taken in.")
    try:
        return msgspec.json.decode(plain, type=_File), plain.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        # The decoder's own words name fields and types, no values.
        raise BadFile(f"The file is damaged: {problem}.") from problem


def _merged(told: _Report, here: dict[str, Any]) -> dict[str, Any]:
    """What was taken out where it was made, and here once more."""
    rules = {storable(k): n for k, n in list(told.rules.items())[:MAX_RULES]}
    for name, number in here["rules"].items():
        rules[name] = rules.get(name, 0) + number
    return {
        "rules": rules,
        "total": told.total + here["total"],
        "own": sorted({*map(storable, told.own[:MAX_RULES]), *here["own"]}),
        "allow_list": told.allow_list or here["allow_list"],
    }
