"""Chats whose replies have a verdict, for snapshots and for the README's pictures."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot

from troth.domain.conversation import Conversation
from troth.domain.message import Role
from troth.domain.model import ModelRef
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.tui.screens.desk import Desk
from tui import scenes

OPUS = ModelRef("opengradient", "claude-opus-4-7")
PASSED, FAILED, OPEN, NOT = (
    Outcome.PASSED,
    Outcome.FAILED,
    Outcome.CANNOT_CHECK,
    Outcome.NOT_COVERED,
)
VERIFIED = Verdict(
    State.VERIFIED_PINNED,
    "opengradient/v1",
    (
        Check("reply-bytes", PASSED, "The text is exactly what was signed (8c1f 44e0 .. d02a)."),
        Check(
            "request-bytes",
            PASSED,
            "Exactly what you sent was signed (41aa 03c9 .. 9b7e, form v1).",
        ),
        Check("signature", PASSED, "Genuine (RSA-PSS, 2048 bits, SHA-256)."),
        Check("signing-key", PASSED, "The key 9f3c 77d1 .. 5e04 is pinned as home gateway."),
        Check(
            "hardware",
            OPEN,
            "Not checked: the machine gave no proof of what it is (a hardware document).",
        ),
        Check("freshness", PASSED, "Signed 22 Nov 2024 09:40:00 UTC, after you asked."),
        Check("upstream", NOT, "The vendor behind the enclave is not part of the signature."),
    ),
    scenes.START,
    verifier="troth 1",
    key_fingerprint="9f3c77d120ab5e04" * 4,
    signed_at=scenes.START,
)
TAMPERED = replace(
    VERIFIED,
    state=State.FAILED,
    checks=(
        Check(
            "reply-bytes",
            FAILED,
            "The reply differs from what was signed: signed 8c1f 44e0 .. d02a,"
            " received e713 90b2 .. 55f1.",
        ),
        *VERIFIED.checks[1:],
    ),
)
STATES = {
    "verified": VERIFIED,
    "failed": TAMPERED,
    "partly": replace(VERIFIED, state=State.PARTLY_COVERED),
    "simulated": replace(VERIFIED, state=State.SIMULATED, is_simulated=True),
}


async def tell(desk: Desk, verdict: Verdict) -> None:
    vault = desk.engine.vault
    await vault.add_conversation(
        Conversation("c0", "Vault", scenes.START, scenes.START, model=OPUS, is_titled=True)
    )
    question = "Which lock did the vault use before Argon2, and why did we change it?"
    await vault.append(scenes.message(0, Role.USER, question))
    await vault.append(scenes.message(1, Role.ASSISTANT, scenes.ANSWER, model=OPUS))
    await vault.record_verdict("m1", verdict)
    await desk.talking.open("c0")


def showing(verdict: Verdict, *, with_pane: bool = True) -> scenes.Act:
    async def scene(pilot: Pilot[int]) -> None:
        desk = await scenes.seated(pilot)
        await tell(desk, verdict)
        await pilot.pause()
        if with_pane:
            await pilot.press("ctrl+t")
            while not (desk.verifying.pane is not None and desk.verifying.pane.words):
                await pilot.pause(0.02)
        await scenes.still(pilot)

    return scene  # type: ignore[return-value]
