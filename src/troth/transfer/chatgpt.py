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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from troth.domain.message import Finish, Role, SourcePart, TextPart, ThinkingPart
from troth.domain.message import ToolCallPart as Call
from troth.domain.message import ToolResultPart as Result
from troth.domain.model import ModelRef
from troth.transfer.assets import Assets, asset_id
from troth.transfer.chatgpt_markup import plain_words
from troth.transfer.chats import Kind, ReadChat, Setting
from troth.transfer.documents import fenced
from troth.transfer.drafting import Draft, Outline, build_chat
from troth.transfer.identity import derived_id
from troth.transfer.loose import mapping, moment, name, sequence, text, words
from troth.transfer.tree import Node

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
    default_slug = name(found.get("default_model_slug"))
    for node_id in sorted(tree, key=lambda id_: ranks.get(id_, 0)):
        node = mapping(tree[node_id])
        message = mapping(node.get("message"))
        broken += not node or not isinstance(node.get("message"), dict | None)
        system_prompt = system_prompt or _instructions(message)
        draft = _draft(node_id, message, default_slug, setting, assets) if message else None
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
            is_pinned=found.get("is_starred") is True or bool(found.get("pinned_time")),
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
    node_id: str,
    message: Mapping[str, object],
    default_slug: str,
    setting: Setting,
    assets: Assets,
) -> Draft | None:
    role = _ROLES.get(text(mapping(message.get("author")).get("role")))
    metadata = mapping(message.get("metadata"))
    if role is None or metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    slug = name(metadata.get("model_slug")) or name(metadata.get("default_model_slug"))
    slug = slug or default_slug
    details = mapping(metadata.get("finish_details"))
    finish = _FINISHES.get(text(details.get("type")))
    draft = Draft(
        role,
        created_at=moment(message.get("create_time"), setting.now),
        model=ModelRef("openai", slug) if slug and role is Role.ASSISTANT else None,
        finish=Finish.CUT if message.get("status") == "in_progress" else finish,
    )
    files = _Files(assets, metadata)
    _add_content(draft, node_id, message, files)
    files.add_rest(draft)
    for source in _sources(metadata):
        if source not in draft.parts:
            draft.parts.append(source)
    return draft


def _add_content(draft: Draft, node_id: str, message: Mapping[str, object], files: _Files) -> None:
    content = mapping(message.get("content"))
    speech = _Speech(
        node_id,
        recipient=name(message.get("recipient")) or "all",
        author=name(mapping(message.get("author")).get("name")) or "tool",
    )
    match content.get("content_type"):
        case "thoughts":
            for thought in sequence(content.get("thoughts")):
                pair = (words(mapping(thought).get(key)) for key in ("summary", "content"))
                if body := "\n\n".join(filter(str.strip, pair)):
                    draft.parts.append(ThinkingPart(body))
        case "reasoning_recap" | "user_editable_context" | "model_editable_context":
            return
        case "multimodal_text" | "text":
            for part in sequence(content.get("parts")):
                if isinstance(part, str):
                    speech.add(draft, words(part))
                else:
                    _add_piece(draft, speech, mapping(part), files)
        case _:  # `code`, `execution_output`, `tether_quote`, `sonic_webpage`, `system_error`, ...
            keys = ("text", "result", "output_str")
            body = next(filter(None, (words(content.get(key)) for key in keys)), "")
            speech.add(draft, body, words(content.get("language")))
            files.add(draft, text(mapping(content.get("screenshot")).get("asset_pointer")))
            draft.parts += _web_sources([content])


def _add_piece(draft: Draft, speech: _Speech, piece: Mapping[str, object], files: _Files) -> None:
    """Add a part that is more than words: an image, a recording, what was said in it."""
    pointers = [piece]
    if piece.get("content_type") == "real_time_user_audio_video_asset_pointer":
        keys = ("audio_asset_pointer", "video_container_asset_pointer")
        pointers = [mapping(piece.get(key)) for key in keys]
        pointers += [mapping(frame) for frame in sequence(piece.get("frames_asset_pointers"))]
    for pointer in pointers:
        files.add(draft, text(pointer.get("asset_pointer")))
    speech.add(draft, words(piece.get("text")))  # `audio_transcription`, and whatever else has any


@dataclass(frozen=True, slots=True)
class _Speech:
    """Who speaks to whom in one node."""

    node_id: str
    recipient: str
    author: str

    def add(self, draft: Draft, body: str, language: str = "") -> None:
        """Add words: to the reader, to a tool, or from one."""
        if draft.role is not Role.USER:
            body = plain_words(body)
        if not body.strip():
            return
        if draft.role is Role.TOOL:
            draft.parts.append(Result(self.node_id, self.author, body))
        elif self.recipient == "all":
            draft.say(fenced("", body, language) if language and language != "unknown" else body)
        elif self.recipient.startswith("canmore") and (written := _canvas(body)):
            draft.parts.append(TextPart(written))
        else:
            draft.parts.append(Call(self.node_id, self.recipient, body))


def _canvas(body: str) -> str:
    """Return a document that the model wrote beside the chat; "" when this is none."""
    try:
        found = mapping(cast("object", json.loads(body)))
    except (ValueError, RecursionError):
        return ""
    content = words(found.get("content"))
    language = text(found.get("type")).removeprefix("code/")
    return fenced(name(found.get("name")), content, language) if content else ""


class _Files:
    """The files of one message: what it calls them, and the export that may hold them."""

    def __init__(self, assets: Assets, metadata: Mapping[str, object]) -> None:
        self._assets = assets
        self._claims: dict[str, tuple[str, str]] = {}
        for attachment in sequence(metadata.get("attachments")):
            found = mapping(attachment)
            media_type = text(found.get("mime_type")) or text(found.get("mimeType"))
            self._claims[text(found.get("id"))] = (name(found.get("name")), media_type)
        ran = mapping(metadata.get("aggregate_result"))
        self._drawn = [  # what the code interpreter drew
            text(mapping(made).get("image_url")) for made in sequence(ran.get("messages"))
        ]

    def add(self, draft: Draft, pointer: str) -> None:
        """Add the file that is pointed to, or that it is missing; nothing for no pointer."""
        claimed_name, claimed_type = self._claims.get(asset_id(pointer), ("", ""))
        found = self._assets.find(pointer, claimed_name, claimed_type)
        if found is None:
            shown = claimed_name or name(pointer.rpartition("/")[2])
            if shown and shown not in draft.missing:
                draft.missing.append(shown)
        elif found[0] not in draft.parts:
            draft.attach(*found)

    def add_rest(self, draft: Draft) -> None:
        """Add what is attached and drawn; what was added before is not added again."""
        for pointer in (*self._claims, *filter(None, self._drawn)):
            self.add(draft, pointer)


def _sources(metadata: Mapping[str, object]) -> list[SourcePart]:
    found: list[Mapping[str, object]] = []
    for citation in sequence(metadata.get("citations")):
        found.append(mapping(mapping(citation).get("metadata")))
    for reference in sequence(metadata.get("content_references")):
        item = mapping(reference)
        found += [item, *(mapping(inner) for inner in sequence(item.get("items")))]
    return _web_sources(found)


def _web_sources(found: Iterable[Mapping[str, object]]) -> list[SourcePart]:
    sources = [SourcePart(name(item.get("url")), name(item.get("title"))) for item in found]
    return [s for s in dict.fromkeys(sources) if s.url.startswith(("https://", "http://"))]
