"""Taking a large import back: in slices, cut or killed anywhere, and finished the second time."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from troth.vault import withdrawal
from troth.vault.intake import Arrival, Withdrawn
from troth.vault.vault import Vault
from vault.samples import MadeVault, chat, open_with_words, said
from vault.test_faults import REPOSITORY, ROUNDS

CHATS, MESSAGES = 8, 25


async def fill(
    vault: Vault, *, chats: int = CHATS, messages: int = MESSAGES, folder: str | None = None
) -> int:
    """Take in chats whose messages answer one another; the user went on in the first of them."""
    await vault.intake.set_record("one", "{}")
    for number in range(chats):
        name, parent = f"in-{number}", None
        arrivals: list[Arrival] = []
        for place in range(messages):
            message = said(f"{name}-{place}", f"canary {place}", chat_id=name, parent=parent)
            arrivals.append(Arrival(replace(message, is_imported=True)))
            parent = message.id
        conversation = replace(chat(name), head_id=parent)
        await vault.intake.append_many(
            conversation, arrivals, batch_id="one", is_new=True, folder=folder
        )
    await vault.append(said("mine", "my own", chat_id="in-0", parent="in-0-3"))
    return chats * messages


async def assert_undone(vault: Vault) -> None:
    """What the user wrote is there with what it hangs on; all else is gone, and it is sound."""
    assert [m.id for m in await vault.messages("in-0")] == [
        *(f"in-0-{place}" for place in range(4)),
        "mine",
    ]
    assert [found.id for found in await vault.conversations()] == ["in-0"]
    assert len(await vault.search("canary ", limit=999)) == 4
    assert await vault.intake.records() == []
    assert (await vault.upkeep.check()).problems == ()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("troth.vault.withdrawal.MESSAGES_AT_ONCE", 10)
    monkeypatch.setattr("troth.vault.intake.PAUSE_S", 0.01)


@pytest.mark.usefixtures("small_slices")
async def test_an_undo_goes_in_slices_and_tells_each(vault: Vault) -> None:
    total = await fill(vault)
    told: list[tuple[int, int]] = []
    undone = await vault.intake.withdraw(
        "one", on_progress=lambda went, all_: told.append((went.messages, all_))
    )
    assert undone.messages == total - 4
    assert undone.kept_messages == 4
    assert (len(undone.removed_chats), undone.changed_chats) == (CHATS - 1, ("in-0",))
    counts = [count for count, _ in told]
    assert max(b - a for a, b in zip([0, *counts], counts, strict=False)) == 10
    assert {all_ for _, all_ in told} == {total}
    await assert_undone(vault)


async def take_line(vault: Vault, batch: str, length: int, *, after: str | None = None) -> None:
    """Import messages that answer one another into one chat."""
    await vault.intake.set_record(batch, "{}")
    names = [f"{batch}-{place}" for place in range(length)]
    parents = [after, *names]
    arrivals = [
        Arrival(replace(said(name, name, chat_id="line", parent=parent), is_imported=True))
        for name, parent in zip(names, parents, strict=False)
    ]
    conversation = replace(chat("line"), head_id=names[-1])
    await vault.intake.append_many(conversation, arrivals, batch_id=batch, is_new=after is None)


@pytest.mark.usefixtures("small_slices")
async def test_an_undo_that_goes_on_leaves_what_was_imported_meanwhile(vault: Vault) -> None:
    """SQLite gives the last row ids out again: the later import lies where the first one was."""
    await take_line(vault, "one", 25)
    first = asyncio.Event()
    undo = asyncio.create_task(
        vault.intake.withdraw("one", on_progress=lambda _went, _total: first.set())
    )
    await first.wait()
    undo.cancel()
    with pytest.raises(asyncio.CancelledError):
        await undo
    [listed] = await vault.intake.records()
    before = [message.id for message in await vault.messages("line")]
    assert (listed.messages, len(before)) == (15, 15)
    await take_line(vault, "two", 3, after=before[-1])
    undone = await vault.intake.withdraw("one")
    assert (undone.messages, undone.kept_messages) == (0, 15)
    after = [message.id for message in await vault.messages("line")]
    assert after == [*before, "two-0", "two-1", "two-2"]
    assert (await vault.intake.withdraw("two")).messages == 3


async def test_others_write_between_two_slices(
    made: MadeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("troth.vault.withdrawal.MESSAGES_AT_ONCE", 10)
    one, other = await open_with_words(made), await open_with_words(made)
    await fill(one)
    first = asyncio.Event()
    undo = asyncio.create_task(
        one.intake.withdraw("one", on_progress=lambda _went, _total: first.set())
    )
    await first.wait()
    await one.save_draft("", "typed meanwhile")
    await other.set_state("written", "meanwhile")
    assert await other.intake.records()
    await undo
    await assert_undone(other)
    await one.close()
    await other.close()


@pytest.mark.usefixtures("small_slices")
async def test_a_cancelled_undo_tells_what_went_and_goes_on_later(vault: Vault) -> None:
    total = await fill(vault)
    told: list[Withdrawn] = []
    first = asyncio.Event()

    def tell(went: Withdrawn, _total: int) -> None:
        told.append(went)
        first.set()

    undo = asyncio.create_task(vault.intake.withdraw("one", on_progress=tell))
    await first.wait()
    undo.cancel()
    with pytest.raises(asyncio.CancelledError):
        await undo
    [left] = await vault.intake.records()
    gone = told[-1].messages
    assert 0 < gone < total - 4
    stored = [await vault.messages(found.id) for found in await vault.conversations()]
    assert sum(map(len, stored)) == total + 1 - gone
    assert left.chats > 0
    assert (await vault.upkeep.check()).problems == ()
    undone = await vault.intake.withdraw("one")
    assert undone.messages == total - 4 - gone
    await assert_undone(vault)


async def test_a_cancel_during_the_last_slice_lets_it_end(vault: Vault) -> None:
    await fill(vault, chats=1)
    undo = asyncio.create_task(vault.intake.withdraw("one"))
    await asyncio.sleep(0)
    undo.cancel()
    with pytest.raises(asyncio.CancelledError):
        await undo
    await assert_undone_or_whole(vault)


async def assert_undone_or_whole(vault: Vault) -> None:
    if await vault.intake.records():
        assert len(await vault.messages("in-0")) == MESSAGES + 1
        await vault.intake.withdraw("one")
    await assert_undone(vault)


@pytest.mark.usefixtures("small_slices")
async def test_the_folder_of_an_import_goes_with_the_last_of_it(vault: Vault) -> None:
    await fill(vault, folder="from elsewhere")
    await vault.folders.put(["in-0"], None)
    await vault.folders.put([], "kept")
    await vault.intake.withdraw("one", folders=["from elsewhere", "never made"])
    assert [folder.name for folder in await vault.folders.listed()] == ["kept"]


async def test_an_undo_that_is_killed_anywhere_is_finished_by_the_next(made: MadeVault) -> None:
    rng = random.Random(11)
    vault = await open_with_words(made)
    total = await fill(vault, chats=4, messages=withdrawal.MESSAGES_AT_ONCE)
    await vault.close()
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests")))
    order = {
        "directory": str(made.directory),
        "recovery_words": made.recovery_words,
        "batch": "one",
    }
    for _ in range(3 * ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-m", "vault.undo_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
            child.stdout.readline()
            try:
                child.wait(rng.random() * 0.3)  # where in a slice it dies is left to chance
            except subprocess.TimeoutExpired:
                child.kill()
        vault = await open_with_words(made)
        assert (await vault.upkeep.check()).problems == ()
        own = [m.id for m in await vault.messages("in-0")]
        assert own[-1] == "mine"
        is_listed = bool(await vault.intake.records())
        await vault.close()
        if not is_listed:
            break
    vault = await open_with_words(made)
    if await vault.intake.records():
        undone = await vault.intake.withdraw("one")
        assert undone.messages < total - 4
    await assert_undone(vault)
    await vault.close()
