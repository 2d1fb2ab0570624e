"""Replies that prove less than their chat asks for stay out of what later models are given."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.opengradient_home import MODEL
from engine.test_opengradient_sealing import Stage, stage
from troth.domain.verdict import State, Verdict
from troth.engine.boundary import falls_short, held_back

__all__ = ["stage"]


@pytest.mark.parametrize(
    ("state", "policy", "is_short"),
    [
        (State.FAILED, "any", True),
        (State.UNSIGNED_EXPECTED, "any", True),
        (State.TLS_ONLY, "any", False),
        (State.TLS_ONLY, "signed", True),
        (State.STALE, "signed", True),
        (State.SIGNED_UNKNOWN_KEY, "signed", True),
        (State.PARTLY_COVERED, "signed", False),
        (State.VERIFIED_PINNED, "signed", False),
        (State.VERIFIED_PINNED, "attested", True),
        (State.VERIFIED_CODE_UNKNOWN, "attested", True),
        (State.VERIFIED_ATTESTED, "attested", False),
        (State.VERIFIED_ATTESTED, "device", True),
        *((State.LOCAL, policy, False) for policy in ("any", "signed", "attested", "device")),
    ],
)
def test_what_falls_short_of_a_policy(state: State, policy: str, is_short: bool) -> None:
    assert falls_short(Verdict(state, "none", (), datetime.now(UTC)), policy) is is_short


async def test_a_reply_below_the_policy_is_left_out_and_let_in_by_a_word(stage: Stage) -> None:
    await stage.open(by_registry=False)  # nobody vouches for the key
    engine = stage.engine
    chat = await engine.new_chat(model=MODEL)
    message, verdict = await stage.home.ask(chat, "one")
    assert verdict is not None
    assert verdict.state is State.SIGNED_UNKNOWN_KEY
    await engine.update_chat(chat, policy="signed")
    assert held_back(chat) == {message.id: "below_policy"}
    plan = await engine.plan(chat)
    assert [(left.kind, left.reason) for left in plan.left_out] == [("short_reply", "below_policy")]
    await engine.proofs.allow(chat, message.id, is_allowed=True)
    assert held_back(chat) == {}
    assert (await engine.plan(chat)).left_out == ()
