"""The app from its first turn to its last: signals on the way, and everything sealed at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from troth.tui.application import TrothApp

_GIVE_WAY_S = 0.0005
"""How long a thread that imports, seals or checks may keep the screen waiting: not Python's 5 ms,
for a key needs several turns of the loop until it is shown."""


def run_app(app: TrothApp) -> int:
    """Run the app until it ends, then seal what it holds."""
    return asyncio.run(_run(app))


async def _run(app: TrothApp) -> int:
    hung_up = _watch_signals(app)
    sys.setswitchinterval(_GIVE_WAY_S)
    try:
        result = await app.run_async(mouse=app.looks.wants_mouse)
    finally:
        await app.seal()
    if hung_up():
        # The terminal is gone: Textual's writer would only fail on it.
        os._exit(128 + signal.SIGHUP)
    if app.return_code:
        return app.return_code
    return result or 0


def _watch_signals(app: TrothApp) -> Callable[[], bool]:
    """Leave in order when told to; returns whether the terminal went away."""
    is_gone = False
    loop = asyncio.get_running_loop()

    def leave() -> None:
        app.run_worker(app.action_quit(), name="leave")

    def hang_up() -> None:
        nonlocal is_gone
        is_gone = True

        async def seal_and_go() -> None:
            await app.save_drafts()
            await app.seal()
            os._exit(128 + signal.SIGHUP)

        app.run_worker(seal_and_go(), name="hang up")

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, leave)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
    return lambda: is_gone
