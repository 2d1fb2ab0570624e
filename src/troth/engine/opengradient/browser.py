"""The browser's part of a login: a page that posts tokens to a listener on this machine, once.

The listener takes one login that carries the state it gave out, and is gone after that. A wrong
state is answered and ends nothing: another program on this machine must not be able to end a login
by guessing, nor to slip in an account of its own.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from troth.domain.error import LoginFailed
from troth.domain.exchange import Headers
from troth.engine.opengradient.login import Bundle, parse_bundle
from troth.transport.loopback import Given, Received, origin_of, page_url, serving

APP_URL = "https://chat.opengradient.ai"
_APP_NAME = "Troth"
_BODY_LIMIT = 256 << 10


class LoginListener:
    """One login in progress. `url` is what the browser must open."""

    def __init__(self, provider: str, app_url: str) -> None:
        self._provider = provider
        self._app_url = app_url.rstrip("/")
        self._state = secrets.token_urlsafe(24)
        self._arrived: asyncio.Future[Bundle] = asyncio.get_running_loop().create_future()
        self.url = ""

    async def bundle(self, timeout_s: float) -> Bundle:
        """Return the login as soon as it has come; raise LoginFailed after `timeout_s`."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._arrived), timeout_s)
        except TimeoutError as error:
            raise LoginFailed(self._provider, "The browser did not answer in time.") from error

    def listens_at(self, port: int) -> None:
        redirect = page_url(f"http://127.0.0.1:{port}/", {"state": self._state})
        query = {"redirect_uri": redirect, "app_name": _APP_NAME, "state": self._state}
        self.url = page_url(f"{self._app_url}/cli-auth", query)

    async def answer(self, received: Received) -> Given:
        """Answer one request: the browser's preflight, then the login itself."""
        origin = received.headers.get("origin", "")
        if origin and origin != origin_of(self._app_url):
            return Given(403)
        if received.method == "OPTIONS":
            return Given(204, _cors(origin))
        if received.method != "POST":
            return Given(405, _cors(origin))
        status = self._accept(received)
        body = b'{"ok":true}' if status == 200 else b'{"ok":false}'
        return Given(status, (*_cors(origin), ("Content-Type", "application/json")), body)

    def _accept(self, received: Received) -> int:
        try:
            bundle = parse_bundle(received.body, self._provider)
        except LoginFailed:
            return 400
        given = (received.query.get("state"), bundle.state)
        states = [state for state in given if state is not None]
        is_ours = bool(states) and all(
            hmac.compare_digest(state.encode(), self._state.encode()) for state in states
        )
        if not is_ours:
            return 403
        if not self._arrived.done():
            self._arrived.set_result(bundle)
        return 200


def _cors(origin: str) -> Headers:
    if not origin:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", "POST, OPTIONS"),
        ("Access-Control-Allow-Headers", "Content-Type"),
        ("Access-Control-Allow-Private-Network", "true"),
        ("Vary", "Origin"),
    )


@asynccontextmanager
async def listening(provider: str, app_url: str = APP_URL) -> AsyncGenerator[LoginListener]:
    """Listen for one login; the listener is gone when the block ends."""
    listener = LoginListener(provider, app_url)
    async with serving(listener.answer, body_limit=_BODY_LIMIT) as port:
        listener.listens_at(port)
        yield listener
