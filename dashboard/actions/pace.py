"""How often a source is asked: fast when watched, slow when idle or it suffers."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

WATCHED = "watched"
IDLE = "idle"
SLOW = "slow"
TOLD = "told"  # the backend asked for a pause
BEHIND = "behind"
SLOW_LEAST_MS = 250.0
SLOW_TIMES = 3.0
MAX_PAUSE_S = 60.0
MAX_TOLD_S = 600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The next pause, its reason, and what the answers took."""

    pause_s: float
    reason: str
    answer_ms: float
    usual_ms: float


def next_pace(
    pause_s: float,
    usual_ms: float,
    answer_ms: float,
    *,
    watched: bool,
    behind: bool,
) -> Pace:
    """The pause after a pull.

    ``pause_s``: the pause before; ``usual_ms``: what an answer usually takes (0:
    not known yet); ``answer_ms``: what it took this time (0: nothing was asked).
    A backend whose answers take three times as long as usual gets twice the
    pause, up to a minute. What stays slow becomes the usual with time.
    """
    poll_s = settings.SPANBOARD_POLL_SECONDS
    base_s = poll_s if watched else max(poll_s, settings.SPANBOARD_IDLE_POLL_SECONDS)
    reason = WATCHED if watched else IDLE
    is_slow = bool(usual_ms and answer_ms > max(SLOW_LEAST_MS, SLOW_TIMES * usual_ms))
    if answer_ms:
        weight = 0.02 if is_slow else 0.2
        usual_ms = usual_ms + weight * (answer_ms - usual_ms) if usual_ms else answer_ms
    if is_slow:
        longer_s = min(MAX_PAUSE_S, max(2 * pause_s, 2 * base_s, 2.0))
        return Pace(max(longer_s, base_s), SLOW, answer_ms, usual_ms)
    if behind:
        return Pace(0.0, BEHIND, answer_ms, usual_ms)
    return Pace(base_s, reason, answer_ms, usual_ms)
