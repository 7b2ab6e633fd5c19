"""What can be switched while the mesh runs, and the checks of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dashboard.mesh.forwarding import MODES
from dashboard.mesh.pods import APPS, SERVICES, pods_of

MAX_RATE = 200.0
MAX_MS = 60_000


class BadState(ValueError):
    """A switch that there is not; the text says which and what there is."""


@dataclass(slots=True)
class State:
    """The switches. Keys of pods are ``reviews:v2``, of services ``reviews``.

    ``forwarding``: pod → mode (absent: all). ``sampling``: per cent.
    ``weights``: reviews' version → share. ``delay_ms``/``abort``: injected by the
    callers' Envoys on the way to a service (ms / HTTP status). ``dead``: pods whose
    application does not listen. ``no_endpoints``: services. ``slow_ms``: pod → ms of
    extra work. ``timeout_ms``: route time-out to a service. ``retries``: how often
    Envoys try again. ``flaky``: pod → so many first attempts of each call answer
    503. ``leave_ms``: the traffic's client hangs up after so long (0: never).
    ``cron``: pod → seconds between calls of its own. ``probe_s``: seconds between
    health probes of each pod (0: none). ``untraced``: pods without a sidecar.
    ``rate``: steady requests per second.
    """

    rate: float = 0.0
    sampling: float = 100.0
    weights: dict[str, int] = field(default_factory=lambda: {"v1": 1, "v2": 1, "v3": 1})
    forwarding: dict[str, str] = field(default_factory=dict)
    delay_ms: dict[str, int] = field(default_factory=dict)
    abort: dict[str, int] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    no_endpoints: list[str] = field(default_factory=list)
    slow_ms: dict[str, int] = field(default_factory=dict)
    timeout_ms: dict[str, int] = field(default_factory=dict)
    retries: int = 2
    flaky: dict[str, int] = field(default_factory=dict)
    leave_ms: int = 0
    cron: dict[str, float] = field(default_factory=dict)
    probe_s: float = 0.0
    untraced: list[str] = field(default_factory=list)

    def mode_of(self, key: str) -> str:
        """How a pod forwards headers."""
        return self.forwarding.get(key, "all")

    def changed(self, change: dict[str, Any]) -> State:
        """A copy with some switches set; raises ``BadState`` and changes nothing."""
        names = {f.name for f in fields(State)}
        for name in change:
            if name not in names:
                raise BadState(
                    f"There is no switch “{name}”; there are {', '.join(sorted(names))}."
                )
        values = {**asdict(self), **change}
        return State(
            rate=_number("rate", values["rate"], 0, MAX_RATE),
            sampling=_number("sampling", values["sampling"], 0, 100),
            weights=_weights(values["weights"]),
            forwarding=_pods("forwarding", values["forwarding"], _mode),
            delay_ms=_services("delay_ms", values["delay_ms"], 0, MAX_MS),
            abort=_services("abort", values["abort"], 0, 599),
            dead=_pod_list("dead", values["dead"]),
            no_endpoints=_service_list("no_endpoints", values["no_endpoints"]),
            slow_ms=_pods("slow_ms", values["slow_ms"], _whole("slow_ms", MAX_MS)),
            timeout_ms=_services("timeout_ms", values["timeout_ms"], 0, MAX_MS),
            retries=round(_number("retries", values["retries"], 0, 10)),
            flaky=_pods("flaky", values["flaky"], _whole("flaky", 10)),
            leave_ms=round(_number("leave_ms", values["leave_ms"], 0, MAX_MS)),
            cron=_pods("cron", values["cron"], _seconds),
            probe_s=_number("probe_s", values["probe_s"], 0, 3600),
            untraced=_pod_list("untraced", values["untraced"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as the control API speaks it."""
        return asdict(self)


def _number(name: str, value: Any, lowest: float, highest: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not lowest <= value <= highest
    ):
        raise BadState(f"{name} must be a number from {lowest:g} to {highest:g}.")
    return float(value)


def _whole(name: str, highest: int) -> Any:
    return lambda value: round(_number(name, value, 0, highest))


def _seconds(value: Any) -> float:
    seconds = _number("cron", value, 0, 3600)
    return max(seconds, 0.05) if seconds else 0.0


def _mode(value: Any) -> str:
    if value not in MODES:
        raise BadState(f"Forwarding is one of {', '.join(MODES)}.")
    return str(value)


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadState(f"{name} must be a table of names and values.")
    return value


def _pods(name: str, value: Any, check: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, entry in _table(name, value).items():
        pods = pods_of(key)
        if not pods:
            raise BadState(_no_pod(name, key))
        checked = check(entry)
        if checked and checked != "all":
            found |= {pod.key: checked for pod in pods}
    return found


def _pod_list(name: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple | set):
        raise BadState(f"{name} must be a list of pods.")
    found: set[str] = set()
    for key in value:
        pods = pods_of(str(key))
        if not pods:
            raise BadState(_no_pod(name, key))
        found |= {pod.key for pod in pods}
    return sorted(found)


def _no_pod(name: str, key: object) -> str:
    known = ", ".join(pod.key for pod in APPS)
    return f"{name}: there is no pod “{key}”; there are {known}."


def _known_service(name: str, key: object) -> str:
    if key not in SERVICES:
        raise BadState(
            f"{name}: there is no service “{key}”; there are {', '.join(SERVICES)}."
        )
    return str(key)


def _services(name: str, value: Any, lowest: int, highest: int) -> dict[str, int]:
    found = {
        _known_service(name, key): round(
            _number(f"{name} of {key}", entry, lowest, highest)
        )
        for key, entry in _table(name, value).items()
    }
    if name == "abort" and any(0 < status < 200 for status in found.values()):
        raise BadState("abort is an HTTP status from 200 to 599.")
    return {key: entry for key, entry in found.items() if entry}


def _service_list(name: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple | set):
        raise BadState(f"{name} must be a list of services.")
    return sorted({_known_service(name, key) for key in value})


def _weights(value: Any) -> dict[str, int]:
    weights = {
        version: round(_number(f"The weight of {version}", share, 0, 1000))
        for version, share in _table("weights", value).items()
    }
    for version in weights:
        if not pods_of(f"reviews:{version}"):
            raise BadState(f"weights: reviews has no version “{version}”.")
    if not any(weights.values()):
        raise BadState("weights: at least one version of reviews must have a share.")
    return {version: weights.get(version, 0) for version in ("v1", "v2", "v3")}
