"""What must be withstood, on each wire: every end has its kind and its words, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.conftest import MODEL, Opener
from engine.vendor_errors import REFUSALS
from servers import (
    Answer,
    Cut,
    ScriptedProxy,
    ScriptedServer,
    Stall,
    anthropic_stream,
    gemini_stream,
    html_error,
    json_answer,
    make_certificate,
    ollama_stream,
    openai_chat_stream,
    openai_responses_stream,
)
from troth.domain.event import RetryScheduled, TextDelta
from troth.domain.message import Finish, Message
from troth.domain.model import Endpoint, Params
from troth.engine.engine import Engine
from troth.explain import explain_failure

STREAMS: dict[str, Callable[..., Answer]] = {
    "openai-chat": openai_chat_stream,
    "openai-responses": openai_responses_stream,
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
    "ollama": ollama_stream,
}
WIRES = tuple(STREAMS)
SOON = (("retry-after-ms", "1"),)
"""Lets a test see the tries that a person would wait for."""


def hello(wire: str) -> Answer:
    return STREAMS[wire](["Hel", "lo"])


def first_half(wire: str) -> tuple[bytes, ...]:
    """The bytes of a stream up to the first piece of text."""
    steps: list[bytes] = []
    for step in hello(wire).steps:
        assert isinstance(step, bytes)
        steps.append(step)
        if b"Hel" in step:
            return tuple(steps)
    raise AssertionError("the stream holds no text")


def after_text(wire: str, *more: object) -> Answer:
    return replace(hello(wire), steps=(*first_half(wire), *more))  # type: ignore[arg-type]


async def told(engine: Engine, text: str = "keep me") -> tuple[Message, int]:
    """Ask, and return the sealed reply and how many more tries were announced."""
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, text)
    message = await reply.wait()
    retries = [event async for event in reply.follow() if isinstance(event, RetryScheduled)]
    assert chat.path[0].text == text
    stored = await engine.vault.messages(chat.id)
    assert [m.text for m in stored] == [text, message.text]
    return message, len(retries)


def assert_explained(message: Message, kind: str) -> None:
    assert message.failure is not None
    assert message.failure.kind == kind
    words = explain_failure(message.failure)
    assert all((words.title, words.detail, words.next_step))
    assert "{" not in words.title + words.detail + words.next_step


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("kind", REFUSALS["anthropic"])
async def test_every_refusal_of_every_vendor_has_its_kind(
    open_engine: Opener, wire: str, kind: str
) -> None:
    status, body = REFUSALS[wire][kind]
    headers = SOON if kind in {"rate-limited", "server-failed"} else ()
    answer = json_answer(body, status=status, headers=headers)
    engine, server = await open_engine([answer, hello(wire)], wire=wire)
    message, retries = await told(engine)
    if headers:
        # It passes by itself: asked again with the same bytes, and answered.
        assert (message.text, message.failure, retries) == ("Hello", None, 1)
        assert server.requests[0].body == server.requests[1].body
        return
    assert message.finish is Finish.FAILED
    assert_explained(message, kind)
    assert (retries, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_server_that_stays_down_is_given_up(
    open_engine: Opener, wire: str, status: int
) -> None:
    down = replace(html_error(status), headers=(("content-type", "text/html"), *SOON))
    engine, server = await open_engine(down, wire=wire)
    message, retries = await told(engine)
    assert_explained(message, "server-failed")
    assert (retries, len(server.requests)) == (2, 3)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (html_error(200, "Log in to the network"), "reply-malformed"),
        (Answer(200, (("content-type", "text/event-stream"),)), "reply-malformed"),
        (Answer(200, (("content-type", "application/json"),), (b"{}",)), None),
        (Answer(200, (("content-type", "text/plain"),), (b"upstream said no",)), None),
        (Answer(302, (("location", "https://login.example.test/"),)), "reply-malformed"),
    ],
)
async def test_an_answer_that_is_no_reply_says_so(
    open_engine: Opener, wire: str, answer: Answer, kind: str | None
) -> None:
    engine, server = await open_engine(answer, wire=wire)
    message, _ = await told(engine)
    assert message.failure is not None
    assert_explained(message, kind or message.failure.kind)
    assert len(server.requests) == 1


ERRORS_AFTER_TEXT = {
    "openai-chat": {"error": {"message": "Provider disconnected", "code": 502}},
    "openai-responses": {"type": "error", "code": "server_error", "message": "boom"},
    "anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    "gemini": {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}},
    "ollama": {"error": "llama runner process has terminated"},
}


@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_after_text_keeps_the_text_and_is_not_tried_again(
    open_engine: Opener, wire: str
) -> None:
    error = json.dumps(ERRORS_AFTER_TEXT[wire]).encode()
    line = error + b"\n" if wire == "ollama" else b"data: " + error + b"\n\n"
    engine, server = await open_engine(after_text(wire, line), wire=wire)
    message, retries = await told(engine)
    assert (message.text, message.finish) == ("Hel", Finish.CUT)
    assert_explained(message, "server-failed")
    assert (retries, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("end", ["cut", "quiet end"])
async def test_a_stream_without_its_end_is_cut(open_engine: Opener, wire: str, end: str) -> None:
    steps = (Cut(),) if end == "cut" else ()
    engine, server = await open_engine(after_text(wire, *steps), wire=wire)
    message, retries = await told(engine)
    assert (message.text, message.finish) == ("Hel", Finish.CUT)
    assert message.failure is not None
    assert_explained(message, message.failure.kind)
    assert (retries, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_server_that_falls_silent_can_be_stopped_and_keeps_its_text(
    open_engine: Opener, wire: str
) -> None:
    engine, server = await open_engine(after_text(wire, Stall()), wire=wire)
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    async for event in reply.follow():
        if isinstance(event, TextDelta):
            reply.stop()
            break
    message = await reply.wait()
    assert (message.text, message.finish, message.failure) == ("Hel", Finish.STOPPED, None)
    await server.wait_for_disconnect()


EMPTY_ENDS: dict[str, Answer] = {
    "openai-chat": openai_chat_stream([]),
    "openai-responses": openai_responses_stream([]),
    "anthropic": anthropic_stream([]),
    "gemini": gemini_stream([""]),
    "ollama": ollama_stream([]),
}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_whole_reply_without_a_word_says_so(open_engine: Opener, wire: str) -> None:
    engine, _ = await open_engine(EMPTY_ENDS[wire], wire=wire)
    message, _ = await told(engine)
    assert message.finish is Finish.STOP
    assert_explained(message, "reply-empty")


REFUSED_ENDS: dict[str, Answer] = {
    "openai-chat": openai_chat_stream([], finish="content_filter"),
    "anthropic": anthropic_stream([], finish="refusal"),
    "gemini": gemini_stream([""], finish="SAFETY"),
}


@pytest.mark.parametrize("wire", REFUSED_ENDS)
async def test_a_filter_that_stops_a_reply_is_named(open_engine: Opener, wire: str) -> None:
    engine, _ = await open_engine(REFUSED_ENDS[wire], wire=wire)
    message, _ = await told(engine)
    assert message.finish is Finish.REFUSED
    assert_explained(message, "content-refused")


async def test_thinking_that_ate_all_tokens_is_named(open_engine: Opener) -> None:
    engine, _ = await open_engine(openai_chat_stream([], thinking=["hm"], finish="length"))
    message, _ = await told(engine)
    assert (message.thinking, message.finish) == ("hm", Finish.LENGTH)
    assert_explained(message, "tokens-spent")


async def test_a_refusal_in_the_models_own_words_is_an_answer(open_engine: Opener) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"refusal": "I would rather not."}}]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = [f"data: {json.dumps(value)}\n\n".encode() for value in (chunk, last)]
    engine, _ = await open_engine(
        Answer(200, (("content-type", "text/event-stream"),), tuple(lines))
    )
    message, _ = await told(engine)
    assert (message.text, message.finish) == ("I would rather not.", Finish.REFUSED)
    assert message.failure is None


NETWORK = {
    "https://no-such-host.invalid/v1": "host-unknown",
    "http://127.0.0.1:9/v1": "connect-failed",
}


@pytest.mark.parametrize("url", NETWORK)
async def test_a_network_that_leads_nowhere_is_named(open_engine: Opener, url: str) -> None:
    engine, _ = await open_engine(hello("openai-chat"))
    await engine.providers.add_endpoint(Endpoint("scripted", "openai-chat", url, needs_key=False))
    message, _ = await told(engine)
    assert message.finish is Finish.FAILED
    assert_explained(message, NETWORK[url])


async def test_a_certificate_that_proves_nothing_is_named(open_engine: Opener) -> None:
    engine, _ = await open_engine(hello("openai-chat"))
    async with ScriptedServer(hello("openai-chat"), certificate=make_certificate()) as server:
        url = server.url + "/v1"
        assert url.startswith("https://")
        await engine.providers.add_endpoint(
            Endpoint("scripted", "openai-chat", url, needs_key=False)
        )
        message, retries = await told(engine)
    assert_explained(message, "tls-failed")
    assert (retries, len(server.requests)) == (0, 0)


async def test_a_proxy_that_refuses_is_named(
    open_engine: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedProxy(refuses_with=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        engine, _ = await open_engine(hello("openai-chat"))
        await engine.providers.add_endpoint(
            Endpoint("scripted", "openai-chat", "https://api.example.test/v1", needs_key=False)
        )
        message, _ = await told(engine)
    assert_explained(message, "proxy-failed")


LIMIT_REFUSED = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}


async def test_a_limit_of_tokens_goes_under_its_other_name_and_that_is_remembered(
    open_engine: Opener,
) -> None:
    answer = hello("openai-chat")
    engine, server = await open_engine([json_answer(LIMIT_REFUSED, status=400), answer, answer])
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, params=Params(max_output_tokens=300))
    first = await (await engine.send(chat, "hi")).wait()
    second = await (await engine.send(chat, "again")).wait()
    bodies = [json.loads(request.body) for request in server.requests]
    names = [[name for name in body if name.startswith("max_")] for body in bodies]
    assert names == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]
    assert bodies[2]["max_completion_tokens"] == 300
    assert first.left_out == second.left_out == ()
    assert second.params.max_output_tokens == 300


async def test_a_limit_that_has_no_legal_name_is_dropped_and_said(open_engine: Opener) -> None:
    other = json.loads(json.dumps(LIMIT_REFUSED).replace("max_tokens", "max_completion_tokens"))
    refusals = [json_answer(LIMIT_REFUSED, status=400), json_answer(other, status=400)]
    engine, server = await open_engine([*refusals, hello("openai-chat")])
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, params=Params(max_output_tokens=300))
    message = await (await engine.send(chat, "hi")).wait()
    assert message.text == "Hello"
    assert not any("max_" in name for name in json.loads(server.requests[2].body))


async def test_a_prompt_that_ollama_would_cut_is_known_before_it_is_sent(
    open_engine: Opener,
) -> None:
    engine, _ = await open_engine(hello("ollama"), wire="ollama")
    chat = await engine.new_chat(model=MODEL)
    plan = await engine.plan(chat, ())
    assert plan.cuts_silently
    assert plan.context_limit == 16_384
