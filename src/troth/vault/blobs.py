"""Images and documents, kept once each by their SHA-256, in chunks of 256 KiB."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from troth.domain.error import UsageError, VaultDamaged
from troth.domain.message import Message
from troth.vault.store import Store

CHUNK_BYTES = 262_144
QUEUE_PREFIX = "queue:"
"""State rows that hold the messages waiting in a chat, with the digests of what they carry."""


def attach(store: Store, message_id: int, message: Message, blobs: Mapping[str, bytes]) -> None:
    """Keep the blobs that came with a message and bind to it all that it refers to.

    Raises UsageError as `keep` does.
    """
    for sha256, content in blobs.items():
        keep(store, sha256, content)
    for sha256 in {blob.sha256 for blob in message.blobs} | set(blobs):
        store.run(
            "INSERT INTO message_blob(message_id, blob_id) SELECT ?, id FROM blob WHERE sha256 = ?",
            (message_id, sha256),
        )


def keep(store: Store, sha256: str, content: bytes) -> None:
    """Store bytes under their digest, once; `drop_unused` deletes what nothing refers to.

    Raises UsageError when they do not have the digest that they are handed over under.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError("a blob does not have the digest that it was given")
    if store.one(tuple[int], "SELECT 1 FROM blob WHERE sha256 = ?", (sha256,)) is not None:
        return
    blob_id = store.insert(
        "INSERT INTO blob(sha256, size_bytes) VALUES (?, ?)", (sha256, len(content))
    )
    for ord_, start in enumerate(range(0, len(content), CHUNK_BYTES)):
        store.run(
            "INSERT INTO blob_chunk VALUES (?,?,?)",
            (blob_id, ord_, content[start : start + CHUNK_BYTES]),
        )


def load(store: Store, sha256: str) -> bytes | None:
    """Return a blob's bytes; None when it is not here. Raises VaultDamaged."""
    known = store.one(
        tuple[int, int], "SELECT id, size_bytes FROM blob WHERE sha256 = ?", (sha256,)
    )
    if known is None:
        return None
    chunks = store.all(
        tuple[bytes], "SELECT bytes FROM blob_chunk WHERE blob_id = ? ORDER BY ord", (known[0],)
    )
    content = b"".join(chunk for (chunk,) in chunks)
    if len(content) != known[1] or hashlib.sha256(content).hexdigest() != sha256:
        raise VaultDamaged(str(store.path or ""), f"blob {sha256} is damaged")
    return content


def drop_unused(store: Store) -> int:
    """Delete blobs that no message, also none that waits, refers to any more; return how many."""
    return store.run(
        "DELETE FROM blob WHERE NOT EXISTS (SELECT 1 FROM message_blob WHERE blob_id = blob.id)"
        " AND NOT EXISTS (SELECT 1 FROM state WHERE name >= ? AND name < ?"
        " AND instr(value, blob.sha256))",
        (QUEUE_PREFIX, f"{QUEUE_PREFIX[:-1]};"),
    )
