"""Replies that end while the vault is locked: sealed, taken in once, never readable before."""

from __future__ import annotations

import hmac
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from troth.domain.message import Message
from troth.vault.inbox import Inbox, Parcel
from troth.vault.upkeep import rekey_vault
from troth.vault.vault import Vault
from vault.independent_reader import expand, read_keys, unpack
from vault.samples import (
    FLOOR_KIB,
    PASSPHRASE,
    PICTURE,
    PICTURE_SHA,
    MadeVault,
    exchange,
    rich_reply,
    said,
)


async def reopened(made: MadeVault) -> Vault:
    return await Vault.open(made.directory, recovery_words=made.recovery_words)


async def locked(made: MadeVault) -> Inbox:
    """Return what a process keeps that has locked its vault."""
    vault = await reopened(made)
    inbox = vault.inbox()
    assert inbox is not None
    await vault.close()
    return inbox


@pytest.fixture
def reply() -> Message:
    return rich_reply("sealed", parent="question")


async def test_a_sealed_reply_is_in_its_chat_after_the_next_unlock(
    own_full: MadeVault, reply: Message
) -> None:
    inbox = await locked(own_full)
    inbox.put(Parcel(reply, exchange(b"q" * 40_000), {PICTURE_SHA: PICTURE}))
    vault = await reopened(own_full)
    stored = {message.id: message for message in await vault.messages("chat")}
    raw = await vault.raw_items(["sealed"])
    there = await vault.exchange("sealed")
    assert stored["sealed"].parts == reply.parts
    assert (stored["sealed"].usage, stored["sealed"].timing) == (reply.usage, reply.timing)
    assert raw["sealed"] == reply.raw_items
    assert there == exchange(b"q" * 40_000)
    assert await vault.blob(PICTURE_SHA) == PICTURE
    conversation = await vault.conversation("chat")
    assert conversation is not None
    assert conversation.head_id == "sealed"
    assert not list(inbox.folder.iterdir())
    assert not vault.notices
    await vault.close()


async def test_nothing_of_a_sealed_reply_can_be_read_from_its_file(own_full: MadeVault) -> None:
    inbox = await locked(own_full)
    before = os.umask(0)
    try:
        path = inbox.put(Parcel(said("secret", "canary " * 400, parent="question")))
    finally:
        os.umask(before)
    assert b"canary" not in path.read_bytes()
    assert b"secret" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_file_that_comes_back_adds_nothing_twice(own_full: MadeVault) -> None:
    inbox = await locked(own_full)
    path = inbox.put(Parcel(said("once", "only once", parent="question")))
    copy = path.read_bytes()
    await (await reopened(own_full)).close()
    path.write_bytes(copy)
    vault = await reopened(own_full)
    assert [m.id for m in await vault.messages("chat")].count("once") == 1
    assert not path.exists()
    await vault.close()


@pytest.mark.parametrize("place", [0, 9, 30, 60, 90, -1])
async def test_a_damaged_file_is_told_and_kept(own_full: MadeVault, place: int) -> None:
    inbox = await locked(own_full)
    path = inbox.put(Parcel(said("flipped", "words", parent="question")))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    vault = await reopened(own_full)
    assert vault.notices == ("inbox-unreadable",)
    assert path.read_bytes() == content
    assert not await vault.has_message("flipped")
    await vault.close()


@pytest.mark.skipif(os.name == "nt", reason="pipes in folders")
@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", None)], ids=["folder", "pipe"])
async def test_what_is_no_file_is_told_and_stays(
    own_full: MadeVault, make: Callable[[Path], None]
) -> None:
    odd = own_full.directory / "vault.inbox" / "0.sealed"
    odd.parent.mkdir()
    make(odd)
    vault = await reopened(own_full)
    assert vault.notices == ("inbox-unreadable",)
    await vault.close()
    assert odd.exists()


async def test_a_reply_to_a_chat_that_was_deleted_for_good_goes_with_it(
    own_full: MadeVault,
) -> None:
    inbox = await locked(own_full)
    path = inbox.put(Parcel(said("late", "too late", parent="m", chat_id="gone")))
    vault = await reopened(own_full)
    assert not path.exists()
    assert not vault.notices
    await vault.close()


async def test_a_rekey_takes_in_what_was_sealed_to_the_old_key(own_full: MadeVault) -> None:
    inbox = await locked(own_full)
    inbox.put(Parcel(said("before", "sealed before the rekey", parent="question")))
    await rekey_vault(own_full.directory, PASSPHRASE, memory_kib=FLOOR_KIB)
    vault = await Vault.open(own_full.directory, passphrase=PASSPHRASE)
    assert await vault.has_message("before")
    assert not vault.notices
    await vault.close()


async def test_the_layout_is_as_written_down(own_full: MadeVault) -> None:
    """A stranger opens a sealed file from SECURITY.md alone."""
    inbox = await locked(own_full)
    content = inbox.put(Parcel(said("plain", "from the page", parent="question"))).read_bytes()
    vault_id, keys = read_keys(own_full.directory, PASSPHRASE)
    assert content[:8] == b"TROTHIB1"
    assert hmac.compare_digest(content[8:24].hex(), vault_id)
    private = X25519PrivateKey.from_private_bytes(keys["inbox"])
    shared = private.exchange(X25519PublicKey.from_public_bytes(content[24:56]))
    public = private.public_key().public_bytes_raw()
    key = expand(shared, content[24:56] + public, "troth inbox v1")
    fields = json.loads(unpack(AESGCM(key).decrypt(content[56:68], content[68:], content[:56])))
    assert (fields["kind"], fields["id"], fields["text"]) == ("reply", "plain", "from the page")
