"""Whole chats come in together or not at all, and one import can be taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from troth.domain.error import NotFound, UsageError
from troth.domain.message import Message
from troth.domain.verdict import State, Verdict
from troth.vault.intake import Arrival, Kept
from troth.vault.vault import Vault
from troth.vault.wiping import WIPED_AT_ONCE, wipe_for
from vault.samples import NOW, PICTURE, PICTURE_SHA, MadeVault, chat, exchange, rich_reply, said

IMPORTED = Verdict(State.IMPORTED, "none", (), NOW)


def imported(message_id: str, text: str = "taken in", parent: str | None = None) -> Message:
    return replace(said(message_id, text, parent=parent), is_imported=True)


async def fill(vault: Vault, *ids: str, batch: str = "one") -> None:
    """Take in a chat whose messages answer one another."""
    parents = (None, *ids)
    arrivals = [
        Arrival(imported(id_, f"word-{id_}", parent))
        for parent, id_ in zip(parents, ids, strict=False)
    ]
    await vault.intake.set_record(batch, "{}")
    await vault.intake.append_many(
        replace(chat(), head_id=ids[-1]), arrivals, batch_id=batch, is_new=True
    )


async def test_a_chat_comes_in_with_its_bytes_verdicts_and_head(made: MadeVault) -> None:
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    reply = replace(rich_reply(parent="q"), is_imported=True)
    arrivals = [
        Arrival(imported("q", "Show me a knot")),
        Arrival(reply, exchange(), {PICTURE_SHA: PICTURE}, IMPORTED),
    ]
    await vault.intake.set_record("one", "{}")
    count = await vault.intake.append_many(
        replace(chat(), head_id=reply.id), arrivals, batch_id="one", is_new=True
    )
    await vault.close()

    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    stored = await vault.messages("chat")
    assert count == 2
    assert [m.id for m in stored] == ["q", reply.id]
    assert stored[1] == replace(reply, raw_items=())
    assert (await vault.raw_items([reply.id]))[reply.id] == reply.raw_items
    assert await vault.exchange(reply.id) == exchange()
    assert await vault.blob(PICTURE_SHA) == PICTURE
    assert (await vault.verdicts("chat"))[reply.id] == IMPORTED
    conversation = await vault.conversation("chat")
    assert conversation is not None
    assert (conversation.message_count, conversation.head_id) == (2, reply.id)
    assert [hit.message_id for hit in await vault.search("knot") if hit.message_id] == ["q"]
    assert not (await vault.upkeep.check()).problems
    await vault.close()


async def test_a_fault_in_the_middle_leaves_nothing_of_the_chat(vault: Vault) -> None:
    def broken() -> Iterator[Arrival]:
        yield Arrival(imported("a"))
        yield Arrival(imported("b", parent="nowhere"))

    with pytest.raises(NotFound):
        await vault.intake.append_many(chat(), broken(), batch_id="one", is_new=True)
    assert await vault.intake.known("chat") is None
    assert await vault.search("taken") == []


async def test_bytes_that_fail_while_they_are_read_leave_nothing(vault: Vault) -> None:
    class Unreadable(Mapping[str, bytes]):
        def __getitem__(self, key: str) -> bytes:
            raise UsageError("the archive is cut")

        def __iter__(self) -> Iterator[str]:
            return iter([PICTURE_SHA])

        def __len__(self) -> int:
            return 1

    arrivals = [Arrival(imported("a"), blobs=Unreadable())]
    with pytest.raises(UsageError, match="cut"):
        await vault.intake.append_many(chat(), arrivals, batch_id="one", is_new=True)
    assert await vault.intake.known("chat") is None


async def test_what_is_known_tells_imported_from_own_words(vault: Vault) -> None:
    await fill(vault, "a", "b")
    await vault.append(said("mine", "my own", parent="b"))
    found = await vault.intake.known("chat")
    assert found is not None
    assert found.imported_ids == {"a", "b"}
    assert found.own_ids == {"mine"}
    assert found.head_id == "mine"
    assert not found.is_trashed


async def test_undo_removes_chat_words_and_bytes_for_good(vault: Vault) -> None:
    await vault.intake.set_record("one", "{}")
    reply = replace(rich_reply(), is_imported=True)
    arrivals = [Arrival(reply, blobs={PICTURE_SHA: PICTURE}, verdict=IMPORTED)]
    await vault.intake.append_many(chat(), arrivals, batch_id="one", is_new=True)

    undone = await vault.intake.withdraw("one")
    assert (undone.messages, undone.removed_chats, undone.kept_messages) == (1, ("chat",), 0)
    assert await vault.intake.known("chat") is None
    assert await vault.blob(PICTURE_SHA) is None
    assert await vault.intake.records() == []
    assert not (await vault.upkeep.check()).problems


async def test_undo_keeps_what_the_user_went_on_from(vault: Vault) -> None:
    await fill(vault, "a", "b", "c")
    await vault.append(said("mine", "my own", parent="b"))
    undone = await vault.intake.withdraw("one")
    assert (undone.messages, undone.kept_messages) == (1, 2)
    assert [m.id for m in await vault.messages("chat")] == ["a", "b", "mine"]
    conversation = await vault.conversation("chat")
    assert conversation is not None
    assert (conversation.head_id, conversation.message_count) == ("mine", 3)
    assert {hit.message_id for hit in await vault.search("word")} == {"a", "b"}
    assert not (await vault.upkeep.check()).problems


async def test_undo_of_a_later_import_takes_only_what_it_added(vault: Vault) -> None:
    await fill(vault, "a", "b")
    await vault.intake.set_record("two", "{}")
    grown = replace(chat(), head_id="c")
    later = [Arrival(imported("c", parent="b"))]
    await vault.intake.append_many(grown, later, batch_id="two", is_new=False)
    undone = await vault.intake.withdraw("two")
    assert (undone.messages, undone.changed_chats) == (1, ("chat",))
    assert [m.id for m in await vault.messages("chat")] == ["a", "b"]
    conversation = await vault.conversation("chat")
    assert conversation is not None
    assert conversation.head_id == "b"
    assert await vault.intake.records() == [Kept("one", "{}", 1, 2)]


async def test_undo_of_many_messages_leaves_no_word_in_the_index(vault: Vault) -> None:
    await vault.add_conversation(chat("mine"))
    await vault.append(said("own", "a word of my own", chat_id="mine"))
    ids = [f"m{number}" for number in range(WIPED_AT_ONCE + 50)]
    await fill(vault, *ids)
    arrivals = [Arrival(imported(f"z{id_}", "zanzibarcanary", parent=id_)) for id_ in ids]
    await vault.intake.append_many(
        replace(chat(), head_id=None), arrivals, batch_id="two", is_new=False
    )
    await vault.intake.set_record("two", "{}")

    assert (await vault.intake.withdraw("two")).messages == len(ids)
    assert (await vault.intake.withdraw("one")).messages == len(ids)

    await vault._writer.run(wipe_for, 60.0)
    index = await vault._reader.run(
        lambda store: store.all(tuple[bytes], "SELECT block FROM message_fts_data")
    )
    assert not any(b"canary" in block for (block,) in index)
    assert [hit.message_id for hit in await vault.search("own")] == ["own"]
    assert not (await vault.upkeep.check()).problems


async def test_an_old_import_has_no_say_over_a_chat_that_was_taken_in_anew(vault: Vault) -> None:
    await fill(vault, "a", batch="one")
    await vault.trash("chat")
    await vault.empty_trash(NOW.replace(year=2999))
    await fill(vault, "a", batch="two")
    assert (await vault.intake.withdraw("one")).messages == 0
    assert await vault.intake.known("chat") is not None


async def test_an_unknown_import_cannot_be_undone(vault: Vault) -> None:
    with pytest.raises(NotFound):
        await vault.intake.withdraw("none")
