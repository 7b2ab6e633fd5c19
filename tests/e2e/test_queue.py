"""Real servers with the durable queue, killed while spans come in."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import httpx
import pytest

from tests.peers.need import until
from tests.peers.production import Production
from tests.peers.running import RunningSpanboard
from tests.peers.spans import HEADERS, body

SPANS = 7


class Senders:
    """Send traces until told to stop; ``accepted`` are those answered with 200."""

    def __init__(self, url: str, count: int = 6, first: int = 1):
        self.url = url
        self.count = count
        self.accepted: list[int] = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._send, args=[number])
            for number in range(first, first + count)
        ]
        for thread in self.threads:
            thread.start()

    def _send(self, number: int) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.stopping.is_set():
                try:
                    answer = client.post(
                        self.url, content=body(number, SPANS), headers=HEADERS
                    )
                except httpx.HTTPError:
                    self.stopping.wait(0.05)  # it is dead, or it died meanwhile
                    continue
                if answer.status_code == 200:
                    self.accepted.append(number)
                    number += self.count

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)


def waiting(board: RunningSpanboard) -> list[Path]:
    return list((board.folder / "data/queue").glob("*.batch"))


@pytest.mark.parametrize("queue", ["on", "off"])
def test_every_accepted_span_survives_kill_9_once(
    spanboard: type[RunningSpanboard], queue: str
) -> None:
    board = spanboard("--no-demo", SPANBOARD_QUEUE=queue)
    senders = Senders(f"{board.url}/v1/traces")
    caught = 0
    try:
        for _ in range(2):
            before = len(senders.accepted)
            until(
                lambda before=before: len(senders.accepted) > before + 100,
                "traffic",
                60,
            )
            assert board.process is not None
            os.killpg(board.process.pid, signal.SIGKILL)
            board.process.wait(10)
            caught += len(waiting(board))
            board.start()
    finally:
        senders.stop()
    # With the queue something was accepted and not stored yet.
    assert (caught > 0) == (queue == "on")
    until(lambda: not waiting(board), "the queue's end", 120)
    assert len(senders.accepted) == len(set(senders.accepted)) > 200
    with httpx.Client(base_url=board.url) as client:
        for number in senders.accepted:
            answer = client.get(f"/api/traces/{number:032x}?raw=true").json()
            (trace,) = answer["data"]
            assert len({span["spanID"] for span in trace["spans"]}) == SPANS
            assert len(trace["spans"]) == SPANS
    assert board.verify()["differences"] == []
    assert not list((board.folder / "data/queue").glob("bad/*"))


@pytest.mark.postgres
@pytest.mark.redis
def test_another_server_stores_what_a_killed_one_accepted() -> None:
    """Two servers over PostgreSQL share a folder; one dies and stays dead."""
    stack = Production(workers=0, beats=0, SPANBOARD_QUEUE="on")
    try:
        stack.start()
        senders = [
            Senders(f"{url}/v1/traces", first=1 + 100_000 * place)
            for place, url in enumerate(stack.urls)
        ]
        try:
            for sender in senders:
                until(lambda s=sender: len(s.accepted) > 100, "traffic", 60)
            stack.servers[0].kill()
            after = len(senders[1].accepted)
            until(lambda: len(senders[1].accepted) > after + 50, "the other's", 60)
        finally:
            for sender in senders:
                sender.stop()
        queue = stack.folder / "data/queue"
        until(lambda: not list(queue.glob("*.batch")), "the queue's end", 120)
        odd = body(7_000_000, SPANS).replace(
            b"\x01x", b"\x01\0"
        )  # its name is a zero byte
        answer = httpx.post(f"{stack.urls[1]}/v1/traces", content=odd, headers=HEADERS)
        assert (answer.status_code, answer.content) == (200, b"")
        stored_odd = (
            "SELECT root_operation FROM dashboard_tracerecord WHERE trace_id=%s"
        )
        until(lambda: stack.sql(stored_odd, f"{7_000_000:032x}"), "the odd name")
        assert not list((queue / "bad").iterdir())
        accepted = [7_000_000]
        accepted += [number for sender in senders for number in sender.accepted]
        assert len(accepted) == len(set(accepted)) > 250
        rows = stack.sql("SELECT trace_id, span_count FROM dashboard_tracerecord")
        stored = {int(trace_id, 16): spans for trace_id, spans in rows}
        # A batch whose answer the killed server could not give may be there too.
        assert set(accepted) <= set(stored)
        assert set(stored.values()) == {SPANS}
        assert len(rows) == len(stored) <= len(accepted) + senders[0].count
        assert stack.verify()["differences"] == []
    finally:
        stack.stop()
