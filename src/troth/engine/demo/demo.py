"""The simulated enclave in this process: started when a reply of it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from troth.domain.error import LocalModelMissing, UsageError
from troth.domain.event import TextDelta
from troth.domain.exchange import HttpRequest, find_header
from troth.domain.model import Endpoint, Json, ModelRef
from troth.engine.demo.enclave import MODES, Request, SimulatedEnclave
from troth.engine.demo.root import PROVIDER
from troth.engine.local_models import DEFAULT_PROMPT, LocalModels
from troth.providers.registry import provider_for
from troth.providers.wirejson import dump_json
from troth.transport import Transport
from troth.transport.loopback import serving

_LONGEST_TOKENS = 200


class Demo:
    """Runs the enclave, in front of the model on this computer."""

    def __init__(self, local: LocalModels, transport: Transport) -> None:
        self._local = local
        self._transport = transport
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._url = ""

    async def reach(self, endpoint: Endpoint, mode: str) -> Endpoint:
        """Start the enclave if it does not run; return where `mode` is reached.

        Raises LocalModelMissing where there is no model to answer, UsageError for a mode that is
        none.
        """
        if mode not in MODES:
            raise UsageError(f"the simulated enclave can be {', '.join(MODES)}")
        self._model_name()
        async with self._starting:
            if not self._url:
                port = await self._stack.enter_async_context(self.serve())
                self._url = f"http://127.0.0.1:{port}"
        return replace(endpoint, base_url=f"{self._url}/{mode}")

    @asynccontextmanager
    async def serve(self, *, port: int = 0, mode: str = "") -> AsyncGenerator[int]:
        """Serve while the block lasts; gives the port. `mode` is what happens to every reply."""
        enclave = await asyncio.to_thread(SimulatedEnclave, self._say, mode)
        async with serving(enclave.answer, port=port) as given:
            yield given

    async def close(self) -> None:
        await self._stack.aclose()

    def _model_name(self) -> str:
        installed = self._local.installed()
        if not installed:
            raise LocalModelMissing("the simulated enclave answers with it")
        return installed[0].name

    async def _say(self, request: Request) -> AsyncIterator[str]:
        """Let the model on this computer answer, and give its words as they come."""
        name = self._model_name()
        endpoint, key = await self._local.reach(name)
        messages = request.get("messages")
        system: Json = {"role": "system", "content": DEFAULT_PROMPT}
        body: Request = {
            "model": name,
            "messages": [system, *(messages if isinstance(messages, list) else [])],
            "max_tokens": _LONGEST_TOKENS,
            "temperature": 0.2,
            "stream": True,
        }
        asked = HttpRequest(
            "POST",
            f"{endpoint.base_url}/chat/completions",
            (("content-type", "application/json"),),
            dump_json(body),
            (("authorization", f"Bearer {key}"),),
        )
        async with self._transport.stream(asked, purpose="demo") as answer:
            kind = find_header(answer.headers, "content-type") or ""
            ref = ModelRef(PROVIDER, name)
            decoder = provider_for(endpoint.wire).decoder(endpoint, ref, kind)
            async for received in answer.chunks():
                for event in decoder.feed(received):
                    if isinstance(event, TextDelta):
                        yield event.text
