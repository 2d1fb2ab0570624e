"""From drafts of messages, as the readers of JSON exports make them, to one whole chat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from troth.domain.conversation import Conversation
from troth.domain.message import (
    BlobPart,
    Finish,
    LeftOut,
    Message,
    Part,
    Role,
    TextPart,
)
from troth.domain.model import ModelRef
from troth.domain.usage import Timing, Usage
from troth.transfer.chats import Kind, ReadBytes, ReadChat, Setting
from troth.transfer.identity import derived_id
from troth.transfer.loose import name
from troth.transfer.tree import Node, order

TITLE_CHARACTERS = 60


@dataclass(slots=True)
class Draft:
    """A message before it has its id and its place."""

    role: Role
    parts: list[Part] = field(default_factory=list[Part])
    created_at: datetime | None = None
    model: ModelRef | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    timing: Timing | None = None
    missing: list[str] = field(default_factory=list[str])
    """Names of files that the message had and the export has not."""
    blobs: dict[str, ReadBytes] = field(default_factory=dict[str, ReadBytes])

    @property
    def is_empty(self) -> bool:
        return not self.parts and not self.missing

    def say(self, text: str) -> None:
        """Add words; nothing for none."""
        if text.strip():
            self.parts.append(TextPart(text))

    def attach(self, part: BlobPart, read: ReadBytes) -> None:
        self.parts.append(part)
        self.blobs[part.blob.sha256] = read

    def absorb(self, later: Draft) -> None:
        """Take in a step that follows in the same turn of the model."""
        is_speaking = any(isinstance(part, TextPart) for part in self.parts)
        for part in later.parts:
            if is_speaking and isinstance(part, TextPart):
                part = TextPart("\n\n" + part.text)
                is_speaking = False
            self.parts.append(part)
        self.blobs |= later.blobs
        self.missing += later.missing
        self.model = later.model or self.model
        self.finish = later.finish or self.finish


@dataclass(frozen=True, slots=True)
class Outline:
    """What a source says of a chat as a whole."""

    kind: Kind
    source_id: str
    title: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    head: str | None = None
    """The source's id of the node that is shown last."""
    system_prompt: str = ""
    is_pinned: bool = False
    is_archived: bool = False
    broken_messages: int = 0


def chain(drafts: Iterable[tuple[str, Draft]]) -> list[Node[Draft]]:
    """Return messages that simply follow one another as a tree."""
    nodes: list[Node[Draft]] = []
    for id_, draft in drafts:
        nodes.append(Node(id_, nodes[-1].id if nodes else None, draft))
    return nodes


def build_chat(
    outline: Outline,
    nodes: Iterable[Node[Draft]],
    setting: Setting,
    *,
    joins_turns: bool = False,
) -> ReadChat | None:
    """Return the chat, None when nothing is said in it.

    With `joins_turns`, the steps of a model's turn (thinking, a tool, its answer, words) that
    follow one another without a branch become one message.
    """
    ordered = order(Node(n.id, n.parent_id, _full(n.content)) for n in nodes)
    kept, places = _join(ordered.nodes, joins_turns=joins_turns)
    if not kept:
        return None
    chat_id = derived_id(outline.kind, outline.source_id)
    ids = {node.id: derived_id(outline.kind, outline.source_id, node.id) for node in kept}

    def id_of(source_id: str | None) -> str | None:
        near = ordered.nearest.get(source_id) if source_id is not None else None
        return None if near is None else ids.get(places.get(near, near))

    start = outline.created_at or _first_time(kept) or outline.updated_at or setting.file_time
    messages: list[Message] = []
    blobs: dict[str, ReadBytes] = {}
    times: dict[str | None, datetime] = {None: start}
    missing = 0
    for node in kept:
        draft = node.content
        if draft is None:
            continue
        times[node.id] = at = draft.created_at or times.get(node.parent_id, start)
        messages.append(_message(draft, ids[node.id], chat_id, id_of(node.parent_id), at))
        blobs |= draft.blobs
        missing += len(draft.missing)
    updated = outline.updated_at or max(message.created_at for message in messages)
    conversation = Conversation(
        id=chat_id,
        title=outline.title or title_from(messages),
        created_at=start,
        updated_at=max(updated, start),
        head_id=id_of(outline.head) or messages[-1].id,
        system_prompt=outline.system_prompt,
        is_titled=bool(outline.title),
        is_pinned=outline.is_pinned,
        is_archived=outline.is_archived,
    )
    return ReadChat(
        outline.kind,
        conversation,
        tuple(messages),
        blobs,
        broken_messages=outline.broken_messages + ordered.duplicates,
        missing_files=missing,
    )


def _full(draft: Draft | None) -> Draft | None:
    return None if draft is None or draft.is_empty else draft


def _join(
    nodes: Iterable[Node[Draft]], *, joins_turns: bool
) -> tuple[list[Node[Draft]], Mapping[str, str]]:
    """Join what one turn of the model was cut into; the last step's id stands for all of them."""
    listed = list(nodes)
    answers: dict[str | None, int] = {}
    for node in listed:
        answers[node.parent_id] = answers.get(node.parent_id, 0) + 1
    kept: list[list[Node[Draft]]] = []
    group_of: dict[str, list[Node[Draft]]] = {}
    for node in listed:
        group = group_of.get(node.parent_id) if node.parent_id is not None else None
        is_only = joins_turns and answers[node.parent_id] == 1
        if group is not None and is_only and _goes_on(group[0], node):
            group.append(node)
        else:
            group = [node]
            kept.append(group)
        group_of[node.id] = group
    places = {node.id: group[-1].id for group in kept for node in group}
    joined: list[Node[Draft]] = []
    for group in kept:
        first = group[0]
        if first.content is not None:
            for later in group[1:]:
                if later.content is not None:
                    first.content.absorb(later.content)
        parent = None if first.parent_id is None else places[first.parent_id]
        joined.append(Node(group[-1].id, parent, first.content))
    return joined, places


def _goes_on(first: Node[Draft], later: Node[Draft]) -> bool:
    drafts = (first.content, later.content)
    return all(draft is not None and draft.role is not Role.USER for draft in drafts)


def _message(
    draft: Draft, id_: str, chat_id: str, parent_id: str | None, created_at: datetime
) -> Message:
    role = Role.USER if draft.role is Role.USER else Role.ASSISTANT
    left_out = tuple(LeftOut("document", 1, "not_in_export", missing) for missing in draft.missing)
    return Message(
        id=id_,
        conversation_id=chat_id,
        parent_id=parent_id,
        role=role,
        created_at=created_at,
        parts=tuple(draft.parts),
        model=draft.model if role is Role.ASSISTANT else None,
        usage=draft.usage,
        timing=draft.timing,
        finish=draft.finish if role is Role.ASSISTANT else None,
        left_out=left_out,
        is_imported=True,
    )


def title_from(messages: Iterable[Message]) -> str:
    """Return the first words that the user said, cut at a word."""
    said = next((m.text for m in messages if m.role is Role.USER and m.text.strip()), "")
    line = name(said[:500])
    if len(line) <= TITLE_CHARACTERS:
        return line
    head = line[:TITLE_CHARACTERS]
    return (head.rpartition(" ")[0] or head).rstrip(" ,.;:") + "…"


def _first_time(nodes: Iterable[Node[Draft]]) -> datetime | None:
    times = (node.content.created_at for node in nodes if node.content is not None)
    return min((time for time in times if time is not None), default=None)
