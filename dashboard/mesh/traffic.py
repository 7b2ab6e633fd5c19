"""Who asks: steady visitors, cron jobs inside services, the kubelet's probes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from dashboard.mesh.applications import Application
from dashboard.mesh.http import Answer, ask
from dashboard.mesh.pods import GATEWAY, GATEWAY_PORT, INBOUND_PORT
from dashboard.mesh.state import State

MOST_OPEN = 64
LONGEST_WAIT_S = 0.5  # a switch works after at most so long


class Traffic:
    """All that asks by itself. ``statuses`` counts the visitors' answers."""

    def __init__(self, base: str, applications: list[Application], state: State):
        self.base, self.applications, self.state = base, applications, state
        self.statuses: Counter[int] = Counter()
        self.skipped = 0  # visitors that came while too many were waiting
        self.tasks: set[asyncio.Task[Any]] = set()
        self.loops: list[asyncio.Task[None]] = []

    async def visit(
        self,
        path: str = "/productpage",
        headers: Mapping[str, str] | None = None,
        leave_ms: int = 0,
    ) -> Answer:
        """One request to the gateway, as a browser's."""
        answer = await ask(
            GATEWAY.ip(self.base),
            GATEWAY_PORT,
            path,
            host="bookinfo.example",
            headers={"user-agent": "Mozilla/5.0 (mesh)", **(headers or {})},
            timeout_s=leave_ms / 1000 if leave_ms else 60.0,
        )
        self.statuses[answer.status] += 1
        return answer

    async def send(
        self, count: int, concurrency: int, path: str, headers: Mapping[str, str]
    ) -> list[int]:
        """So many visits; their statuses in order, 0 where the visitor left."""
        turns = asyncio.Semaphore(concurrency)

        async def one() -> int:
            async with turns:
                answer = await self.visit(path, headers, self.state.leave_ms)
                return answer.status

        return list(await asyncio.gather(*(one() for _ in range(count))))

    def send_soon(self, count: int) -> None:
        """So many visits, four at once; nobody waits for them."""
        task = asyncio.ensure_future(self.send(count, 4, "/productpage", {}))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def start(self) -> None:
        """Begin to ask as the state says."""
        run = asyncio.get_running_loop().create_task
        self.loops.append(run(self._every(lambda: self.state.rate, self._visitor)))
        for application in self.applications:
            self.loops.append(run(self._cron(application)))
            self.loops.append(run(self._probe(application)))

    async def stop(self) -> None:
        """Ask no more; what is under way is dropped."""
        tasks = [*self.loops, *self.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loops.clear()

    def _cron(self, application: Application) -> Coroutine[Any, Any, None]:
        key = application.pod.key

        def per_second() -> float:
            seconds = self.state.cron.get(key, 0.0)
            return 1 / seconds if seconds else 0.0

        return self._every(per_second, application.job)

    def _probe(self, application: Application) -> Coroutine[Any, Any, None]:
        def per_second() -> float:
            return 1 / self.state.probe_s if self.state.probe_s else 0.0

        async def probe() -> None:
            await ask(
                application.ip,
                INBOUND_PORT,
                "/healthz",
                headers={"user-agent": "kube-probe/1.31"},
                timeout_s=1,
            )

        return self._every(per_second, probe)

    async def _visitor(self) -> None:
        await self.visit(leave_ms=self.state.leave_ms)

    async def _every(
        self, per_second: Callable[[], float], action: Callable[[], Awaitable[object]]
    ) -> None:
        due = time.monotonic()
        while True:
            rate = per_second()
            now = time.monotonic()
            if not rate or due < now - 1:  # switched off, or far behind: no rush later
                due = now
            if rate and now >= due:
                due += 1 / rate
                if len(self.tasks) < MOST_OPEN:
                    task = asyncio.ensure_future(action())
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
                else:
                    self.skipped += 1
            wait_s = max(due - time.monotonic(), 0) if rate else LONGEST_WAIT_S
            await asyncio.sleep(min(wait_s, LONGEST_WAIT_S))
