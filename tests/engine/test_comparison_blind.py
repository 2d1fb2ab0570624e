"""Blind mode: the order says nothing, votes are locked by the reveal, names are noticed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest

from engine.comparing import Opener, engines, random_words, spec
from servers import Gate, gated_after, openai_chat_stream
from troth.domain.error import UsageError
from troth.domain.model import ModelRef
from troth.engine.comparison import Comparison
from troth.engine.comparison_export import comparison_markdown, comparison_rows, vote_rows
from troth.engine.comparison_names import names_in
from troth.engine.comparison_state import Blind, Choice, ColumnSpec
from troth.engine.comparison_voting import draw_order
from troth.engine.engine import Engine
from troth.engine.rating import rate
from troth.engine.rating_votes import VoteFilter, collect_votes


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    async for opened in engines(tmp_path):
        yield opened


async def blind(engine: Engine, count: int = 3, **settings: object) -> Comparison:
    chat = await engine.new_chat()
    specs = [spec(n) for n in range(count)]
    comparison = await engine.comparisons.start(
        chat,
        "hi",
        specs,
        blind=Blind(**settings),
        prompt_set="mine",  # type: ignore[arg-type]
    )
    await comparison.wait()
    return comparison


def test_the_blind_order_is_uniform() -> None:
    """Chi-square over the 24 orders of four columns; 49.7 is the 0.1 % point at 23 degrees."""
    draws, orders = 12_000, list(permutations("wxyz"))
    counted = Counter(draw_order("wxyz", 2026, turn) for turn in range(draws))
    expected = draws / len(orders)
    statistic = sum((counted[order] - expected) ** 2 / expected for order in orders)
    assert len(counted) == 24
    assert statistic < 49.7


def test_the_order_of_a_seed_is_the_same_every_time() -> None:
    assert draw_order("abc", 1, 5) == draw_order("abc", 1, 5)


async def test_names_are_hidden_until_the_reveal_and_votes_locked_after(opener: Opener) -> None:
    engine, _ = await opener(*(random_words(n) for n in range(3)))
    comparison = await blind(engine)
    voting = comparison.voting
    titles = {voting.title(column, 0) for column in comparison.columns}
    assert titles == {"A", "B", "C"}
    first, second, third = voting.order(0)
    assert [voting.letter(column, 0) for column in (first, second, third)] == ["A", "B", "C"]
    assert len(voting.pairs(0)) == 3
    await voting.vote(0, first, second, Choice.LEFT)
    await voting.vote(0, first, second, Choice.TIE)
    assert [vote.choice for vote in voting.votes] == [Choice.TIE]
    with pytest.raises(UsageError):
        await comparison.keep(first)
    await voting.reveal()
    assert {voting.title(c, 0) for c in comparison.columns} == {"model-0", "model-1", "model-2"}
    with pytest.raises(UsageError):
        await voting.vote(0, first, second, Choice.RIGHT)
    with pytest.raises(UsageError):
        await voting.unvote(0, first, second)
    assert voting.order(0) == (first, second, third)


async def test_no_model_is_added_where_its_place_would_tell_it(opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(3)))
    chat = await engine.new_chat()
    comparison = await engine.comparisons.start(chat, "hi", [spec(0), spec(1)], blind=Blind())
    await comparison.wait()
    with pytest.raises(UsageError, match="hidden"):
        await comparison.add(spec(2))
    assert servers[2].requests == []
    await comparison.voting.reveal()
    await comparison.add(spec(2))
    await comparison.wait()
    assert len(servers[2].requests) == 1


async def test_orders_and_votes_are_kept(opener: Opener) -> None:
    engine, _ = await opener(*(random_words(n) for n in range(2)))
    comparison = await blind(engine, 2)
    order = [column.id for column in comparison.voting.order(0)]
    left, right = comparison.voting.order(0)
    await comparison.voting.vote(0, left, right, Choice.RIGHT)
    chat = comparison.chat
    chat.comparison = None
    chat.columns.clear()
    again = await engine.comparisons.open(chat)
    assert [column.id for column in again.voting.order(0)] == order
    assert again.voting.votes == comparison.voting.votes
    assert again.voting.is_blind


async def test_a_chat_does_not_show_what_is_hidden(opener: Opener) -> None:
    engine, _ = await opener(*(random_words(n) for n in range(2)))
    comparison = await blind(engine, 2)
    assert comparison.chat.path[-1].id == comparison.base_id
    await comparison.voting.reveal()
    assert comparison.chat.path[-1].id == comparison.columns[0].head_id


async def test_an_export_hides_what_is_hidden(opener: Opener) -> None:
    engine, _ = await opener(random_words(0), random_words(1))
    comparison = await blind(engine, 2)
    await comparison.voting.vote(0, *comparison.columns, Choice.LEFT)
    for _ in range(2):
        told = json.dumps([*comparison_rows(comparison), *vote_rows(comparison)])
        told += comparison_markdown(comparison)
        is_blind = comparison.voting.is_blind
        assert ("model-1" in told) is not is_blind
        assert ("server1" in told) is not is_blind
        if is_blind:
            await comparison.voting.reveal()


async def test_padded_replies_are_shown_when_all_have_ended(opener: Opener) -> None:
    gate = Gate()
    slow = gated_after(openai_chat_stream(["late"]), 1, gate)
    engine, _ = await opener(random_words(0), slow)
    chat = await engine.new_chat()
    comparison = await engine.comparisons.start(
        chat, "hi", [spec(0), spec(1)], blind=Blind(pads_latency=True)
    )
    await comparison.columns[0].ended()
    assert not comparison.voting.is_shown(0)
    gate.open()
    await comparison.wait()
    assert comparison.voting.is_shown(0)


async def test_an_answer_of_nothing_cannot_be_voted_on(opener: Opener) -> None:
    engine, _ = await opener(random_words(0), openai_chat_stream([]))
    comparison = await blind(engine, 2)
    assert comparison.voting.pairs(0) == ()
    with pytest.raises(UsageError):
        await comparison.voting.vote(0, *comparison.columns, Choice.LEFT)


async def test_ratings_count_blind_votes_that_were_not_given_away(opener: Opener) -> None:
    engine, _ = await opener(
        random_words(0), openai_chat_stream(["I am model-1."]), random_words(2)
    )
    comparison = await blind(engine)
    plain, boaster, third = comparison.columns
    await comparison.voting.vote(0, plain, boaster, Choice.LEFT)
    await comparison.voting.vote(0, third, plain, Choice.LEFT)
    found = await collect_votes(engine.vault, VoteFilter())
    assert (len(found.ballots), found.flagged_left_out) == (1, 1)
    assert rate(found.ballots, rounds=5).ratings[0].name == "server2/model-2"
    assert len((await collect_votes(engine.vault, VoteFilter(takes_flagged=True))).ballots) == 2
    await engine.vault.folders.tag([comparison.id], "maths")
    for wanted, count in (
        (VoteFilter(tag="maths"), 1),
        (VoteFilter(tag="other"), 0),
        (VoteFilter(prompt_set="mine"), 1),
        (VoteFilter(prompt_set="other"), 0),
    ):
        assert len((await collect_votes(engine.vault, wanted)).ballots) == count
    await engine.delete_chat(comparison.id)
    assert (await collect_votes(engine.vault, VoteFilter())).ballots == ()


async def test_a_vote_is_about_the_model_that_answered_then(opener: Opener) -> None:
    engine, _ = await opener(*(random_words(n) for n in range(3)))
    comparison = await blind(engine, 2)
    left, right = comparison.columns
    await comparison.swap(right, spec(2).model, asks_again=False)
    await comparison.send("and now?")
    await comparison.wait()
    votes = [await comparison.voting.vote(turn, left, right, Choice.TIE) for turn in (0, 1)]
    assert [vote.right_name for vote in votes] == ["server1/model-1", "server2/model-2"]


async def test_open_votes_are_kept_apart(opener: Opener) -> None:
    engine, _ = await opener(random_words(0), random_words(1))
    chat = await engine.new_chat()
    comparison = await engine.comparisons.start(chat, "hi", [spec(0), spec(1)])
    await comparison.wait()
    await comparison.voting.vote(0, *comparison.columns, Choice.LEFT)
    assert (await collect_votes(engine.vault, VoteFilter())).open_left_out == 1
    assert len((await collect_votes(engine.vault, VoteFilter(takes_open=True))).ballots) == 1


@pytest.mark.parametrize(
    ("model", "text", "is_named"),
    [
        ("anthropic/claude-opus-4.7", "As Claude, made by Anthropic, I think so.", True),
        ("openai/gpt-5.5", "I am ChatGPT.", True),
        ("google/gemini-3-pro", "I was trained by Google.", True),
        ("openrouter/meta-llama/llama-4", "Llama 4 here.", True),
        ("openrouter/meta-llama/llama-4", "A meta analysis of llamas.", False),
        ("anthropic/claude-opus-4.7", "ChatGPT is made by OpenAI.", False),
        ("anthropic/claude-opus-4.7", "Mozart's opus 4 is lovely.", False),
        ("local/smollm2-135m", "My name is SmolLM2.", True),
        ("xai/grok-5", "grok it", True),
        ("openai/gpt-5.5", "The encryption is fine.", False),
        ("anthropic/claude-opus-4.7", "Ich bin _Claude_, **Anthropics** Modell.", True),
        ("anthropic/claude-opus-4.7", "我是Claude，很高兴认识你。", True),
        ("anthropic/claude-opus-4.7", "私はクロードです。", True),
        ("anthropic/claude-opus-4.7", "I am Cl\u00adau\u200bde.", True),
        ("anthropic/claude-opus-4.7", "ＣＬＡＵＤＥ here", True),
        ("openai/gpt-5.5", "`GPT\u20115` speaking", True),
        ("alibaba/qwen3-max", "我是通义千问。", True),
        ("deepseek/deepseek-v3", "我是深度求索公司的模型。", True),
        ("google/gemini-3-pro", "Меня обучил Гугл.", True),
        ("anthropic/claude-opus-4.7", "我是通义千问。", False),
        ("anthropic/claude-opus-4.7", "http://reclaude.example", False),
    ],
)
def test_replies_that_name_themselves_are_noticed(model: str, text: str, is_named: bool) -> None:
    ref = ModelRef.parse(model)
    assert ref is not None
    assert bool(names_in(text, ColumnSpec(ref))) is is_named
