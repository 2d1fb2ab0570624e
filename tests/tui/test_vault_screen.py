"""The vault on the screen: what it tells, what it asks before it changes, and reading alone."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from troth.domain.conversation import Conversation
from troth.domain.error import WrongPassphrase
from troth.domain.message import Message, Role, TextPart
from troth.tui.opening import open_vault
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.dialogs import TextDialog
from troth.tui.screens.unlock import UnlockScreen
from troth.tui.screens.vault_care import VaultCareScreen
from troth.tui.screens.vault_secrets import NewPassphraseScreen, RecoveryWordsScreen
from troth.tui.widgets.row_list import RowList
from troth.vault.upkeep import Upkeep, restore_backup
from troth.vault.vault import Vault
from tui.app_stage import Stage, run_app

PASSPHRASE = "forest lamp quiet nine river"
OTHER = "copper window twelve slow paper"
CHEAP_KIB = 65_536
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LIMIT_S = 100


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive with the smallest memory that a vault may have: four times faster."""
    defaults = Upkeep.change_passphrase.__kwdefaults__
    assert defaults is not None
    assert "memory_kib" in defaults
    monkeypatch.setitem(defaults, "memory_kib", CHEAP_KIB)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """Return a home whose vault holds one chat of two messages."""
    made = await Vault.create(tmp_path / "data", PASSPHRASE, memory_kib=CHEAP_KIB)
    await made.vault.add_conversation(Conversation("c", "Knots", NOW, NOW, is_titled=True))
    for number, role in enumerate((Role.USER, Role.ASSISTANT)):
        parent = f"m{number - 1}" if number else None
        words = (TextPart(f"words {number}"),)
        await made.vault.append(Message(f"m{number}", "c", parent, role, NOW, words))
    await made.vault.set_state("tui:last_chat", "c")
    await made.vault.close()
    return tmp_path


async def unlock(stage: Stage, passphrase: str = PASSPHRASE) -> None:
    stage.app.screen.query_one(Input).value = passphrase
    await stage.pilot.press("enter")
    await stage.until(
        lambda: isinstance(stage.app.screen, ChatScreen) and stage.screen.is_seated, "open", LIMIT_S
    )


@asynccontextmanager
async def vault_screen(home: Path) -> AsyncIterator[tuple[Stage, VaultCareScreen]]:
    """Unlock the vault and open its screen."""
    async with run_app(home, kind="unlock", size=(100, 34)) as stage:
        await unlock(stage)
        await stage.type("/vault")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, VaultCareScreen))
        screen = stage.app.screen
        assert isinstance(screen, VaultCareScreen)
        await stage.until(lambda: has_facts(screen), "the facts", LIMIT_S)
        yield stage, screen


def has_facts(screen: VaultCareScreen) -> bool:
    return bool(screen.query(RowList)) and len(screen.rows.rows) > 0


async def take(stage: Stage, screen: VaultCareScreen, row_id: str) -> None:
    place = next(at for at, row in enumerate(screen.rows.rows) if row.id == row_id)
    screen.rows.cursor = place
    await stage.pilot.press("enter")


async def answer(stage: Stage, kind: type, *texts: str) -> None:
    """Type into the dialog that comes, a field each."""
    await stage.until(lambda: isinstance(stage.app.screen, kind), kind.__name__, LIMIT_S)
    for field, text in zip(stage.app.screen.query(Input), texts, strict=True):
        field.value = text
        field.focus()
    await stage.pilot.press("enter")


def said(screen: VaultCareScreen) -> str:
    return str(screen.query_one("#said", Static).content)


async def test_it_tells_what_it_is_checks_itself_and_remembers_a_backup(
    home: Path, tmp_path: Path
) -> None:
    async with vault_screen(home) as (stage, screen):
        status = screen.query_one("#status", Static)
        await stage.until(lambda: "Opens with" in str(status.content))
        text = str(status.content)
        assert "each guess costs 64 MiB" in text
        assert "recovery words" in text
        assert "never, as far as" in text
        assert "as new as when it was last used here" in text
        await take(stage, screen, "check")
        await stage.until(lambda: "all is as it was written" in said(screen), "check", LIMIT_S)
        assert "1 chat, 2 messages" in said(screen)
        await take(stage, screen, "backup")
        await answer(stage, TextDialog, str(tmp_path / "copies"))
        await stage.until(lambda: "read back and right" in said(screen), "backup", LIMIT_S)
        await stage.until(lambda: "never" not in str(status.content))
        [folder] = (tmp_path / "copies").iterdir()
        assert str(folder) in str(status.content).replace("\n", "")
    restored = await restore_backup(folder, tmp_path / "elsewhere", passphrase=PASSPHRASE)
    assert restored.messages == 2


async def test_another_passphrase_is_refused_and_the_right_one_changes_it(home: Path) -> None:
    async with vault_screen(home) as (stage, screen):
        await take(stage, screen, "passphrase")
        await answer(stage, TextDialog, "wrong")
        await stage.until(lambda: "Nothing was changed" in said(screen), "refusal", LIMIT_S)
        await take(stage, screen, "passphrase")
        await answer(stage, TextDialog, PASSPHRASE)
        await answer(stage, NewPassphraseScreen, "password", "password")
        await stage.until(lambda: "Too easy to guess" in stage.text)
        await answer(stage, NewPassphraseScreen, OTHER, OTHER)
        await stage.until(lambda: "is changed" in said(screen), "change", LIMIT_S)
    vault = await Vault.open(home / "data", passphrase=OTHER)
    await vault.close()
    with pytest.raises(WrongPassphrase):
        await Vault.open(home / "data", passphrase=PASSPHRASE)


async def test_new_recovery_words_are_shown_once_and_open_it(home: Path) -> None:
    async with vault_screen(home) as (stage, screen):
        await take(stage, screen, "words")
        await answer(stage, TextDialog, PASSPHRASE)
        await stage.until(
            lambda: isinstance(stage.app.screen, RecoveryWordsScreen), "the words", LIMIT_S
        )
        await stage.until(lambda: "12 " in stage.text)
        found = {int(at): word for at, word in re.findall(r"(\d+) ([a-z]+)", stage.text)}
        words = " ".join(found[at] for at in range(1, 13))
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.app.screen is screen)
        assert found[1] not in stage.text
    vault = await Vault.open(home / "data", recovery_words=words)
    await vault.close()


async def test_f12_locks_from_here_and_unlocking_brings_chat_and_draft_back(home: Path) -> None:
    async with run_app(home, kind="unlock", size=(100, 34)) as stage:
        await unlock(stage)
        await stage.type("half a thought")
        stage.desk.visits.vault()
        await stage.until(lambda: isinstance(stage.app.screen, VaultCareScreen))
        stage.app.copy_to_clipboard("a copied secret")
        await stage.pilot.press("f12")
        await stage.until(lambda: isinstance(stage.app.screen, UnlockScreen), "locked", LIMIT_S)
        await stage.until(lambda: stage.app.engine is not None and stage.app.engine.is_locked)
        assert "words 1" not in stage.text
        assert stage.app.clipboard == ""
        await unlock(stage)
        assert stage.screen.title_bar.chat_title == "Knots"
        assert stage.screen.prompt.text == "half a thought"


async def test_an_open_chat_follows_another_window_and_gives_way_when_it_is_deleted(
    home: Path,
) -> None:
    async with run_app(home, kind="unlock", size=(100, 34)) as stage:
        await unlock(stage)
        await stage.until(lambda: "words 1" in stage.text)
        other = await Vault.open(home / "data", passphrase=PASSPHRASE)
        words = (TextPart("from the shell"),)
        await other.append(Message("m2", "c", "m1", Role.USER, NOW, words))
        await stage.until(lambda: "from the shell" in stage.text, "what was said there", LIMIT_S)
        await other.trash("c")
        await other.close()
        await stage.until(
            lambda: stage.screen.title_bar.chat_title == "New chat", "it is gone", LIMIT_S
        )


async def test_a_vault_that_cannot_be_written_is_read_and_sending_keeps_the_draft(
    home: Path,
) -> None:
    async with run_app(home, kind="unlock", size=(100, 34)) as stage:
        vault = await Vault.open(home / "data", passphrase=PASSPHRASE, is_read_only=True)
        await stage.app.wait_until_warm()
        await stage.app.open_engine(vault)
        stage.app.enter_chat()
        await stage.until(
            lambda: isinstance(stage.app.screen, ChatScreen) and stage.screen.is_seated, "open"
        )
        await stage.until(lambda: "words 1" in stage.text)
        assert stage.screen.title_bar.state == "read-only"
        assert "open for reading" in stage.text
        await stage.type("hello")
        await stage.pilot.press("enter")
        await stage.until(lambda: "cannot be written" in stage.text, "the refusal")
        assert stage.screen.prompt.text == "hello"
        assert stage.server.requests == []
        stage.screen.prompt.set_text("/pin")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.prompt.text == "")
        await stage.until(lambda: "cannot be written" in stage.text)
        stage.desk.visits.vault()
        await stage.until(lambda: isinstance(stage.app.screen, VaultCareScreen))
        screen = stage.app.screen
        assert isinstance(screen, VaultCareScreen)
        await stage.until(lambda: has_facts(screen), "the facts", LIMIT_S)
        assert {row.id for row in screen.rows.rows} == {"check", "backup", "lock"}


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="this user may write everywhere"
)
async def test_a_folder_that_is_closed_opens_for_reading(home: Path) -> None:
    folder = home / "data"
    folder.chmod(0o500)
    (folder / "vault.db").chmod(0o400)
    try:
        vault = await open_vault(folder, passphrase=PASSPHRASE)
        assert vault.is_read_only
        await vault.close()
    finally:
        folder.chmod(0o700)
