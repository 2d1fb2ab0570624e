"""Let ctrl+c, SIGTERM and a terminal that goes away end a work well, instead of cutting it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object] | int | None
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""The last is unknown on Windows."""


@contextmanager
def stopping_on_signals(stop: Callable[[], None], *, patience: int = 1) -> Generator[list[int]]:
    """Call `stop` on the running loop for each signal; yield the list of those that came.

    A ctrl+c after `patience` signals raises KeyboardInterrupt: whoever insists leaves at once.
    """
    loop = asyncio.get_running_loop()
    caught: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if len(caught) >= patience and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)
        loop.call_soon_threadsafe(stop)

    before: dict[int, _Handler] = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, on_signal)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
