"""The leak test: planted secrets go through the real way and are found nowhere.

A trace with secrets in all places comes in as Jaeger JSON, OTLP and Zipkin; it is
shared; every answer behind the link and every row of the snapshot is searched.
Then the stored trace is erased, and the database's files are searched.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from tests.factories import START_US
from tests.peers.running import ROOT, RunningSpanboard
from tests.planted import IN_TAGS, SPLIT, SPLIT_MARKS

# Secrets outside of tags, with their places.
OPERATION = "GET /users/oper101@planted.example/cart"
SERVICE = "shop-serv102@planted.example"
PROCESS = {"process.owner": "proc103@planted.example", "ip": "203.0.113.104"}
LOG = {"event": "failed for logs105@planted.example", "auth.token": "logt106secret"}
LINK = {"note": "link107@planted.example"}
STATUS = "status108@planted.example was refused"
STATE = "vendor=state109secret"
WARNING = "warned warn110@planted.example"
PEER = "peer111.203-0-113-111.pod"
IDS = {
    "jaeger": "a1" * 16,
    "otlp": "b2" * 16,
    "zipkin": "c3" * 16,
}
MARKS = sorted(
    {
        *(mark for planted in IN_TAGS for mark in planted.marks),
        *SPLIT_MARKS,
        *("oper101", "serv102", "proc103", "203.0.113.104", "logs105", "logt106"),
        *("link107", "status108", "state109", "warn110", "203-0-113-111"),
    }
)


def all_tags() -> list[tuple[str, Any]]:
    return [
        *((planted.key, planted.value) for planted in IN_TAGS),
        *SPLIT.items(),
        ("error.message", STATUS),
        ("server.address", PEER),
    ]


def spread(number: int) -> list[list[tuple[str, Any]]]:
    """All tags over some spans; equal keys on different spans."""
    spans: list[dict[str, Any]] = [{} for _ in range(number)]
    for key, value in all_tags():
        holder = next(one for one in spans if key not in one)
        holder[key] = value
    return [list(one.items()) for one in spans]


SPANS = 60


def jaeger_json() -> bytes:
    def tags(found: Any) -> list[dict[str, Any]]:
        return [
            {
                "key": key,
                "type": "int64" if isinstance(value, int) else "string",
                "value": value,
            }
            for key, value in found
        ]

    trace_id = IDS["jaeger"]
    spans = []
    for n, found in enumerate(spread(SPANS), 1):
        above = {"refType": "CHILD_OF", "traceID": trace_id, "spanID": f"{1:016x}"}
        spans.append(
            {
                "traceID": trace_id,
                "spanID": f"{n:016x}",
                "operationName": OPERATION if n % 2 else "plain",
                "references": [above] if n > 1 else [],
                "startTime": START_US + n,
                "duration": 1_000,
                "tags": tags(found),
                "logs": [
                    {"timestamp": START_US, "fields": tags([*LOG.items(), *found])}
                ],
                "processID": "p1",
                "warnings": [WARNING],
            }
        )
    process = {
        "serviceName": SERVICE,
        "tags": tags([*PROCESS.items(), *spread(SPANS)[0]]),
    }
    one = {"traceID": trace_id, "spans": spans, "processes": {"p1": process}}
    return json.dumps({"data": [one]}).encode()


def otlp_json() -> bytes:
    def attributes(found: Any) -> list[dict[str, Any]]:
        result = []
        for key, value in found:
            kind: dict[str, Any] = {"stringValue": value}
            if isinstance(value, int):
                kind = {"intValue": str(value)}
            elif value.startswith('["'):
                texts = [{"stringValue": text} for text in json.loads(value)]
                kind = {"arrayValue": {"values": texts}}
            result.append({"key": key, "value": kind})
        return result

    start = START_US * 1_000
    spans = []
    for n, found in enumerate(spread(SPANS), 1):
        event = {"timeUnixNano": str(start), "name": LOG["event"]}
        spans.append(
            {
                "traceId": IDS["otlp"],
                "spanId": f"{n:016x}",
                "parentSpanId": f"{1:016x}" if n > 1 else "",
                "traceState": STATE,
                "name": OPERATION if n % 2 else "plain",
                "kind": 2,
                "startTimeUnixNano": str(start + n),
                "endTimeUnixNano": str(start + n + 1_000_000),
                "attributes": attributes(found),
                "events": [event | {"attributes": attributes([*LOG.items(), *found])}],
                "links": [
                    {
                        "traceId": "d4" * 16,
                        "spanId": "e5" * 8,
                        "traceState": STATE,
                        "attributes": attributes([*LINK.items(), *found]),
                    }
                ],
                "status": {"code": 2, "message": STATUS},
            }
        )
    resource = attributes([("service.name", SERVICE), *PROCESS.items()])
    scope = {"name": "lib", "version": "1.2.3", "attributes": attributes(LINK.items())}
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": resource},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
        ]
    }
    return json.dumps(body).encode()


def zipkin_json() -> bytes:
    spans = [
        {
            "traceId": IDS["zipkin"],
            "id": f"{n:016x}",
            **({"parentId": f"{1:016x}"} if n > 1 else {}),
            "name": OPERATION if n % 2 else "plain",
            "kind": "CLIENT",
            "timestamp": START_US + n,
            "duration": 1_000,
            "localEndpoint": {"serviceName": SERVICE, "ipv4": "203.0.113.104"},
            "remoteEndpoint": {"serviceName": PEER, "ipv6": "2001:db8::39:1"},
            "annotations": [
                {"timestamp": START_US, "value": LOG["event"]},
                *(
                    {"timestamp": START_US, "value": str(v)}
                    for k, v in found
                    if k == "message"
                ),
            ],
            "tags": {key: str(value) for key, value in found},
        }
        for n, found in enumerate(spread(SPANS), 1)
    ]
    return json.dumps(spans).encode()


BODIES = {"jaeger": jaeger_json, "otlp": otlp_json, "zipkin": zipkin_json}


# What a format has no place for.
NOT_IN = {
    "jaeger": {"state109", "link107"},
    "otlp": {"warn110"},
    "zipkin": {"state109", "link107", "warn110", "proc103", "logt106"},
}


def leave_scraps(path: Path) -> None:
    """Free pages that hold what was deleted, as most builds of SQLite leave them."""
    base = sqlite3.connect(path, isolation_level=None, timeout=20)
    base.execute("PRAGMA secure_delete=OFF")
    base.execute("CREATE TABLE scraps (text TEXT)")
    base.execute("INSERT INTO scraps VALUES (?)", [f"{OPERATION} " * 1_000])
    base.execute("DROP TABLE scraps")
    base.close()
    files = (path, path.with_name(f"{path.name}-wal"))
    assert any(OPERATION.encode() in file.read_bytes() for file in files)


@pytest.fixture(scope="module")
def board() -> Iterator[RunningSpanboard]:
    """A Spanboard without demo, with nothing but what the tests send."""
    running = RunningSpanboard(SPANBOARD_DEMO="0")
    running.start()
    yield running
    running.stop()


def client(board: RunningSpanboard) -> httpx.Client:
    found = httpx.Client(base_url=board.url, timeout=60)
    found.get("/search")
    token = found.cookies.get("spanboard_csrf", "")
    found.headers.update({"X-CSRFToken": token, "Referer": board.url})
    return found


def forms(mark: str) -> set[bytes]:
    """A mark as it can stand in answers: plain, in JSON, in HTML, in URLs."""
    from html import escape
    from urllib.parse import quote

    escaped = json.dumps(mark)[1:-1]
    return {
        text.encode()
        for text in (
            mark,
            escaped,
            escape(mark),
            quote(mark),
            json.dumps(escaped)[1:-1],
        )
    }


ALL_FORMS = {mark: forms(mark) for mark in MARKS}


def leaks(content: bytes) -> list[str]:
    """The marks that a content holds."""
    return [mark for mark, ways in ALL_FORMS.items() if any(w in content for w in ways)]


def unpacked(blob: bytes) -> bytes:
    """A blob with all its compressed frames unpacked."""
    parts = [blob]
    for match in re.finditer(re.escape(b"\x28\xb5\x2f\xfd"), blob):
        try:
            machine = zstandard.ZstdDecompressor().decompressobj()
            parts.append(machine.decompress(blob[match.start() :]))
        except zstandard.ZstdError:
            continue
    return b"\n".join(parts)


def rows(path: Path, table: str = "") -> dict[str, bytes]:
    """The content of a database's tables, decompressed."""
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [
        n for (n,) in base.execute("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    found = {}
    for name in names:
        if table and name != table:
            continue
        parts = []
        for row in base.execute(f'SELECT * FROM "{name}"'):
            for value in row:
                raw = value if isinstance(value, bytes) else str(value).encode()
                parts.append(unpacked(raw))
        found[name] = b"\n".join(parts)
    base.close()
    return found


def answers(http: httpx.Client, path: str) -> dict[str, bytes]:
    """Everything that a link answers."""
    found = {
        "page": http.get(path, follow_redirects=True),
        "payload": http.get(f"{path}/payload"),
        "statistics": http.get(f"{path}/statistics"),
        "rows": http.get(f"{path}/rows", params={"tags": '{"message": null}'}),
        "by tag": http.get(f"{path}/statistics", params={"by": "tag:message"}),
        "graph": http.get(f"{path}/graph"),
        "logs": http.get(f"{path}/logs"),
        "csv": http.get(f"{path}/spans.csv"),
    }
    for kind in ("jaeger", "otlp", "zipkin", "csv", "html"):
        found[kind] = http.get(f"{path}/download", params={"format": kind})
    file = http.get(f"{path}/download", params={"format": "spanboard"})
    found["picture"] = http.get(f"{path}/picture.svg")
    for row in range(SPANS):
        found[f"span {row}"] = http.get(f"{path}/span/{row}")
        found[f"raw {row}"] = http.get(f"{path}/span/{row}/raw")
    for mark in ("oper101", "logs105", "plant80", "serv102", "4111"):
        hits = http.get(f"{path}/find", params={"q": mark})
        assert hits.json()["rows"] == [], mark
    for name, answer in found.items():
        assert answer.status_code == 200, name
    assert file.status_code == 200
    contents = {name: answer.content for name, answer in found.items()}
    return {**contents, "snapshot file": gzip.decompress(file.content)}


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_shared_trace_leaks_nothing_and_an_erased_one_leaves_nothing(
    board: RunningSpanboard, kind: str
) -> None:
    body = BODIES[kind]()
    assert len(MARKS) > 60
    http = client(board)
    sent = http.post("/upload", files={"file": (f"{kind}.json", body)})
    assert sent.status_code in (200, 302), sent.text
    stored = board.folder / "data/spanboard.sqlite3"
    before = rows(stored, "dashboard_tracerecord")["dashboard_tracerecord"]
    assert set(MARKS) - set(leaks(before)) == NOT_IN[kind]  # all others did come in
    leave_scraps(stored)

    state = (
        "view=table&q=oper101&find=plant07tok&from=0&filter=to+mail20@planted.example"
    )
    asked = {"trace": IDS[kind], "days": "7", "state": state}
    made = http.post("/shares/new", data=asked)
    assert made.status_code == 200, made.text
    assert leaks(made.content) == []
    path = "/s/" + made.json()["url"].rsplit("/s/", 1)[1]
    for name, content in answers(http, path).items():
        assert leaks(content) == [], f"{kind}: {name}"
    assert leaks(http.get("/shares").content) == []
    opened = http.get(path, follow_redirects=False)
    assert opened.headers["location"].endswith("?view=table&from=0")
    snapshot = rows(stored, "dashboard_snapshot")["dashboard_snapshot"]
    assert b"[e-mail 1]" in snapshot
    assert leaks(snapshot) == []

    done = subprocess.run(
        [sys.executable, "manage.py", "erase", IDS[kind], "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SPANBOARD_DATA_DIR": str(board.folder / "data")},
        capture_output=True,
        timeout=120,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["copies"] == 1
    assert report["cleared"] is True
    for name, content in rows(stored).items():
        assert leaks(content) == [], f"{kind}: {name}"
    for file in (board.folder / "data").iterdir():
        if file.is_file():
            assert leaks(unpacked(file.read_bytes())) == [], f"{kind}: {file.name}"
    assert http.get(path, follow_redirects=True).status_code == 200
    carried = http.get(f"{path}/download", params={"format": "spanboard"}).content
    taken = http.post("/shares/import", files={"file": ("a.gz", carried)})
    assert taken.status_code == 200, taken.text
    other = "/s/" + taken.json()["url"].rsplit("/s/", 1)[1]
    for name, content in answers(http, other).items():
        assert leaks(content) == [], f"{kind}, taken in: {name}"
    # The rules find nothing in what they have cleaned: the copy is the same.
    assert http.get(f"{other}/payload").content == http.get(f"{path}/payload").content
    assert (
        http.get(f"{other}/download", params={"format": "spanboard"}).content == carried
    )
    again = http.post("/upload", files={"file": (f"{kind}.json", body)})
    assert again.status_code in (200, 302)
    assert http.get(f"/trace/{IDS[kind]}/payload").status_code == 404
