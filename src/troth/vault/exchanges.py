"""The bytes of each request and answer, whole, without keeping the same history a thousand times.

Every request repeats the conversation before it. Request bodies are therefore cut into pieces of
16 KiB that a conversation keeps once each: an append-only history shares all but the last one or
two with the request before it. Answers are compressed.
"""

from __future__ import annotations

import struct

from troth.domain.error import VaultDamaged
from troth.domain.exchange import Exchange
from troth.vault.kdf import digest
from troth.vault.rows import (
    clean,
    dump_headers,
    load_headers,
    pack,
    to_datetime,
    to_microseconds,
    unpack,
)
from troth.vault.store import Store
from troth.vault.tally import encode_values

PIECE_BYTES = 16_384
_ID_BYTES = 8


def insert(store: Store, conversation_id: int, message_id: int, exchange: Exchange) -> None:
    body = exchange.request_body
    whole = len(body) // PIECE_BYTES * PIECE_BYTES
    pieces = [
        _piece(store, conversation_id, body[start : start + PIECE_BYTES])
        for start in range(0, whole, PIECE_BYTES)
    ]
    store.run(
        "INSERT INTO exchange VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            message_id,
            clean(exchange.method),
            clean(exchange.url),
            dump_headers(exchange.request_headers),
            struct.pack(f">{len(pieces)}Q", *pieces),
            pack(body[whole:]),
            exchange.status,
            dump_headers(exchange.response_headers),
            pack(exchange.response_body),
            to_microseconds(exchange.sent_at),
            to_microseconds(exchange.received_at),
            exchange.is_complete,
            clean(exchange.outer_sha256),
        ),
    )


def _piece(store: Store, conversation_id: int, content: bytes) -> int:
    sha256 = digest(content)
    known = store.one(
        tuple[int],
        "SELECT id FROM piece WHERE conversation_id = ? AND sha256 = ?",
        (conversation_id, sha256),
    )
    if known is not None:
        return known[0]
    return store.insert(
        "INSERT INTO piece(conversation_id, sha256, bytes) VALUES (?,?,?)",
        (conversation_id, sha256, pack(content)),
    )


def load(store: Store, message_ulid: str) -> Exchange | None:
    """Return the exchange behind a message; None when it has none. Raises VaultDamaged."""
    row = store.one(
        tuple[str, str, str, bytes, bytes, int, str, bytes, int, int, int, str, bytes | None],
        "SELECT method, url, request_headers, request_pieces, request_tail, status,"
        " response_headers, response_body, sent_at, received_at, is_complete, outer_sha256,"
        " exchange_digest FROM message m JOIN exchange e ON e.message_id = m.id WHERE m.ulid = ?",
        (message_ulid,),
    )
    if row is None:
        _refuse_if_once_stored(store, message_ulid)
        return None
    method, url, sent_headers, pieces, tail, status, headers, body, sent, received = row[:10]
    is_complete, outer, expected = row[10:]
    exchange = Exchange(
        method=method,
        url=url,
        request_headers=load_headers(sent_headers),
        request_body=_join(store, pieces) + unpack(tail),
        status=status,
        response_headers=load_headers(headers),
        response_body=unpack(body),
        sent_at=to_datetime(sent),
        received_at=to_datetime(received),
        is_complete=bool(is_complete),
        outer_sha256=outer,
    )
    if exchange_digest(exchange) != expected:
        raise VaultDamaged(
            str(store.path or ""), f"the exchange of message {message_ulid} is damaged"
        )
    return exchange


def _refuse_if_once_stored(store: Store, message_ulid: str) -> None:
    lost = store.one(
        tuple[int],
        "SELECT 1 FROM message WHERE ulid = ? AND exchange_digest IS NOT NULL",
        (message_ulid,),
    )
    if lost is not None:
        raise VaultDamaged(
            str(store.path or ""), f"the exchange of message {message_ulid} is missing"
        )


def _join(store: Store, packed_ids: bytes) -> bytes:
    content = bytearray()
    for (piece_id,) in struct.iter_unpack(">Q", packed_ids[: len(packed_ids) // 8 * _ID_BYTES]):
        row = store.one(tuple[bytes], "SELECT bytes FROM piece WHERE id = ?", (piece_id,))
        if row is None:
            raise VaultDamaged(str(store.path or ""), "a piece of a request is missing")
        content += unpack(row[0])
    return bytes(content)


def exchange_digest(exchange: Exchange) -> bytes:
    """Return what the message's hash binds: SHA-256 over every stored field."""
    return digest(
        encode_values(
            (
                clean(exchange.method),
                clean(exchange.url),
                dump_headers(exchange.request_headers),
                exchange.request_body,
                exchange.status,
                dump_headers(exchange.response_headers),
                exchange.response_body,
                to_microseconds(exchange.sent_at),
                to_microseconds(exchange.received_at),
                int(exchange.is_complete),
                clean(exchange.outer_sha256),
            )
        )
    )
