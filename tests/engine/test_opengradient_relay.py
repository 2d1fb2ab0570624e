"""Through the relay: sealed to a key that was checked first, opened as it comes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from enclaves import Enclave, Registry, Relay, registry_record
from engine.opengradient_home import ADDRESS, MODEL, Home, failure_of
from servers import Answer, ScriptedServer, json_answer
from troth.domain.error import LoginFailed
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.message import Finish
from troth.domain.verdict import State
from troth.engine.engine import Engine
from troth.transport import Transport
from troth.verifiers.eth_abi import word
from verifiers.signer import Gateway, make_key

PROMPT = "Grüße, 你好?"


class Stage:
    """A relay with its enclave, the registry that lists it, and a user who is logged in."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.relay = Relay(Enclave(Gateway(make_key("relayed"))))
        self.chain = Registry([])
        self.list_enclave()
        self.refreshes: list[bytes] = []
        self.no_token: Answer | None = None
        """Answered in place of a fresh token."""
        self.server: ScriptedServer
        self.registry: ScriptedServer
        self.engine: Engine

    def list_enclave(self) -> None:
        gateway = self.relay.enclave.gateway
        self.chain.records = [registry_record(gateway, sealing=self.relay.public_key)]

    async def open(self, *, expires_at: float = 0, logs_in: bool = True) -> Engine:
        self.server = await self.home.serve(self._serve)
        self.registry = await self.home.serve(self.chain)
        place = f"{self.registry.url}:{ADDRESS}"
        self.engine = await self.home.open("", route="relay", registry=place)
        if logs_in:
            await log_in(self.engine, self.bundle(expires_at))
        return self.engine

    def bundle(self, expires_at: float = 0) -> dict[str, object]:
        return {
            "type": "opengradient-cli-auth",
            "access_token": "token-1",
            "refresh_token": "refresh-1",
            "expires_at": expires_at or None,
            "user": {"email": "me@example.com"},
            "config": self.config(),
        }

    def config(self) -> dict[str, str]:
        return {
            "chat_api_base_url": self.server.url,
            "supabase_url": self.server.url,
            "supabase_anon_key": "anon",
            "tee_registry_rpc_url": self.registry.url,
            "tee_registry_address": ADDRESS,
        }

    def _serve(self, request) -> Answer:  # type: ignore[no-untyped-def]
        if request.path.startswith("/auth/v1/token"):
            self.refreshes.append(request.body)
            if self.no_token is not None:
                return self.no_token
            self.relay.token = "token-2"
            fresh = {"access_token": "token-2", "refresh_token": "r2", "expires_in": 3600}
            return json_answer(fresh)
        return self.relay(request)


async def log_in(engine: Engine, bundle: dict[str, object]) -> None:
    """Do what the page in the browser does."""
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        engine.enclaves.log_in("og", opened.set_result, app_url="http://127.0.0.1:9")
    )
    redirect = parse_qs(urlsplit(await opened).query)["redirect_uri"][0]
    answer = await post(redirect, bundle)
    assert answer.status == 200
    await task


async def post(url: str, bundle: dict[str, object], **headers: str) -> HttpResponse:
    transport = Transport(use_environment=False)
    given = tuple((name, value) for name, value in headers.items())
    body = json.dumps(bundle).encode()
    request = HttpRequest("POST", url, (("content-type", "application/json"), *given), body)
    try:
        return await transport.send(request, purpose="test")
    finally:
        await transport.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(Home(tmp_path, stack))


async def test_a_sealed_reply_is_verified_and_its_inner_bytes_are_kept(stage: Stage) -> None:
    engine = await stage.open()
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await stage.home.ask(chat, PROMPT)
    assert message.text == "".join(stage.relay.enclave.words), message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY, verdict
    (sealed,) = stage.relay.asked
    assert PROMPT.encode() not in sealed.body
    assert sealed.header("x-ohttp-stream") == "true"
    assert sealed.header("x-tee-id") == stage.relay.enclave.gateway.tee_id
    assert sealed.header("content-type") == "message/ohttp-req"
    exchange = await engine.proofs.exchange(chat, message.id)
    assert json.loads(exchange.request_body) == stage.relay.opened[0]
    assert b"tee_signature" in exchange.response_body
    assert exchange.outer_sha256 == exchange.outer_sha256.lower()
    assert len(exchange.outer_sha256) == sha256().digest_size * 2
    again = await engine.proofs.check_again(chat, message.id)
    assert again.state is State.VERIFIED_REGISTRY
    seen = {
        s.who: (s.words, s.address) for s in engine.proofs.meaning(message, verdict).who_saw_what
    }
    assert seen["The relay"] == ("sealed", "yes")
    assert seen["The registry"] == ("no", "yes"), "whoever was asked saw an address"


async def test_no_token_stands_in_what_is_kept(stage: Stage) -> None:
    engine = await stage.open()
    chat = await engine.new_chat(model=MODEL)
    message, _ = await stage.home.ask(chat)
    receipt = await engine.proofs.receipt(chat, message.id)
    exchange = await engine.proofs.exchange(chat, message.id)
    for secret in ("token-1", "refresh-1"):
        assert secret.encode() not in receipt
        assert secret not in repr(exchange)


async def test_the_enclave_is_never_asked_directly(stage: Stage) -> None:
    await stage.open()
    await stage.home.ask()
    assert {entry.purpose for entry in stage.engine.ledger.entries} == {"registry", "chat, sealed"}


async def test_a_registry_without_sealing_keys_names_the_way_that_it_can_be_used(
    stage: Stage,
) -> None:
    """The published contract's records have none."""
    stage.chain.records = [registry_record(stage.relay.enclave.gateway)]
    await stage.open()
    message, _ = await stage.home.ask()
    kind, reason = failure_of(message)
    assert (kind, "take the direct route" in reason) == ("enclave-refused", True), reason
    assert stage.relay.asked == []


async def test_a_key_that_the_registry_does_not_list_gets_nothing(stage: Stage) -> None:
    stage.chain.records = []
    await stage.open()
    message, _ = await stage.home.ask()
    assert failure_of(message)[0] == "enclave-refused"
    assert stage.relay.asked == []


@pytest.mark.parametrize(
    ("status", "kind"), [(402, "no-credit"), (403, "access-denied"), (500, "server-failed")]
)
async def test_what_the_relay_says_in_the_clear_is_told(
    stage: Stage, status: int, kind: str
) -> None:
    stage.relay.refusal = Answer(
        status=status, headers=(("x-should-retry", "false"),), steps=(b"the relay says no",)
    )
    await stage.open()
    message, _ = await stage.home.ask()
    assert failure_of(message) == (kind, "the relay says no")


async def test_an_answer_in_the_clear_is_no_reply(stage: Stage) -> None:
    engine = await stage.open()
    stage.relay.refusal = stage.relay.enclave.reply_to(
        {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}], "stream": True}
    )
    message, _ = await stage.home.ask(await engine.new_chat(model=MODEL))
    assert failure_of(message)[0] == "seal-broken"
    assert message.text == ""


async def test_a_byte_that_was_changed_on_the_way_is_noticed(stage: Stage) -> None:
    stage.relay.spoil = lambda sealed: sealed[:-9] + bytes([sealed[-9] ^ 1]) + sealed[-8:]
    await stage.open()
    message, verdict = await stage.home.ask()
    assert failure_of(message)[0] == "seal-broken"
    assert verdict is None or not verdict.is_verified


async def test_a_missing_last_chunk_is_a_cut(stage: Stage) -> None:
    stage.relay.sends_last_chunk = False
    await stage.open()
    message, verdict = await stage.home.ask()
    assert message.finish is Finish.CUT
    assert verdict is not None
    assert verdict.state is State.INCOMPLETE


async def test_an_enclave_with_a_new_sealing_key_is_asked_again_once(stage: Stage) -> None:
    engine = await stage.open()
    chat = await engine.new_chat(model=MODEL)
    await stage.home.ask(chat)
    stage.relay.private_key = b"\x32" * 32
    stage.relay.enclave.gateway = Gateway(make_key("relayed anew"))
    stage.list_enclave()
    message, verdict = await stage.home.ask(chat, "again")
    assert message.finish is Finish.STOP, message.failure
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY
    assert len(stage.relay.asked) == 3


async def test_a_token_that_ended_is_refreshed(stage: Stage) -> None:
    await stage.open(expires_at=1.0)
    _, verdict = await stage.home.ask()
    assert verdict is not None
    assert verdict.is_verified
    assert [json.loads(body) for body in stage.refreshes] == [{"refresh_token": "refresh-1"}]


async def test_a_token_that_the_relay_refuses_is_refreshed_once(stage: Stage) -> None:
    await stage.open()
    stage.relay.token = "another"
    _, verdict = await stage.home.ask()
    assert verdict is not None
    assert verdict.is_verified
    assert len(stage.refreshes) == 1


async def test_a_relay_that_refuses_the_fresh_token_too_wants_a_new_login(stage: Stage) -> None:
    await stage.open()
    stage.relay.refusal = Answer(status=401, steps=(b"account closed",))
    message, _ = await stage.home.ask()
    assert failure_of(message)[0] == "login-missing"
    assert len(stage.relay.asked) == 2


async def test_an_account_server_that_fails_ends_no_login(stage: Stage) -> None:
    stage.no_token = Answer(status=500, headers=(("x-should-retry", "false"),), steps=(b"oh",))
    await stage.open(expires_at=1.0)
    message, _ = await stage.home.ask()
    assert failure_of(message)[0] == "server-failed"
    assert stage.relay.asked == []
    stage.no_token = None
    _, verdict = await stage.home.ask()
    assert verdict is not None
    assert verdict.is_verified


async def test_a_token_that_is_good_for_a_minute_more_is_used_while_there_is_no_new_one(
    stage: Stage,
) -> None:
    stage.no_token = Answer(status=500, steps=(b"oh",))
    await stage.open(expires_at=time.time() + 50)
    _, verdict = await stage.home.ask()
    assert verdict is not None
    assert verdict.is_verified
    assert len(stage.refreshes) == 1


async def test_a_question_that_the_enclave_cannot_open_is_no_matter_of_the_model(
    stage: Stage,
) -> None:
    await stage.open()
    stage.relay.private_key = b"\x33" * 32  # the registry has not heard of it yet
    message, _ = await stage.home.ask()
    kind, reason = failure_of(message)
    assert kind == "seal-broken"
    assert "could not open" in reason


async def test_an_enclave_that_the_relay_does_not_reach_is_left_for_another(stage: Stage) -> None:
    gone = Gateway(make_key("gone"))
    later = word(int(time.time()))
    stage.chain.records.insert(
        0, registry_record(gone, sealing=stage.relay.public_key, heartbeat=later)
    )
    stage.relay.unreached = (gone.tee_id,)
    await stage.open()
    chat = await stage.engine.new_chat(model=MODEL)
    message, _ = await stage.home.ask(chat)
    assert message.failure is not None
    _, verdict = await stage.home.ask(chat, "again")
    assert verdict is not None
    assert verdict.is_verified


async def test_the_relays_own_payment_session_is_not_kept(stage: Stage) -> None:
    stage.relay.headers = (("X-Upto-Session", "whoever-has-this-can-spend"),)
    engine = await stage.open()
    chat = await engine.new_chat(model=MODEL)
    message, _ = await stage.home.ask(chat)
    exchange = await engine.proofs.exchange(chat, message.id)
    assert exchange.response_headers
    assert "can-spend" not in repr(exchange)


async def test_without_a_login_nothing_is_sent(stage: Stage) -> None:
    await stage.open(logs_in=False)
    message, _ = await stage.home.ask()
    assert failure_of(message)[0] == "login-missing"
    assert stage.relay.asked == []


async def test_a_login_needs_the_state_that_was_given_out(stage: Stage) -> None:
    engine = await stage.open(logs_in=False)
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        engine.enclaves.log_in("og", opened.set_result, app_url="http://127.0.0.1:9")
    )
    asked = parse_qs(urlsplit(await opened).query)
    redirect = asked["redirect_uri"][0]
    bare = redirect.partition("?")[0]
    assert (await post(bare, stage.bundle())).status == 403
    assert (await post(bare + "?state=guess", stage.bundle())).status == 403
    assert (await post(redirect, stage.bundle() | {"state": "guess"})).status == 403
    assert (await post(redirect, stage.bundle(), origin="https://evil.example")).status == 403
    assert (await post(redirect, {"type": "other"})).status == 400
    assert not task.done()
    assert (await post(bare, stage.bundle() | {"state": asked["state"][0]})).status == 200
    assert (await task).account == "me@example.com"


async def test_a_login_page_may_not_choose_another_registry(stage: Stage) -> None:
    engine = await stage.open(logs_in=False)
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(engine.enclaves.log_in("og", opened.set_result))
    redirect = parse_qs(urlsplit(await opened).query)["redirect_uri"][0]
    bundle = stage.bundle()
    bundle["config"] = {**stage.config(), "tee_registry_address": "0x" + "66" * 20}
    await post(redirect, bundle, origin="https://chat.opengradient.ai")
    with pytest.raises(LoginFailed, match="registry"):
        await task


async def test_a_registry_that_the_user_named_for_the_provider_is_known(stage: Stage) -> None:
    engine = await stage.open(logs_in=False)
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(engine.enclaves.log_in("og", opened.set_result))
    redirect = parse_qs(urlsplit(await opened).query)["redirect_uri"][0]
    await post(redirect, stage.bundle(), origin="https://chat.opengradient.ai")
    assert (await task).registry.address == ADDRESS


async def test_a_login_can_be_copied_from_a_browser_elsewhere(stage: Stage) -> None:
    engine = await stage.open(logs_in=False)
    copied = json.dumps(stage.bundle(), indent=2).encode()
    assert (await engine.enclaves.take_login("og", copied)).account == "me@example.com"
    _, verdict = await stage.home.ask()
    assert verdict is not None
    assert verdict.is_verified
    with pytest.raises(LoginFailed):
        await engine.enclaves.take_login("og", b"ey.token")
