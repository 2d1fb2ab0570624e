"""Vaults for the tests: one is made (its passphrase slot costs a moment) and copied for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from troth.vault.vault import Vault
from vault.samples import (
    FLOOR_KIB,
    PASSPHRASE,
    PICTURE,
    PICTURE_SHA,
    MadeVault,
    chat,
    exchange,
    rich_reply,
    said,
)


@pytest.fixture(scope="session")
def empty_vault(tmp_path_factory: pytest.TempPathFactory) -> MadeVault:
    """A closed vault with nothing in it. Copy it before use."""
    directory = tmp_path_factory.mktemp("made") / "vault"

    async def make() -> str:
        created = await Vault.create(directory, PASSPHRASE, memory_kib=FLOOR_KIB)
        await created.vault.close()
        return created.recovery_words

    return MadeVault(directory, asyncio.run(make()))


@pytest.fixture(scope="session")
def full_vault(empty_vault: MadeVault, tmp_path_factory: pytest.TempPathFactory) -> MadeVault:
    """A closed vault with a little of everything. Copy it before use."""
    made = empty_vault.copy_to(tmp_path_factory.mktemp("full") / "vault")

    async def fill() -> None:
        vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
        for number in range(12):
            await vault.add_conversation(chat(f"chat-{number}", title=f"Chat number {number}"))
            parent = None
            for place in range(10):
                message = said(
                    f"m-{number}-{place}",
                    f"message {place} of chat {number} speaks of rope and knots " * 6,
                    parent=parent,
                    chat_id=f"chat-{number}",
                )
                await vault.append(message)
                parent = message.id
        await vault.add_conversation(chat())
        await vault.append(said("question", "Show me a knot"))
        await vault.append(
            rich_reply(parent="question"), exchange=exchange(), blobs={PICTURE_SHA: PICTURE}
        )
        await vault.set_secret("openai", "sk-secret")
        await vault.save_draft("chat", "half a thought")
        await vault.close()

    asyncio.run(fill())
    return made


@pytest.fixture
async def memory() -> AsyncIterator[Vault]:
    """An open vault in memory."""
    vault = await Vault.in_memory()
    yield vault
    await vault.close()


@pytest.fixture
def made(empty_vault: MadeVault, tmp_path: Path) -> MadeVault:
    """A closed, empty vault of this test's own."""
    return empty_vault.copy_to(tmp_path / "vault")


@pytest.fixture
async def vault(made: MadeVault) -> AsyncIterator[Vault]:
    """An open, empty vault on disk."""
    opened = await Vault.open(made.directory, recovery_words=made.recovery_words)
    yield opened
    await opened.close()


@pytest.fixture
def own_full(full_vault: MadeVault, tmp_path: Path) -> MadeVault:
    """A closed vault with a little of everything, of this test's own."""
    return full_vault.copy_to(tmp_path / "vault")
