"""og-veil: its word is shown as a word, and what it passes on is checked here as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from enclaves import Enclave, Registry, registry_record
from engine.opengradient_home import ADDRESS, Home, outcome
from servers import Answer, RecordedRequest, json_answer
from troth.domain.verdict import Outcome, State
from troth.explain import explain_failure
from verifiers.signer import Gateway, make_key


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


class Veil(Enclave):
    """Passes the enclave's frames on, with headers of its own."""

    strips = False

    def chat(self, request: RecordedRequest) -> Answer:
        answer = super().chat(request)
        if self.strips:
            kept = [s for s in answer.steps if isinstance(s, bytes) and b"tee_signature" not in s]
            answer = replace(answer, steps=tuple(kept))
        marks = (
            ("X-OpenGradient-Verified", "true"),
            ("X-OpenGradient-TEE-Id", self.gateway.tee_id),
        )
        return replace(answer, headers=(*answer.headers, *marks))


async def test_a_reply_is_checked_again_where_it_carries_its_proof(home: Home) -> None:
    veil = Veil()
    server = await home.serve(veil)
    registry = await home.serve(Registry([registry_record(veil.gateway)]))
    await home.open(server.url, route="veil", registry=f"{registry.url}:{ADDRESS}")
    _, verdict = await home.ask()
    assert verdict is not None
    assert verdict.state is State.VERIFIED_REGISTRY, verdict
    assert any("its word" in check.detail for check in verdict.checks)


async def test_its_word_alone_is_never_green(home: Home) -> None:
    veil = Veil()
    veil.strips = True
    server = await home.serve(veil)
    await home.open(server.url, route="veil")
    _, verdict = await home.ask()
    assert verdict is not None
    assert not verdict.is_verified
    assert any("og-veil says that it verified" in check.detail for check in verdict.checks)


class LoggedOut(Veil):
    """Its account's login has ended."""

    def chat(self, request: RecordedRequest) -> Answer:
        return json_answer({"detail": "Not authenticated"}, status=401)


async def test_a_login_that_it_lacks_is_its_own_matter(home: Home) -> None:
    """A key of Troth's would not help, and `troth login` logs in elsewhere."""
    server = await home.serve(LoggedOut())
    await home.open(server.url, route="veil")
    message, verdict = await home.ask()
    assert verdict is None
    assert message.failure is not None
    assert message.failure.kind == "login-elsewhere"
    assert "og-veil itself" in explain_failure(message.failure).next_step


async def test_a_pin_that_the_registry_does_not_share_is_told(home: Home) -> None:
    veil = Veil()
    server = await home.serve(veil)
    registry = await home.serve(Registry([registry_record(Gateway(make_key("another")))]))
    place = f"{registry.url}:{ADDRESS}"
    await home.open(server.url, pin=veil.gateway, route="veil", registry=place)
    _, verdict = await home.ask()
    assert verdict is not None
    assert verdict.state is State.VERIFIED_PINNED, "a pin is the user's own decision"
    assert outcome(verdict, "registry") is Outcome.CANNOT_CHECK
