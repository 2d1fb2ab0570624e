"""What the makers of hardware say of it: asked where the user lets them be, and remembered.

AMD's service refuses whoever asks often, and what it says of a chip stays true for years; so its
answers lie in the vault. Whether one holds is not decided here: each proves itself, or does not.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from troth.domain.error import NetworkError, VaultError
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.engine.channel import Fetched
from troth.transport import Sight, Transport
from troth.vault.vault import Vault
from troth.verifiers.base import Wanted

_TIMEOUT_S = 20.0
_LIMIT_BYTES = 1 << 20
_KEY = "maker:"
_FRESH = timedelta(days=1)
_FRESH_OF_CHIPS = timedelta(days=90)
_OF_CHIPS = "amd-"
"""Begin of the names of evidence that stays true as long as its certificates do."""


class Makers:
    """Asks the makers of hardware."""

    def __init__(self, transport: Transport, vault: Callable[[], Vault]) -> None:
        self._transport = transport
        self._vault = vault

    async def ask(self, wanted: Sequence[Wanted]) -> Fetched:
        """Return what came of what was wanted; what did not is missing."""
        answers = await asyncio.gather(*(self._ask(one) for one in wanted))
        return {
            one.name: (one.request, answer)
            for one, answer in zip(wanted, answers, strict=True)
            if answer is not None
        }

    async def _ask(self, wanted: Wanted) -> HttpResponse | None:
        fresh = _FRESH_OF_CHIPS if wanted.name.startswith(_OF_CHIPS) else _FRESH
        known = await self._remembered(wanted.request, fresh)
        if known is not None:
            return known
        answer = await fetch(
            self._transport, wanted.request, purpose="processor", limit_bytes=_LIMIT_BYTES
        )
        if answer is not None and answer.status == 200:
            with suppress(VaultError):  # a vault that takes nothing now asks again the next time
                await self._vault().set_state(_KEY + wanted.request.url, _written(answer))
        return answer

    async def forget(self, answered: Fetched) -> None:
        """Ask anew the next time: with these answers nothing could be proven."""
        for request, _ in answered.values():
            with suppress(VaultError):
                if await self._vault().state(_KEY + request.url):
                    await self._vault().set_state(_KEY + request.url, "")

    async def _remembered(self, request: HttpRequest, fresh: timedelta) -> HttpResponse | None:
        try:
            stored = await self._vault().state(_KEY + request.url)
        except VaultError:
            return None
        if not stored:
            return None
        row = json.loads(stored)
        age = datetime.now(UTC) - datetime.fromisoformat(row["at"])
        if not timedelta() <= age < fresh:
            return None
        headers = tuple((name, value) for name, value in row["headers"])
        return HttpResponse(200, headers, base64.b64decode(row["body"]))


def _written(answer: HttpResponse) -> str:
    return json.dumps(
        {
            "at": datetime.now(UTC).isoformat(),
            "headers": answer.headers,
            "body": base64.b64encode(answer.body).decode("ascii"),
        }
    )


async def fetch(
    transport: Transport, request: HttpRequest, *, purpose: str, limit_bytes: int
) -> HttpResponse | None:
    """Ask once, and follow no redirect: another host's proof would be another host's.

    An open connection may lead to a machine that new ones lead to no longer, so it is a fresh one.
    Returns None where no whole answer came.
    """
    body = bytearray()
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            transport.stream(
                request,
                purpose=purpose,
                read_timeout_s=_TIMEOUT_S,
                limit_bytes=limit_bytes,
                is_fresh=True,
                sight=Sight.ADDRESS,
            ) as answer,
        ):
            async for received in answer.chunks():
                body += received
    except (NetworkError, TimeoutError):
        return None
    return HttpResponse(answer.status, answer.headers, bytes(body)) if answer.is_complete else None
