"""Faults of production, each with the real part; nothing lost, nothing twice.

One stack serves all tests of this file: two servers, two workers and, by mistake,
two beats over a real PostgreSQL, Redis and Jaeger. After each fault every span that
Jaeger holds is in Spanboard once, and the rollups equal a recount.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.bad_proxy import BadProxy
from tests.peers.held import held_by
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.production import Production, ready
from tests.peers.pushing import chain, key_of, post, request_of, trace_of

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.jaeger]
MODES = ("500", "429", "html", "truncated", "half", "slow")


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A real Jaeger for all tests of this file."""
    peer = Jaeger(tmp_path_factory.mktemp("jaeger"))
    peer.start()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def proxy(backend: Jaeger) -> Iterator[BadProxy]:
    """What stands between Spanboard and Jaeger."""
    made = BadProxy(backend.url)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stack(proxy: BadProxy) -> Iterator[Production]:
    """Everything, with a beat too many."""
    made = Production(
        proxy.url,
        workers=2,
        beats=2,
        SPANBOARD_JAEGER_TIMEOUT_SECONDS="2",
        SPANBOARD_PULL_LIMIT="40",
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()


def stored(stack: Production, source: str = "Jaeger") -> dict[str, int]:
    """Spans by trace of one source."""
    query = (
        "SELECT trace_key, span_count FROM dashboard_tracerecord r "
        "JOIN dashboard_source s ON s.id = r.source_id WHERE s.name = %s"
    )
    return dict(stack.sql(query, source))


def check(stack: Production, backend: Jaeger, seconds: float = 60) -> None:
    """Every span of Jaeger's is stored once, and the rollups equal a recount."""
    wanted = held_by(backend.url)

    def all_there() -> bool:
        found = stored(stack)
        return all(found.get(key) == spans for key, spans in wanted.items())

    until(all_there, f"{len(wanted)} traces of Jaeger's in Spanboard", seconds, 0.3)
    found = stack.verify()
    assert found["differences"] == []
    assert found["spans"] == stack.spans()


@contextlib.contextmanager
def writers_stopped(stack: Production) -> Iterator[None]:
    """Hold up every write of a trace in the middle of its transaction."""
    import psycopg

    with psycopg.connect(stack.database.url) as connection:
        connection.execute("LOCK TABLE dashboard_traceterm IN EXCLUSIVE MODE")
        yield
        connection.rollback()


def waiting(stack: Production) -> int:
    """How many connections wait for that lock now."""
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND query LIKE '%dashboard_traceterm%' "
        "AND query NOT LIKE '%pg_stat_activity%'"
    )
    return int(stack.sql(query)[0][0])


def test_two_workers_two_beats_and_two_sources_with_the_same_traces(
    stack: Production, backend: Jaeger
) -> None:
    stack.add_jaeger(backend.url, "The same Jaeger")
    truths = []

    def sender(seed: int) -> None:
        truths.append(send(backend.otlp, 60, seed=seed, spread_s=5))

    threads = [threading.Thread(target=sender, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(stack, backend)
    twin = until(
        lambda: (found := stored(stack, "The same Jaeger")) == stored(stack) and found,
        "the same traces from the second source",
        40,
        0.3,
    )
    assert len(twin) == 120
    # All sources together count each call once.
    wanted = sum((Counter(truth.calls) for truth in truths), Counter())
    data = httpx.get(f"{stack.urls[0]}/graph.json?lookback=1h", timeout=20).json()
    assert {(e["caller"], e["callee"]): e["calls"] for e in data["edges"]} == wanted
    counted = "SELECT trace_key FROM dashboard_tracerecord WHERE counted GROUP BY trace_key HAVING count(*) <> 1"
    assert stack.sql(counted) == []
    assert stack.verify()["differences"] == []
    stack.sql(
        "UPDATE dashboard_source SET enabled = false WHERE name = 'The same Jaeger'"
    )


def test_overlapping_pieces_of_the_same_traces_through_two_servers(
    stack: Production,
) -> None:
    chance = random.Random(5)
    pieces = []
    for number in range(1, 9):
        spans = chain(number, 40)
        pieces += [chance.sample(spans, 25) for _ in range(6)]
        pieces += [spans[:20], spans[20:]]
    chance.shuffle(pieces)
    with ThreadPoolExecutor(8) as pool:
        assert all(
            pool.map(
                lambda job: post(stack.urls[job[0] % 2], request_of(job[1])),
                enumerate(pieces),
            )
        )
    found = stored(stack, "OTLP")
    assert {n: found.get(key_of(n)) for n in range(1, 9)} == dict.fromkeys(
        range(1, 9), 40
    )
    assert stack.verify()["differences"] == []


@pytest.mark.parametrize("mode", MODES)
def test_answers_that_are_slow_cut_off_or_refused(
    mode: str, stack: Production, backend: Jaeger, proxy: BadProxy
) -> None:
    before = proxy.failed[mode]
    proxy.resume.clear()
    proxy.mode = mode
    try:
        send(backend.otlp, 30, seed=20 + MODES.index(mode), spread_s=5)
        until(lambda: proxy.failed[mode] > before, f"an answer of mode {mode}", 60)
        said = "SELECT last_error FROM dashboard_source WHERE name = 'Jaeger'"
        until(lambda: stack.sql(said)[0][0], "the fault on the source's page", 30)
        page = httpx.get(f"{stack.urls[0]}/sources", timeout=20)
        assert page.status_code == 200
    finally:
        proxy.mode = "well"
        proxy.resume.set()
    check(stack, backend)
    until(lambda: not stack.sql(said)[0][0], "the end of the fault", 60)


def test_a_worker_killed_in_the_middle_of_an_ingest(
    stack: Production, backend: Jaeger
) -> None:
    before = stack.spans()
    with writers_stopped(stack):
        send(backend.otlp, 40, seed=31, spread_s=5)
        until(lambda: waiting(stack), "a worker in the middle of its write", 40)
        for worker in stack.workers:
            worker.kill()
    # Nothing half-written: what was begun is gone altogether.
    until(lambda: not waiting(stack), "the end of the cut connections", 20)
    assert stack.spans() == before
    assert stack.verify()["differences"] == []
    for worker in stack.workers:
        worker.start()
    check(stack, backend, 90)  # the claim of the dead must run out first


def test_a_server_killed_in_the_middle_of_an_ingest(stack: Production) -> None:
    body = trace_of(500, 60)
    server, url = stack.servers[0], stack.urls[0]
    with ThreadPoolExecutor(1) as pool:
        with writers_stopped(stack):
            sent = pool.submit(post, url, body)
            until(lambda: waiting(stack), "the server in the middle of its write", 30)
            server.kill()
            server.start()
        until(lambda: ready(url), "the server's second start", 60)
        assert sent.result(90)  # the exporter's next try is taken
    assert stored(stack, "OTLP")[key_of(500)] == 60
    assert stack.verify()["differences"] == []


def test_jaeger_killed_during_pulls_and_back_empty(
    stack: Production, backend: Jaeger
) -> None:
    check(stack, backend)
    old = stored(stack)
    backend.stop()
    state = "SELECT failing_since IS NOT NULL, last_error FROM dashboard_source WHERE name = 'Jaeger'"
    until(lambda: stack.sql(state)[0][0], "the outage is noted", 40)
    page = httpx.get(f"{stack.urls[1]}/search?limit=1500", timeout=20)
    assert page.status_code == 200
    assert "does not answer" in page.text
    backend.start()
    until(lambda: not stack.sql(state)[0][0], "the end of the outage", 90)
    assert stored(stack) == old  # Jaeger's memory is empty, ours is not
    send(backend.otlp, 30, seed=41, spread_s=5)
    check(stack, backend)
    found = stored(stack)
    assert {key: found[key] for key in old} == old
    assert len(found) == len(old) + 30


def test_redis_restarted(stack: Production, backend: Jaeger, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{stack.urls[1]}/search?limit=1500")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    before = page.locator("a.trace-row").count()
    stack.redis.stop()
    told = httpx.get(f"{stack.urls[0]}/readyz", timeout=20)
    assert told.status_code == 200
    assert "does not answer" in told.json()["broker"]
    assert post(stack.urls[0], trace_of(600, 5))  # pushes need no broker
    stack.redis.start()
    until(
        lambda: (
            httpx.get(f"{stack.urls[0]}/readyz", timeout=20).json()["broker"] == "ok"
        ),
        "the broker is seen again",
    )
    send(backend.otlp, 30, seed=51, spread_s=5)
    check(stack, backend)  # beats and workers go on
    # The open page has what came meanwhile, and what came after.
    page.locator("a.trace-row").nth(before + 30).wait_for(timeout=60_000)
    context.close()


def test_postgresql_crashed_and_back(stack: Production, backend: Jaeger) -> None:
    sent: list[Any] = []
    pushing = ThreadPoolExecutor(4)
    for number in range(700, 712):
        url = stack.urls[number % 2]
        sent.append(pushing.submit(post, url, trace_of(number, 30)))
    stack.database.crash()
    # Two answers a server: with a connection that broke, and without any.
    for url in stack.urls * 2:
        page = httpx.get(f"{url}/search", timeout=30)
        assert page.status_code == 503
        assert "The database does not answer" in page.text
        assert "Traceback" not in page.text
        answer = httpx.get(f"{url}/api/traces?service=reviews", timeout=30)
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["code"] == 503
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200
    stack.database.launch()
    stack.wait()
    assert all(each.result(90) for each in sent)
    for url in stack.urls * 2:
        assert httpx.get(f"{url}/search", timeout=30).status_code == 200
    found = stored(stack, "OTLP")
    assert [found[key_of(number)] for number in range(700, 712)] == [30] * 12
    send(backend.otlp, 20, seed=61, spread_s=5)
    check(stack, backend, 90)


def test_many_requests_leave_no_connections_behind(stack: Production) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: httpx.get(f"{stack.urls[n % 2]}/search", timeout=60),
                range(80),
            )
        )
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )
    until(lambda: int(stack.sql(count)[0][0]) < 60, "few connections", 20)


def test_no_part_met_a_fault_of_ours(stack: Production) -> None:
    """The last of this file: what all the parts said during all the faults."""
    dead = {
        part.name: part.text()[-3000:]
        for part in stack.parts
        if part.process is None or part.process.poll() is not None
    }
    assert not dead, "\n".join(dead.values())
    told = stack.text()
    for name in ("IntegrityError", "DeadlockDetected", "Changed", "KeyError"):
        assert name not in told, told[max(0, told.find(name) - 3000) :][:4000]
