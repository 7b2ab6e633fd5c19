"""More spans than can be stored at once: senders wait, memory does not grow."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.test import override_settings
from google.rpc.status_pb2 import Status

from dashboard.actions import budget, received
from dashboard.actions.budget import BUDGET
from dashboard.models import TraceRecord
from dashboard.views.api import pressure
from dashboard.views.api.doors import with_bounds
from tests.peers.spans import HEADERS, body

pytestmark = pytest.mark.django_db(transaction=True)


def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(with_bounds(get_asgi_application()))
    return httpx.AsyncClient(transport=transport, base_url="http://collector")


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The store stands still until the event is set."""
    gate = threading.Event()
    real = received.ingest

    def slow(*args: Any, **kwargs: Any) -> Any:
        assert gate.wait(20)
        return real(*args, **kwargs)

    monkeypatch.setattr(received, "ingest", slow)
    yield gate
    gate.set()


async def until(probe: Any) -> None:
    async with asyncio.timeout(20):
        while not probe():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pressure, "PATIENCE_S", 0)
    BUDGET.most_bytes = 0
    yield
    assert (BUDGET.requests, BUDGET.bytes, BUDGET.tickets) == (0, 0, 0)
    assert (len(BUDGET.line), BUDGET.decoded) == (0, 0)


async def all_back() -> None:
    await until(lambda: BUDGET.tickets == 0)


def test_under_pressure_requests_are_refused_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two may wait; while they do, the third is told to come again."""

    async def talk() -> list[int]:
        async with client() as sender:

            async def post(number: int) -> httpx.Response:
                return await sender.post(
                    "/v1/traces", content=body(number), headers=HEADERS
                )

            with held(monkeypatch) as gate:
                early = [asyncio.create_task(post(number)) for number in (1, 2)]
                await until(lambda: BUDGET.requests == 2)
                refused = await post(3)
                zipkin = await sender.post("/api/v2/spans/", content=b"[]")
                gate.set()
                answers = [await task for task in early]
            await all_back()
            again = await post(3)
            await all_back()
        for answer in (refused, zipkin):
            assert int(answer.headers["Retry-After"]) in (1, 2, 3)
        assert refused.headers["Content-Type"] == "application/x-protobuf"
        assert Status.FromString(refused.content).code == 14
        assert zipkin.headers["Content-Type"].startswith("text/plain")
        return [a.status_code for a in (refused, zipkin, *answers, again)]

    with override_settings(SPANBOARD_OTLP_MAX_WAITING=2):
        assert asyncio.run(talk()) == [503, 503, 200, 200, 200]
    assert TraceRecord.objects.count() == 3


def test_bytes_are_bounded_as_well_as_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What grows when it is unpacked is refused then, and only while others wait."""
    packed = gzip.compress(body(1, 1) + bytes(0)), gzip.compress(b"\x0a\x00" * 50_000)

    async def talk() -> list[int]:
        async with client() as sender:

            async def post(content: bytes) -> httpx.Response:
                headers = {**HEADERS, "Content-Encoding": "gzip"}
                return await sender.post("/v1/traces", content=content, headers=headers)

            with held(monkeypatch) as gate:
                first = asyncio.create_task(post(packed[0]))
                await until(lambda: BUDGET.requests == 1)
                second = await post(packed[1])
                large = await sender.post(
                    "/v1/traces", content=bytes(60_000), headers=HEADERS
                )
                gate.set()
                answers = [second, large, await first]
            await all_back()
            answers.append(await post(packed[1]))  # alone it goes, over the budget
            await all_back()
        return [answer.status_code for answer in answers]

    with override_settings(SPANBOARD_OTLP_MAX_WAITING_BYTES=50_000):
        assert asyncio.run(talk()) == [503, 503, 200, 200]


def test_a_body_without_end_is_cut_off_early() -> None:
    given = 0

    async def endless() -> Any:
        nonlocal given
        while given < 1_000:
            given += 1
            yield bytes(1_000)

    async def talk() -> httpx.Response:
        async with client() as sender:
            return await sender.post("/v1/traces", content=endless(), headers=HEADERS)

    with override_settings(SPANBOARD_OTLP_MAX_BYTES=10_000):
        assert asyncio.run(talk()).status_code == 413
    assert given < 20


def test_a_burst_beyond_capacity_gets_in_by_retries_once_each() -> None:
    """60 senders at once, room for four: each tries until it is told 200."""
    senders, spans = 60, 5
    statuses: list[int] = []

    async def send(sender: httpx.AsyncClient, number: int) -> None:
        content = body(number + 1, spans, padding=2_000)
        if number % 2:
            headers = {**HEADERS, "Content-Encoding": "gzip"}
            content = gzip.compress(content)
        else:
            headers = HEADERS
        for attempt in range(1_000):
            answer = await sender.post("/v1/traces", content=content, headers=headers)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                # A sender that did not hear the answer sends again.
                if number % 5 or attempt % 2:
                    return
                continue
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            # The advice is a second; a test waits a little of it.
            await asyncio.sleep(0.01 * random.Random(number).random())
        raise AssertionError("it never got in")

    async def talk() -> None:
        async with client() as sender:
            await asyncio.gather(*(send(sender, n) for n in range(senders)))
            await all_back()

    limit = 200_000
    with override_settings(
        SPANBOARD_OTLP_MAX_WAITING=4, SPANBOARD_OTLP_MAX_WAITING_BYTES=limit
    ):
        asyncio.run(talk())
    assert statuses.count(503) > 0
    assert 0 < BUDGET.most_bytes <= limit
    found = TraceRecord.objects.values_list("span_count", flat=True)
    assert list(found) == [spans] * senders


def test_work_of_a_sender_that_left_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Senders that time out and try again must not pile up work that nobody counts."""

    async def talk() -> None:
        application = with_bounds(get_asgi_application())
        left = asyncio.Event()

        async def receive() -> Any:
            if not sent:
                sent.append(1)
                return {"type": "http.request", "body": body(1), "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError("nobody is there to be told")

        sent: list[int] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/traces",
            "client": ("127.0.0.1", 5),
            "query_string": b"",
            "headers": [(b"content-type", b"application/x-protobuf")],
        }
        with held(monkeypatch) as gate:
            task = asyncio.create_task(application(scope, receive, send))
            await until(lambda: BUDGET.requests == 1 and received._writer.locked())
            left.set()
            await task
            assert BUDGET.requests == 1
            gate.set()
        await all_back()

    asyncio.run(talk())
    assert TraceRecord.objects.count() == 1


def test_a_line_serves_first_come_first_and_refuses_nobody_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pressure, "PATIENCE_S", 20)
    senders = 6
    done: list[int] = []

    async def talk() -> list[int]:
        async with client() as sender:

            async def post(number: int) -> int:
                content = body(number + 1)
                answer = await sender.post(
                    "/v1/traces", content=content, headers=HEADERS
                )
                done.append(number)
                return answer.status_code

            tasks = []
            with held(monkeypatch) as gate:
                for number in range(senders):
                    tasks.append(asyncio.create_task(post(number)))
                    await until(
                        lambda count=number: BUDGET.requests + len(BUDGET.line) > count
                    )
                assert (BUDGET.requests, len(BUDGET.line)) == (1, 5)
                one_more = await post(99)  # the line is as long as it may be
                tasks[3].cancel()  # leaves it, and stops nobody behind
                gate.set()
                found = [await task for task in tasks if task is not tasks[3]]
            await all_back()
        return [one_more, *found]

    monkeypatch.setattr(budget, "LINE_TIMES", 5)
    with override_settings(SPANBOARD_OTLP_MAX_WAITING=1):
        assert asyncio.run(talk()) == [503, 200, 200, 200, 200, 200]
    assert done == [99, 0, 1, 2, 4, 5]
    assert TraceRecord.objects.count() == 5


def test_one_connection_of_the_database_serves_all_senders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits together is stored together, in always the same thread."""
    threads: set[str] = set()
    calls: list[int] = []
    real = received.ingest

    def seen(source: Any, traces: list[Any], **how: Any) -> Any:
        threads.add(threading.current_thread().name)
        calls.append(len(traces))
        return real(source, traces, **how)

    monkeypatch.setattr(received, "ingest", seen)

    async def talk() -> None:
        async with client() as sender:

            async def post(number: int) -> None:
                content = body(number)
                await sender.post("/v1/traces", content=content, headers=HEADERS)

            with held(monkeypatch) as gate:
                tasks = [asyncio.create_task(post(n)) for n in range(1, 9)]
                await until(lambda: len(received._waiting) == 7)
                gate.set()
                await asyncio.gather(*tasks)
            await all_back()

    asyncio.run(talk())
    assert (calls, len(threads)) == ([1, 7], 1)


def test_what_is_decoded_has_a_limit_and_all_come_to_their_turn() -> None:
    most = 0
    inside = 0
    lock = threading.Lock()

    def work(size: int) -> None:
        nonlocal most, inside
        with BUDGET.decoding(size):
            with lock:
                inside += size * budget.DECODED_TIMES
                most = max(most, inside)
            threading.Event().wait(0.002)
            with lock:
                inside -= size * budget.DECODED_TIMES

    sizes = [10, 20, 30, 40, 5_000] * 8  # the last is over the limit, and goes alone
    with override_settings(SPANBOARD_OTLP_MAX_WAITING_BYTES=600):
        threads = [threading.Thread(target=work, args=[size]) for size in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert most == 5_000 * budget.DECODED_TIMES  # nothing beside it
    assert BUDGET.decoded == 0


@pytest.mark.django_db(transaction=True)
async def test_a_strangers_body_is_not_even_read() -> None:
    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/traces",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("203.0.113.9", 4000),
    }
    await with_bounds(None)(scope, receive, send)
    assert sent[0]["status"] == 401
    assert b"token add" in sent[1]["body"]
