"""Python's sleep in a process under libfaketime, which breaks the usual one.

It takes a moment of the monotonic clock for one of the wall clock (EINVAL).
"""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    """Wait by another system call."""
    select.select([], [], [], seconds)


time.sleep = sleep
