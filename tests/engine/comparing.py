"""Engines with several scripted providers, for the tests of comparison and batch."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from servers import Answer, RecordedRequest, ScriptedServer, json_answer, openai_chat_stream
from troth.domain.model import Endpoint, ModelRef
from troth.engine.comparison_state import ColumnSpec
from troth.engine.engine import Engine
from troth.settings import find_paths

Script = Answer | Sequence[Answer] | Callable[[RecordedRequest], Answer]
Opener = Callable[..., Awaitable[tuple[Engine, list[ScriptedServer]]]]


def spec(number: int, **params: object) -> ColumnSpec:
    """Column of the `number`th scripted provider."""
    from troth.domain.model import Params

    return ColumnSpec(ModelRef(f"server{number}", f"model-{number}"), Params(**params))  # type: ignore[arg-type]


async def engines(tmp_path: Path) -> AsyncIterator[Opener]:
    """Yield a function that opens an engine with one provider (`server0`, ...) per script."""
    async with AsyncExitStack() as stack:

        async def opener(*scripts: Script) -> tuple[Engine, list[ScriptedServer]]:
            home = {"TROTH_HOME": str(tmp_path)}
            engine = await Engine.open(paths=find_paths(home), environ=home)
            await stack.enter_async_context(engine)
            servers: list[ScriptedServer] = []
            for number, script in enumerate(scripts):
                server = await stack.enter_async_context(ScriptedServer(script))
                servers.append(server)
                await engine.providers.add_endpoint(
                    Endpoint(f"server{number}", "openai-chat", server.url + "/v1", needs_key=False)
                )
            return engine, servers

        yield opener


def random_words(seed: int) -> Callable[[RecordedRequest], Answer]:
    """A script whose every reply is a number that nobody else would say."""
    source = random.Random(seed)

    def answer(_: RecordedRequest) -> Answer:
        return openai_chat_stream([f"number {source.getrandbits(96):x}"])

    return answer


def limited_to_one_each(seconds: float) -> Callable[[RecordedRequest], Answer]:
    """A script that takes one request per interval, and tells the others to wait twice as long."""
    taken_at: list[float] = []

    def answer(request: RecordedRequest) -> Answer:
        if taken_at and request.received_at - taken_at[-1] < seconds:
            error = {"error": {"message": "slow down", "type": "rate_limit_error"}}
            wait = [("retry-after", str(seconds * 2))]
            return json_answer(error, status=429, headers=wait)
        taken_at.append(request.received_at)
        return openai_chat_stream(["ok"])

    return answer


def asked_of(server: ScriptedServer, index: int) -> list[tuple[str, str]]:
    """Role and content of the messages in request number `index`."""
    return [(m["role"], m["content"]) for m in server.requests[index].json()["messages"]]
