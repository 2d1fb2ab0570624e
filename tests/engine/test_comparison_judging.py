"""A judge sees no names, reads both orders, and is never counted among the votes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.comparing import Opener, engines, spec
from servers import Answer, RecordedRequest, json_answer, openai_chat_stream
from troth.domain.error import BoundaryUnasked, PolicyRefused, UsageError
from troth.domain.verdict import State
from troth.engine.comparison import Comparison
from troth.engine.comparison_judging import (
    MERGES,
    JudgePrompt,
    fill,
    judge_turn,
    judgements_of,
    merge_turn,
    position_bias,
    read_choice,
)
from troth.engine.comparison_state import Choice
from troth.engine.engine import Engine
from troth.engine.rating_votes import VoteFilter, collect_votes

GOOD = openai_chat_stream(["a good {first} answer"])
POOR = openai_chat_stream(["a poor answer"])


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    async for opened in engines(tmp_path):
        yield opened


def judging(rule: Callable[[str, str], str]) -> Callable[[RecordedRequest], Answer]:
    """A judge that decides by `rule` over the first and the second answer that it is shown."""

    def answer(request: RecordedRequest) -> Answer:
        text = request.json()["messages"][-1]["content"]
        rest = text.split("----- first answer -----\n")[1]
        first, rest = rest.split("\n----- second answer -----\n")
        second = rest.split("\n----- end -----")[0]
        return openai_chat_stream([f"Because.\n**VERDICT: {rule(first, second)}**"])

    return answer


async def compared(engine: Engine) -> Comparison:
    chat = await engine.new_chat()
    comparison = await engine.comparisons.start(chat, "What is good?", [spec(0), spec(1)])
    await comparison.wait()
    return comparison


async def test_a_fair_judge_says_the_same_in_both_orders(opener: Opener) -> None:
    fair = judging(lambda first, _: "FIRST" if "good" in first else "SECOND")
    engine, servers = await opener(GOOD, POOR, fair)
    comparison = await compared(engine)
    (judged,) = await judge_turn(engine, comparison, 0, spec(2).model)
    good = comparison.columns[0]
    assert judged.choice is (Choice.LEFT if judged.left == good.id else Choice.RIGHT)
    assert not judged.is_swayed
    assert await judgements_of(comparison) == (judged,)
    for request in servers[2].requests:
        assert b"model-0" not in request.body
        assert b"server0" not in request.body
        assert b"a good {first} answer" in request.body
    assert len(servers[2].requests) == 2


async def test_a_judge_of_places_is_found_out_and_counts_as_a_tie(opener: Opener) -> None:
    engine, _ = await opener(GOOD, POOR, judging(lambda *_: "FIRST"))
    comparison = await compared(engine)
    judged = await judge_turn(engine, comparison, 0, spec(2).model)
    assert judged[0].choice is Choice.TIE
    bias = position_bias(judged)
    assert (bias.pairs, bias.swayed, bias.preferred_first) == (1, 1, 1)


async def test_a_judge_without_a_verdict_decides_nothing(opener: Opener) -> None:
    engine, _ = await opener(GOOD, POOR, openai_chat_stream(["I cannot say."]))
    comparison = await compared(engine)
    (judged,) = await judge_turn(engine, comparison, 0, spec(2).model)
    assert judged.choice is None
    assert position_bias([judged]).pairs == 0


async def test_a_judge_that_cannot_be_asked_says_why(opener: Opener) -> None:
    refused = json_answer({"error": {"message": "no such judge"}}, status=400)
    engine, _ = await opener(GOOD, POOR, refused)
    comparison = await compared(engine)
    (judged,) = await judge_turn(engine, comparison, 0, spec(2).model)
    assert judged.choice is None
    assert all("no such judge" in reason for reason in judged.reasons)


async def test_another_comparison_in_the_chat_keeps_what_was_judged_before(
    opener: Opener,
) -> None:
    engine, _ = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    comparison = await compared(engine)
    (first,) = await judge_turn(engine, comparison, 0, spec(2).model)
    again = await engine.comparisons.start(comparison.chat, "And now?", [spec(0), spec(1)])
    await again.wait()
    (second,) = await judge_turn(engine, again, 0, spec(2).model)
    assert await judgements_of(again) == (first, second)


async def test_judgements_are_no_votes_and_leave_no_chat(opener: Opener) -> None:
    engine, _ = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    comparison = await compared(engine)
    await judge_turn(engine, comparison, 0, spec(2).model)
    await judge_turn(engine, comparison, 0, spec(2).model)
    everything = VoteFilter(takes_open=True, takes_flagged=True)
    assert (await collect_votes(engine.vault, everything)).ballots == ()
    assert len(await judgements_of(comparison)) == 1
    assert len(await engine.chats()) == 1


async def test_the_policy_of_the_chat_holds_for_the_judge(opener: Opener) -> None:
    engine, servers = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    comparison = await compared(engine)
    await engine.update_chat(comparison.chat, policy="device")
    with pytest.raises(PolicyRefused):
        await judge_turn(engine, comparison, 0, spec(2).model)
    assert servers[2].requests == []


async def test_what_never_left_this_computer_is_not_shown_to_a_judge_unasked(
    tmp_path: Path, opener: Opener
) -> None:
    engine, servers = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    own = engine.providers.endpoint("server0")
    await engine.providers.remove_endpoint("server0")
    await engine.providers.add_endpoint(replace(own, is_own=True))
    comparison = await compared(engine)
    with pytest.raises(BoundaryUnasked):
        await judge_turn(engine, comparison, 0, spec(2).model)
    with pytest.raises(BoundaryUnasked):
        await merge_turn(engine, comparison, 0, spec(2).model, MERGES["fuse"])
    assert servers[2].requests == []
    comparison.chat.released.update(
        message.id for c in comparison.columns for message in c.chat.path
    )
    assert len(await judge_turn(engine, comparison, 0, spec(2).model)) == 1


async def test_an_answer_that_failed_verification_is_not_judged(opener: Opener) -> None:
    engine, servers = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    comparison = await compared(engine)
    (reply,) = comparison.answers(comparison.columns[0])[0].replies
    verdict = comparison.chat.verdicts[reply.id]
    comparison.chat.verdicts[reply.id] = replace(verdict, state=State.FAILED)
    with pytest.raises(UsageError):
        await judge_turn(engine, comparison, 0, spec(2).model)
    assert servers[2].requests == []


@pytest.mark.parametrize("kind", MERGES)
async def test_a_merge_is_a_chat_whose_prompt_can_be_seen(opener: Opener, kind: str) -> None:
    engine, servers = await opener(GOOD, POOR, openai_chat_stream(["merged"]))
    comparison = await compared(engine)
    chat, reply = await merge_turn(engine, comparison, 0, spec(2).model, MERGES[kind])
    assert (await reply.wait()).text == "merged"
    assert "a poor answer" in chat.path[0].text
    assert "model-0" not in chat.path[0].text
    assert len(servers[2].requests) == 1


async def test_an_edited_prompt_must_keep_its_places(opener: Opener) -> None:
    engine, servers = await opener(GOOD, POOR, judging(lambda *_: "TIE"))
    comparison = await compared(engine)
    with pytest.raises(UsageError):
        await judge_turn(
            engine, comparison, 0, spec(2).model, prompt=JudgePrompt(template="{first} {second}")
        )
    with pytest.raises(UsageError):
        await judge_turn(engine, comparison, 3, spec(2).model)
    assert servers[2].requests == []


def test_a_text_with_places_in_it_is_put_in_as_it_stands() -> None:
    assert fill("{a} and {b}", {"a": "{b}", "b": r"\1 {a}"}) == r"{b} and \1 {a}"


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("VERDICT: FIRST", Choice.LEFT),
        ("reasons\nverdict: both bad.", Choice.BOTH_BAD),
        ("VERDICT: FIRST\nno, wait\n**VERDICT: SECOND**", Choice.RIGHT),
        ("The VERDICT: FIRST is tempting", None),
        ("", None),
    ],
)
def test_the_last_verdict_line_counts(text: str, choice: Choice | None) -> None:
    assert read_choice(text) is choice
