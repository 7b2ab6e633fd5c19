"""The mesh for tests, benchmarks and the command: starts, switches, sends, counts."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dashboard.mesh.access_log import Edge, Logged, calls, read_access_logs
from dashboard.mesh.binary import NoEnvoy, can_run_here, envoy_binary
from dashboard.mesh.control import Control
from dashboard.mesh.parts import CannotRun, taken_ports
from dashboard.mesh.pods import pods_of
from dashboard.mesh.runner import Runner
from dashboard.mesh.state import BadState, State
from dashboard.mesh.tracers import TRACERS

T = TypeVar("T")
BASES = tuple(f"127.0.{number}" for number in range(20, 100))


class Mesh:
    """Bookinfo behind real Envoys; use it with ``with``, or ``start`` and ``stop``.

        with Mesh(tracer="otel", to=url, forwarding={"reviews:v2": "none"}) as mesh:
            mesh.send(20)
            mesh.settle()
            calls, failed = mesh.access_log_calls()

    ``to`` takes the spans (Zipkin's /api/v2/spans or OTLP's /v1/traces below it).
    ``base`` begins the addresses; without it the first free one is taken, so meshes
    may stand side by side. ``tracers`` gives single pods another tracer. All other
    keywords are switches of ``State``.
    """

    def __init__(
        self,
        tracer: str = "zipkin",
        *,
        to: str = "http://127.0.0.1:8765",
        base: str | None = None,
        folder: Path | None = None,
        flush_ms: int = 1000,
        tracers: Mapping[str, str] | None = None,
        **switches: Any,
    ):
        self.tracers = {
            pod.key: mode
            for name, mode in (tracers or {}).items()
            for pod in pods_of(name)
        }
        for mode in (tracer, *self.tracers.values()):
            if mode not in TRACERS:
                raise BadState(f"A tracer is one of {', '.join(TRACERS)}.")
        if base is not None and not re.fullmatch(r"127(\.\d{1,3}){2}", base):
            raise BadState(f"Addresses begin like 127.0.20, not like {base}.")
        parts = urlsplit(to)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadState(
                f"Spans go to an address such as http://host:9411, not {to}."
            )
        self.tracer, self.to, self.flush_ms = tracer, to, flush_ms
        self.first_state = State().changed(switches)
        self.base = base or ""  # chosen at the start when none is given
        self.may_choose = base is None
        self.own_folder = folder is None
        self.folder = folder or Path()
        self.loop = asyncio.new_event_loop()
        self.thread: threading.Thread | None = None
        self.runner: Runner | None = None
        self.control: Control | None = None

    def __enter__(self) -> Mesh:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The gateway's address; /productpage is the page."""
        return self._control.gateway_url

    @property
    def state(self) -> State:
        """The switches as they are."""
        return self._runner.state

    @property
    def failed(self) -> str:
        """Why it can not go on; empty while it can."""
        return self._runner.failed

    def start(self) -> None:
        """Start all parts; raises ``NoEnvoy`` or ``CannotRun`` with a sentence."""
        if not can_run_here():
            raise NoEnvoy("The mesh needs Linux: other systems lack its addresses.")
        binary = envoy_binary()
        bases = BASES if self.may_choose else [self.base]
        if self.own_folder:
            self.folder = Path(tempfile.mkdtemp(prefix="spanboard-mesh-"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.thread = threading.Thread(
            target=self._turn, name="mesh", daemon=True, args=()
        )
        self.thread.start()
        try:
            for base in bases:
                if self._begin(base, binary):
                    return
            raise CannotRun("All addresses from 127.0.20 to 127.0.99 are taken.")
        except BaseException:
            self.stop()
            raise

    def _begin(self, base: str, binary: Path) -> bool:
        """Start on these addresses; false when another may be tried instead."""
        if self.may_choose and taken_ports(base):
            return False
        runner = Runner(
            base,
            self.folder,
            binary,
            self.first_state,
            tracer=self.tracer,
            tracers=self.tracers,
            to=self.to,
            flush_ms=self.flush_ms,
        )
        control = Control(runner)
        try:
            runner.check_ports()
        except CannotRun:
            if self.may_choose:  # another took them since
                return False
            raise
        try:
            # Only one can hold this port: two that start at once don't mix.
            self._do(control.server.listen())
        except OSError:
            if self.may_choose:
                return False
            raise
        self.base, self.runner, self.control = base, runner, control
        self._do(runner.start())
        return True

    def stop(self) -> None:
        """End all parts; their logs go with them if the folder was ours."""
        if self.thread is None:
            return
        if self.control is not None:
            self.control.withdraw()
        if self.runner is not None:
            self._do(self.runner.stop())
        if self.control is not None:
            self._do(self.control.server.shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.thread = None
        self.loop.close()
        if self.own_folder and self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def announce(self, data_dir: Path) -> None:
        """Let the lab page of a Spanboard with this data directory find the mesh."""
        self._control.announce(data_dir)

    def describe(self) -> dict[str, Any]:
        """All that the control API tells: parts, switches, counts, notes."""
        return self._control.state()

    def parts(self) -> dict[str, int]:
        """Process ids of the Envoys by the name of their part."""
        return {part.pod.name: part.pid for part in self._runner.parts}

    def switch(self, **change: Any) -> State:
        """Set switches; returns when every Envoy works by them."""
        return self._do(self._runner.switch(change))

    def send(
        self,
        count: int = 1,
        *,
        concurrency: int = 1,
        path: str = "/productpage",
        headers: Mapping[str, str] | None = None,
    ) -> list[int]:
        """Ask through the gateway; the statuses, 0 where the visitor left."""
        return self._do(
            self._runner.traffic.send(count, concurrency, path, headers or {})
        )

    def settle(self) -> None:
        """Wait until all requests ended, all spans are sent and all logs written.

        Steady traffic and cron jobs must be off.
        """
        self._do(self._runner.settle())

    def access_log(self) -> list[Logged]:
        """The Envoys' access logs so far, the oldest line first."""
        return read_access_logs(self.folder, self._runner.base)

    def access_log_calls(self) -> tuple[Counter[Edge], Counter[Edge]]:
        """Calls and failed calls by (caller, callee) from the callers' logs."""
        return calls(self.access_log())

    @property
    def _runner(self) -> Runner:
        if self.runner is None:
            raise CannotRun("The mesh is not started.")
        return self.runner

    @property
    def _control(self) -> Control:
        if self.control is None:
            raise CannotRun("The mesh is not started.")
        return self.control

    def _turn(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)
