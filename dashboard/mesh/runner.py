"""The whole mesh in one event loop: applications, Envoys, traffic, switches."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dashboard.mesh.access_log import ROTATED, log_path
from dashboard.mesh.applications import Application
from dashboard.mesh.envoy import bootstrap
from dashboard.mesh.http import ask
from dashboard.mesh.parts import CannotRun, EnvoyPart, end_all, taken_ports
from dashboard.mesh.pods import ADMIN_PORT, APPS, PODS
from dashboard.mesh.resources import resources
from dashboard.mesh.state import State
from dashboard.mesh.traffic import Traffic

log = logging.getLogger(__name__)
START_S = 60.0
APPLY_S = 30.0
LOG_BYTES = 20 << 20
ROTATE_EVERY_S = 30.0


class Runner:
    """What ``Mesh`` runs in its thread."""

    def __init__(
        self,
        base: str,
        folder: Path,
        binary: Path,
        state: State,
        *,
        tracer: str,
        tracers: dict[str, str],
        to: str,
        flush_ms: int,
    ):
        self.base, self.folder, self.state = base, folder, state
        self.tracer, self.tracers, self.to = tracer, tracers, to
        self.flush_ms = flush_ms
        self.applications = [Application(pod, base, state) for pod in APPS]
        self.parts = [
            EnvoyPart(pod, base, folder, binary, number)
            for number, pod in enumerate(PODS)
        ]
        self.traffic = Traffic(base, self.applications, state)
        self.written: dict[str, str] = {}
        self.version = 0
        self.versions: dict[str, str] = {}
        self.notes: list[str] = []
        self.watcher: asyncio.Task[None] | None = None
        self.failed: str = ""
        self.switching = asyncio.Lock()

    def check_ports(self) -> None:
        """Raise ``CannotRun`` when a port is taken."""
        taken = taken_ports(self.base)
        if taken:
            raise CannotRun(
                f"{taken[0]} is taken{f' (and {len(taken) - 1} more)' if taken[1:] else ''}. "
                "Another mesh may be running: end it, or choose other addresses with "
                "--base 127.0.21"
            )

    async def start(self) -> None:
        """Start everything and wait until it serves."""
        (self.folder / "live").mkdir(parents=True, exist_ok=True)
        self._write(self.state)
        try:
            for application in self.applications:
                if application.pod.key not in self.state.dead:
                    await application.server.listen()
            self._start_envoys()
            await self._wait(self._all_ready, "The Envoys did not start", START_S)
        except BaseException:
            await self.stop()
            raise
        self.traffic.start()
        self.watcher = asyncio.get_running_loop().create_task(self._watch())

    def _start_envoys(self) -> None:
        for part in self.parts:
            part.start(self._config(part))

    def _config(self, part: EnvoyPart) -> dict[str, Any]:
        """What an Envoy starts with, as the switches are now."""
        return bootstrap(
            part.pod,
            self.base,
            self.folder,
            tracer=self.tracers.get(part.pod.key, self.tracer),
            to=self.to,
            sampling=self.state.sampling,
            flush_ms=self.flush_ms,
        )

    async def stop(self) -> None:
        """End everything."""
        if self.watcher is not None:
            self.watcher.cancel()
            await asyncio.gather(self.watcher, return_exceptions=True)
        await self.traffic.stop()
        await end_all(self.parts)
        for application in self.applications:
            await application.server.shut()

    async def switch(self, change: dict[str, Any]) -> State:
        """Set switches; returns when every Envoy works by them."""
        async with self.switching:
            state = self.state.changed(change)
            self._write(state)
            for application in self.applications:
                application.state = state
                if application.pod.key in state.dead:
                    await application.server.shut()
                else:
                    await application.server.listen()
            self.traffic.state = state
            self.state = state
            await self._sample(state.sampling)
            await self._wait(self._all_applied, "The Envoys did not switch", APPLY_S)
            return state

    def _write(self, state: State) -> None:
        """Write anew what changed; a move into place is what Envoy watches for."""
        self.version += 1
        for part in self.parts:
            for name, resource in resources(part.pod, self.base, state).items():
                text = json.dumps(resource)
                if self.written.get(name) == text:
                    continue
                self.written[name] = text
                self.versions[name] = str(self.version)
                document = {"version_info": str(self.version), "resources": [resource]}
                path = self.folder / "live" / name
                fresh = path.with_suffix(".new")
                fresh.write_text(json.dumps(document), encoding="utf-8")
                fresh.replace(path)

    async def _sample(self, per_cent: float) -> None:
        value = quote(str(round(per_cent)))
        for part in self.parts:
            await part.admin(
                f"/runtime_modify?tracing.random_sampling={value}", method="POST"
            )

    async def _all_ready(self) -> bool:
        ready = await asyncio.gather(*(part.ready() for part in self.parts))
        return all(ready) and await self._all_applied()

    async def _all_applied(self) -> bool:
        return all(await asyncio.gather(*(self._applied(part) for part in self.parts)))

    async def _applied(self, part: EnvoyPart) -> bool:
        """Whether an Envoy has the routes and endpoints that were written last."""
        try:
            dump = json.loads(await part.admin("/config_dump?include_eds"))
        except ValueError:
            return False
        routes, endpoints = "", {}
        for config in dump["configs"]:
            for item in config.get("dynamic_route_configs", []):
                routes = item.get("version_info", "")
            # Clusters of this file count as static there, whatever feeds them.
            for item in (
                *config.get("static_endpoint_configs", []),
                *config.get("dynamic_endpoint_configs", []),
            ):
                held = item["endpoint_config"]
                endpoints[held["cluster_name"]] = _addresses(held)
        return routes == self.versions[f"routes-{part.pod.name}.json"] and all(
            endpoints.get(resource["cluster_name"]) == _addresses(resource)
            for resource in resources(part.pod, self.base, self.state).values()
            if "cluster_name" in resource
        )

    async def _wait(
        self, probe: Callable[[], Any], what: str, seconds: float, every_s: float = 0.05
    ) -> None:
        deadline = time.monotonic() + seconds
        while not await probe():
            if time.monotonic() > deadline:
                raise CannotRun(
                    f"{what} within {seconds:g} s; see the logs in {self.folder}."
                )
            await asyncio.sleep(every_s)

    async def settle(self) -> None:
        """Wait until nothing is under way and all spans and log lines are written."""
        await self._wait(self._idle, "The requests did not end", 60)
        tracer_pattern = r"tracing\..*timer_flushed"

        async def flushes() -> list[int]:
            found = await asyncio.gather(
                *(part.stats(tracer_pattern) for part in self.parts)
            )
            return [sum(values.values()) for values in found]

        before = await flushes()

        async def flushed() -> bool:
            # Two threads count here in turn: three counts hold one of each.
            after = await flushes()
            return all(b - a >= 3 for a, b in zip(before, after, strict=True))

        await self._wait(flushed, "The spans were not sent", 60)
        await self._wait(self._logged, "The access logs were not written", 30)

    async def _idle(self) -> bool:
        if self.traffic.tasks:
            return False
        found = await asyncio.gather(
            *(part.stats(r"http\..*bound\.downstream_rq_active") for part in self.parts)
        )
        return not any(sum(values.values()) for values in found)

    async def _logged(self) -> bool:
        found = await asyncio.gather(
            *(part.stats(r"filesystem\.write_total_buffered") for part in self.parts)
        )
        return not any(sum(values.values()) for values in found)

    async def _watch(self) -> None:
        """Start again what ended; end the mesh when that does not help."""
        rotated = time.monotonic()
        while True:
            await asyncio.sleep(0.2)
            for part in self.parts:
                if part.ended is not None:
                    self._note(
                        f"The Envoy of {part.pod.name} ended (status {part.ended}); "
                        "starting it again."
                    )
                    try:
                        part.restart(self._config(part))
                    except CannotRun as problem:
                        self._note(str(problem))
                        self.failed = str(problem)
                        return
            if time.monotonic() - rotated > ROTATE_EVERY_S:
                rotated = time.monotonic()
                await self._rotate()

    async def _rotate(self) -> None:
        for part in self.parts:
            for direction in ("outbound", "inbound"):
                path = log_path(self.folder, part.pod, direction)
                if path.exists() and path.stat().st_size > LOG_BYTES:
                    path.replace(path.with_name(path.name + ROTATED))
                    await ask(
                        part.ip, ADMIN_PORT, "/reopen_logs", method="POST", timeout_s=5
                    )

    def _note(self, text: str) -> None:
        log.warning("%s", text)
        self.notes = [*self.notes[-19:], text]

    def described(self) -> dict[str, Any]:
        """What the control API tells of the parts."""
        return {
            "tracer": self.tracer,
            "to": self.to,
            "base": self.base,
            "folder": str(self.folder),
            "switches": self.state.as_dict(),
            "visits": {str(s): n for s, n in sorted(self.traffic.statuses.items())},
            "skipped": self.traffic.skipped,
            "notes": self.notes,
            "failed": self.failed,
            "parts": [
                {
                    "name": part.pod.name,
                    "address": part.ip,
                    "pid": part.pid,
                    "restarts": part.restarts,
                    "log": str(part.log_file),
                }
                for part in self.parts
            ],
        }


def _addresses(assignment: dict[str, Any]) -> set[tuple[str, int]]:
    return {
        (where["address"], where["port_value"])
        for group in assignment.get("endpoints", [])
        for entry in group.get("lb_endpoints", [])
        for where in [entry["endpoint"]["address"]["socket_address"]]
    }
