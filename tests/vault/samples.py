"""Messages, chats and ready-made vaults for the vault's tests."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from troth.domain.conversation import Conversation
from troth.domain.exchange import Exchange
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    LeftOut,
    Message,
    RawItem,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelRef, Params
from troth.domain.usage import Timing, Usage
from troth.vault import opening
from troth.vault.vault import Vault

NOW = datetime(2026, 11, 22, 9, 40, 0, 123456, tzinfo=UTC)
FLOOR_KIB = 65_536
PASSPHRASE = "correct horse"
MODEL = ModelRef("anthropic", "claude/opus")
PICTURE = bytes(range(256)) * 2_500
PICTURE_SHA = hashlib.sha256(PICTURE).hexdigest()


@dataclass(frozen=True)
class MadeVault:
    """A closed vault on disk and what opens it without a slow key derivation."""

    directory: Path
    recovery_words: str

    def copy_to(self, directory: Path) -> MadeVault:
        shutil.copytree(self.directory, directory)  # copy2 keeps the times that the sidecar holds
        return MadeVault(directory, self.recovery_words)

    @property
    def database(self) -> Path:
        return self.directory / "vault.db"


def chat(chat_id: str = "chat", **changes: object) -> Conversation:
    values: dict[str, object] = {
        "id": chat_id,
        "title": "Rope and knots",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Conversation(**(values | changes))  # type: ignore[arg-type]


def said(
    message_id: str,
    text: str,
    *,
    parent: str | None = None,
    chat_id: str = "chat",
    role: Role = Role.USER,
    model: ModelRef | None = None,
    at: datetime = NOW,
) -> Message:
    return Message(message_id, chat_id, parent, role, at, (TextPart(text),), model)


def rich_reply(message_id: str = "reply", parent: str | None = None) -> Message:
    """A reply with one of everything."""
    return Message(
        id=message_id,
        conversation_id="chat",
        parent_id=parent,
        role=Role.ASSISTANT,
        created_at=NOW + timedelta(seconds=3),
        parts=(
            ThinkingPart("let me see"),
            TextPart("First part. "),
            BlobPart(Blob(PICTURE_SHA, "image/png", len(PICTURE), "knot.png"), "a knot"),
            ToolCallPart("call-1", "look_up", '{"q": 1}'),
            ToolResultPart("call-1", "look_up", "found"),
            SourcePart("https://example.org/knots", "Knots"),
            TextPart("Sécond part 🙂"),
        ),
        model=MODEL,
        params=Params(temperature=0.2, max_output_tokens=99, stop=("END",)),
        usage=Usage(10, 20, None, 5),
        timing=Timing(1234.5, 99.25),
        finish=Finish.LENGTH,
        left_out=(LeftOut("image", 2, "no_image_input"),),
        raw_items=(
            RawItem("anthropic", "claude/opus", "anthropic", "thinking", b'{"signature":"x"}'),
            RawItem("anthropic", "claude/opus", "anthropic", "text", b"{}"),
        ),
        cost_usd=0.0125,
    )


def exchange(request_body: bytes = b'{"q":1}', response_body: bytes = b"data: x\n\n") -> Exchange:
    return Exchange(
        method="POST",
        url="https://api.example.org/v1/messages",
        request_headers=(("content-type", "application/json"), ("x-twice", "a"), ("x-twice", "b")),
        request_body=request_body,
        status=200,
        response_headers=(("request-id", "abc"),),
        response_body=response_body,
        sent_at=NOW,
        received_at=NOW + timedelta(milliseconds=1500),
        is_complete=True,
    )


async def open_with_words(made: MadeVault) -> Vault:
    return await Vault.open(made.directory, recovery_words=made.recovery_words)


def unlocked(made: MadeVault) -> opening.Access:
    """Return what connects to a vault below its door."""
    return opening.unlock_directory(
        made.directory,
        passphrase=None,
        recovery_words=made.recovery_words,
        from_keyring=False,
        terms=opening.Terms(),
    )
