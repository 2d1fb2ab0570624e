"""The model list says what each row still wants before its first message."""

from __future__ import annotations

from engine.conftest import Opener
from servers import json_answer


async def test_each_row_says_what_it_still_wants(open_engine: Opener) -> None:
    engine, _ = await open_engine(
        json_answer({"data": [{"id": "scripted-1"}]}), environ={"OPENAI_API_KEY": "sk-test"}
    )
    await engine.refresh_models("scripted")
    lacks = {choice.endpoint.name: choice.lack for choice in engine.models()}
    assert lacks["scripted"] == ""
    assert lacks["openai"] == ""
    assert lacks["anthropic"] == "key"
    assert lacks["opengradient"] == "login"
    assert lacks["veil"] == "server"  # nobody has seen it run here


async def test_what_is_ready_stands_first(open_engine: Opener) -> None:
    engine, _ = await open_engine(
        json_answer({"data": [{"id": "scripted-1"}]}), environ={"OPENAI_API_KEY": "sk-test"}
    )
    await engine.refresh_models("scripted")
    ready = [choice.is_ready for choice in engine.models()]
    assert ready == sorted(ready, reverse=True)
    assert ready.count(True) > 1
