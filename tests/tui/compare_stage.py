"""A chat with several scripted models, for the tests of the comparison screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from servers import Answer, RecordedRequest, openai_chat_stream
from troth.engine.comparison import Comparison
from troth.tui.screens.compare import CompareScreen
from tui.app_stage import Stage


def by_model(answers: Mapping[str, Answer]) -> Callable[[RecordedRequest], Answer]:
    """A script that answers each model with its own answer, again and again."""

    def answer(request: RecordedRequest) -> Answer:
        model = str(request.json()["model"])
        return answers.get(model) or openai_chat_stream([f"{model} says hello."])

    return answer


def asked(stage: Stage, model: str) -> list[list[tuple[str, str]]]:
    """Role and content of all requests that named `model`, oldest first."""
    bodies = [json.loads(r.body) for r in stage.server.requests if r.body]
    return [
        [(m["role"], m["content"]) for m in body["messages"]]
        for body in bodies
        if body.get("model") == model
    ]


async def compare(
    stage: Stage, models: str, answers: dict[str, Answer] | None = None, **later: Answer
) -> CompareScreen:
    """Say "Why?" to one model, then put it to `models`; `later` changes who says what by then."""
    await stage.say("Why?")
    if answers is not None:
        answers.update(later)
    await stage.type(f"/compare {models}")
    await stage.pilot.press("enter")
    await stage.until(lambda: isinstance(stage.app.screen, CompareScreen), "comparison opens")
    screen = stage.app.screen
    assert isinstance(screen, CompareScreen)
    return screen


def is_quiet(comparison: Comparison) -> bool:
    """Whether no column is being asked any more."""
    return not comparison.is_running


async def next_turn(stage: Stage, text: str) -> None:
    """Put another turn to all columns."""
    await stage.pilot.press("i")
    await stage.type(text)
    await stage.pilot.press("enter")
