"""How verification looks, at the sizes that people have, with and without colour."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

if sys.platform == "win32":
    pytest.skip("times are fixed through TZ, which Windows has not", allow_module_level=True)

from troth.domain.conversation import Conversation
from troth.domain.message import Role
from troth.domain.model import ModelRef
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.tui.screens.desk import Desk
from tui import scenes

Compare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "46x16": (46, 16)}
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
        Check("reply-bytes", PASSED, "The text received is what was signed: digest 8c1f .. d02a."),
        Check("request-bytes", PASSED, "The signed request is the one sent: 41aa .. 9b7e."),
        Check("signature", PASSED, "Valid RSA-PSS signature, 2048 bits, SHA-256."),
        Check("signing-key", PASSED, "The key 9f3c 77d1 .. 5e04 is pinned as home gateway."),
        Check("hardware", OPEN, "The gateway gave no hardware document."),
        Check("freshness", PASSED, "Signed between your question and the reply's end."),
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
            "The reply differs from what was signed: signed 8c1f .. d02a, received e713 .. 55f1.",
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


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("state", ["verified", "failed"])
def test_the_pane(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    size: tuple[int, int],
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=size, run_before=showing(STATES[state]))


@pytest.mark.parametrize("state", ["partly", "simulated"])
def test_other_states(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(120, 40), run_before=showing(STATES[state]))


def test_a_failure_is_loud_without_colour_and_without_the_pane(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.make_app(tmp_path, monkeypatch)
    assert snap_compare(app, terminal_size=(80, 24), run_before=showing(TAMPERED, with_pane=False))
