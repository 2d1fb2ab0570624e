"""Work in a thread that the end of the program does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


async def in_unwaited_thread(work: Callable[[], _T]) -> _T:
    """Run `work` in a thread of its own; return what it returns, raise what it raises.

    For reads that may never end (a pipe that nobody writes to, a disk on a network that is gone):
    the threads of `asyncio.to_thread` are joined at exit, and quitting would hang. When the caller
    is cancelled the thread is left to itself, and what it brings is dropped.
    """
    done: Future[_T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)

    Thread(target=run, name="unwaited", daemon=True).start()
    return await asyncio.wrap_future(done)
