"""Claude's export: `conversations.json` with `chat_messages[]`, each made of `content[]` blocks.

`parent_message_uuid` (in exports since 2025) makes it a tree whose roots name a parent of zeros;
before that messages simply follow one another. Uploaded files are not in the export, but the text
that was taken from documents is (`attachments[].extracted_content`). Artifacts stand in the text
as `<antArtifact>` (2024) or as uses of a tool called `artifacts`.

Field names: public readers of real exports (https://github.com/brandtcormorant/claude-json-schema
and others), November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial

from troth.domain.message import Role, SourcePart, ThinkingPart, ToolCallPart, ToolResultPart
from troth.domain.model import ModelRef
from troth.transfer.assets import document
from troth.transfer.chats import Kind, ReadChat, Setting
from troth.transfer.documents import fenced
from troth.transfer.drafting import Draft, Outline, build_chat
from troth.transfer.identity import derived_id
from troth.transfer.loose import mapping, moment, name, sequence, text, words
from troth.transfer.tree import Node

_NO_PARENT = re.compile(r"0{8}-0{4}-[04]0{3}-[08]0{3}-0{12}")
_ARTIFACT = re.compile(r"<antArtifact\b([^>]{0,2000})>")
_ARTIFACT_END = "</antArtifact>"
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_UNSHOWN = "This block is not supported on your current device yet."
_UNSHOWN_BLOCK = re.compile(rf"(?:```\s{{0,3}})?{re.escape(_UNSHOWN)}(?:\s{{0,3}}```)?")
"""What stands in the words where a tool was used; the tool itself is a block of its own."""
_ROLES = {
    "human": Role.USER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_LANGUAGES = {
    "text/html": "html",
    "text/markdown": "markdown",
    "image/svg+xml": "svg",
    "application/vnd.ant.react": "jsx",
    "application/vnd.ant.mermaid": "mermaid",
}


def is_claude(record: object) -> bool:
    return isinstance(mapping(record).get("chat_messages"), list)


def read_claude(record: object, setting: Setting) -> ReadChat | None:
    """Read one conversation; None where nothing is said in it."""
    found = mapping(record)
    model = name(found.get("model"))
    ref = ModelRef("anthropic", model) if model else None
    nodes: list[Node[Draft]] = []
    broken = 0
    for place, item in enumerate(sequence(found.get("chat_messages"))):
        message = mapping(item)
        role = _ROLES.get(text(message.get("sender")) or text(message.get("role")))
        if role is None:
            broken += 1
            continue
        draft = Draft(
            role,
            created_at=moment(message.get("created_at"), setting.now),
            model=ref if role is Role.ASSISTANT else None,
        )
        uuid = text(message.get("uuid")) or f"#{place}"
        _add_message(draft, uuid, message)
        nodes.append(Node(uuid, _parent(message, nodes), draft))
    return build_chat(
        Outline(
            Kind.CLAUDE,
            text(found.get("uuid")) or derived_id(*(node.id for node in nodes)),
            title=name(found.get("name")),
            created_at=moment(found.get("created_at"), setting.now),
            updated_at=moment(found.get("updated_at"), setting.now),
            head=text(found.get("current_leaf_message_uuid")) or _newest(nodes),
            is_pinned=found.get("is_starred") is True,
            broken_messages=broken,
        ),
        nodes,
        setting,
    )


def _parent(message: Mapping[str, object], before: list[Node[Draft]]) -> str | None:
    parent = message.get("parent_message_uuid")
    if isinstance(parent, str) and parent:
        return None if _NO_PARENT.fullmatch(parent) else parent
    return before[-1].id if before else None


def _newest(nodes: list[Node[Draft]]) -> str | None:
    """Return the last message that nothing answers: what was on screen, as far as one can know."""
    parents = {node.parent_id for node in nodes}
    leaves = [node.id for node in nodes if node.id not in parents]
    return leaves[-1] if leaves else None


def _add_message(draft: Draft, uuid: str, message: Mapping[str, object]) -> None:
    for attachment in sequence(message.get("attachments")):
        found = mapping(attachment)
        content = words(found.get("extracted_content"))
        title = name(found.get("file_name")) or "pasted text.txt"
        if content:
            part, encoded = document(title, content)
            draft.attach(part, partial(bytes, encoded))
        else:
            draft.missing.append(title)
    blocks = sequence(message.get("content"))
    for place, block in enumerate(blocks):
        _add_block(draft, f"{uuid}-{place}", mapping(block))
    if not any(text(mapping(block).get("type")) for block in blocks):
        draft.say(_said(message))
    named = {name(mapping(a).get("file_name")) for a in sequence(message.get("attachments"))}
    files = [*sequence(message.get("files")), *sequence(message.get("files_v2"))]
    for file_name in dict.fromkeys(name(mapping(file).get("file_name")) for file in files):
        if file_name and file_name not in named:
            draft.missing.append(file_name)


def _add_block(draft: Draft, place: str, block: Mapping[str, object]) -> None:
    match block.get("type"):
        case "text":
            draft.say(_said(block))
            _add_sources(draft, sequence(block.get("citations")))
        case "thinking":
            if body := words(block.get("thinking")).strip():
                draft.parts.append(ThinkingPart(body))
        case "tool_use":
            _add_use(draft, place, block)
        case "tool_result":
            _add_result(draft, block)
        case _:  # `voice_note`; not `token_budget` or `flag`, in which nothing was said
            draft.say(words(block.get("text")))


def _said(spoken: Mapping[str, object]) -> str:
    body = words(spoken.get("text"))
    if _UNSHOWN in body:
        pieces = (piece.strip("\n") for piece in _UNSHOWN_BLOCK.split(body))
        body = "\n\n".join(filter(str.strip, pieces))
    return _with_artifacts(body)


def _add_use(draft: Draft, place: str, block: Mapping[str, object]) -> None:
    tool = name(block.get("name")) or "tool"
    given = mapping(block.get("input"))
    if tool == "artifacts":
        draft.say(_artifact_use(given))
        return
    arguments = json.dumps(block.get("input"), ensure_ascii=False) if given else ""
    draft.parts.append(ToolCallPart(text(block.get("id")) or place, tool, arguments))


def _add_result(draft: Draft, block: Mapping[str, object]) -> None:
    tool = name(block.get("name")) or "tool"
    content = block.get("content")
    pieces = [content] if isinstance(content, str) else list(sequence(content))
    body = "\n".join(filter(None, (words(p) or words(mapping(p).get("text")) for p in pieces)))
    _add_sources(draft, pieces)
    if tool == "artifacts":
        return  # only says that it was shown
    last = next((p for p in reversed(draft.parts) if isinstance(p, ToolCallPart)), None)
    call_id = text(block.get("tool_use_id")) or (last.call_id if last else "")
    if call_id:
        draft.parts.append(ToolResultPart(call_id, tool, body))


def _add_sources(draft: Draft, items: object) -> None:
    for item in sequence(items):
        found = mapping(item)
        details = mapping(found.get("details"))
        url = name(found.get("url")) or name(details.get("url"))
        source = SourcePart(url, name(found.get("title")))
        if url.startswith(("https://", "http://")) and source not in draft.parts:
            draft.parts.append(source)


def _artifact_use(given: Mapping[str, object]) -> str:
    title = name(given.get("title")) or name(given.get("id"))
    if given.get("command") == "update":
        old, new = words(given.get("old_str")), words(given.get("new_str"))
        change = [f"-{line}" for line in old.splitlines()] + [f"+{x}" for x in new.splitlines()]
        return fenced(title, "\n".join(change), "diff") if change else ""
    content = words(given.get("content"))
    language = text(given.get("language")) or _LANGUAGES.get(text(given.get("type")), "")
    return fenced(title, content, language) if content else ""


def _with_artifacts(body: str) -> str:
    """Set the documents inside `<antArtifact>` into code blocks; each mark is looked at once."""
    pieces: list[str] = []
    position = 0
    while found := _ARTIFACT.search(body, position):
        end = body.find(_ARTIFACT_END, found.end())
        if end < 0:
            break
        given = dict(_ATTRIBUTE.findall(found.group(1)))
        language = given.get("language") or _LANGUAGES.get(given.get("type", ""), "")
        content = body[found.end() : end].strip("\n")
        shown = fenced(name(given.get("title", "")), content, language)
        pieces += [body[position : found.start()], "\n", shown]
        position = end + len(_ARTIFACT_END)
    return "".join([*pieces, body[position:]])
