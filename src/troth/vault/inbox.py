"""The inbox: replies that end while the vault is locked, sealed for the next one who unlocks it.

A locked process has no key of the vault any more, but the public half of one: each reply becomes a
file of its own in `vault.inbox/`, on disk before it counts as kept. Whoever unlocks next takes them
in. SECURITY.md has the layout. Nothing here ever deletes what it could not read.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from troth.domain.error import NotFound, VaultDamaged
from troth.domain.exchange import Exchange
from troth.domain.message import Message, RawItem, Role
from troth.domain.model import ModelRef
from troth.vault import messages
from troth.vault.errors import typed_errors
from troth.vault.files import make_folder, replace_file, sync_folder
from troth.vault.kdf import seal_to, unseal_with
from troth.vault.places import INBOX
from troth.vault.rows import (
    dump,
    dump_details,
    dump_headers,
    dump_parts,
    load,
    load_details,
    load_headers,
    load_parts,
    pack,
    to_datetime,
    to_microseconds,
    unpack,
)
from troth.vault.store import Store, writing

_MAGIC = b"TROTHIB1"
_PLACE_BYTES = len(_MAGIC) + 16
MAX_PARCEL_BYTES = 512 << 20
_PATTERN = "*.sealed"

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One reply with all that belongs to it."""

    message: Message
    exchange: Exchange | None = None
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    makes_head: bool = True


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a locked process keeps of its vault: where to put replies, and whom to seal them to."""

    folder: Path
    vault_id: str
    public_key: bytes = field(repr=False)

    def put(self, parcel: Parcel) -> Path:
        """Seal a reply; it is on disk after. Raises DiskFull, VaultReadOnly."""
        place = _place(self.vault_id)
        sealed = seal_to(self.public_key, pack(_encode(parcel)), place)
        path = self.folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.sealed"
        with typed_errors(path):
            make_folder(self.folder)
            replace_file(path, place + sealed)
        return path


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What an unlock found waiting."""

    replies: int = 0
    unreadable: int = 0
    """Files that were left where they are: damaged, or sealed to a key from before a rekey."""


def has_parcels(directory: Path) -> bool:
    return any((directory / INBOX).glob(_PATTERN))


def take_in(store: Store) -> TakenIn:
    """Store what waits, each reply in a transaction of its own, and delete its file after that.

    Doing it twice, or in two processes at once, adds nothing twice.
    """
    if store.path is None:
        return TakenIn()
    folder = store.path.parent / INBOX
    replies, unreadable = 0, 0
    for path in sorted(folder.glob(_PATTERN)):
        parcel = _open(store, path)
        if parcel is None:
            unreadable += path.exists()  # else another process was quicker
            continue
        try:
            replies += _store(store, parcel)
        except VaultDamaged:
            unreadable += 1
            continue
        path.unlink(missing_ok=True)
    if replies:
        sync_folder(folder)
    return TakenIn(replies, unreadable)


def _store(store: Store, parcel: Parcel) -> bool:
    """Store a reply; False when it is here already, or its chat was deleted for good meanwhile."""
    message = parcel.message
    with writing(store):
        if messages.is_stored(store, message.id):
            return False
        chat = "SELECT 1 FROM conversation WHERE ulid = ?"
        if not store.one(tuple[int], chat, (message.conversation_id,)):
            return False
        try:
            messages.append(
                store, message, parcel.exchange, parcel.blobs, makes_head=parcel.makes_head
            )
        except NotFound as error:
            raise VaultDamaged(detail="the message that a sealed reply answers is gone") from error
    return True


def _open(store: Store, path: Path) -> Parcel | None:
    try:
        if not path.is_file() or path.stat().st_size > MAX_PARCEL_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        return None  # what cannot be read is told, and keeps nobody from the vault
    place = _place(store.vault_id)
    if content[:_PLACE_BYTES] != place:
        return None
    packed = unseal_with(store.keys.inbox, content[_PLACE_BYTES:], place)
    if packed is None:
        return None
    try:
        return _decode(cast("Fields", load(unpack(packed).decode("utf-8"))))
    except (VaultDamaged, KeyError, TypeError, ValueError, binascii.Error):
        return None  # sealed by a program that writes something else


def _place(vault_id: str) -> bytes:
    return _MAGIC + bytes.fromhex(vault_id)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: object) -> bytes:
    return base64.b64decode(cast("str", text), validate=True)


def _encode(parcel: Parcel) -> bytes:
    message, exchange = parcel.message, parcel.exchange
    text, parts = dump_parts(message.parts)
    fields: Fields = {
        "kind": "reply",
        "conversation": message.conversation_id,
        "parent": message.parent_id,
        "id": message.id,
        "role": message.role.value,
        "created_at": to_microseconds(message.created_at),
        "model": None if message.model is None else [message.model.provider, message.model.model],
        "is_imported": message.is_imported,
        "text": text,
        "parts": parts,
        "details": dump_details(message),
        "raw_items": [
            [item.provider, item.model, item.wire, item.kind, _base64(item.payload)]
            for item in message.raw_items
        ],
        "exchange": None if exchange is None else _exchange_fields(exchange),
        "blobs": {sha256: _base64(content) for sha256, content in parcel.blobs.items()},
        "makes_head": parcel.makes_head,
    }
    return dump(fields).encode("utf-8")


def _exchange_fields(exchange: Exchange) -> list[object]:
    return [
        exchange.method,
        exchange.url,
        dump_headers(exchange.request_headers),
        _base64(exchange.request_body),
        exchange.status,
        dump_headers(exchange.response_headers),
        _base64(exchange.response_body),
        to_microseconds(exchange.sent_at),
        to_microseconds(exchange.received_at),
        exchange.is_complete,
        exchange.outer_sha256,
    ]


def _decode(fields: Fields) -> Parcel:
    if fields["kind"] != "reply":
        raise ValueError("unknown kind")
    text = cast("str", fields["text"])
    details = load_details(cast("str | None", fields["details"]))
    model = cast("list[str] | None", fields["model"])
    items = cast("list[list[str]]", fields["raw_items"])
    message = Message(
        id=cast("str", fields["id"]),
        conversation_id=cast("str", fields["conversation"]),
        parent_id=cast("str | None", fields["parent"]),
        role=Role(cast("str", fields["role"])),
        created_at=to_datetime(cast("int", fields["created_at"])),
        parts=load_parts(text, cast("str | None", fields["parts"])),
        model=None if model is None else ModelRef(*model),
        params=details.params,
        usage=details.usage,
        timing=details.timing,
        finish=details.finish,
        failure=details.failure,
        left_out=details.left_out,
        raw_items=tuple(
            RawItem(provider, name, wire, kind, _bytes(payload))
            for provider, name, wire, kind, payload in items
        ),
        cost_usd=details.cost_usd,
        is_imported=bool(fields["is_imported"]),
    )
    blobs = cast("dict[str, str]", fields["blobs"])
    return Parcel(
        message,
        None if fields["exchange"] is None else _exchange(cast("list[object]", fields["exchange"])),
        {sha256: _bytes(content) for sha256, content in blobs.items()},
        bool(fields["makes_head"]),
    )


def _exchange(values: list[object]) -> Exchange:
    method, url, sent_headers, sent_body, status, headers, body, sent, received = values[:9]
    is_complete, outer = values[9:]
    return Exchange(
        method=cast("str", method),
        url=cast("str", url),
        request_headers=load_headers(cast("str", sent_headers)),
        request_body=_bytes(sent_body),
        status=cast("int", status),
        response_headers=load_headers(cast("str", headers)),
        response_body=_bytes(body),
        sent_at=to_datetime(cast("int", sent)),
        received_at=to_datetime(cast("int", received)),
        is_complete=bool(is_complete),
        outer_sha256=cast("str", outer),
    )
