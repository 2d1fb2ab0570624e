"""Every reply is a number that nobody else could say: no column is ever given another's.

Columns fail, are cut, say nothing, are asked again, swapped, added, stopped, kept, reopened, in an
order drawn by lot. What every server was sent is held against what it said itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.comparing import Opener, engines, spec
from servers import Answer, RecordedRequest, cut_after, json_answer, openai_chat_stream
from troth.engine.chat import Chat
from troth.engine.comparison import Column, Comparison
from troth.engine.comparison_state import ColumnSpec
from troth.engine.engine import Engine

NUMBER = re.compile(r"[0-9a-f]{24}")
TURNS = 6


@dataclass
class Voice:
    """One model behind one server: what it said, and what it was sent."""

    source: random.Random
    said: set[str] = field(default_factory=set[str])
    heard: list[list[tuple[str, str]]] = field(default_factory=list[list[tuple[str, str]]])
    is_smooth: bool = False
    """Whether it does nothing but answer."""

    def answer(self, request: RecordedRequest) -> Answer:
        self.heard.append([(m["role"], m["content"]) for m in request.json()["messages"]])
        number = f"{self.source.getrandbits(96):024x}"
        lot = 1.0 if self.is_smooth else self.source.random()
        if lot < 0.15:
            return json_answer({"error": {"message": "no"}}, status=400)
        if lot < 0.25:
            return openai_chat_stream([])
        self.said.add(number)
        whole = openai_chat_stream([f"The number {number}", " and its end."])
        return cut_after(whole, 2) if lot < 0.35 else whole

    def refuse_foreign(self) -> None:
        """No number that it did not say itself was ever sent to it."""
        for history in self.heard:
            for role, text in history:
                foreign = set(NUMBER.findall(text)) - self.said
                assert not foreign, f"{role} brought {foreign}"


class Voices:
    """All models of a test, by server and temperature: one model twice is two voices."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.known: dict[tuple[int, object], Voice] = {}

    def script(self, server: int) -> Callable[[RecordedRequest], Answer]:
        def answer(request: RecordedRequest) -> Answer:
            key = (server, request.json().get("temperature"))
            if key not in self.known:
                source = random.Random(f"{self._seed}:{key}")
                self.known[key] = Voice(source)
            return self.known[key].answer(request)

        return answer

    def calm(self) -> None:
        for voice in self.known.values():
            voice.is_smooth = True


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    async for opened in engines(tmp_path):
        yield opened


@pytest.mark.parametrize("seed", range(8))
async def test_no_server_hears_a_number_that_it_did_not_say(opener: Opener, seed: int) -> None:
    lots, voices = random.Random(seed), Voices(seed)
    engine, _ = await opener(*(voices.script(number) for number in range(6)))
    spare = [spec(4), spec(5), spec(3, temperature=0.9)]
    prompts = [f"Prompt {turn}." for turn in range(TURNS)]
    chat = await engine.new_chat()
    columns = [spec(0, temperature=0.1), spec(0, temperature=0.7), spec(1), spec(2)]
    comparison = await engine.comparisons.start(chat, prompts[0], columns)
    for turn in range(1, TURNS):
        if lots.random() < 0.7:  # else the next turn comes while they answer
            await comparison.wait()
        await comparison.send(prompts[turn])
        await meddle(comparison, lots, spare)
        if lots.random() < 0.3:
            comparison = await reopened(engine, chat, comparison)
    await comparison.wait()
    voices.calm()
    for column in comparison.columns:
        await finish(comparison, column)
    check_branches(comparison, prompts)
    await keep_and_go_on(engine, comparison, lots)
    for voice in voices.known.values():
        voice.refuse_foreign()
    for voice in voices.known.values():
        for history in voice.heard:
            asked = [text for role, text in history if role == "user" and text in prompts]
            assert len(asked) == len(set(asked)), "a prompt was sent twice in one request"
            assert not any(text.count("Prompt") > 1 for _, text in history), "two prompts in one"


async def meddle(comparison: Comparison, lots: random.Random, spare: list[ColumnSpec]) -> None:
    """Do one or two things with columns that are free to be touched."""
    for _ in range(lots.randrange(3)):
        column = lots.choice(comparison.columns)
        deed = lots.choice(["retry", "stop", "continue", "swap", "add"])
        if deed == "stop":
            comparison.stop(column)
            continue
        await comparison.wait()
        if deed == "retry":
            await comparison.retry(column)
        elif deed == "continue" and is_cut(comparison, column):
            await comparison.continue_reply(column)
        elif deed == "swap" and spare:
            await comparison.swap(column, spare.pop().model, asks_again=True)
        elif deed == "add" and spare:
            await comparison.add(spare.pop())


def is_cut(comparison: Comparison, column: Column) -> bool:
    answers = comparison.answers(column)
    last = answers[-1].replies[-1] if answers and answers[-1].replies else None
    return last is not None and last.is_partial and bool(last.text)


async def reopened(engine: Engine, chat: Chat, comparison: Comparison) -> Comparison:
    """Read the comparison again from what is stored, as another session would."""
    await comparison.wait()
    chat.comparison = None
    chat.columns.clear()
    return await engine.comparisons.open(chat)


async def finish(comparison: Comparison, column: Column) -> None:
    """Let a column take what it has still to take, without leaving a turn out."""
    answers = comparison.answers(column)
    if not answers or not answers[-1].is_answered:
        await comparison.retry(column)
    elif column.waiting:
        await comparison.resume(column)
    await comparison.wait()


def check_branches(comparison: Comparison, prompts: list[str]) -> None:
    """Every column has taken every prompt, once and in order, and shares no reply with another."""
    seen: set[str] = set()
    for column in comparison.columns:
        answers = comparison.answers(column)
        assert [answer.asked.text for answer in answers] == prompts
        own = {number for answer in answers for number in NUMBER.findall(answer.text)}
        assert not own & seen
        seen |= own


async def keep_and_go_on(engine: Engine, comparison: Comparison, lots: random.Random) -> None:
    """Keep one column, go on as a chat, change the last prompt there, and compare from it."""
    chat = comparison.chat
    kept = lots.choice(comparison.columns)
    await comparison.keep(kept)
    reply = await engine.send(chat, "And alone?")
    await reply.closed()
    asked = chat.path[-2]
    edited = await engine.edit_and_resend(chat, asked.id, "And alone, edited?")
    await edited.closed()
    texts = " ".join(message.text for message in chat.path)
    own = " ".join(answer.text for answer in comparison.answers(kept))
    assert set(NUMBER.findall(own)) <= set(NUMBER.findall(texts))
