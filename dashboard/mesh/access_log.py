"""The Envoys' own access logs, read: the truth that a graph is held against."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.mesh.pods import PODS, Pod

Edge = tuple[str, str]
ROTATED = ".1"


@dataclass(frozen=True, slots=True)
class Logged:
    """One line: a request that passed one Envoy. ``status`` 0: none was sent."""

    pod: Pod
    direction: str
    callee: str  # service and namespace, or the plain host that has no route
    callee_version: str  # "" when no pod was reached
    peer: str  # who asked, an address
    path: str
    status: int
    flags: str  # "-" when none
    attempts: int
    duration_ms: int
    request_id: str
    trace_id: str
    start_us: int

    @property
    def is_error(self) -> bool:
        """As spans mark it: 5xx, or no status at all."""
        return self.status == 0 or self.status >= 500


def log_path(folder: Path, pod: Pod, direction: str) -> Path:
    """The file of one listener."""
    return folder / f"{pod.name}.{direction}.access.log"


def read_access_logs(folder: Path, base: str) -> list[Logged]:
    """All lines of all Envoys, the oldest first."""
    by_ip = {pod.ip(base): pod for pod in PODS}
    found: list[Logged] = []
    for pod in PODS:
        for direction in ("outbound", "inbound"):
            path = log_path(folder, pod, direction)
            found += [_read(line, pod, direction, by_ip) for line in _lines(path)]
    return sorted(found, key=lambda logged: logged.start_us)


def _lines(path: Path) -> Iterator[str]:
    for file in (path.with_name(path.name + ROTATED), path):
        if file.exists():
            with file.open(encoding="utf-8", errors="replace") as lines:
                yield from (line for line in lines if line.endswith("}\n"))


def _read(line: str, pod: Pod, direction: str, by_ip: dict[str, Pod]) -> Logged:
    values = json.loads(line)
    cluster = values.get("cluster") or ""
    upstream = (values.get("upstream") or "").rpartition(":")[0]
    if direction == "inbound":
        callee, version = pod.workload, pod.version
    else:
        host = cluster.split("|")[3] if cluster.count("|") == 3 else ""
        name = host or str(values.get("authority") or "").partition(":")[0]
        service, _, rest = name.partition(".")
        callee = f"{service}.{rest.partition('.')[0]}" if rest else service
        reached = by_ip.get(upstream)
        version = reached.version if reached else ""
    return Logged(
        pod=pod,
        direction=direction,
        callee=callee,
        callee_version=version,
        peer=values.get("peer") or "",
        path=values.get("path") or "",
        status=int(values.get("status") or 0),
        flags=values.get("flags") or "-",
        attempts=int(values.get("attempts") or 0),
        duration_ms=int(values.get("duration_ms") or 0),
        request_id=values.get("request_id") or "",
        trace_id=values.get("trace_id") or "",
        start_us=round(float(values.get("start") or 0) * 1_000_000),
    )


def calls(lines: Iterable[Logged]) -> tuple[Counter[Edge], Counter[Edge]]:
    """Calls and failed calls by (caller, callee), from the callers' own logs."""
    counted: Counter[Edge] = Counter()
    failed: Counter[Edge] = Counter()
    for line in lines:
        if line.direction == "outbound":
            edge = (line.pod.workload, line.callee)
            counted[edge] += 1
            failed[edge] += line.is_error
    return counted, +failed
