"""Keys: from a passphrase or recovery words to the keys that open the vault.

The only file that imports the AEAD. Nothing here reads a file. Costs read from a header are
bounded before they run, so that a hostile header cannot eat the machine. `cryptography` is imported
where it is used: a vault in memory derives nothing, and need not wait 10 ms for it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field, fields

from troth.domain.error import UsageError, VaultError

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
MAX_PASSPHRASE_BYTES = 1 << 20
DEFAULT_MEMORY_KIB = 262_144
"""256 MiB, about a second on a small machine."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of a passphrase costs (Argon2id, RFC 9106)."""

    memory_kib: int = DEFAULT_MEMORY_KIB
    passes: int = 3
    lanes: int = 4

    @property
    def is_bounded(self) -> bool:
        """Whether it is neither weaker than the floor nor more than a machine should be asked."""
        return (
            65_536 <= self.memory_kib <= 2_097_152
            and 3 <= self.passes <= 16
            and 4 <= self.lanes <= 16
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with its tag, and the nonce that it was made with."""

    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """The random data key and what is derived from it. Secret, all of it."""

    data_key: bytes = field(repr=False)
    database: bytes = field(repr=False)
    api_keys: bytes = field(repr=False)
    backup: bytes = field(repr=False)
    freshness: bytes = field(repr=False)
    header_mac: bytes = field(repr=False)
    rows: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    inbox: bytes = field(repr=False)
    """The private half: what is sealed while the vault is locked, only an open one can read."""

    @classmethod
    def derive(cls, data_key: bytes, vault_id: str) -> Keys:
        """Derive every subkey: HKDF-SHA256 (RFC 5869), salt = vault id, info = the key's name."""
        salt = bytes.fromhex(vault_id)
        names = (
            "db", "api-keys", "backup", "freshness", "header-mac", "row-sum", "receipt", "inbox",
        )  # fmt: skip
        return cls(data_key, *(expand(data_key, salt, f"troth vault v1 {name}") for name in names))

    @classmethod
    def drawn(cls) -> Keys:
        """Return keys for a vault in memory: nobody derives them again, so all are random."""
        return cls(*(new_key() for _ in fields(cls)))


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def expand(secret: bytes, salt: bytes, info: str) -> bytes:
    """Return 32 bytes by HKDF-SHA256."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt, info.encode()).derive(secret)


def passphrase_key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """Return the key of a passphrase slot. Takes about a second on purpose: call it in a thread."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    prepared = prepare_passphrase(passphrase)
    try:
        return Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        ).derive(prepared)
    except MemoryError as error:
        raise VaultError(
            detail=f"deriving the key needs {cost.memory_kib // 1024} MiB of free memory"
        ) from error


def prepare_passphrase(passphrase: str) -> bytes:
    """Return the bytes that are derived from: NFKC, then UTF-8, and nothing else.

    NFKC makes the same words typed on two keyboards (composed or not, full width or not) the same
    bytes. Spaces and newlines count; nothing is stripped, cut or case-folded.
    Raises UsageError when it is empty, over 1 MiB, or holds half a surrogate pair.
    """
    try:
        prepared = unicodedata.normalize("NFKC", passphrase).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the passphrase holds a character that is not text") from error
    if not prepared:
        raise UsageError("the passphrase is empty")
    if len(prepared) > MAX_PASSPHRASE_BYTES:
        raise UsageError("the passphrase is longer than 1 MiB")
    return prepared


def seal(key: bytes, plaintext: bytes, associated: bytes) -> Sealed:
    """Encrypt with AES-256-GCM under a fresh random nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, plaintext, associated))


def unseal(key: bytes, sealed: Sealed, associated: bytes) -> bytes | None:
    """Return the plaintext; None when key, place or bytes are not the ones it was sealed with."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, associated)
    except InvalidTag:
        return None


def public_half(private: bytes) -> bytes:
    """Return the X25519 public key (RFC 7748) of 32 private bytes."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal_to(public: bytes, plaintext: bytes, place: bytes) -> bytes:
    """Encrypt so that only the private half opens it, not even the one who sealed it.

    Returns key made for this once (32), nonce (12), ciphertext; bound to `place`.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )

    once = X25519PrivateKey.generate()
    once_public = once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    key = expand(shared, once_public + public, "troth inbox v1")
    sealed = seal(key, plaintext, place + once_public)
    return once_public + sealed.nonce + sealed.ciphertext


def unseal_with(private: bytes, sealed: bytes, place: bytes) -> bytes | None:
    """Undo `seal_to`; None when key, place or bytes are not the ones it was sealed with."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )

    once_public, rest = sealed[:KEY_BYTES], sealed[KEY_BYTES:]
    if len(rest) < NONCE_BYTES + TAG_BYTES:
        return None
    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(once_public)
        )
    except ValueError:
        return None  # a point of small order: nobody honest made it
    key = expand(shared, once_public + public_half(private), "troth inbox v1")
    return unseal(key, Sealed(rest[:NONCE_BYTES], rest[NONCE_BYTES:]), place + once_public)


def mac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256."""
    return hmac.digest(key, message, "sha256")


def is_same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


def digest(message: bytes) -> bytes:
    """Return SHA-256."""
    return hashlib.sha256(message).digest()
