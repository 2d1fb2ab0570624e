"""A gateway by its URL: what its replies are worth with a pin, without, and when it changes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from enclaves import Enclave, event_stream
from servers import Answer, RecordedRequest, ScriptedServer
from troth.domain.error import PolicyRefused
from troth.domain.message import BlobPart, Finish, Message
from troth.domain.model import Endpoint, ModelRef, Params
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.engine.opengradient.pinning import pinned_key
from troth.settings import find_paths
from troth.verifiers.trust import fingerprint_of
from tui.pictures import quarters
from verifiers.signer import Gateway, make_key

MODEL = ModelRef("og", "gpt-4.1")
Script = Callable[[RecordedRequest], Answer]
Opener = Callable[..., Awaitable[tuple[Engine, ScriptedServer]]]


@pytest.fixture
async def open_gateway(tmp_path: Path) -> AsyncIterator[Opener]:
    """Return a function that opens an engine whose provider `og` is a scripted gateway."""
    async with AsyncExitStack() as stack:

        async def opener(script: Script, *, pin: Gateway | None = None, suffix: str = ""):
            server = await stack.enter_async_context(ScriptedServer(script))
            home = {"TROTH_HOME": str(tmp_path)}
            engine = await Engine.open(paths=find_paths(home), environ=home)
            await stack.enter_async_context(engine)
            endpoint = Endpoint("og", "opengradient", server.url + suffix, needs_key=False)
            await engine.providers.add_endpoint(endpoint)
            if pin is not None:
                key = pinned_key(pin.pem.encode(), "og", source="test")
                await engine.proofs.trust_file.pin(key)
            return engine, server

        yield opener


async def ask(
    engine: Engine, chat: Chat, text: str = "Grüße, 你好?"
) -> tuple[Message, Verdict | None]:
    reply = await engine.send(chat, text)
    async for _ in reply.follow():
        pass
    assert reply.message is not None
    return reply.message, reply.verdict


def outcome(verdict: Verdict, name: str) -> Outcome:
    return next(check.outcome for check in verdict.checks if check.name == name)


@pytest.mark.parametrize("suffix", ["", "/v1"])
async def test_a_pinned_gateways_reply_is_verified(open_gateway: Opener, suffix: str) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=enclave.gateway, suffix=suffix)
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await ask(engine, chat)
    assert message.text == "".join(enclave.words)
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED, verdict
    assert verdict.scheme == "opengradient/v1"


async def test_every_parameter_that_is_signed_is_sent_as_it_is_signed(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(
        chat,
        system_prompt='Be "brief" \u2028 naïve',
        params=Params(temperature=0.7, max_output_tokens=64, stop=("ß", "END")),
    )
    for turn in ("one", "two\u0000😀"):
        _, verdict = await ask(engine, chat, turn)
        assert verdict is not None
        assert verdict.state is State.VERIFIED_PINNED, verdict
    sent = enclave.asked[-1].json()
    assert sent["max_tokens"] == 64
    assert "stream_options" not in sent
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "user"]


async def test_a_gateway_that_signs_the_effort_is_verified_and_says_so(
    open_gateway: Opener,
) -> None:
    enclave = Enclave(Gateway(signs_effort=True))
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    schemes: list[str] = []
    for effort in ("high", None):
        await engine.update_chat(chat, params=Params(effort=effort))
        _, verdict = await ask(engine, chat)
        assert verdict is not None
        assert verdict.state is State.VERIFIED_PINNED, verdict
        schemes.append(verdict.scheme)
    assert enclave.asked[0].json()["reasoning_effort"] == "high"
    assert schemes == ["opengradient/v3", "opengradient/v1"]


async def test_a_picture_without_a_word_is_kept_and_said_to_be_unsigned(
    open_gateway: Opener,
) -> None:
    """As gateways answer for image models: it stands in the last frame, and is called a JPEG."""
    url = f"data:image/jpeg;base64,{base64.b64encode(quarters()).decode()}"
    enclave = Enclave(words=(), beside={"images": [url], "moderation": {"flagged": False}})
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=ModelRef("og", "gpt-image-2"))
    message, verdict = await ask(engine, chat)
    (part,) = message.parts
    assert isinstance(part, BlobPart)
    assert part.blob.media_type == "image/png"
    assert await engine.blob(chat, part.blob.sha256) == quarters()
    assert message.failure is None
    assert verdict is not None
    assert verdict.state is State.PARTLY_COVERED, verdict
    told = {check.name: check.detail for check in verdict.checks}
    assert "images" in told["coverage"]
    assert "no text" in told["reply-bytes"]


async def test_an_unpinned_gateway_is_a_valid_signature_of_nobody(open_gateway: Opener) -> None:
    engine, _ = await open_gateway(Enclave())
    _, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert verdict is not None
    assert verdict.state is State.SIGNED_UNKNOWN_KEY


async def test_a_gateway_with_another_key_than_the_pinned_gets_no_prompt(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=Gateway(make_key("other")))
    message, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert message.finish is Finish.FAILED
    assert message.failure is not None
    assert message.failure.kind == "enclave-refused"
    assert "restarted with a new key" in message.failure.facts["reason"]
    assert verdict is None
    assert enclave.asked == []


async def test_a_key_that_changes_in_mid_chat_fails_aloud(open_gateway: Opener) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    await ask(engine, chat)
    enclave.gateway = Gateway(make_key("restarted"))
    _, verdict = await ask(engine, chat)
    assert verdict is not None
    assert verdict.state is State.FAILED
    assert any("restarted with a new key" in check.detail for check in verdict.checks)
    assert len(enclave.asked) == 2
    message, _ = await ask(engine, chat)
    assert len(enclave.asked) == 2
    assert message.failure is not None
    assert message.failure.kind == "enclave-refused"


async def test_a_refusal_is_never_by_what_the_gateway_said_before(open_gateway: Opener) -> None:
    """Refused once, and right again: nobody has to leave the app or wait for minutes."""
    first, second = Gateway(), Gateway(make_key("restarted"))
    enclave = Enclave(first, served=second)
    engine, _ = await open_gateway(enclave, pin=first)
    chat = await engine.new_chat(model=MODEL)
    message, _ = await ask(engine, chat)
    assert message.failure is not None
    assert message.failure.kind == "enclave-refused"
    enclave.served = None
    _, verdict = await ask(engine, chat)
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED, verdict


async def test_a_new_pin_counts_for_the_next_message(open_gateway: Opener) -> None:
    """The gateway was restarted and its new key pinned, minutes after the old one was asked for."""
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    await ask(engine, chat)
    enclave.gateway = Gateway(make_key("restarted"))
    trust_file = engine.proofs.trust_file
    await trust_file.unpin(fingerprint_of(Gateway().spki))
    await trust_file.pin(pinned_key(enclave.gateway.pem.encode(), "og", source="test"))
    _, verdict = await ask(engine, chat)
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED, verdict


async def test_a_restart_of_an_unpinned_gateway_is_seen_and_nothing_worse(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave)
    chat = await engine.new_chat(model=MODEL)
    _, first = await ask(engine, chat)
    enclave.gateway = Gateway(make_key("restarted"))
    _, second = await ask(engine, chat)
    assert first is not None
    assert second is not None
    assert second.state is State.SIGNED_UNKNOWN_KEY
    assert second.key_fingerprint != first.key_fingerprint


async def test_a_stripped_signature_is_loud_from_the_first_reply_on(open_gateway: Opener) -> None:
    enclave = Enclave()

    def strip(request: RecordedRequest) -> Answer:
        answer = enclave(request)
        if request.path != "/v1/chat/completions":
            return answer
        kept = [
            step
            for step in answer.steps
            if isinstance(step, bytes) and b"tee_signature" not in step
        ]
        return replace(answer, steps=tuple(kept))

    engine, _ = await open_gateway(strip)
    _, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert verdict is not None
    assert verdict.state is State.UNSIGNED_EXPECTED


@pytest.mark.parametrize(
    ("offset_s", "check", "state"),
    [(-86_400, "freshness", State.STALE), (86_400, "clock", State.CANNOT_CHECK)],
)
async def test_a_clock_off_by_a_day_has_words_of_its_own(
    open_gateway: Opener, offset_s: int, check: str, state: State
) -> None:
    enclave = Enclave(clock_offset_s=offset_s)
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    _, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert verdict is not None
    assert outcome(verdict, check) is Outcome.CANNOT_CHECK
    assert verdict.state is state


async def test_a_replayed_reply_fails(open_gateway: Opener) -> None:
    enclave = Enclave()
    kept: list[Answer] = []

    def replay(request: RecordedRequest) -> Answer:
        if request.path != "/v1/chat/completions":
            return enclave(request)
        if not kept:
            kept.append(enclave(request))
        return kept[0]

    engine, _ = await open_gateway(replay, pin=enclave.gateway)
    first = await engine.new_chat(model=MODEL)
    await ask(engine, first)
    _, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert verdict is not None
    assert verdict.state is State.FAILED
    assert outcome(verdict, "replay") is Outcome.FAILED


async def test_a_cut_stream_is_incomplete_and_no_failure(open_gateway: Opener) -> None:
    enclave = Enclave()

    def cut(request: RecordedRequest) -> Answer:
        answer = enclave(request)
        if request.path != "/v1/chat/completions":
            return answer
        return event_stream(answer.body.partition(b'data: {"choices": [{"delta": {}')[0])

    engine, _ = await open_gateway(cut, pin=enclave.gateway)
    message, verdict = await ask(engine, await engine.new_chat(model=MODEL))
    assert message.finish is Finish.CUT
    assert verdict is not None
    assert verdict.state is State.INCOMPLETE


async def test_a_chat_for_attested_models_sends_nothing_to_a_pinned_gateway(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()
    engine, _ = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    await engine.update_chat(chat, policy="attested")
    message, _ = await ask(engine, chat)
    assert message.failure is not None
    assert message.failure.kind == "enclave-refused"
    assert enclave.asked == []
    await engine.update_chat(chat, policy="signed")
    _, verdict = await ask(engine, chat)
    assert verdict is not None
    assert verdict.is_verified
    await engine.update_chat(chat, policy="device")
    with pytest.raises(PolicyRefused):
        await engine.send(chat, "hi")


async def test_evidence_is_asked_for_once_and_stands_beside_every_reply(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()
    engine, server = await open_gateway(enclave, pin=enclave.gateway)
    chat = await engine.new_chat(model=MODEL)
    messages = [(await ask(engine, chat, text))[0] for text in ("a", "b", "c")]
    asked = [r.path.partition("?")[0] for r in server.requests]
    assert asked.count("/signing-key") == 1
    for message in messages:
        assert "signing-key" in await engine.proofs.evidence(chat, message.id)
        again = await engine.proofs.check_again(chat, message.id)
        assert again.state is State.VERIFIED_PINNED


async def test_a_gateway_that_lists_no_models_still_has_those_that_gateways_carry(
    open_gateway: Opener,
) -> None:
    enclave = Enclave()

    def listless(request: RecordedRequest) -> Answer:
        return Answer(status=404) if request.path == "/v1/models" else enclave(request)

    engine, _ = await open_gateway(listless)
    listed = await engine.providers.refresh_models("og")
    assert ModelRef("og", "gpt-4.1") in {info.ref for info in listed}
    assert {
        choice.info.ref for choice in engine.providers.models() if choice.endpoint.name == "og"
    } == {info.ref for info in listed}
