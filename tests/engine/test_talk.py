"""Talking over a real connection: nothing lost, nothing sent twice, every end told apart."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from engine.conftest import MODEL, Opener
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
from troth.domain.error import KeyMissing, PolicyRefused, UsageError
from troth.domain.event import Notice, ReplyEnded, RetryScheduled, TextDelta, VerdictReady
from troth.domain.message import Finish, Role
from troth.domain.model import Endpoint, ModelRef, Params
from troth.domain.verdict import State
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.reply import Reply

HELLO = openai_chat_stream(["Hel", "lo"], usage=(7, 2))


async def ask(engine: Engine, text: str = "hi") -> tuple[Chat, Reply]:
    chat = await engine.new_chat(model=MODEL)
    return chat, await engine.send(chat, text)


def sent_messages(body: bytes) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in json.loads(body)["messages"]]


async def test_a_reply_arrives_is_kept_and_survives_reopening(open_engine: Opener) -> None:
    engine, _ = await open_engine(HELLO)
    chat, reply = await ask(engine)
    message = await reply.wait()
    assert (message.text, message.finish) == ("Hello", Finish.STOP)
    assert message.usage is not None
    assert (message.usage.input, message.usage.output) == (7, 2)
    stored = await engine.vault.messages(chat.id)
    assert [m.text for m in stored] == ["hi", "Hello"]
    exchange = await engine.vault.exchange(message.id)
    assert exchange is not None
    assert exchange.response_body == HELLO.body
    assert chat.conversation.title == "hi"


async def test_followers_see_the_same_events_early_and_late(open_engine: Opener) -> None:
    gate = Gate()
    engine, _ = await open_engine(gated_after(HELLO, 2, gate))
    _, reply = await ask(engine)

    async def follow() -> list[object]:
        return [event async for event in reply.follow()]

    early = asyncio.create_task(follow())
    await asyncio.sleep(0)
    gate.open()
    await reply.wait()
    live = await early
    late = [event async for event in reply.follow()]
    assert live == late
    assert "".join(e.text for e in late if isinstance(e, TextDelta)) == "Hello"
    assert isinstance(late[-2], ReplyEnded)
    assert isinstance(late[-1], VerdictReady)


async def test_stop_keeps_the_partial_reply_and_hangs_up(open_engine: Opener) -> None:
    engine, server = await open_engine(gated_after(HELLO, 2, Gate()))
    chat, reply = await ask(engine)
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            reply.stop()
            break
    message = await reply.wait()
    assert (message.text, message.finish) == ("Hel", Finish.STOPPED)
    await server.wait_for_disconnect()
    assert (await engine.vault.messages(chat.id))[-1].text == "Hel"


async def test_a_cut_stream_is_marked_kept_and_not_tried_again(open_engine: Opener) -> None:
    engine, server = await open_engine(cut_after(HELLO, 2))
    _, reply = await ask(engine)
    message = await reply.wait()
    assert (message.text, message.finish) == ("Hel", Finish.CUT)
    assert message.failure is not None
    assert len(server.requests) == 1
    async for event in reply.follow():
        if isinstance(event, VerdictReady):
            assert event.verdict.state is State.INCOMPLETE


async def test_a_rate_limit_is_waited_for_as_told(open_engine: Opener) -> None:
    busy = json_answer(
        {"error": {"message": "slow down"}}, status=429, headers=[("retry-after-ms", "20")]
    )
    engine, server = await open_engine([busy, HELLO])
    _, reply = await ask(engine)
    assert (await reply.wait()).text == "Hello"
    retries = [e async for e in reply.follow() if isinstance(e, RetryScheduled)]
    assert [(r.attempt, r.delay_s, r.failure.kind) for r in retries] == [(2, 0.02, "rate-limited")]
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body


async def test_waiting_for_a_rate_limit_can_be_stopped(open_engine: Opener) -> None:
    busy = json_answer(
        {"error": {"message": "slow down"}}, status=429, headers=[("retry-after", "100")]
    )
    engine, _ = await open_engine(busy)
    _, reply = await ask(engine)
    async for event in reply.follow():
        if isinstance(event, RetryScheduled):
            reply.stop()
    assert (await reply.wait()).finish is Finish.STOPPED


@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        (json_answer({"error": {"message": "bad key"}}, status=401), "key-rejected", 1),
        (json_answer({"error": {"message": "who?", "code": "model_not_found"}}, status=404),
         "model-unknown", 1),
        (json_answer({"error": {"code": "insufficient_quota", "message": "pay"}}, status=429),
         "no-credit", 1),
        (html_error(404), "request-refused", 1),
        (Answer(200, (("content-type", "text/html"),), (b"<html>hello</html>",)),
         "reply-malformed", 1),
        (Answer(200, (("content-type", "text/event-stream"),)), "reply-malformed", 1),
    ],
)  # fmt: skip
async def test_every_refusal_has_its_kind_and_loses_nothing(
    open_engine: Opener, answer: Answer, kind: str, requests: int
) -> None:
    engine, server = await open_engine(answer)
    chat, reply = await ask(engine, "keep me")
    message = await reply.wait()
    assert message.finish is Finish.FAILED
    assert message.failure is not None
    assert message.failure.kind == kind
    assert len(server.requests) == requests
    assert [m.text for m in chat.path] == ["keep me", ""]


async def test_the_next_message_carries_the_whole_conversation(open_engine: Opener) -> None:
    engine, server = await open_engine([HELLO, openai_chat_stream(["Bye"])])
    chat, reply = await ask(engine, "one")
    await reply.wait()
    await (await engine.send(chat, "two")).wait()
    assert sent_messages(server.requests[1].body) == [
        ("user", "one"), ("assistant", "Hello"), ("user", "two"),
    ]  # fmt: skip


async def test_regenerating_adds_a_variant_and_changes_nothing(open_engine: Opener) -> None:
    engine, server = await open_engine([HELLO, openai_chat_stream(["Howdy"])])
    chat, reply = await ask(engine)
    first = await reply.wait()
    second = await (await engine.regenerate(chat, first.id)).wait()
    assert [m.text for m in chat.path] == ["hi", "Howdy"]
    assert chat.variants(second.id) == (1, (first.id, second.id))
    await engine.select_variant(chat, first.id)
    assert [m.text for m in chat.path] == ["hi", "Hello"]
    assert sent_messages(server.requests[1].body) == [("user", "hi")]


async def test_editing_resends_as_a_sibling(open_engine: Opener) -> None:
    engine, server = await open_engine([HELLO, openai_chat_stream(["Better"])])
    chat, reply = await ask(engine, "hy")
    await reply.wait()
    asked = chat.path[0]
    await (await engine.edit_and_resend(chat, asked.id, "hi")).wait()
    assert [m.text for m in chat.path] == ["hi", "Better"]
    assert sent_messages(server.requests[1].body) == [("user", "hi")]
    assert len(await engine.vault.messages(chat.id)) == 4


async def test_a_cut_reply_goes_on_where_it_ended(open_engine: Opener) -> None:
    engine, _ = await open_engine([cut_after(HELLO, 2), openai_chat_stream(["lo"])])
    chat, reply = await ask(engine)
    cut = await reply.wait()
    rest = await (await engine.continue_reply(chat, cut.id)).wait()
    assert [m.text for m in chat.path] == ["hi", "Hel", "lo"]
    assert rest.parent_id == cut.id


async def test_queued_messages_go_when_the_reply_ends_and_wait_after_a_stop(
    open_engine: Opener,
) -> None:
    gate = Gate()
    engine, server = await open_engine([gated_after(HELLO, 2, gate), openai_chat_stream(["Two"])])
    chat, reply = await ask(engine)
    await engine.waiting.put(chat, "next")
    with pytest.raises(UsageError):
        await engine.send(chat, "now")
    gate.open()
    await reply.wait()
    await server.wait_for_request(2)
    async for _ in reply.follow():
        pass
    assert chat.reply is not None
    await chat.reply.wait()
    assert [m.text for m in chat.path] == ["hi", "Hello", "next", "Two"]
    assert chat.queue == []


async def test_a_refused_parameter_is_dropped_once_and_remembered(open_engine: Opener) -> None:
    refusal = json_answer(
        {
            "error": {
                "message": "Unsupported parameter: 'temperature' is not supported.",
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "unsupported_parameter",
            }
        },
        status=400,
    )
    engine, server = await open_engine([refusal, HELLO, HELLO])
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, params=Params(temperature=0.5))
    reply = await engine.send(chat, "hi")
    assert (await reply.wait()).text == "Hello"
    notices = [event async for event in reply.follow() if isinstance(event, Notice)]
    assert notices == [Notice("parameter_dropped", "temperature")]
    message = await (await engine.send(chat, "again")).wait()
    bodies = [json.loads(request.body) for request in server.requests]
    assert ["temperature" in body for body in bodies] == [True, False, False]
    assert [(item.kind, item.name) for item in message.left_out] == [("parameter", "temperature")]


async def test_thinking_that_the_provider_no_longer_takes_is_left_out_and_named(
    open_engine: Opener,
) -> None:
    from servers import anthropic_stream

    refusal = json_answer(
        {"type": "error", "error": {"type": "invalid_request_error", "message": "thinking blocks "
         "cannot be modified"}}, status=400,
    )  # fmt: skip
    thought = anthropic_stream(["yes"], thinking=["hmm"])
    engine, server = await open_engine([thought, refusal, thought], wire="anthropic")
    chat, reply = await ask(engine)
    await reply.wait()
    message = await (await engine.send(chat, "sure?")).wait()
    assert message.text == "yes"
    assert ("thinking", 1, "refused_by_provider") in [
        (item.kind, item.count, item.reason) for item in message.left_out
    ]
    kinds = [
        [block["type"] for m in json.loads(request.body)["messages"] if m["role"] == "assistant"
         for block in (m["content"] if isinstance(m["content"], list) else [{"type": "text"}])]
        for request in server.requests[1:]
    ]  # fmt: skip
    assert kinds == [["thinking", "text"], ["text"]]


async def test_without_a_key_nothing_leaves_and_nothing_is_stored(open_engine: Opener) -> None:
    engine, server = await open_engine(HELLO)
    await engine.providers.add_endpoint(
        Endpoint("closed", "openai-chat", server.url, needs_key=True)
    )
    chat = await engine.new_chat(model=ModelRef("closed", "m"))
    with pytest.raises(KeyMissing):
        await engine.send(chat, "hi")
    assert server.requests == []
    assert await engine.chats() == []


async def test_a_key_is_sent_in_its_header_and_kept_out_of_the_exchange(
    open_engine: Opener,
) -> None:
    engine, server = await open_engine(HELLO)
    await engine.providers.set_key("scripted", "sk-very-secret-1234")
    _, reply = await ask(engine)
    message = await reply.wait()
    assert ("authorization", "Bearer sk-very-secret-1234") in [
        (name.lower(), value) for name, value in server.requests[0].headers
    ]
    exchange = await engine.vault.exchange(message.id)
    assert "sk-very-secret" not in repr(exchange)
    status = engine.providers.key_status("scripted")
    assert status is not None
    assert (status.source, status.last4) == ("vault", "1234")


async def test_a_key_does_not_follow_a_base_url_that_changed(open_engine: Opener) -> None:
    engine, server = await open_engine(HELLO)
    await engine.providers.set_key("scripted", "sk-very-secret-1234")
    await engine.providers.add_endpoint(
        Endpoint("scripted", "openai-chat", server.url + "/other", needs_key=False)
    )
    assert engine.providers.key_status("scripted") is None
    _, reply = await ask(engine)
    await reply.wait()
    assert "sk-very-secret" not in repr(server.requests[0].headers)


async def test_an_incognito_chat_never_touches_the_vault(open_engine: Opener) -> None:
    engine, _ = await open_engine(HELLO)
    chat = await engine.new_chat(model=MODEL, is_incognito=True)
    await (await engine.send(chat, "secret plan")).wait()
    assert await engine.vault.conversations() == []
    assert engine.recent_prompts() == []
    assert [c.title for c in await engine.chats()] == ["secret plan"]


async def test_closing_the_engine_seals_what_arrives(open_engine: Opener) -> None:
    engine, _ = await open_engine(gated_after(HELLO, 2, Gate()))
    chat, reply = await ask(engine)
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            break
    await engine._talk.stop_all()
    assert [m.text for m in await engine.vault.messages(chat.id)] == ["hi", "Hel"]


async def test_a_server_that_never_answers_can_be_stopped(open_engine: Opener) -> None:
    engine, server = await open_engine(Answer(before_head=(Stall(),)))
    _, reply = await ask(engine)
    await server.wait_for_request()
    reply.stop()
    message = await reply.wait()
    assert message.finish is Finish.STOPPED
    assert message.role is Role.ASSISTANT
    await reply.closed()
    assert [e async for e in reply.follow() if isinstance(e, (Notice, VerdictReady))] == []


async def test_the_plan_names_what_will_not_go(open_engine: Opener) -> None:
    thinking = openai_chat_stream(["yes"], thinking=["hmm"])
    engine, _ = await open_engine(thinking)
    chat, reply = await ask(engine)
    await reply.wait()
    plan = await engine.plan(chat, (), model=ModelRef("scripted", "other"))
    assert [(item.kind, item.count) for item in plan.left_out] == [("thinking", 1)]
    assert plan.message_count == 2
    assert plan.context_tokens > 0


async def test_a_cloud_model_behind_ones_own_ollama_is_not_local(open_engine: Opener) -> None:
    engine, server = await open_engine([HELLO, HELLO])
    own = replace(engine.providers.endpoint("scripted"), is_own=True)
    await engine.providers.remove_endpoint("scripted")
    await engine.providers.add_endpoint(own)
    states = dict[str, State]()
    for model in ("gpt-oss:20b", "gpt-oss:120b-cloud"):
        chat = await engine.new_chat(model=ModelRef("scripted", model))
        reply = await engine.send(chat, "hi")
        async for event in reply.follow():
            if isinstance(event, VerdictReady):
                states[model] = event.verdict.state
    assert states == {"gpt-oss:20b": State.LOCAL, "gpt-oss:120b-cloud": State.TLS_ONLY}
    await engine.update_chat(chat, policy="device")
    with pytest.raises(PolicyRefused):
        await engine.send(chat, "and this?")
    assert len(server.requests) == 2
