"""Importing into a real vault: nothing twice, nothing half, everything undoable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from transfer.exports import (
    PNG,
    claude_chat,
    claude_message,
    gpt_chat,
    gpt_message,
    gpt_simple,
    write_json,
    write_zip,
)
from troth.domain.error import DiskFull, ImportRefused, NotFound
from troth.domain.message import BlobPart, Message, Role, TextPart
from troth.domain.model import ModelInfo, ModelRef
from troth.domain.verdict import Outcome, State, Verdict
from troth.engine.context import build_context
from troth.engine.engine import Engine
from troth.engine.exporting import chat_document
from troth.engine.import_values import ImportReport
from troth.engine.importing import imports, preview_import, run_import, undo_import
from troth.settings import find_paths
from troth.transfer.chats import Kind, Reason
from troth.transfer.own_json import to_json
from troth.vault.intake import Intake

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    home = {"TROTH_HOME": str(tmp_path / "home")}
    async with await Engine.open(paths=find_paths(home), environ=home) as opened:
        yield opened


async def take(engine: Engine, *paths: Path) -> ImportReport:
    return await run_import(engine, await preview_import(engine, paths))


async def texts(engine: Engine) -> list[list[str]]:
    return [[m.text for m in await engine.vault.messages(c.id)] for c in await engine.chats()]


async def test_two_exports_of_one_chat_are_taken_in_and_back_together(
    engine: Engine, tmp_path: Path
) -> None:
    said = [claude_message("a", "human", "and"), claude_message("b", "assistant", "so")]
    paths = [
        write_json(tmp_path / "old.json", [claude_chat(said[0])]),
        write_json(tmp_path / "other.json", [gpt_simple()]),
        write_json(tmp_path / "new.json", [claude_chat(*said)]),
    ]
    report = await take(engine, *paths)
    assert (report.new_chats, report.grown_chats) == (2, 1)
    [record] = await imports(engine)
    assert (record.chats, record.messages, record.is_finished) == (2, 4, True)
    assert (await undo_import(engine, record.batch_id)).messages == 4
    assert await engine.chats() == []


async def test_a_preview_tells_all_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    good = f"{json.dumps(gpt_simple())}, {json.dumps(gpt_simple('two', 'Splices'))}"
    path.write_text(f'[{good}, {{"mapping": oops}}]')
    preview = await preview_import(engine, [path])
    assert [(c.title, c.messages, c.new_messages) for c in preview.chats] == [
        ("Knots", 2, 2),
        ("Splices", 2, 2),
    ]
    assert (preview.new_chats, preview.new_messages, preview.kinds) == (2, 4, (Kind.CHATGPT,))
    assert preview.chats[0].first_at.year == 2023
    assert [(s.reason, s.count) for s in preview.skipped] == [(Reason.NOT_JSON, 1)]
    assert await engine.chats() == []
    assert await imports(engine) == ()


async def test_imported_replies_say_so_in_message_and_verdict(
    engine: Engine, tmp_path: Path
) -> None:
    await take(engine, write_json(tmp_path / "conversations.json", [gpt_simple()]))
    [conversation] = await engine.chats()
    chat = await engine.open_chat(conversation.id)
    asked, replied = chat.path
    assert asked.is_imported
    assert replied.is_imported
    assert chat.verdicts[replied.id].state is State.IMPORTED
    assert asked.id not in chat.verdicts
    [hit, *_] = await engine.search("loop")
    assert hit.message_id == replied.id


async def test_the_same_export_adds_nothing_twice(engine: Engine, tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple()])
    first = await take(engine, path)
    again = await take(engine, path)
    assert (first.new_chats, first.messages) == (1, 2)
    assert (again.batch_id, again.messages, again.known_chats) == (None, 0, 1)
    assert len(await imports(engine)) == 1


def grown() -> dict[str, object]:
    return gpt_chat(
        [
            ("root", None, None),
            ("q", "root", gpt_message("user", "How do I tie a bowline?")),
            ("a", "q", gpt_message("assistant", "Make a small loop.")),
            ("q2", "a", gpt_message("user", "And then?")),
            ("a2", "q2", gpt_message("assistant", "Pull.")),
        ]
    )


async def test_a_newer_export_adds_what_is_new(engine: Engine, tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple()])
    await take(engine, path)
    write_json(path, [grown()])
    preview = await preview_import(engine, [path])
    assert (preview.chats[0].is_known, preview.chats[0].new_messages) == (True, 2)
    report = await run_import(engine, preview)
    assert (report.new_chats, report.grown_chats, report.messages) == (0, 1, 2)
    [conversation] = await engine.chats()
    chat = await engine.open_chat(conversation.id)
    assert [m.text for m in chat.path][-1] == "Pull."


async def test_what_the_user_said_here_stays_in_view_when_the_chat_grows(
    engine: Engine, tmp_path: Path
) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple()])
    await take(engine, path)
    [conversation] = await engine.chats()
    mine = Message(
        "MINE", conversation.id, conversation.head_id, Role.USER, NOW, (TextPart("my own"),)
    )
    await engine.vault.append(mine)
    write_json(path, [grown()])
    await take(engine, path)
    stored = await engine.vault.conversation(conversation.id)
    assert stored is not None
    assert (stored.head_id, stored.message_count) == ("MINE", 5)


async def test_undo_takes_one_import_back_and_it_can_come_again(
    engine: Engine, tmp_path: Path
) -> None:
    kept = write_json(tmp_path / "a.json", [claude_chat(claude_message("u", "human", "stay"))])
    gone = write_json(tmp_path / "conversations.json", [gpt_simple()])
    await take(engine, kept)
    report = await take(engine, gone)
    assert report.batch_id is not None
    undone = await undo_import(engine, report.batch_id)
    assert (undone.messages, len(undone.removed_chats)) == (2, 1)
    assert await texts(engine) == [["stay"]]
    with pytest.raises(NotFound):
        await undo_import(engine, report.batch_id)
    assert (await take(engine, gone)).messages == 2


async def test_a_chat_that_the_user_deleted_stays_deleted(engine: Engine, tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple()])
    await take(engine, path)
    [conversation] = await engine.chats()
    await engine.delete_chat(conversation.id)
    report = await take(engine, path)
    assert (report.trashed_chats, report.messages) == (1, 0)
    assert await engine.chats() == []


async def test_a_file_without_chats_is_refused_and_leaves_no_trace(
    engine: Engine, tmp_path: Path
) -> None:
    path = write_json(tmp_path / "x.json", [{"no": "chat"}])
    with pytest.raises(ImportRefused, match="no chats"):
        await preview_import(engine, [path])
    assert await imports(engine) == ()


async def test_images_come_into_the_vault(engine: Engine, tmp_path: Path) -> None:
    pointed = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_00aa11"}
    content = {"content_type": "multimodal_text", "parts": [pointed, "what?"]}
    record = gpt_chat([("q", None, gpt_message("user", content=content))])
    members = {"conversations.json": json.dumps([record]).encode(), "file_00aa11.png": PNG}
    await take(engine, write_zip(tmp_path / "export.zip", members))
    [conversation] = await engine.chats()
    [message] = await engine.vault.messages(conversation.id)
    part = message.parts[0]
    assert isinstance(part, BlobPart)
    assert await engine.vault.blob(part.blob.sha256) == PNG


async def test_a_full_disk_leaves_whole_chats_that_a_second_run_completes(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple(f"c{n}") for n in range(5)])
    preview = await preview_import(engine, [path])
    real = Intake.append_many
    calls = 0

    async def failing(self: Intake, *args: Any, **more: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise DiskFull("vault.db", "no space is left")
        return await real(self, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "append_many", failing)
        with pytest.raises(DiskFull):
            await run_import(engine, preview)
    assert len(await engine.chats()) == 2
    [record] = await imports(engine)
    assert not record.is_finished
    assert (record.chats, record.messages) == (2, 4)
    report = await take(engine, path)
    assert (report.new_chats, report.known_chats) == (3, 2)
    await undo_import(engine, record.batch_id)
    assert len(await engine.chats()) == 3


async def test_tools_of_another_program_are_left_out_of_what_a_model_is_given(
    engine: Engine, tmp_path: Path
) -> None:
    use = {"type": "tool_use", "id": "t", "name": "search", "input": {"q": "x"}}
    result = {"type": "tool_result", "tool_use_id": "t", "name": "search", "content": "found"}
    record = claude_chat(
        claude_message("u", "human", "?"), claude_message("a", "assistant", use, result, "So.")
    )
    await take(engine, write_json(tmp_path / "conversations.json", [record]))
    [conversation] = await engine.chats()
    chat = await engine.open_chat(conversation.id)
    model = ModelInfo(ModelRef("p", "m"))
    context = build_context(
        chat.path, model, replays=lambda _: False, carries=lambda _: True, raw_items={}
    )
    assert [part for m in context.messages for part in m.parts] == [TextPart("?"), TextPart("So.")]
    assert {(item.kind, item.reason) for item in context.left_out} == {
        ("tool_call", "imported"),
        ("tool_result", "imported"),
    }


async def test_progress_reaches_the_end(engine: Engine, tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [gpt_simple(f"c{n}") for n in range(30)])
    seen = []
    await run_import(engine, await preview_import(engine, [path]), seen.append)
    assert [p.chats for p in seen] == list(range(1, 31))
    assert seen[-1].done_bytes == seen[-1].total_bytes == path.stat().st_size


async def exported(engine: Engine, conversation_id: str) -> Any:
    chat = await engine.open_chat(conversation_id)
    await chat.load_rest()
    return json.loads(json.dumps(await chat_document(chat)))


async def test_our_own_json_comes_back_without_loss(engine: Engine, tmp_path: Path) -> None:
    pointed = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_00aa11"}
    content = {"content_type": "multimodal_text", "parts": [pointed, "what?"]}
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", content=content)),
            ("a", "q", gpt_message("assistant", "one")),
            ("b", "q", gpt_message("assistant", "two")),
        ],
        current="a",
    )
    members = {"conversations.json": json.dumps([record]).encode(), "file_00aa11.png": PNG}
    await take(engine, write_zip(tmp_path / "export.zip", members))
    [conversation] = await engine.chats()
    before = await exported(engine, conversation.id)

    home = {"TROTH_HOME": str(tmp_path / "other")}
    async with await Engine.open(paths=find_paths(home), environ=home) as other:
        await take(other, write_json(tmp_path / "chat.troth.json", before))
        after = await exported(other, conversation.id)
    for document in (before, after):
        for row in document["messages"]:
            row.pop("verdict")  # a verdict is this vault's own; it is never taken over
    assert after == before


async def test_a_claimed_verdict_is_shown_as_a_claim_only(engine: Engine, tmp_path: Path) -> None:
    await take(engine, write_json(tmp_path / "conversations.json", [gpt_simple()]))
    [conversation] = await engine.chats()
    document = await exported(engine, conversation.id)
    state = State.VERIFIED_ATTESTED
    document["messages"][1]["verdict"] = to_json(Verdict(state, "opengradient/v1", (), NOW))
    home = {"TROTH_HOME": str(tmp_path / "other")}
    async with await Engine.open(paths=find_paths(home), environ=home) as other:
        await take(other, write_json(tmp_path / "x.json", document))
        verdict = (await other.vault.verdicts(conversation.id))[document["messages"][1]["id"]]
    assert verdict.state is State.IMPORTED
    [claim] = [check for check in verdict.checks if check.name == "claim"]
    assert claim.outcome is Outcome.NOT_COVERED
    assert "verified-attested" in claim.detail


async def test_an_unknown_model_of_the_source_does_not_become_the_chats_model(
    engine: Engine, tmp_path: Path
) -> None:
    await engine.vault.set_state("last_model", "mine/m1")
    await engine.load()
    await take(engine, write_json(tmp_path / "conversations.json", [gpt_simple()]))
    [conversation] = await engine.chats()
    assert conversation.model == ModelRef("mine", "m1")
    assert conversation.title == "Knots"
