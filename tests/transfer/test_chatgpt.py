"""ChatGPT's export: trees, turns made of many nodes, images, files and what is hidden."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from transfer.exports import (
    PNG,
    SETTING,
    STARTED,
    gpt_chat,
    gpt_message,
    gpt_simple,
    read_all,
    read_one,
    write_json,
    write_zip,
)
from troth.domain.message import (
    BlobPart,
    Finish,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelRef
from troth.transfer.chats import ReadChat
from troth.transfer.files import opened_export
from troth.transfer.reading import read_export


def test_a_simple_chat_keeps_words_times_model_and_title(tmp_path: Path) -> None:
    chat = read_one(write_json(tmp_path / "conversations.json", [gpt_simple()]))
    asked, replied = chat.messages
    assert (asked.role, asked.text) == (Role.USER, "How do I tie a bowline?")
    assert (replied.role, replied.text) == (Role.ASSISTANT, "Make a small loop.")
    assert replied.parent_id == asked.id
    assert asked.parent_id is None
    assert replied.model == ModelRef("openai", "gpt-4o")
    assert asked.model is None
    assert replied.created_at == datetime.fromtimestamp(STARTED, UTC)
    assert all(message.is_imported for message in chat.messages)
    assert chat.conversation.title == "Knots"
    assert chat.conversation.is_titled
    assert chat.conversation.head_id == replied.id


def test_ids_are_the_same_for_the_same_source_and_differ_for_others(tmp_path: Path) -> None:
    chats, _ = read_all(write_json(tmp_path / "a.json", [gpt_simple("one"), gpt_simple("two")]))
    again, _ = read_all(write_json(tmp_path / "b.json", [gpt_simple("one", "Another title")]))
    assert [m.id for m in chats[0].messages] == [m.id for m in again[0].messages]
    assert chats[0].conversation.id == again[0].conversation.id
    assert not {m.id for m in chats[0].messages} & {m.id for m in chats[1].messages}


def test_regenerated_replies_and_edited_questions_stay_as_siblings(tmp_path: Path) -> None:
    record = gpt_chat(
        [
            ("root", None, None),
            ("q1", "root", gpt_message("user", "first wording")),
            ("a1", "q1", gpt_message("assistant", "one")),
            ("a2", "q1", gpt_message("assistant", "two")),
            ("q2", "root", gpt_message("user", "second wording")),
            ("a3", "q2", gpt_message("assistant", "three")),
        ],
        current="a2",
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    by_text = {message.text: message for message in chat.messages}
    assert by_text["one"].parent_id == by_text["two"].parent_id == by_text["first wording"].id
    assert by_text["first wording"].parent_id is by_text["second wording"].parent_id is None
    assert chat.conversation.head_id == by_text["two"].id


def test_a_turn_of_thinking_tool_and_words_is_one_message(tmp_path: Path) -> None:
    thoughts = {
        "content_type": "thoughts",
        "thoughts": [{"summary": "Count", "content": "I shall count them."}],
    }
    recap = {"content_type": "reasoning_recap", "content": "Thought for 3 seconds"}
    code = {"content_type": "code", "language": "python", "text": "len('abc')"}
    output = {"content_type": "execution_output", "text": "3"}
    record = gpt_chat(
        [
            ("root", None, None),
            ("sys", "root", gpt_message("system", "")),
            ("q", "sys", gpt_message("user", "How many letters?")),
            ("t", "q", gpt_message("assistant", content=thoughts)),
            ("r", "t", gpt_message("assistant", content=recap)),
            ("c", "r", gpt_message("assistant", content=code, recipient="python")),
            ("o", "c", gpt_message("tool", content=output, name="python")),
            ("a", "o", gpt_message("assistant", "Three.")),
        ]
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    asked, replied = chat.messages
    assert asked.role is Role.USER
    assert replied.role is Role.ASSISTANT
    assert replied.parts == (
        ThinkingPart("Count\n\nI shall count them."),
        ToolCallPart("c", "python", "len('abc')"),
        ToolResultPart("o", "python", "3"),
        TextPart("Three."),
    )
    assert chat.conversation.head_id == replied.id


def test_a_branch_inside_a_turn_is_not_joined_away(tmp_path: Path) -> None:
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", "?")),
            ("s", "q", gpt_message("assistant", "Let me see.")),
            ("a1", "s", gpt_message("assistant", "one")),
            ("a2", "s", gpt_message("assistant", "two")),
        ]
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert [m.text for m in chat.messages] == ["?", "Let me see.", "one", "two"]


def test_hidden_and_system_nodes_vanish_but_instructions_are_kept(tmp_path: Path) -> None:
    context = {
        "content_type": "user_editable_context",
        "user_profile": "I sail.",
        "user_instructions": "Be brief.",
    }
    hidden = {"is_visually_hidden_from_conversation": True}
    record = gpt_chat(
        [
            ("root", None, None),
            ("i", "root", gpt_message("user", content=context, metadata=hidden)),
            ("h", "i", gpt_message("system", "secret order", metadata=hidden)),
            ("q", "h", gpt_message("user", "hello")),
            ("a", "q", gpt_message("assistant", "hi")),
        ]
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert [m.text for m in chat.messages] == ["hello", "hi"]
    assert chat.messages[0].parent_id is None
    assert chat.conversation.system_prompt == "I sail.\n\nBe brief."


def picture(pointer: str) -> dict[str, object]:
    pointed = {"content_type": "image_asset_pointer", "asset_pointer": pointer, "size_bytes": 72}
    return {"content_type": "multimodal_text", "parts": [pointed, "What is this?"]}


def with_picture(pointer: str) -> dict[str, object]:
    return gpt_chat(
        [
            ("q", None, gpt_message("user", content=picture(pointer))),
            ("a", "q", gpt_message("assistant", "A knot.")),
        ]
    )


def test_images_of_the_zip_come_with_their_message(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "export.zip",
        {
            "conversations.json": json.dumps(
                [with_picture("file-service://file-AbCd1234")]
            ).encode(),
            "file-AbCd1234-knot.png": PNG,
            "chat.html": b"<html></html>",
        },
    )
    with opened_export(path) as export:
        [chat] = read_export(export, SETTING)
        assert isinstance(chat, ReadChat)
        [image, words] = chat.messages[0].parts
        assert isinstance(image, BlobPart)
        assert image.blob.media_type == "image/png"
        assert image.blob.sha256 == hashlib.sha256(PNG).hexdigest()
        assert chat.blobs[image.blob.sha256]() == PNG
    assert words == TextPart("What is this?")
    assert chat.missing_files == 0


def test_images_of_an_unpacked_folder_and_of_the_list_of_names_are_found(tmp_path: Path) -> None:
    write_json(tmp_path / "conversations-000.json", [with_picture("sediment://file_00aa11bb")])
    write_json(
        tmp_path / "conversation_asset_file_names.json", {"file_00aa11bb.dat": "my knot.png"}
    )
    (tmp_path / "file_00aa11bb.dat").write_bytes(PNG)
    for path in (tmp_path, tmp_path / "conversations-000.json"):
        part = read_one(path).messages[0].parts[0]
        assert isinstance(part, BlobPart)
        assert part.blob.name == "my knot.png"


def test_a_picture_that_the_export_lacks_is_named_and_counted(tmp_path: Path) -> None:
    record = with_picture("file-service://file-gone12345")
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert chat.missing_files == 1
    assert chat.messages[0].left_out[0].name == "file-gone12345"
    assert chat.messages[0].left_out[0].reason == "not_in_export"


def test_numbered_parts_are_read_as_one_export(tmp_path: Path) -> None:
    parts = {
        f"conversations-{n:03}.json": json.dumps([gpt_simple(f"c{n}")]).encode() for n in range(12)
    }
    chats, skipped = read_all(write_zip(tmp_path / "export.zip", parts))
    assert len(chats) == 12
    assert not skipped


def test_sources_canvas_and_endings_are_taken_over(tmp_path: Path) -> None:
    cited = {
        "citations": [{"metadata": {"title": "Ashley", "url": "https://knots.example/1"}}],
        "finish_details": {"type": "max_tokens"},
    }
    canvas = '{"name": "plan", "type": "code/python", "content": "print(1)"}'
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", "write")),
            ("d", "q", gpt_message("assistant", canvas, recipient="canmore.create_textdoc")),
            (
                "a",
                "d",
                gpt_message("assistant", "Done \ue200cite\ue202turn0\ue201.", metadata=cited),
            ),
        ]
    )
    [_, replied] = read_one(write_json(tmp_path / "conversations.json", [record])).messages
    assert "**plan**\n\n```python\nprint(1)\n```" in replied.text
    assert replied.text.endswith("Done .")
    assert SourcePart("https://knots.example/1", "Ashley") in replied.parts
    assert replied.finish is Finish.LENGTH


def test_a_preview_looks_at_images_without_reading_them(tmp_path: Path) -> None:
    write_json(tmp_path / "conversations.json", [with_picture("file-service://file-AbCd1234")])
    (tmp_path / "file-AbCd1234.png").write_bytes(PNG)
    [looked], _ = read_all(tmp_path, only_looks=True)
    [taken], _ = read_all(tmp_path)
    assert [m.id for m in looked.messages] == [m.id for m in taken.messages]
    blob = looked.messages[0].blobs[0]
    assert replace(blob, sha256="", media_type="") == replace(blob, media_type="")
