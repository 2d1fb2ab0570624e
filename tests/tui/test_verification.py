"""What a person sees of verification: every state, loud failures, and nothing that fakes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from signed_gateway import TEXT, honest, stale, tampered, unsigned, with_reasoning
from troth.domain.model import ModelRef
from troth.domain.verdict import State
from troth.engine.known_keys import KnownKey
from troth.tui.glyph import badge
from troth.tui.screens.bytes_view import BytesScreen
from troth.tui.screens.crossing import CrossingScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.network import NetworkScreen
from troth.tui.screens.verification_key import KeyChoice, KeyScreen
from troth.tui.widgets.verification_lines import PaneCheck, PaneWords, lines_of
from troth.verifiers.trust import PinnedKey
from tui.app_stage import Stage
from tui.signed_stage import ask, open_pane, pane_text, run_signed, verdicts

SIZES = [(120, 40), (80, 24), (46, 16)]


def last_state(stage: Stage) -> State:
    return verdicts(stage)[-1].state


@pytest.mark.parametrize("size", SIZES)
async def test_a_verified_reply_says_so_with_every_check_at_every_size(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with run_signed(tmp_path, size=size) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        assert last_state(stage) is State.VERIFIED_PINNED
        assert "✓ verified" in stage.text
        text = pane_text(stage)
        for words in ("The words", "Your question", "Signature", "Whose key"):
            assert words in text
        for words in ("Who saw what", "not prove"):
            assert words in text
        assert stage.desk.verifying.has_focus
        is_docked = stage.desk.verifying.pane is not None and stage.desk.verifying.pane.has_class(
            "-docked"
        )
        assert is_docked == (size[0] >= 120)


@pytest.mark.parametrize(
    ("body", "state", "badge"),
    [
        (stale(), State.STALE, "? stale"),
        (with_reasoning(), State.PARTLY_COVERED, "? partly covered"),
        (unsigned(), State.UNSIGNED_EXPECTED, "[✗ NOT SIGNED]"),
        (tampered(), State.FAILED, "[✗ FAILED]"),
    ],
)
async def test_every_other_state_has_its_own_badge_in_head_and_pane(
    tmp_path: Path, body, state: State, badge: str
) -> None:
    async with run_signed(tmp_path, body) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        assert last_state(stage) is state
        assert stage.text.count(badge) == 2
        assert "✓ verified" not in stage.text


async def test_a_signature_of_nobody_we_know_is_no_verification(tmp_path: Path) -> None:
    async with run_signed(tmp_path, is_pinned=False) as stage:
        await ask(stage, "which lock")
        assert last_state(stage) not in {State.VERIFIED_PINNED, State.VERIFIED_ATTESTED}
        assert "✓ verified" not in stage.text


async def test_a_failure_is_announced_counted_folded_and_kept_out_until_allowed(
    tmp_path: Path,
) -> None:
    seen: list[dict[str, object]] = []
    async with run_signed(tmp_path, tampered("Send 9,000."), honest(), seen=seen) as stage:
        await ask(stage, "draft it")
        assert "! 1 reply in this chat FAILED verification. ^t goes to it." in stage.text
        assert "✗ 1 FAILED" in stage.text.split("\n")[0]
        assert "Send 9,000." not in stage.text
        await ask(stage, "go on")
        assert "Send 9,000." not in json.dumps(seen[1])
        await open_pane(stage)
        assert "[✗ FAILED]" in pane_text(stage)  # the failed one, though it is not the newest
        await stage.pilot.press("a")
        await stage.until(lambda: "You let later models see" in pane_text(stage))
        await stage.pilot.press("escape")
        await ask(stage, "and now")
        assert "Send 9,000." in json.dumps(seen[2])
        assert "FAILED verification" in stage.text  # allowed is not forgotten


async def test_checking_again_never_turns_a_failure_green(tmp_path: Path) -> None:
    async with run_signed(tmp_path, tampered()) as stage:
        await ask(stage, "draft it")
        await open_pane(stage)
        asked = len(stage.server.requests)
        await stage.pilot.press("r")
        await stage.until(lambda: "Checked again" in stage.text)
        assert last_state(stage) is State.FAILED
        assert len(stage.server.requests) == asked


SPOOF = (
    "Before\n\n```\n[✓ verified]\n```\n\n▌ You  09:40\n▌ pay him\n\n"
    "[bold green]✓ verified[/] \x1b[32m✓ verified\x1b[0m\x1b]8;;http://x\x07\n"
    "│ ✓ verified   claude via opengradient\n"
)


async def test_a_reply_cannot_paint_a_badge_a_rail_or_the_pane(tmp_path: Path) -> None:
    async with run_signed(tmp_path, tampered(SPOOF)) as stage:
        await ask(stage, "draft it")
        await open_pane(stage)
        pane = stage.desk.verifying.pane
        assert pane is not None
        assert pane.words is not None
        assert pane.words.badge.tone == "bad"
        assert "verified" not in stage.text.replace("FAILED verification", "")
        assert "\x1b" not in stage.text


def test_an_enclaves_own_words_cannot_begin_a_check_of_their_own() -> None:
    said = "The gateway broke off: busy\n\n ✓ verified   gpt-4.1 via og\n✓ Signature  Genuine."
    check = PaneCheck("?", "warn", "Whole reply", "can't check", said)
    words = PaneWords(badge("warn", "incomplete"), "gpt-4.1 via og", said, checks=(check,))
    for width in (120, 78, 44):
        lines = ["".join(run.text for run in line) for line in lines_of(words, width)]
        begins_with_a_glyph = [line for line in lines if line.lstrip().startswith(("✓", "✗"))]
        assert not any("\n" in line for line in lines)
        assert not any(line.startswith((" ✓", "✓")) for line in begins_with_a_glyph), width


async def test_the_pane_follows_the_message_that_is_read(tmp_path: Path) -> None:
    async with run_signed(tmp_path, honest(), stale()) as stage:
        await ask(stage, "one")
        await ask(stage, "two")
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.screen.is_reading)
        await open_pane(stage)
        assert stage.screen.is_reading
        await stage.until(lambda: "stale" in pane_text(stage))
        await stage.pilot.press("g")
        await stage.until(lambda: "✓ verified" in pane_text(stage))
        await stage.pilot.press("ctrl+t")
        await stage.until(lambda: stage.desk.verifying.has_focus)
        assert "✓ verified" in pane_text(stage)
        await stage.pilot.press("right")
        await stage.until(lambda: "stale" in pane_text(stage))
        await stage.pilot.press("ctrl+t")
        await stage.until(lambda: not stage.desk.verifying.is_open)


async def test_page_keys_scroll_the_pane_while_it_has_the_keys(tmp_path: Path) -> None:
    async with run_signed(tmp_path, size=(80, 24)) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        await stage.until(lambda: "What was checked" in stage.text)
        await stage.pilot.press("pagedown", "pagedown", "pagedown", "pagedown")
        await stage.until(lambda: "Verifier" in stage.text)
        assert "What was checked" not in stage.text
        await stage.pilot.press("pageup", "pageup", "pageup", "pageup")
        await stage.until(lambda: "What was checked" in stage.text)


async def test_bytes_are_shown_as_they_came_and_as_hex(tmp_path: Path) -> None:
    async with run_signed(tmp_path, tampered("\x1b[31mred")) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        await stage.pilot.press("b")
        await stage.until(lambda: isinstance(stage.app.screen, BytesScreen))
        await stage.until(lambda: "tee_signature" in stage.text)
        assert "\x1b" not in stage.text
        await stage.pilot.press("h")
        await stage.until(lambda: "00000000" in stage.text)
        await stage.pilot.press("tab", "h")
        await stage.until(lambda: "which lock" in stage.text)
        await stage.pilot.press("escape")
        await stage.until(lambda: not isinstance(stage.app.screen, BytesScreen))


async def test_a_key_is_pinned_by_hand_and_the_reply_checked_again(tmp_path: Path) -> None:
    async with run_signed(tmp_path) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        await stage.pilot.press("p")
        await stage.until(lambda: isinstance(stage.app.screen, KeyScreen))
        assert "home gateway" in stage.text
        await stage.pilot.press("down", "down", "enter")
        await stage.until(lambda: "why, for your own file" in stage.text)
        await stage.pilot.press("enter")
        await stage.until(lambda: last_state(stage) is not State.VERIFIED_PINNED)
        file = tmp_path / "config" / "trust.toml"
        assert "[[distrusted]]" in file.read_text("utf-8")
        assert last_state(stage) is State.FAILED


async def test_after_a_rotation_the_old_pin_and_the_missing_key_are_told(tmp_path: Path) -> None:
    async with run_signed(tmp_path, is_pinned=False) as stage:
        proofs = stage.desk.engine.proofs
        old = PinnedKey("the old key", "ab" * 32, providers=("scripted",))
        await proofs.trust_file.pin(old)
        await ask(stage, "which lock")
        assert last_state(stage) is State.FAILED
        await open_pane(stage)
        await stage.pilot.press("p")
        # Its server handed out no key; that is not to say that no key signed.
        await stage.until(lambda: "did not hand it out" in " ".join(stage.text.split()))
        new = KnownKey("cd" * 32, "opengradient", "scripted")
        assert [pin.name for pin in await proofs.pin(new, "the new key")] == ["the old key"]


async def test_the_registry_is_asked_about_a_key_by_hand(tmp_path: Path) -> None:
    async with run_signed(tmp_path, size=(80, 24)) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        await stage.pilot.press("p")
        await stage.until(lambda: "Ask the registry" in stage.text)
        await stage.pilot.press("down", "down", "down", "enter")
        await stage.until(lambda: "names no registry" in stage.text)
        assert last_state(stage) is State.VERIFIED_PINNED


async def test_the_code_behind_a_key_can_be_named_and_forgotten(tmp_path: Path) -> None:
    measured = (("platform", "aws-nitro"), ("pcr0", "9b" * 48), ("pcr2", "2b" * 48))
    key = KnownKey("ab" * 32, "opengradient", "og", registry="the registry", measured=measured)
    chosen: list[KeyChoice | None] = []
    async with run_signed(tmp_path, size=(80, 24)) as stage:
        stage.app.push_screen(KeyScreen(key), chosen.append)
        await stage.until(lambda: "9b9b9b9b .. 9b9b9b9b" in stage.text)
        await stage.pilot.press("down", "down", "enter")
        await stage.until(lambda: "who told you" in stage.text)
        await stage.pilot.press("enter")  # without words nothing is known
        await stage.pilot.press(*"built", "enter")
        await stage.until(lambda: chosen == [KeyChoice("know-code", key, "built")])
        known = replace(key, code_name="built", is_own_code=True)
        stage.app.push_screen(KeyScreen(known), chosen.append)
        await stage.until(lambda: "runs “built”" in stage.text)
        await stage.pilot.press("down", "down", "enter")
        await stage.until(lambda: chosen[-1] == KeyChoice("forget-code", known, "built"))


async def test_a_receipt_is_written_for_its_owner_alone_and_never_over_a_file(
    tmp_path: Path,
) -> None:
    target = tmp_path / "r.json"
    async with run_signed(tmp_path) as stage:
        await ask(stage, "which lock")
        await open_pane(stage)
        for said in ("Written to", "is there already"):
            await stage.pilot.press("x")
            await stage.until(lambda: isinstance(stage.app.screen, TextDialog))
            await stage.pilot.press("ctrl+u", "ctrl+k")
            await stage.type(str(target).lower())
            await stage.pilot.press("enter")
            await stage.until(lambda: said in " ".join(stage.text.split()), said)  # noqa: B023
    assert target.stat().st_mode & 0o777 == 0o600
    assert json.loads(target.read_text("utf-8"))["format"] == "troth-receipt"


async def test_the_network_screen_lists_who_was_contacted_and_what_they_saw(
    tmp_path: Path,
) -> None:
    async with run_signed(tmp_path) as stage:
        await stage.pilot.press("f9")
        await stage.until(lambda: isinstance(stage.app.screen, NetworkScreen))
        assert "Nobody was contacted" in stage.text
        await stage.pilot.press("escape")
        await ask(stage, "which lock")
        await stage.pilot.press("f9")
        await stage.until(lambda: "your message and its reply" in stage.text)
        assert "checking who signed" in stage.text


OTHER = '\n[providers.plain]\nwire = "openai-chat"\nbase_url = "{url}/v1"\nneeds_key = false\n'


@pytest.mark.parametrize(
    ("keys", "sent"), [(("down", "enter"), False), (("down", "down", "enter"), True)]
)
async def test_protected_messages_reach_a_plain_provider_only_after_a_yes(
    tmp_path: Path, keys: tuple[str, ...], sent: bool
) -> None:
    seen: list[dict[str, object]] = []
    async with run_signed(tmp_path, honest(), seen=seen) as stage:
        config = tmp_path / "config" / "config.toml"
        config.write_text(config.read_text("utf-8") + OTHER.format(url=stage.server.url), "utf-8")
        stage.desk.engine.reload_settings()
        await ask(stage, "a secret")
        chat = stage.desk.talking.chat
        assert chat is not None
        await stage.desk.talking.use_model(ModelRef("plain", "beta"))
        await stage.type("go on")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, CrossingScreen))
        assert "2 messages of this chat" in " ".join(stage.text.replace("│", " ").split())
        await stage.pilot.press("escape")
        await stage.until(lambda: stage.screen.prompt.text == "go on")
        assert len(seen) == 1
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, CrossingScreen))
        await stage.pilot.press(*keys)
        await stage.until(lambda: stage.settled == 4)
        assert ("a secret" in json.dumps(seen[1])) is sent
        await stage.say("more")
        assert ("a secret" in json.dumps(seen[2])) is sent


async def test_a_policy_is_chosen_in_the_settings_and_holds_before_a_byte_leaves(
    tmp_path: Path,
) -> None:
    async with run_signed(tmp_path, is_pinned=False) as stage:
        await stage.pilot.press("f3")
        await stage.until(lambda: "Who may answer" in stage.text)
        stage.app.screen.query_one("#policy").focus()
        await stage.pilot.press("right")
        await stage.until(lambda: "< signed replies only >" in stage.text)
        await stage.pilot.press("ctrl+s")
        chat = stage.desk.talking.chat
        assert chat is not None
        await stage.until(lambda: chat.conversation.policy == "signed")
        await stage.type("hi")
        await stage.pilot.press("enter")
        await stage.until(lambda: "does not allow that model" in stage.text)
        assert "signed replies only" in stage.text
        assert [r for r in stage.server.requests if r.method == "POST"] == []
        assert stage.screen.prompt.text == "hi"


async def test_a_chat_that_holds_shows_no_word_before_the_verdict(tmp_path: Path) -> None:
    async with run_signed(tmp_path, tampered("Send 9,000."), honest()) as stage:
        chat = stage.desk.talking.chat
        assert chat is not None
        await stage.desk.engine.proofs.hold(chat, is_held=True)
        fed: list[str] = []
        feed = stage.desk.page.feed_text
        stage.desk.page.feed_text = lambda id, text: (fed.append(text), feed(id, text))  # type: ignore[method-assign]
        await ask(stage, "one")
        await ask(stage, "two")
        assert fed == []
        assert "Send 9,000." not in stage.text
        assert TEXT.split()[0] in stage.text
