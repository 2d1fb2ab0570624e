"""Comparison: each column on its own branch, none waiting for or hearing of another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.comparing import (
    Opener,
    asked_of,
    engines,
    limited_to_one_each,
    random_words,
    spec,
)
from servers import (
    Answer,
    Gate,
    Stall,
    cut_after,
    gated_after,
    html_error,
    json_answer,
    openai_chat_stream,
)
from troth.domain.error import NotFound, UsageError
from troth.domain.message import Finish, Role
from troth.domain.model import Endpoint, ModelRef, Params
from troth.engine.comparison import Comparison
from troth.engine.comparison_lineups import lineup, lineups, remove_lineup, save_lineup
from troth.engine.comparison_state import (
    COMPARISON_KEY,
    ColumnSpec,
    ComparisonState,
    dump_state,
)
from troth.engine.engine import Engine
from troth.settings import find_paths
from troth.vault.vault import Vault


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    async for opened in engines(tmp_path):
        yield opened


async def begin(engine: Engine, count: int, prompt: str = "Name a number.") -> Comparison:
    chat = await engine.new_chat()
    return await engine.comparisons.start(chat, prompt, [spec(n) for n in range(count)])


async def test_each_server_sees_only_its_own_earlier_replies(opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(4)))
    comparison = await begin(engine, 4)
    await comparison.wait()
    for turn in range(3):
        await comparison.send(f"Another, number {turn}.")
        await comparison.wait()
    said = {
        column.id: [answer.text for answer in comparison.answers(column)]
        for column in comparison.columns
    }
    assert len({text for texts in said.values() for text in texts}) == 16
    for column, server in zip(comparison.columns, servers, strict=True):
        assert len(server.requests) == 4
        history = asked_of(server, 3)
        assert [text for role, text in history if role == "assistant"] == said[column.id][:3]
        others = [text for id, texts in said.items() if id != column.id for text in texts]
        for request in server.requests:
            assert not any(other.encode() in request.body for other in others)
        assert [text for role, text in history if role == "user"] == [
            "Name a number.",
            *(f"Another, number {turn}." for turn in range(3)),
        ]


async def test_a_failed_a_cut_and_a_silent_column_neither_delay_nor_hide_the_others(
    opener: Opener,
) -> None:
    engine, _ = await opener(
        openai_chat_stream(["fine"]),
        html_error(400, "no"),
        cut_after(openai_chat_stream(["half", " of", " it"]), 2),
        gated_after(openai_chat_stream(["never"]), 0, Gate()),
        openai_chat_stream([]),
    )
    comparison = await begin(engine, 5)
    good, refused, cut, silent, empty = comparison.columns
    for column in (good, refused, cut, empty):
        await column.ended()
    assert silent.is_running
    assert [comparison.metrics(c).finish for c in (good, refused, cut)] == [
        Finish.STOP,
        Finish.FAILED,
        Finish.CUT,
    ]
    assert comparison.metrics(refused).failure is not None
    assert comparison.answers(cut)[0].text == "half"
    assert not comparison.answers(empty)[0].is_usable
    comparison.stop(silent)
    await comparison.wait()
    assert comparison.metrics(silent).finish is Finish.STOPPED


BAD = json_answer({"error": {"message": "bad"}}, status=400)


@pytest.mark.parametrize("silent", [BAD, cut_after(openai_chat_stream(["x"]), 0)])
async def test_a_column_that_failed_is_asked_that_turn_again_before_the_next_one(
    opener: Opener, silent: Answer
) -> None:
    engine, servers = await opener(openai_chat_stream(["fine"]), silent)
    comparison = await begin(engine, 2, "first")
    await comparison.wait()
    tries = len(servers[1].requests)
    servers[1].script([openai_chat_stream(["late"]), openai_chat_stream(["second"])])
    await comparison.send("next")
    await comparison.wait()
    column = comparison.columns[1]
    assert asked_of(servers[1], tries) == [("user", "first")]
    assert asked_of(servers[1], tries + 1) == [
        ("user", "first"),
        ("assistant", "late"),
        ("user", "next"),
    ]
    assert [answer.text for answer in comparison.answers(column)] == ["late", "second"]
    assert [answer.asked.text for answer in comparison.answers(column)] == ["first", "next"]
    assert len(servers[0].requests) == 2


async def test_a_column_that_fails_again_waits_with_its_turns_and_tells_nobody_else(
    opener: Opener,
) -> None:
    engine, servers = await opener(random_words(0), BAD)
    comparison = await begin(engine, 2, "first")
    for turn in ("second", "third"):
        await comparison.wait()
        await comparison.send(turn)
    await comparison.wait()
    good, bad = comparison.columns
    assert [len(comparison.answers(column)) for column in (good, bad)] == [3, 1]
    assert (len(bad.waiting), bad.is_halted) == (2, True)
    assert {tuple(asked_of(servers[1], n)) for n in range(3)} == {(("user", "first"),)}
    servers[1].script(random_words(1))
    await comparison.retry(bad)
    await comparison.wait()
    assert [answer.asked.text for answer in comparison.answers(bad)] == ["first", "second", "third"]
    own = [answer.text for answer in comparison.answers(bad)]
    assert [text for role, text in asked_of(servers[1], 5) if role == "assistant"] == own[:2]


async def test_a_column_that_answered_nothing_is_not_paid_twice_unasked(opener: Opener) -> None:
    engine, servers = await opener(
        openai_chat_stream(["fine"]), [openai_chat_stream([]), openai_chat_stream(["words"])]
    )
    comparison = await begin(engine, 2, "first")
    await comparison.wait()
    await comparison.send("next")
    await comparison.wait()
    empty = comparison.columns[1]
    assert (len(servers[1].requests), len(empty.waiting)) == (1, 1)
    await comparison.retry(empty)
    await comparison.wait()
    assert asked_of(servers[1], 2)[1:] == [("assistant", "words"), ("user", "next")]


async def test_a_waiting_column_goes_on_without_its_answer_when_told_to(opener: Opener) -> None:
    engine, servers = await opener(
        openai_chat_stream(["fine"]), [openai_chat_stream([]), openai_chat_stream(["words"])]
    )
    comparison = await begin(engine, 2, "first")
    await comparison.wait()
    await comparison.send("next")
    await comparison.wait()
    await comparison.resume(comparison.columns[1])
    await comparison.wait()
    assert [a.asked.text for a in comparison.answers(comparison.columns[1])] == ["first", "next"]
    assert "first" in servers[1].requests[1].json()["messages"][0]["content"]
    assert servers[1].requests[1].body.count(b"first") == 1


async def test_one_column_is_retried_alone_and_keeps_the_failure_as_a_variant(
    opener: Opener,
) -> None:
    bad = json_answer({"error": {"message": "bad"}}, status=400)
    engine, servers = await opener(openai_chat_stream(["one"]), [bad, openai_chat_stream(["two"])])
    comparison = await begin(engine, 2)
    await comparison.wait()
    column = comparison.columns[1]
    await comparison.retry(column)
    await comparison.wait()
    assert comparison.answers(column)[0].text == "two"
    assert len(servers[0].requests) == 1
    last = comparison.answers(column)[0].replies[-1]
    assert len(comparison.chat.tree.siblings(last.id)) == 3


async def test_a_cut_reply_goes_on_in_its_own_column(opener: Opener) -> None:
    half = cut_after(openai_chat_stream(["half "]), 2)
    engine, servers = await opener(
        openai_chat_stream(["whole"]), [half, openai_chat_stream(["other half"])]
    )
    comparison = await begin(engine, 2)
    await comparison.wait()
    column = comparison.columns[1]
    await comparison.continue_reply(column)
    await comparison.wait()
    answer = comparison.answers(column)[0]
    assert (answer.text, len(answer.replies)) == ("half other half", 2)
    assert len(servers[0].requests) == 1


async def test_a_column_added_later_is_asked_the_same_turns_one_after_the_other(
    opener: Opener,
) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(3)))
    comparison = await begin(engine, 2, "first")
    await comparison.wait()
    for turn in ("second", "third"):
        await comparison.send(turn)
        await comparison.wait()
    column = await comparison.add(spec(2))
    await comparison.wait()
    own = [answer.text for answer in comparison.answers(column)]
    assert len(own) == 3
    assert asked_of(servers[2], 2) == [
        ("user", "first"),
        ("assistant", own[0]),
        ("user", "second"),
        ("assistant", own[1]),
        ("user", "third"),
    ]


async def test_a_busy_column_takes_the_next_turn_afterwards(opener: Opener) -> None:
    gate = Gate()
    engine, servers = await opener(
        random_words(0),
        [gated_after(openai_chat_stream(["slow"]), 1, gate), openai_chat_stream(["x"])],
    )
    comparison = await begin(engine, 2)
    fast, slow = comparison.columns
    await fast.ended()
    await comparison.send("next")
    await fast.ended()
    assert len(comparison.answers(fast)) == 2
    assert len(servers[1].requests) == 1
    assert len(slow.waiting) == 1
    gate.open()
    await comparison.wait()
    assert [answer.text for answer in comparison.answers(slow)] == ["slow", "x"]


async def test_a_swapped_column_is_asked_afresh_or_goes_on(opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(3)))
    comparison = await begin(engine, 2, "first")
    await comparison.wait()
    await comparison.send("second")
    await comparison.wait()
    column = comparison.columns[1]
    await comparison.swap(column, spec(2).model, asks_again=True)
    await comparison.wait()
    assert len(servers[2].requests) == 2
    assert asked_of(servers[2], 0) == [("user", "first")]
    await comparison.swap(column, spec(1).model, asks_again=False)
    assert len(servers[1].requests) == 2
    await comparison.send("third")
    await comparison.wait()
    assert len(asked_of(servers[1], 2)) == 5


async def test_models_of_one_name_are_told_apart_by_their_providers(opener: Opener) -> None:
    engine, _ = await opener(*[openai_chat_stream(["x"])] * 2)
    chat = await engine.new_chat()
    twins = [ColumnSpec(ModelRef(f"server{number}", "gpt-oss")) for number in range(2)]
    comparison = await engine.comparisons.start(chat, "hi", [*twins, spec(0)])
    titles = [comparison.voting.title(column, 0) for column in comparison.columns]
    assert titles == ["gpt-oss  server0", "gpt-oss  server1", "model-0"]
    await comparison.wait()


async def test_the_same_model_twice_with_other_parameters(opener: Opener) -> None:
    engine, servers = await opener(openai_chat_stream(["x"]))
    chat = await engine.new_chat()
    columns = [spec(0, temperature=0.0), spec(0, temperature=1.0)]
    comparison = await engine.comparisons.start(chat, "hi", columns)
    await comparison.wait()
    assert sorted(r.json()["temperature"] for r in servers[0].requests) == [0.0, 1.0]
    assert len({column.spec.name for column in comparison.columns}) == 2


async def test_a_column_without_a_key_says_so_and_the_others_answer(opener: Opener) -> None:
    engine, _ = await opener(openai_chat_stream(["x"]))
    await engine.providers.add_endpoint(Endpoint("locked", "openai-chat", "http://127.0.0.1:9/v1"))
    chat = await engine.new_chat()
    columns = [spec(0), ColumnSpec(ModelRef("locked", "m"))]
    comparison = await engine.comparisons.start(chat, "hi", columns)
    await comparison.wait()
    assert comparison.answers(comparison.columns[0])[0].text == "x"
    failure = comparison.metrics(comparison.columns[1]).failure
    assert failure is not None
    assert failure.kind == "key-missing"


async def test_nothing_is_stored_when_no_column_can_be_asked(opener: Opener) -> None:
    engine, _ = await opener()
    chat = await engine.new_chat()
    nobody = [ColumnSpec(ModelRef("nobody", "m")), ColumnSpec(ModelRef("none", "m"))]
    with pytest.raises(NotFound):
        await engine.comparisons.start(chat, "hi", nobody)
    with pytest.raises(UsageError):
        await engine.comparisons.start(chat, "hi", nobody[:1])
    assert await engine.chats() == []


async def test_keep_goes_on_as_the_chat_and_the_others_can_be_walked(opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(3)))
    comparison = await begin(engine, 3)
    await comparison.wait()
    chat, kept = comparison.chat, comparison.columns[1]
    assert chat.path[-1].id == comparison.columns[0].head_id
    await comparison.keep(kept)
    assert chat.path[-1].id == kept.head_id
    assert chat.variants(chat.path[-1].id)[0] == chat.variants(chat.path[-1].id)[1].index(
        str(kept.head_id)
    )
    reply = await engine.send(chat, "go on")
    await reply.wait()
    assert asked_of(servers[1], 1)[1] == ("assistant", comparison.answers(kept)[0].text)
    await engine.select_variant(chat, str(comparison.columns[2].head_id))
    assert chat.path[-1].id == comparison.columns[2].head_id


async def test_it_starts_from_any_prompt_of_a_chat(opener: Opener) -> None:
    engine, servers = await opener(openai_chat_stream(["a"]), openai_chat_stream(["b"]))
    chat = await engine.new_chat(model=spec(0).model)
    first = await (await engine.send(chat, "one")).wait()
    await (await engine.send(chat, "two")).wait()
    head = chat.conversation.head_id
    comparison = await engine.comparisons.start(
        chat, None, [spec(0), spec(1)], from_message=first.id
    )
    await comparison.wait()
    assert asked_of(servers[1], 0) == [("user", "one")]
    assert chat.conversation.head_id == head


async def test_it_is_there_again_after_reopening_the_vault(tmp_path: Path, opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(2)))
    home = {"TROTH_HOME": str(tmp_path)}
    created = await Vault.create(tmp_path / "v", "a passphrase", memory_kib=65536)
    await engine.use_vault(created.vault)
    comparison = await begin(engine, 2)
    await comparison.wait()
    await comparison.send("more")
    await comparison.wait()
    said = [[a.text for a in comparison.answers(c)] for c in comparison.columns]
    await engine.lock()
    vault = await Vault.open(tmp_path / "v", passphrase="a passphrase")
    async with await Engine.open(paths=find_paths(home), vault=vault, environ=home) as again:
        found = await again.search("is:comparison")
        assert {hit.conversation_id for hit in found} == {comparison.id}
        chat = await again.open_chat(comparison.id)
        assert chat.path[-1].role is Role.ASSISTANT
        opened = await again.comparisons.open(chat)
        assert [[a.text for a in opened.answers(c)] for c in opened.columns] == said
        await opened.send("and again")
        await opened.wait()
        assert chat.path[-1].id == opened.columns[0].head_id
        assert len(asked_of(servers[1], 2)) == 5


async def test_a_locked_vault_keeps_the_columns_that_are_being_answered(
    tmp_path: Path, opener: Opener
) -> None:
    gate = Gate()
    slow = gated_after(openai_chat_stream(["late"]), 1, gate)
    engine, servers = await opener(slow, slow)
    created = await Vault.create(tmp_path / "v", "a passphrase", memory_kib=65536)
    await engine.use_vault(created.vault)
    comparison = await begin(engine, 2)
    for server in servers:
        await server.wait_for_request()
    await engine.lock()
    gate.open()
    await engine.use_vault(await Vault.open(tmp_path / "v", passphrase="a passphrase"))
    await comparison.wait()
    chat = await engine.open_chat(comparison.id)
    assert (await engine.comparisons.open(chat)) is comparison
    assert [comparison.answers(c)[0].text for c in comparison.columns] == ["late", "late"]
    assert len(await engine.vault.messages(comparison.id)) == 3


async def test_a_reply_that_a_crash_took_can_be_asked_for_again(opener: Opener) -> None:
    engine, servers = await opener(*(random_words(n) for n in range(2)))
    comparison = await begin(engine, 2)
    await comparison.wait()
    chat, (first, second) = comparison.chat, comparison.columns
    states = (
        replace(first.state(), head_id="01NEVERSEALED", asked_id=comparison.base_id),
        second.state(),
    )
    state = ComparisonState(comparison.base_id, states)
    await chat.store.set_state(COMPARISON_KEY + chat.id, dump_state(state))
    chat.comparison = None
    chat.columns.clear()
    again = await engine.comparisons.open(chat)
    assert [len(a.replies) for c in again.columns for a in again.answers(c)] == [0, 1]
    await again.retry(again.columns[0])
    await again.wait()
    assert again.answers(again.columns[0])[0].text
    assert [len(server.requests) for server in servers] == [2, 1]


async def test_columns_of_one_provider_share_its_rate_limit(opener: Opener) -> None:
    """Six that come back at the same moments would run out of their three tries."""
    engine, _ = await opener(limited_to_one_each(0.05))
    chat = await engine.new_chat()
    columns = [spec(0, temperature=n / 10) for n in range(6)]
    comparison = await engine.comparisons.start(chat, "hi", columns)
    await comparison.wait()
    assert [comparison.answers(c)[0].text for c in comparison.columns] == ["ok"] * 6


async def test_a_stop_before_the_request_has_left_counts(opener: Opener) -> None:
    engine, _ = await opener(*[gated_after(openai_chat_stream(["never"]), 0, Gate())] * 2)
    comparison = await begin(engine, 2)
    comparison.stop()
    await comparison.wait()
    assert {comparison.metrics(c).finish for c in comparison.columns} == {Finish.STOPPED}


async def test_deleting_the_chat_stops_its_columns(opener: Opener) -> None:
    stalled = Answer(200, (("content-type", "text/event-stream"),), (Stall(),), "chunked")
    engine, servers = await opener(stalled, stalled)
    comparison = await begin(engine, 2)
    await servers[0].wait_for_request()
    await servers[1].wait_for_request()
    await engine.delete_chat(comparison.id)
    assert not comparison.chat.is_replying
    assert await engine.chats() == []


async def test_metrics_and_summary_of_a_column(opener: Opener) -> None:
    engine, _ = await opener(openai_chat_stream(["a", "b"], usage=(7, 20)), html_error(400))
    comparison = await begin(engine, 2)
    await comparison.wait()
    await comparison.send("again")
    await comparison.wait()
    good, bad = comparison.columns
    metrics = comparison.metrics(good, 0)
    assert (metrics.input_tokens, metrics.output_tokens) == (7, 20)
    assert metrics.first_token_ms is not None
    assert metrics.total_ms is not None
    assert metrics.verdict is not None
    summary = comparison.summary(good)
    assert (summary.turns, summary.failed, summary.output_tokens) == (2, 0, 40)
    assert len(summary.tokens_per_s_by_turn) == 2
    assert (comparison.summary(bad).turns, comparison.summary(bad).failed) == (1, 1)
    assert len(bad.waiting) == 1


async def test_a_line_up_is_kept_under_its_name(opener: Opener) -> None:
    engine, _ = await opener(openai_chat_stream(["x"]), openai_chat_stream(["y"]))
    ours = (spec(0, temperature=0.25, seed=7), spec(1, effort="low", max_output_tokens=9))
    await save_lineup(engine, "my two", ours)
    assert lineups(engine) == ("my two",)
    assert lineup(engine, "my two") == ours
    await remove_lineup(engine, "my two")
    with pytest.raises(NotFound):
        lineup(engine, "my two")
    with pytest.raises(UsageError):
        await save_lineup(engine, "alone", ours[:1])
    assert engine.problems == ()


async def test_parameters_of_a_column_never_leak_into_the_chat(opener: Opener) -> None:
    engine, _ = await opener(openai_chat_stream(["x"]))
    chat = await engine.new_chat()
    comparison = await engine.comparisons.start(
        chat, "hi", [spec(0, temperature=0.9), spec(0, temperature=0.1)]
    )
    await comparison.wait()
    assert chat.conversation.params == Params()
    stored = await engine.vault.conversation(chat.id)
    assert stored is not None
    assert stored.params == Params()
    assert stored.message_count == 3
