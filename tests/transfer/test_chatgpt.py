"""ChatGPT's export: trees, turns made of many nodes, images, files and what is hidden."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

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
from troth.domain.error import ImportRefused
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


def test_a_trimmed_export_of_2026_reads_like_a_whole_one(tmp_path: Path) -> None:
    """No `children`, no `recipient`, no model by message, a pin with its time."""
    record = gpt_simple()
    record |= {"default_model_slug": "gpt-5-2", "pinned_time": STARTED}
    nodes = cast("dict[str, dict[str, Any]]", record["mapping"])
    for node in nodes.values():
        del node["children"]
        if message := node["message"]:
            for key in ("recipient", "status"):
                del message[key]
            message["metadata"] = {}
    chat = read_one(write_json(tmp_path / "conversations-000.json", [record]))
    assert [m.text for m in chat.messages] == ["How do I tie a bowline?", "Make a small loop."]
    assert str(chat.messages[1].model) == "openai/gpt-5-2"
    assert chat.conversation.is_pinned


def tool_answer(**content: object) -> dict[str, object]:
    return gpt_message("tool", name="web", content=content)


def test_what_tools_answered_keeps_its_words_and_its_source(tmp_path: Path) -> None:
    page = {"url": "https://knots.example/b", "title": "Bowline", "text": "A loop."}
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", "find")),
            ("t1", "q", tool_answer(content_type="tether_quote", **page)),
            ("t2", "t1", tool_answer(content_type="tether_quote", url="file-x1", text="My notes.")),
            ("t3", "t2", tool_answer(content_type="sonic_webpage", **page)),
            ("t4", "t3", tool_answer(content_type="system_error", name="E", text="robots.txt")),
            ("t5", "t4", tool_answer(content_type="citable_code_output", output_str="3")),
            ("t6", "t5", tool_answer(content_type="tether_browsing_display", result="")),
            ("t7", "t6", tool_answer(content_type="multimodal_text", parts=[{"text": "Sheet 1"}])),
            ("a", "t7", gpt_message("assistant", "Found.")),
        ]
    )
    [_, replied] = read_one(write_json(tmp_path / "conversations.json", [record])).messages
    answers = [part.text for part in replied.parts if isinstance(part, ToolResultPart)]
    assert answers == ["A loop.", "My notes.", "A loop.", "robots.txt", "3", "Sheet 1"]
    sources = {part for part in replied.parts if isinstance(part, SourcePart)}
    assert sources == {SourcePart("https://knots.example/b", "Bowline")}
    assert replied.text == "Found."


def test_an_upload_is_one_file_however_often_the_chat_names_it(tmp_path: Path) -> None:
    uploaded = {"attachments": [{"id": "file-gone12345", "name": "knot.png"}]}
    asked = gpt_message("user", content=picture("file-service://file-gone12345"), metadata=uploaded)
    record = gpt_chat([("q", None, asked), ("a", "q", gpt_message("assistant", "A knot."))])
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert chat.missing_files == 1
    assert [left.name for left in chat.messages[0].left_out] == ["knot.png"]


def test_drawings_of_code_and_recordings_of_talks_come_along(tmp_path: Path) -> None:
    drawn = {
        "aggregate_result": {
            "messages": [{"message_type": "image", "image_url": "file-service://file-Plot12345"}]
        }
    }
    spoken = {
        "content_type": "real_time_user_audio_video_asset_pointer",
        "audio_asset_pointer": {"asset_pointer": "sediment://file_00aa"},
        "video_container_asset_pointer": {"asset_pointer": "sediment://file_00bb"},
        "frames_asset_pointers": [{"asset_pointer": "sediment://file_00cc"}],
    }
    said = {"content_type": "audio_transcription", "text": "Draw it.", "direction": "in"}
    parts = {"content_type": "multimodal_text", "parts": [said, spoken]}
    output = {"content_type": "execution_output", "text": ""}
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", content=parts)),
            ("o", "q", gpt_message("tool", name="python", content=output, metadata=drawn)),
            ("a", "o", gpt_message("assistant", "Drawn.")),
        ]
    )
    wave = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(24)
    members = {
        "conversations.json": json.dumps([record]).encode(),
        "file-Plot12345-x.png": PNG,
        "c-1/audio/file_00aa-1.wav": wave,
        "c-1/video/file_00bb-1.mp4": b"film",
        "c-1/video/file_00cc-1.png": PNG + b"2",
    }
    asked, replied = read_one(write_zip(tmp_path / "export.zip", members)).messages
    assert asked.text == "Draw it."
    types = [blob.media_type for blob in asked.blobs]
    assert types == ["audio/wav", "application/octet-stream", "image/png"]
    assert [blob.media_type for blob in replied.blobs] == ["image/png"]


def test_an_export_of_archives_is_read_once_its_outermost_is_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "User Online Activity"
    folder.mkdir()
    record = with_picture("sediment://file_00aa11bb")
    inner = folder / "Conversations__0001.zip"
    members = {"conversations-000.json": json.dumps([record]).encode()}
    write_zip(inner, {**members, "file_00aa11bb.dat": PNG})
    write_zip(folder / "OtherActivity__0001.zip", {"conversations-000.json": b"[]"})
    assert [blob.media_type for blob in read_one(tmp_path).messages[0].blobs] == ["image/png"]

    outer = write_zip(tmp_path / "all.zip", {f"a/{inner.name}": inner.read_bytes()})
    with pytest.raises(ImportRefused, match="unpack it and import the folder"):
        read_all(outer)
