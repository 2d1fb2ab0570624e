"""Lets a program kill itself at a chosen step, for tests of what is on the disk then."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any


def kill_at(step: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a wrapper: call number `step`, of all that it wraps together, is the process's last.

    The work of that call is not done any more.
    """
    left = step

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*arguments, **named)

        return call

    return counted
