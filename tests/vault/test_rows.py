"""What goes in comes out: chats, messages, exchanges, verdicts and the small things."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from troth.domain.conversation import Conversation
from troth.domain.error import Failure, NotFound, UsageError, VaultDamaged
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    Message,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from troth.domain.model import Params
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.vault.build import builder
from troth.vault.store import connect
from troth.vault.vault import Vault
from vault.samples import (
    MODEL,
    NOW,
    PICTURE,
    PICTURE_SHA,
    MadeVault,
    chat,
    exchange,
    rich_reply,
    said,
    unlocked,
)


async def test_a_chat_comes_back_as_it_was_stored(vault: Vault) -> None:
    stored = chat(
        model=MODEL,
        system_prompt="Be brief",
        persona="tutor",
        params=Params(temperature=0.5, effort="high", stop=("a", "b")),
        policy="signed",
        is_titled=True,
        is_pinned=True,
    )
    await vault.add_conversation(stored)
    assert await vault.conversation("chat") == stored
    changed = replace(stored, title="New name", is_pinned=False, is_archived=True, model=None)
    await vault.update_conversation(changed)
    assert await vault.conversation("chat") == changed
    with pytest.raises(NotFound):
        await vault.update_conversation(chat("unknown"))
    with pytest.raises(UsageError):
        await vault.add_conversation(stored)


async def test_chats_are_listed_pinned_first_then_newest(memory: Vault) -> None:
    for number, name in enumerate(("old", "middle", "new")):
        await memory.add_conversation(chat(name, updated_at=NOW + timedelta(days=number)))
    await memory.add_conversation(chat("pinned", is_pinned=True))
    await memory.add_conversation(chat("archived", is_archived=True))

    async def ids(**choice: bool | None) -> list[str]:
        return [found.id for found in await memory.conversations(**choice)]

    assert await ids() == ["pinned", "new", "middle", "old"]
    assert await ids(is_archived=True) == ["archived"]
    assert set(await ids(is_archived=None)) == {"pinned", "new", "middle", "old", "archived"}
    assert [found.id for found in await memory.conversations(limit=2)] == ["pinned", "new"]


async def test_a_reply_with_one_of_everything_comes_back(vault: Vault) -> None:
    await vault.add_conversation(chat())
    question = said("question", "Show me")
    reply = rich_reply(parent="question")
    await vault.append(question)
    sent = exchange(b"q" * 70_000, b"data: {}\n\n" * 4_000)
    await vault.append(reply, exchange=sent, blobs={PICTURE_SHA: PICTURE})
    assert await vault.messages("chat") == [question, replace(reply, raw_items=())]
    assert await vault.raw_items(["question", "reply"]) == {"reply": reply.raw_items}
    assert await vault.exchange("reply") == sent
    assert await vault.exchange("question") is None
    assert await vault.blob(PICTURE_SHA) == PICTURE
    assert await vault.blob("00" * 32) is None
    known = await vault.conversation("chat")
    assert known is not None
    assert (known.head_id, known.message_count) == ("reply", 2)
    assert known.updated_at == reply.created_at


async def test_a_failed_reply_keeps_its_failure(memory: Vault) -> None:
    await memory.add_conversation(chat())
    failed = Message(
        "failed",
        "chat",
        None,
        Role.ASSISTANT,
        NOW,
        (),
        failure=Failure("rate-limited", {"retry_after_s": "3"}),
        finish=Finish.FAILED,
        is_imported=True,
    )
    await memory.append(failed)
    assert await memory.messages("chat") == [failed]


async def test_siblings_form_a_tree_and_a_path_is_read_from_its_end(memory: Vault) -> None:
    await memory.add_conversation(chat())
    await memory.append(said("root", "root"))
    await memory.append(said("left", "left", parent="root"))
    await memory.append(said("right", "right", parent="root"), makes_head=False)
    await memory.append(said("leaf", "leaf", parent="right"), makes_head=False)
    known = await memory.conversation("chat")
    assert known is not None
    assert known.head_id == "left"

    async def path(head: str | None, limit: int = 9) -> list[str]:
        return [message.id for message in await memory.newest_messages("chat", head, limit)]

    assert await path("leaf") == ["root", "right", "leaf"]
    assert await path("leaf", 2) == ["right", "leaf"]
    assert await path("left", 1) == ["left"]
    assert await path(None) == []
    parents = [message.parent_id for message in await memory.messages("chat")]
    assert parents == [None, "root", "root", "right"]
    with pytest.raises(NotFound):
        await path("unknown")
    with pytest.raises(NotFound):
        await memory.messages("unknown")


async def test_what_makes_no_sense_is_refused_and_leaves_nothing(vault: Vault) -> None:
    await vault.add_conversation(chat())
    await vault.add_conversation(chat("other"))
    await vault.append(said("root", "root"))
    with pytest.raises(NotFound):
        await vault.append(said("a", "x", chat_id="unknown"))
    with pytest.raises(NotFound):
        await vault.append(said("a", "x", parent="unknown"))
    with pytest.raises(NotFound):
        await vault.append(said("a", "x", parent="root", chat_id="other"))
    with pytest.raises(UsageError):
        await vault.append(said("root", "again"))
    with pytest.raises(UsageError):
        await vault.append(said("a\nb", "line break in an id"))
    with pytest.raises(UsageError):
        await vault.append(said("a", "naive time", at=NOW.replace(tzinfo=None)))
    with pytest.raises(UsageError):
        await vault.append(said("a", "wrong digest"), blobs={PICTURE_SHA: b"other bytes"})
    assert [message.id for message in await vault.messages("chat")] == ["root"]
    assert await vault.blob(PICTURE_SHA) is None


async def test_an_incognito_chat_never_reaches_a_disk(vault: Vault, memory: Vault) -> None:
    with pytest.raises(UsageError):
        await vault.add_conversation(chat(is_incognito=True))
    await memory.add_conversation(chat(is_incognito=True))
    assert len(await memory.conversations()) == 1


async def test_trash_hides_restore_brings_back_and_emptying_is_for_good(vault: Vault) -> None:
    await vault.add_conversation(chat())
    await vault.append(rich_reply(), exchange=exchange(), blobs={PICTURE_SHA: PICTURE})
    await vault.trash("chat")
    assert await vault.conversation("chat") is None
    assert await vault.conversations() == []
    assert await vault.search("part") == []
    assert await vault.empty_trash(NOW) == 0
    await vault.restore("chat")
    assert len(await vault.search("part")) == 1
    await vault.trash("chat")
    assert await vault.empty_trash(NOW + timedelta(days=36_500)) == 1
    assert await vault.blob(PICTURE_SHA) is None
    with pytest.raises(NotFound):
        await vault.restore("chat")
    with pytest.raises(NotFound):
        await vault.trash("chat")
    assert (await vault.upkeep.check()).is_sound


async def test_a_blob_stays_while_one_chat_still_shows_it(memory: Vault) -> None:
    blob = Blob(PICTURE_SHA, "image/png", len(PICTURE))
    for name in ("one", "two"):
        await memory.add_conversation(chat(name))
        message = replace(said(f"in-{name}", "", chat_id=name), parts=(BlobPart(blob),))
        await memory.append(message, blobs={PICTURE_SHA: PICTURE})
    await memory.trash("one")
    await memory.empty_trash(NOW + timedelta(days=36_500))
    assert await memory.blob(PICTURE_SHA) == PICTURE


async def test_verdicts_and_evidence_grow_and_the_newest_is_shown(memory: Vault) -> None:
    await memory.add_conversation(chat())
    await memory.append(rich_reply())
    first = Verdict(State.CANNOT_CHECK, "og/v1", (Check("a", Outcome.CANNOT_CHECK, "d"),), NOW)
    second = Verdict(
        State.VERIFIED_PINNED,
        "og/v1",
        (Check("a", Outcome.PASSED), Check("b", Outcome.NOT_COVERED)),
        NOW + timedelta(hours=1),
        verifier="og 1",
        key_fingerprint="9f3c",
        signed_at=NOW,
        is_simulated=True,
    )
    answer = HttpResponse(200, (("a", "b"),), b"x" * 5_000)
    request = HttpRequest("GET", "https://r.example", secret_headers=(("authorization", "no"),))
    await memory.record_verdict("reply", first, {"key": (request, answer)})
    await memory.record_verdict("reply", second, {"key": (request, replace(answer, status=201))})
    assert await memory.verdicts("chat") == {"reply": second}
    assert await memory.evidence("reply") == {"key": replace(answer, status=201)}
    with pytest.raises(NotFound):
        await memory.record_verdict("unknown", first)


async def test_small_things_are_kept_replaced_and_removed(vault: Vault) -> None:
    assert await vault.draft("chat") == ""
    await vault.save_draft("chat", "half a 🙂 thought")
    await vault.save_draft("", "for a chat that is not there yet")
    assert await vault.draft("chat") == "half a 🙂 thought"
    await vault.save_draft("chat", "")
    assert await vault.draft("chat") == ""
    assert await vault.draft("") == "for a chat that is not there yet"
    await vault.set_secret("openai", "sk-1")
    await vault.set_secret("openai", "sk-2")
    await vault.set_secret("xai", "x")
    assert await vault.secret("openai") == "sk-2"
    assert await vault.secret("none") is None
    await vault.delete_secret("xai")
    assert await vault.secret_names() == ["openai"]
    await vault.set_state("models.b", "2")
    await vault.set_state("models.a", "1")
    await vault.set_state("other", "3")
    assert await vault.state("other") == "3"
    assert await vault.state("none") is None
    assert await vault.states("models.") == {"models.a": "1", "models.b": "2"}


async def test_half_a_surrogate_pair_is_kept_as_a_replacement_mark(memory: Vault) -> None:
    await memory.add_conversation(chat(title="t\ud800"))
    await memory.append(said("a", "x\ud800y \ud83d\ude42"))
    assert (await memory.messages("chat"))[0].text == "x\ufffdy 🙂"
    assert (await memory.conversations())[0].title == "t\ufffd"


async def test_nul_and_control_characters_survive(memory: Vault) -> None:
    text = "a\x00b\x1b[2J\x9b\r\n\u2028end"
    await memory.add_conversation(chat())
    await memory.append(said("a", text))
    assert (await memory.messages("chat"))[0].text == text


async def test_a_long_history_in_requests_is_stored_about_once(made: MadeVault) -> None:
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    await vault.add_conversation(chat())
    history, parent = b"", None
    noise = random.Random(1)
    for number in range(60):
        history += noise.randbytes(8_000)
        message = said(f"m{number}", "x", parent=parent)
        await vault.append(message, exchange=exchange(history))
        parent = message.id
    stored = await vault.exchange("m59")
    assert stored is not None
    assert stored.request_body == history
    await vault.close()
    assert made.database.stat().st_size < 4 * len(history)  # each one whole would be 30 times


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
PARTS = st.lists(
    st.one_of(
        st.builds(TextPart, TEXT),
        st.builds(ThinkingPart, TEXT),
        st.builds(SourcePart, TEXT, TEXT),
        st.builds(ToolCallPart, TEXT, TEXT, TEXT),
        st.builds(
            BlobPart,
            st.builds(Blob, st.just("ab" * 32), TEXT, st.integers(0, 9), TEXT),
            st.none() | TEXT,
        ),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=PARTS)
async def test_any_parts_come_back_in_order(parts: list[TextPart]) -> None:
    vault = await Vault.in_memory()
    await vault.add_conversation(chat())
    message = Message("m", "chat", None, Role.ASSISTANT, NOW, tuple(parts))
    await vault.append(message)
    assert await vault.messages("chat") == [message]
    await vault.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE message SET text = 'changed' WHERE ulid = 'm3'",
        "UPDATE message SET role = 'assistant' WHERE ulid = 'm3'",
        "UPDATE message SET created_at = created_at + 1 WHERE ulid = 'm3'",
        "UPDATE message SET flags = flags | 1 WHERE ulid = 'm3'",
        "UPDATE message SET provider = 'x', model = 'y' WHERE ulid = 'm3'",
        "UPDATE message SET details = '{}' WHERE ulid = 'm3'",
        "UPDATE message SET parent_id = 1 WHERE ulid = 'm3'",
        "UPDATE message SET hash = (SELECT hash FROM message WHERE ulid = 'm1') WHERE ulid = 'm3'",
        "DELETE FROM message WHERE ulid = 'm3'",
    ],
)
async def test_a_message_that_is_not_as_written_is_named(made: MadeVault, damage: str) -> None:
    vault = await Vault.open(made.directory, recovery_words=made.recovery_words)
    await vault.add_conversation(chat())
    parent = None
    for number in range(6):
        await vault.append(said(f"m{number}", f"text {number}", parent=parent))
        parent = f"m{number}"
    await vault.close()
    access = unlocked(made)
    connection = connect(made.database, access.keys.database)
    connection.execute("DROP VIEW message_words; PRAGMA foreign_keys = 0;" + damage).fetchall()
    connection.execute(
        "CREATE VIEW message_words(id, text) AS SELECT id, cut_words(text) FROM message"
    ).fetchall()
    connection.close()
    with pytest.raises(VaultDamaged):
        await Vault.open(made.directory, recovery_words=made.recovery_words)
    vault = await Vault.open(
        made.directory, recovery_words=made.recovery_words, accept_damaged=True
    )
    assert "damage-accepted" in vault.notices
    for read in (vault.messages("chat"), vault.newest_messages("chat", "m5", 100)):
        with pytest.raises(VaultDamaged) as damaged:
            await read
        assert (
            "m3" in damaged.value.detail
            or "m4" in damaged.value.detail
            or ("messages of chat" in damaged.value.detail)
        )
    assert [m.id for m in await vault.newest_messages("chat", "m1", 9)] == ["m0", "m1"]
    await vault.close()


def test_conversations_are_built_as_the_real_class() -> None:
    build = builder(Conversation)
    assert build("a", "b", NOW, NOW) == Conversation("a", "b", NOW, NOW)
    assert type(build("a", "b", NOW, NOW)) is Conversation
    with pytest.raises(AttributeError):
        build("a", "b", NOW, NOW).title = "x"  # type: ignore[misc]


async def test_reading_while_another_task_writes_is_no_damage(vault: Vault) -> None:
    """The count and the rows are read in one view: a message in between is not a missing one."""
    await vault.add_conversation(chat())
    await vault.append(said("m0", "text"))
    written = asyncio.Event()

    async def write() -> None:
        for number in range(1, 150):
            await vault.append(said(f"m{number}", "text", parent=f"m{number - 1}"))
        written.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        while not written.is_set():
            await vault.messages("chat")
    assert len(await vault.messages("chat")) == 150
