"""Claude's export: blocks, artifacts, attachments and branches."""

from __future__ import annotations

from pathlib import Path

from transfer.exports import claude_chat, claude_message, read_one, write_json
from troth.domain.message import (
    BlobPart,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

ROOT = "00000000-0000-4000-8000-000000000000"


def test_words_times_and_order_are_kept(tmp_path: Path) -> None:
    record = claude_chat(
        claude_message("u1", "human", "How do I splice?"),
        claude_message("u2", "assistant", "Unlay the strands."),
        claude_message("u3", "human", "And then?"),
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert [m.text for m in chat.messages] == [
        "How do I splice?",
        "Unlay the strands.",
        "And then?",
    ]
    assert [m.role for m in chat.messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert [m.parent_id for m in chat.messages] == [None, *(m.id for m in chat.messages[:2])]
    assert chat.conversation.title == "Rope work"
    assert chat.conversation.created_at.isoformat() == "2025-03-01T10:00:00.123456+00:00"


def test_branches_follow_their_parents_and_the_current_leaf(tmp_path: Path) -> None:
    record = claude_chat(
        claude_message("u1", "human", "q", parent_message_uuid=ROOT),
        claude_message("u2", "assistant", "one", parent_message_uuid="u1"),
        claude_message("u3", "assistant", "two", parent_message_uuid="u1"),
        current_leaf_message_uuid="u2",
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    asked, one, two = chat.messages
    assert one.parent_id == two.parent_id == asked.id
    assert chat.conversation.head_id == one.id


def test_thinking_tools_and_sources_become_parts(tmp_path: Path) -> None:
    found = [{"type": "knowledge", "title": "Ashley", "url": "https://knots.example", "text": "x"}]
    blocks = (
        {"type": "thinking", "thinking": "Let me look."},
        {"type": "tool_use", "id": "t1", "name": "web_search", "input": {"query": "bowline"}},
        {"type": "tool_result", "tool_use_id": "t1", "name": "web_search", "content": found},
        "Here it is.",
    )
    record = claude_chat(
        claude_message("u1", "human", "?"), claude_message("u2", "assistant", *blocks)
    )
    replied = read_one(write_json(tmp_path / "conversations.json", [record])).messages[1]
    assert ThinkingPart("Let me look.") in replied.parts
    assert ToolCallPart("t1", "web_search", '{"query": "bowline"}') in replied.parts
    assert ToolResultPart("t1", "web_search", "x") in replied.parts
    assert SourcePart("https://knots.example", "Ashley") in replied.parts
    assert replied.text == "Here it is."


def test_artifacts_of_both_kinds_stand_in_the_reply(tmp_path: Path) -> None:
    new = {
        "type": "tool_use",
        "name": "artifacts",
        "input": {
            "command": "create",
            "id": "plan",
            "title": "Plan",
            "language": "python",
            "content": "print('```')",
        },
    }
    change = {
        "type": "tool_use",
        "name": "artifacts",
        "input": {"command": "update", "id": "plan", "old_str": "a", "new_str": "b"},
    }
    old = (
        'Look: <antArtifact identifier="x" type="text/markdown" title="Notes">\n# Hi\n'
        "</antArtifact> done"
    )
    record = claude_chat(
        claude_message("u1", "human", "write"), claude_message("u2", "assistant", old, new, change)
    )
    text = read_one(write_json(tmp_path / "conversations.json", [record])).messages[1].text
    assert "**Notes**\n\n```markdown\n# Hi\n```\n done" in text
    assert "**Plan**\n\n````python\nprint('```')\n````" in text
    assert "```diff\n-a\n+b\n```" in text


def test_attachments_come_as_documents_and_missing_files_are_named(tmp_path: Path) -> None:
    pasted = {"file_name": "", "file_size": 5, "file_type": "txt", "extracted_content": "pasted"}
    upload = {"file_name": "plan.pdf", "file_size": 9, "extracted_content": "the plan"}
    record = claude_chat(
        claude_message(
            "u1",
            "human",
            attachments=[pasted, upload],
            files=[{"file_name": "photo.png"}, {"file_name": "plan.pdf"}],
        )
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    [message] = chat.messages
    parts = [part for part in message.parts if isinstance(part, BlobPart)]
    assert [part.extracted_text for part in parts] == ["pasted", "the plan"]
    assert [chat.blobs[part.blob.sha256]() for part in parts] == [b"pasted", b"the plan"]
    assert [item.name for item in message.left_out] == ["photo.png"]
    assert chat.missing_files == 1


def test_exports_without_blocks_use_the_text(tmp_path: Path) -> None:
    message = claude_message("u1", "human", text="only text", content=[])
    chat = read_one(write_json(tmp_path / "conversations.json", [claude_chat(message)]))
    assert chat.messages[0].parts == (TextPart("only text"),)


UNSHOWN = "```\nThis block is not supported on your current device yet.\n```"


def test_the_words_round_a_block_that_was_not_shown_stay(tmp_path: Path) -> None:
    """Where a tool was used the export writes a notice into the words, once or many times."""
    told = f"Let me look.\n{UNSHOWN}\n\n{UNSHOWN}\n\nIt is a bowline.\n\n    indented"
    older = claude_message("u2", "assistant", text=told)
    record = claude_chat(
        claude_message("u1", "human", "which?"),
        claude_message("u2", "assistant", UNSHOWN + "\n" + told),
        claude_message("u3", "human", "sure?"),
        {**older, "uuid": "u4", "content": []},
        claude_message("u5", "assistant", {"type": "text", "text": UNSHOWN}),
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    words = "Let me look.\n\nIt is a bowline.\n\n    indented"
    assert [m.text for m in chat.messages] == ["which?", words, "sure?", words]


def test_a_kind_of_block_that_is_new_keeps_its_words(tmp_path: Path) -> None:
    blocks = ({"type": "aside", "text": "By the way."}, {"type": "token_budget"}, {"type": "flag"})
    record = claude_chat(claude_message("u1", "assistant", *blocks))
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert [m.text for m in chat.messages] == ["By the way."]
