"""A small TCP proxy that cuts what is idle, as proxies in front of servers do."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.peers.need import free_port, until


class IdleCuttingProxy:
    """Passes bytes both ways; cuts a connection on which none pass for a while."""

    def __init__(self, port: int, idle_s: float):
        self.target = port
        self.idle_s = idle_s
        self.port = free_port()
        self.opened = 0
        self.cut = 0
        self.passed: list[float] = []  # when bytes came from the server
        self.writers: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.listens = False

    def start(self) -> None:
        """Listen."""
        self.thread.start()
        until(lambda: self.listens, "the proxy's start", 10)

    def stop(self) -> None:
        """Close everything."""

        def end() -> None:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_later(0.1, self.loop.stop)

        self.loop.call_soon_threadsafe(end)
        self.thread.join(10)
        self.loop.close()

    def cut_all(self) -> None:
        """Break all connections now."""

        def close() -> None:
            for writer in list(self.writers):
                writer.transport.abort()

        self.loop.call_soon_threadsafe(close)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", self.port)
        )
        self.listens = True
        self.loop.run_forever()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.opened += 1
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.target)
        last = [time.monotonic()]
        self.writers |= {writer, other}

        async def copy(
            source: asyncio.StreamReader, to: asyncio.StreamWriter, down: bool
        ) -> None:
            while data := await source.read(65_536):
                last[0] = time.monotonic()
                if down:
                    self.passed.append(last[0])
                to.write(data)
                await to.drain()

        async def watch() -> None:
            while (rest_s := last[0] + self.idle_s - time.monotonic()) > 0:
                await asyncio.sleep(rest_s)
            self.cut += 1

        tasks = [
            asyncio.create_task(copy(reader, other, False)),
            asyncio.create_task(copy(other_reader, writer, True)),
            asyncio.create_task(watch()),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (writer, other):
            one.transport.abort()
            self.writers.discard(one)
