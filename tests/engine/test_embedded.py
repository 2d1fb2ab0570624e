"""The embedded model behind the engine: its process killed in the middle of a reply."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from embedded import place_embedded
from troth.domain.event import TextDelta
from troth.domain.message import Finish
from troth.domain.model import Params
from troth.engine.engine import Engine
from troth.engine.local_models import DEFAULT_MODEL
from troth.local.process import LocalServer
from troth.settings import find_paths

pytestmark = [
    pytest.mark.xdist_group("embedded-model"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]


async def test_a_killed_process_is_named_its_words_kept_and_the_next_message_starts_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = LocalServer.start

    async def recorded(self: LocalServer, model: object) -> object:
        running = await start(self, model)  # type: ignore[arg-type]
        started.append(running.pid)
        return running

    monkeypatch.setattr(LocalServer, "start", recorded)
    environ = {"TROTH_HOME": str(tmp_path)}
    paths = find_paths(environ)
    place_embedded(paths.models_dir)
    async with await Engine.open(paths=paths, environ=environ) as engine:
        chat = await engine.new_chat(model=DEFAULT_MODEL)
        reply = await engine.send(chat, "Count from one to two hundred in words.")
        async for event in reply.follow():
            if isinstance(event, TextDelta):
                os.kill(started[-1], signal.SIGKILL)
                break
        message = await reply.wait()
        assert message.text
        assert message.finish is Finish.CUT
        assert message.failure is not None
        assert message.failure.kind == "child-died"
        await engine.update_chat(chat, params=Params(max_output_tokens=8))
        again = await (await engine.send(chat, "Say hello.")).wait()
        assert again.failure is None
        assert again.text
        assert started[-1] != started[0]
