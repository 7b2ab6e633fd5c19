"""Export and import of everything: equal afterwards, or nothing changed."""

from __future__ import annotations

import gzip
import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from dashboard.actions.archive import (
    LEFT_OUT,
    TABLES,
    BadArchive,
    export_all,
    import_all,
)
from dashboard.actions.ingest import ingest
from dashboard.actions.retention import enforce_retention
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.shares import create_snapshot_share, hash_token
from dashboard.actions.sources import ensure_source, upload_source
from dashboard.actions.verify import verify
from dashboard.doctor_models import Diagnosis
from dashboard.models import Source, Tombstone, TraceRecord, TraceTerm
from dashboard.note_models import Note, ShareComment
from dashboard.reads.traces import find_record, find_traces
from dashboard.search_models import SavedSearch
from dashboard.share_models import ShareLink, Snapshot
from dashboard.traces.query import TraceQuery
from tests.store.test_search import some_trace

pytestmark = pytest.mark.django_db(transaction=True)


def fill(seed: int = 1) -> str:
    """Copies, growth, tombstones, folded figures, a share; returns its token."""
    chance = random.Random(seed)
    source = ensure_source("jaeger", "http://ann:hunter22@jaeger:16686", "Jaeger")
    made = [some_trace(n, chance) for n in range(40)]
    ingest(source, made[:30], replace=True)
    ingest(upload_source(), made[20:], replace=False)
    fold_rollups()
    old = TraceRecord.objects.order_by("pk").values_list("pk", flat=True)[15:25]
    TraceRecord.objects.filter(pk__in=list(old)).update(
        arrived_at=timezone.now() - timedelta(days=8)
    )
    assert enforce_retention() == 10
    record = find_record(made[0].trace_id)
    assert record is not None
    _link, token = create_snapshot_share(record, days=7, note="ünïcode \u2028 'quote'")
    return token


def everything() -> dict[str, list[Any]]:
    """All rows of all tables as plain values."""
    tables: tuple[type[models.Model], ...] = (*TABLES, TraceTerm)
    found = {}
    for table in tables:
        names = [f.attname for f in table._meta.concrete_fields]
        names = [name for name in names if name not in {*LEFT_OUT, "pk"}]
        rows = table._default_manager.values_list(*names)
        found[table.__name__] = sorted(
            repr([bytes(v) if isinstance(v, memoryview) else v for v in row])
            for row in rows
        )
    return found


def written() -> None:
    """What people and the doctor wrote."""
    now = timezone.now()
    key = TraceRecord.objects.values_list("trace_key", flat=True)[0]
    Note.objects.create(trace_key=key, text="look", owner_name="ada", created_at=now)
    snapshot = Snapshot.objects.all()[0]
    ShareComment.objects.create(snapshot=snapshot, text="seen", created_at=now)
    SavedSearch.objects.create(name="slow", query="q=duration>1s")
    Diagnosis.objects.create(
        source=Source.objects.all()[0],
        rule="context-lost",
        service="web",
        certainty="certain",
        count=1,
        total=2,
        first_us=1,
        last_us=2,
        found_at=now,
        evidence={"traces": [key]},
    )


def test_what_comes_back_is_what_was_there(tmp_path: Path) -> None:
    token = fill()
    written()
    before = everything()
    assert all(before[name] for name in ("Tombstone", "RollupBlock", "ShareLink"))
    assert all(before[name] for name in ("Note", "ShareComment", "Diagnosis"))
    path = tmp_path / "all.gz"
    counts = export_all(path)
    assert counts["TraceRecord"] == len(before["TraceRecord"])
    fill(2)
    assert import_all(path, replace=True) == counts
    after = everything()
    before["Source"] = [row.replace("ann:hunter22@", "") for row in before["Source"]]
    assert after == before
    assert verify().differences == []
    assert ShareLink.objects.filter(token_hash=hash_token(token)).count() == 1
    assert find_traces(TraceQuery(service="web")).matched
    # New rows get numbers of their own.
    assert fill(3)
    assert verify().differences == []


def test_it_holds_no_secret(tmp_path: Path) -> None:
    token = fill()
    export_all(tmp_path / "all.gz")
    text = gzip.decompress((tmp_path / "all.gz").read_bytes())
    assert b"hunter22" not in text
    assert token.encode() not in text
    assert b"http://jaeger:16686" in text


def test_a_store_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    fill()
    export_all(tmp_path / "all.gz")
    before = everything()
    with pytest.raises(BadArchive, match="--replace"):
        import_all(tmp_path / "all.gz")
    assert everything() == before


def damaged(whole: bytes) -> dict[str, bytes]:
    """Files that are not what export wrote."""
    lines = gzip.decompress(whole).splitlines(keepends=True)
    head = json.loads(lines[0])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    newer = {**head, "tables": {**head["tables"], "Source": ["id", "colour"]}}
    wrong = [
        line.replace(b'["TraceRecord",[', b'["TraceRecord",["x",') for line in lines
    ]
    bad_value = [
        line.replace(b'"Jaeger"', b'{"a":1}') if line[:9] == b'["Source"' else line
        for line in lines
    ]
    return {
        "empty": b"",
        "text": b"hello",
        "other gzip": gzip.compress(b'{"a": 1}\n'),
        "cut": whole[: len(whole) * 2 // 3],
        "flipped": bytes(flipped),
        "no end": gzip.compress(b"".join(lines[:-1])),
        "a line less": gzip.compress(b"".join(lines[:5] + lines[6:])),
        "a line more": gzip.compress(b"".join(lines) + lines[1]),
        "newer": gzip.compress(
            json.dumps(newer).encode() + b"\n" + b"".join(lines[1:])
        ),
        "wrong row": gzip.compress(b"".join(wrong)),
        "twice the same row": gzip.compress(
            b"".join([*lines[:2], lines[1], *lines[2:-1]])
            + json.dumps(
                {"end": {**json.loads(lines[-1])["end"], "Source": 3}}
            ).encode()
        ),
        "no trace": gzip.compress(b"".join(lines).replace(b'"KLUv', b'"AAAA')),
        "a value of a wrong type": gzip.compress(b"".join(bad_value)),
    }


def test_a_damaged_file_changes_nothing(tmp_path: Path) -> None:
    fill()
    export_all(tmp_path / "all.gz")
    fill(2)
    before = everything()
    for name, content in damaged((tmp_path / "all.gz").read_bytes()).items():
        path = tmp_path / "damaged.gz"
        path.write_bytes(content)
        with pytest.raises(BadArchive, match=r"damaged\.gz"):
            pytest.fail(f"{name}: {import_all(path, replace=True)}")
        assert everything() == before, name


def test_an_export_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()
    (tmp_path / "all.gz").write_bytes(b"the one before")

    def fails(content: Any) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dashboard.actions.archive._line", fails)
    with pytest.raises(OSError, match="No space"):
        export_all(tmp_path / "all.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["all.gz"]
    assert (tmp_path / "all.gz").read_bytes() == b"the one before"


def test_the_commands_say_what_they_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill()
    path = tmp_path / "all.gz"
    call_command("export", str(path))
    traces = TraceRecord.objects.count()
    assert f"{traces} traces, 1 shared copies" in capsys.readouterr().out
    with pytest.raises(SystemExit) as problem:
        call_command("import", str(path))
    assert problem.value.code == 2
    assert "already holds data" in capsys.readouterr().err
    call_command("import", str(path), "--replace")
    assert f"{traces} traces" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command("import", str(tmp_path / "none.gz"))
    assert "No such file" in capsys.readouterr().err


def test_a_source_that_was_there_from_the_start_is_no_hindrance(tmp_path: Path) -> None:
    fill()
    export_all(tmp_path / "all.gz")
    Source.objects.all().delete()
    Snapshot.objects.all().delete()
    for table in TABLES:
        table._default_manager.all().delete()
    upload_source()
    assert import_all(tmp_path / "all.gz")["Source"] == 2
    assert Tombstone.objects.count() == 10
