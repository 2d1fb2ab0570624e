"""ChatGPT's export: `conversations.json`, or `conversations-000.json` and so on since 2026.

Each conversation is a tree in `mapping` (node id -> `parent`, `children`, `message`), shown down to
`current_node`. Regenerated replies and edited questions are siblings. One turn of the model is
several nodes: `thoughts`, `code` for a tool, the tool's `execution_output`, `text`.

Field names: exports of 2023 to 2026 as described at
https://github.com/mitkury/chatgpt-export-parser (docs/chatgpt-data-export-format.md) and in other
public readers, November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from troth.domain.message import Finish, Role, SourcePart, TextPart, ThinkingPart
from troth.domain.message import ToolCallPart as Call
from troth.domain.message import ToolResultPart as Result
from troth.domain.model import ModelRef
from troth.transfer.assets import Assets
from troth.transfer.chats import Kind, ReadChat, Setting
from troth.transfer.documents import fenced
from troth.transfer.drafting import Draft, Outline, build_chat
from troth.transfer.identity import derived_id
from troth.transfer.loose import mapping, moment, name, sequence, text, words
from troth.transfer.tree import Node

_MARKER = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201")
"""What the website draws as citation chips, spelt in private-use characters."""
_FINISHES = {
    "stop": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "interrupted": Finish.STOPPED,
    "client_stopped": Finish.STOPPED,
}
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}


def is_chatgpt(record: object) -> bool:
    return isinstance(mapping(record).get("mapping"), dict)


def read_chatgpt(record: object, setting: Setting, assets: Assets) -> ReadChat | None:
    """Read one conversation; None where nothing is said in it."""
    found = mapping(record)
    tree = mapping(found.get("mapping"))
    ranks = {
        child: place
        for node in tree.values()
        for place, child in enumerate(sequence(mapping(node).get("children")))
        if isinstance(child, str)
    }
    nodes: list[Node[Draft]] = []
    broken = 0
    system_prompt = ""
    for node_id in sorted(tree, key=lambda id_: ranks.get(id_, 0)):
        node = mapping(tree[node_id])
        message = mapping(node.get("message"))
        broken += not node or not isinstance(node.get("message"), dict | None)
        system_prompt = system_prompt or _instructions(message)
        draft = _draft(node_id, message, setting, assets) if message else None
        nodes.append(Node(node_id, text(node.get("parent")) or None, draft))
    source_id = text(found.get("conversation_id")) or text(found.get("id"))
    created = moment(found.get("create_time"), setting.now)
    return build_chat(
        Outline(
            Kind.CHATGPT,
            source_id or derived_id(name(found.get("title")), *sorted(tree)),
            title=name(found.get("title")),
            created_at=created,
            updated_at=moment(found.get("update_time"), setting.now),
            head=text(found.get("current_node")) or None,
            system_prompt=system_prompt,
            is_pinned=found.get("is_starred") is True,
            is_archived=found.get("is_archived") is True,
            broken_messages=broken,
        ),
        nodes,
        setting,
        joins_turns=True,
    )


def _instructions(message: Mapping[str, object]) -> str:
    """Return the user's custom instructions, which stand in a hidden message."""
    content = mapping(message.get("content"))
    if content.get("content_type") == "user_editable_context":
        parts = [words(content.get(key)) for key in ("user_profile", "user_instructions")]
        return "\n\n".join(part for part in parts if part.strip())
    data = mapping(mapping(message.get("metadata")).get("user_context_message_data"))
    parts = [words(data.get(key)) for key in ("about_user_message", "about_model_message")]
    return "\n\n".join(part for part in parts if part.strip())


def _draft(
    node_id: str, message: Mapping[str, object], setting: Setting, assets: Assets
) -> Draft | None:
    role = _ROLES.get(text(mapping(message.get("author")).get("role")))
    metadata = mapping(message.get("metadata"))
    if role is None or metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    slug = name(metadata.get("model_slug")) or name(metadata.get("default_model_slug"))
    details = mapping(metadata.get("finish_details"))
    finish = _FINISHES.get(text(details.get("type")))
    draft = Draft(
        role,
        created_at=moment(message.get("create_time"), setting.now),
        model=ModelRef("openai", slug) if slug and role is Role.ASSISTANT else None,
        finish=Finish.CUT if message.get("status") == "in_progress" else finish,
    )
    _add_content(draft, node_id, message, assets)
    _add_attachments(draft, metadata, assets)
    for source in _sources(metadata):
        if source not in draft.parts:
            draft.parts.append(source)
    return draft


def _add_content(draft: Draft, node_id: str, message: Mapping[str, object], assets: Assets) -> None:
    content = mapping(message.get("content"))
    recipient = name(message.get("recipient")) or "all"
    author = name(mapping(message.get("author")).get("name")) or "tool"
    match content.get("content_type"):
        case "thoughts":
            for thought in sequence(content.get("thoughts")):
                pair = (words(mapping(thought).get(key)) for key in ("summary", "content"))
                if body := "\n\n".join(filter(str.strip, pair)):
                    draft.parts.append(ThinkingPart(body))
        case "reasoning_recap" | "user_editable_context" | "model_editable_context":
            return
        case "tether_quote":
            draft.parts.append(SourcePart(name(content.get("url")), name(content.get("title"))))
        case "tether_browsing_display":
            draft.parts.append(Result(node_id, author, words(content.get("result"))))
        case "multimodal_text" | "text":
            _add_parts(draft, node_id, recipient, author, content, assets)
        case _:
            body = words(content.get("text")) or words(content.get("result"))
            _add_step(draft, node_id, recipient, author, body, words(content.get("language")))


def _add_parts(
    draft: Draft,
    node_id: str,
    recipient: str,
    author: str,
    content: Mapping[str, object],
    assets: Assets,
) -> None:
    for part in sequence(content.get("parts")):
        if isinstance(part, str):
            _add_step(draft, node_id, recipient, author, words(part), "")
            continue
        piece = mapping(part)
        match piece.get("content_type"):
            case "image_asset_pointer" | "audio_asset_pointer" | "video_container_asset_pointer":
                _add_asset(draft, text(piece.get("asset_pointer")), "", "", assets)
            case "real_time_user_audio_video_asset_pointer":
                sound = mapping(piece.get("audio_asset_pointer"))
                _add_asset(draft, text(sound.get("asset_pointer")), "", "", assets)
            case _:  # `audio_transcription`, and whatever else has words
                draft.say(words(piece.get("text")))


def _add_step(
    draft: Draft, node_id: str, recipient: str, author: str, body: str, language: str
) -> None:
    """Add words: to the reader, to a tool, or from one."""
    body = _MARKER.sub("", body)
    if not body.strip():
        return
    if draft.role is Role.TOOL:
        draft.parts.append(Result(node_id, author, body))
    elif recipient == "all":
        draft.say(fenced("", body, language) if language and language != "unknown" else body)
    elif recipient.startswith("canmore") and (written := _canvas(body)):
        draft.parts.append(TextPart(written))
    else:
        draft.parts.append(Call(node_id, recipient, body))


def _canvas(body: str) -> str:
    """Return a document that the model wrote beside the chat; "" when this is none."""
    try:
        found = mapping(cast("object", json.loads(body)))
    except (ValueError, RecursionError):
        return ""
    content = words(found.get("content"))
    language = text(found.get("type")).removeprefix("code/")
    return fenced(name(found.get("name")), content, language) if content else ""


def _add_attachments(draft: Draft, metadata: Mapping[str, object], assets: Assets) -> None:
    for attachment in sequence(metadata.get("attachments")):
        found = mapping(attachment)
        media_type = text(found.get("mime_type")) or text(found.get("mimeType"))
        _add_asset(draft, text(found.get("id")), name(found.get("name")), media_type, assets)


def _add_asset(
    draft: Draft, pointer: str, claimed_name: str, claimed_type: str, assets: Assets
) -> None:
    found = assets.find(pointer, claimed_name, claimed_type)
    if found is None:
        shown = claimed_name or name(pointer.rpartition("/")[2])
        if shown and shown not in draft.missing:
            draft.missing.append(shown)
    elif found[0] not in draft.parts:
        draft.attach(*found)


def _sources(metadata: Mapping[str, object]) -> list[SourcePart]:
    found: list[Mapping[str, object]] = []
    for citation in sequence(metadata.get("citations")):
        found.append(mapping(mapping(citation).get("metadata")))
    for reference in sequence(metadata.get("content_references")):
        item = mapping(reference)
        found += [item, *(mapping(inner) for inner in sequence(item.get("items")))]
    sources = [SourcePart(name(item.get("url")), name(item.get("title"))) for item in found]
    return [s for s in dict.fromkeys(sources) if s.url.startswith(("https://", "http://"))]
