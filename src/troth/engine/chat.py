"""A chat that is open: its settings, its tree, its draft, what waits and what arrives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from troth.domain.conversation import Conversation
from troth.domain.error import Failure
from troth.domain.message import Message, Part, Role, TextPart
from troth.domain.model import ModelRef, Params
from troth.domain.verdict import Verdict
from troth.engine.reply import Reply
from troth.engine.tree import MessageTree
from troth.vault.vault import Vault

TITLE_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that waits for the running reply to end. It can still be edited or removed."""

    id: str
    """The id that its message will have."""
    parts: tuple[Part, ...]
    is_kept: bool = False
    """Whether it waits for the user: it comes from last time, or stands behind a refused one."""
    failure: Failure | None = None
    """Why it could not be sent when its turn came."""

    @property
    def is_held(self) -> bool:
        """Whether it goes only when the user says so."""
        return self.is_kept or self.failure is not None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Chat:
    """A handle on one conversation. Many screens may hold the same one; the engine owns it."""

    def __init__(self, conversation: Conversation, store: Vault, *, is_stored: bool) -> None:
        self.conversation = conversation
        self.store = store
        """Where its messages go: the vault, or memory for an incognito chat."""
        self.is_stored = is_stored
        """Whether the conversation has a row yet; it gets one with its first message."""
        self.tree = MessageTree()
        self.is_whole = not is_stored
        """Whether the tree holds every message, or only the newest ones of the shown path."""
        self.draft = ""
        self.queue: list[Queued] = []
        self.reply: Reply | None = None
        """The running reply, else the last one of this session."""
        self.verdicts: dict[str, Verdict] = {}
        self.allowed: set[str] = set()
        """Replies that failed verification and that the user lets later models see."""
        self.released: set[str] = set()
        """Messages of an enclave or this computer that the user lets plain providers have."""
        self.withheld: set[str] = set()
        """Such messages that no plain provider is given."""
        self.is_held = False
        """Whether a reply is shown only once its verdict is in."""
        self.columns: list[Chat] = []
        """Columns of its comparison: each goes on from a head of its own in the same tree."""
        self.board: Chat | None = None
        """For such a column: the chat that it belongs to."""
        self.comparison: object | None = None
        """The comparison that it holds, once that is open: it lives no longer than the chat.

        `Comparisons` alone knows more of it.
        """

    @property
    def id(self) -> str:
        return self.conversation.id

    @property
    def path(self) -> list[Message]:
        """The messages that are shown and sent, oldest first."""
        return self.tree.path(self.conversation.head_id)

    @property
    def is_replying(self) -> bool:
        own = self.reply is not None and self.reply.is_running
        return own or any(column.is_replying for column in self.columns)

    def waiting(self, queued_id: str) -> Queued | None:
        """Return a message that waits; None when it has gone."""
        return next((queued for queued in self.queue if queued.id == queued_id), None)

    def add_column(self, model: ModelRef, params: Params, head_id: str | None) -> Chat:
        """Return another way through the same tree: its model, parameters and head are its own.

        What is said there is stored in this chat, and moves the head of the column alone. The
        whole tree must be loaded.
        """
        conversation = replace(self.conversation, model=model, params=params, head_id=head_id)
        column = Chat(conversation, self.store, is_stored=True)
        column.tree, column.is_whole = self.tree, True
        column.verdicts, column.allowed = self.verdicts, self.allowed
        column.released, column.withheld = self.released, self.withheld
        column.board = self
        self.columns.append(column)
        return column

    async def holds_comparison(self) -> bool:
        """Whether its messages stand in columns; asked of each chat that is opened."""
        from troth.engine.comparison_state import COMPARISON_KEY

        if self.comparison is not None:
            return True
        return bool(await self.store.state(COMPARISON_KEY + self.id))

    def variants(self, message_id: str) -> tuple[int, tuple[str, ...]]:
        """Return the index of a message among its variants, and their ids."""
        ids = self.tree.siblings(message_id)
        return (ids.index(message_id) if message_id in ids else 0), ids

    async def load_rest(self) -> None:
        """Read the older messages and the other branches; does nothing the second time."""
        if not self.is_whole:
            messages = await self.store.messages(self.id)
            self.tree.merge(messages)
            self.is_whole = True


def title_from(parts: Sequence[Part]) -> str:
    """Return the first words of the user's own message, cut at a word where it is long."""
    text = " ".join(" ".join(p.text for p in parts if isinstance(p, TextPart)).split())
    if len(text) <= TITLE_CHARACTERS:
        return text
    head = text[:TITLE_CHARACTERS]
    words = head.rpartition(" ")[0]
    return (words if len(words) > TITLE_CHARACTERS // 2 else head).rstrip(" ,.;:") + "…"


def prompts_of(path: Sequence[Message]) -> list[str]:
    """Return the user's own prompts on a path, oldest first."""
    return [message.text for message in path if message.role is Role.USER and message.text]


class PromptHistory:
    """The last prompts of all chats, kept in the vault as one small state row."""

    LIMIT = 200
    KEY = "prompts"

    def __init__(self) -> None:
        self._prompts: list[str] = []

    async def load(self, vault: Vault) -> None:
        stored = await vault.state(self.KEY)
        self._prompts = json.loads(stored) if stored else []

    async def remember(self, vault: Vault, prompt: str) -> None:
        """Move `prompt` to the end."""
        if not prompt.strip():
            return
        self._prompts = [*(p for p in self._prompts if p != prompt), prompt][-self.LIMIT :]
        await vault.set_state(self.KEY, json.dumps(self._prompts))

    def forget(self) -> None:
        """Drop them: the vault locks."""
        self._prompts = []

    def all(self) -> list[str]:
        """Return the prompts, oldest first."""
        return list(self._prompts)
