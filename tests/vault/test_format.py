"""SECURITY.md is true: a reader written from it alone opens what Troth writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from troth.vault.vault import Vault
from troth.vault.words import word_list
from vault.independent_reader import Reader, Refused, entropy
from vault.samples import PASSPHRASE, PICTURE, PICTURE_SHA, MadeVault, exchange, said


@pytest.fixture
async def written(full_vault: MadeVault, tmp_path: Path) -> MadeVault:
    made = full_vault.copy_to(tmp_path / "vault")
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    await vault.append(
        said("long", "with a long request\nand a 漢字 in it", parent="reply"),
        exchange=exchange(bytes(range(256)) * 200),
    )
    await vault.folders.tag(["chat"], "read elsewhere")
    await vault.close()
    return made


def test_a_stranger_reads_a_conversation_with_the_recovery_words(written: MadeVault) -> None:
    reader = Reader(written.directory, entropy(written.recovery_words.split(), list(word_list())))
    assert reader.conversation("chat") == [
        ("user", "Show me a knot"),
        ("assistant", "First part. Sécond part 🙂"),
        ("user", "with a long request\nand a 漢字 in it"),
    ]
    assert reader.request_body("long") == bytes(range(256)) * 200
    assert reader.blob(PICTURE_SHA) == PICTURE
    assert reader.provider_key("openai") == "sk-secret"
    assert reader.row_sum()


def test_a_stranger_reads_it_with_the_passphrase(written: MadeVault) -> None:
    assert len(Reader(written.directory, PASSPHRASE).conversation("chat")) == 3


def test_the_stranger_refuses_a_changed_message(written: MadeVault) -> None:
    reader = Reader(written.directory, PASSPHRASE)
    reader.rows("UPDATE message SET role = 'user' WHERE ulid = 'reply'")
    with pytest.raises(Refused):
        reader.conversation("chat")
