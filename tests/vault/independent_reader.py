"""A second reader of the vault, from SECURITY.md alone: nothing of Troth's is used.

python tests/vault/independent_reader.py FOLDER CHAT WORD-LIST TWELVE WORDS...
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import apsw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Refused(Exception):
    """The files do not follow the page."""


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def expand(secret: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


def entropy(words: list[str], listed: list[str]) -> bytes:
    number = 0
    for word in words:
        number = number << 11 | listed.index(word)
    found = (number >> 4).to_bytes(16, "big")
    if hashlib.sha256(found).digest()[0] >> 4 != number & 15:
        raise Refused("checksum of the words")
    return found


def slot_key(slot: dict[str, Any], secret: str | bytes) -> bytes:
    salt = base64.b64decode(slot["salt"])
    if isinstance(secret, bytes):
        return expand(secret, salt, "troth vault v1 recovery")
    costs = {"lanes": slot["lanes"], "memory_cost": slot["memory_kib"]}
    return Argon2id(salt=salt, length=32, iterations=slot["passes"], **costs).derive(
        secret.encode()
    )


def read_keys(folder: Path, secret: str | bytes) -> tuple[str, dict[str, bytes]]:
    """Return the vault's id and its subkeys by name."""
    content = (folder / "vault.json").read_bytes()
    header = json.loads(content)
    if canonical(header) + b"\n" != content:
        raise Refused("canonical form")
    given_sum = header.pop("sum")
    if hashlib.sha256(canonical(header)).hexdigest() != given_sum:
        raise Refused("sum")
    given_mac = header.pop("mac")
    kind = "recovery" if isinstance(secret, bytes) else "passphrase"
    slot = next(slot for slot in header["slots"] if slot["kind"] == kind)
    bound = {name: slot[name] for name in slot if name not in {"nonce", "sealed"}}
    vault_id = header["vault_id"]
    data_key = AESGCM(slot_key(slot, secret)).decrypt(
        base64.b64decode(slot["nonce"]),
        base64.b64decode(slot["sealed"]),
        canonical({"slot": bound, "vault_id": vault_id}),
    )
    names = ("db", "backup", "api-keys", "freshness", "header-mac", "row-sum", "inbox")
    salt = bytes.fromhex(vault_id)
    keys = {name: expand(data_key, salt, f"troth vault v1 {name}") for name in names}
    if hmac.digest(keys["header-mac"], canonical(header), "sha256").hex() != given_mac:
        raise Refused("mac")
    return vault_id, keys


def encode(*values: object) -> bytes:
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(b"n;")
        elif isinstance(value, int):
            parts.append(b"i%d;" % value)
        elif isinstance(value, str):
            parts.append(b"t%d:%b;" % (len(value.encode()), value.encode()))
        else:
            assert isinstance(value, bytes)
            parts.append(b"b%d:%b;" % (len(value), value))
    return b"".join(parts)


def unpack(stored: bytes) -> bytes:
    return stored[1:] if stored[0] == 0 else zlib.decompress(stored[1:])


class Reader:
    """An open vault."""

    def __init__(self, folder: Path, secret: str | bytes) -> None:
        self.vault_id, self.keys = read_keys(folder, secret)
        self.database = apsw.Connection(str(folder / "vault.db"), flags=apsw.SQLITE_OPEN_READWRITE)
        self.database.pragma("cipher", "chacha20")
        self.database.execute(f"PRAGMA key=\"x'{self.keys['db'].hex()}'\"").fetchall()
        self._check_seen((folder / "vault.seen").read_bytes())

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self.database.execute(sql, values).fetchall()

    def _check_seen(self, content: bytes) -> None:
        record, tag = content[:64], content[64:]
        if hmac.digest(self.keys["freshness"], record, "sha256") != tag:
            raise Refused("vault.seen")
        magic, sequence, head = struct.unpack(">8sQ32s", record[:48])
        ((known, known_head),) = self.rows("SELECT commit_seq, head_hash FROM meta")
        if magic != b"TROTHSN1" or known < sequence or (known == sequence and known_head != head):
            raise Refused("older than last seen")

    def row_sum(self) -> bool:
        """Whether the sum over all counted rows is the one that the last commit left."""
        whole = [
            "conversation",
            "folder",
            "tag",
            "verdict",
            "evidence",
            "blob",
            "draft",
            "state",
            "secret",
        ]
        total = 0
        for table in ("message", *whole):
            columns = "id, hash" if table == "message" else "*"
            for row in self.rows(f"SELECT {columns} FROM {table}"):
                mac = hmac.digest(self.keys["row-sum"], encode(table, *row), "sha256")
                total += int.from_bytes(mac, "big")
        ((stored,),) = self.rows("SELECT row_sum FROM meta")
        return (total % (1 << 256)).to_bytes(32, "big") == stored

    def conversation(self, chat: str) -> list[tuple[str, str]]:
        """Return role and text of each message on the shown path, every hash checked."""
        ((row_id, head),) = self.rows("SELECT id, head FROM conversation WHERE ulid = ?", chat)
        found = self.rows(
            "SELECT id, parent_id, ulid, role, created_at, provider, model, flags, raw_digest,"
            " exchange_digest, parts, details, text, hash FROM message"
            " WHERE conversation_id = ? ORDER BY id",
            row_id,
        )
        by_id = {row[0]: row for row in found}
        for _, parent, ulid, *fields, raw, exchange, parts, details, text, stored in found:
            parent_hash = by_id[parent][-1] if parent is not None else bytes(32)
            lines = [ulid, chat, *("" if field is None else str(field) for field in fields)]
            lines += [(raw or b"").hex(), (exchange or b"").hex()]
            lines += ["" if value is None else str(len(value)) for value in (parts, details)]
            body = "\n".join(lines) + "\n" + (parts or "") + (details or "") + text
            if hashlib.sha256(parent_hash + body.encode()).digest() != stored:
                raise Refused(f"hash of {ulid}")
        path: list[tuple[str, str]] = []
        place = next((row for row in found if row[2] == head), None)
        while place is not None:
            path.insert(0, (place[3], place[12]))
            place = by_id.get(place[1])
        return path

    def request_body(self, message: str) -> bytes:
        ((pieces, tail),) = self.rows(
            "SELECT request_pieces, request_tail FROM exchange e JOIN message m"
            " ON m.id = e.message_id WHERE m.ulid = ?",
            message,
        )
        whole = b""
        for (piece,) in struct.iter_unpack(">Q", pieces):
            whole += unpack(self.rows("SELECT bytes FROM piece WHERE id = ?", piece)[0][0])
        return whole + unpack(tail)

    def blob(self, sha256: str) -> bytes:
        chunks = self.rows(
            "SELECT c.bytes FROM blob b JOIN blob_chunk c ON c.blob_id = b.id WHERE b.sha256 = ?"
            " ORDER BY c.ord",
            sha256,
        )
        content = b"".join(chunk for (chunk,) in chunks)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Refused("blob")
        return content

    def provider_key(self, name: str) -> str:
        ((nonce, ciphertext),) = self.rows(
            "SELECT nonce, ciphertext FROM secret WHERE name = ?", name
        )
        place = f"troth secret v1\n{self.vault_id}\n{name}".encode()
        return AESGCM(self.keys["api-keys"]).decrypt(nonce, ciphertext, place).decode()


if __name__ == "__main__":
    directory, chat_id, list_path, *given = sys.argv[1:]
    secret_bytes = entropy(given, Path(list_path).read_text().split())
    for speaker, words in Reader(Path(directory), secret_bytes).conversation(chat_id):
        print(f"{speaker}: {words}\n")
