"""HPKE in base mode on X25519 and HKDF-SHA256 (RFC 9180), with what Oblivious HTTP needs of it.

`cryptography` 50 has HPKE without the export of secrets, which RFC 9458 lives on; the primitives
(X25519, HMAC, AES-GCM, ChaCha20-Poly1305) are its, the labels and the order are the RFC's. One
message per context: OHTTP seals one request, so there is no counter here to get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

KEM_X25519 = 0x0020
KDF_HKDF_SHA256 = 0x0001
AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305 = 0x0001, 0x0002, 0x0003
NONCE_BYTES = 12
_HASH_BYTES = 32
_KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32, CHACHA20_POLY1305: 32}


class HpkeFailed(ValueError):
    """A key is unusable or a suite is not supported; the argument says which."""


class Aead(Protocol):
    """Authenticated encryption; `decrypt` raises cryptography's InvalidTag."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def key_bytes(aead_id: int) -> int:
    """Return the key length of an AEAD (Nk); raise HpkeFailed for one that is not supported."""
    try:
        return _KEY_BYTES[aead_id]
    except KeyError as error:
        raise HpkeFailed(f"the cipher {aead_id:#06x} is not supported") from error


def aead_of(aead_id: int, key: bytes) -> Aead:
    """Return the cipher with its key; raise HpkeFailed for one that is not supported."""
    if len(key) != key_bytes(aead_id):
        raise HpkeFailed("the key has the wrong length for its cipher")
    return ChaCha20Poly1305(key) if aead_id == CHACHA20_POLY1305 else AESGCM(key)


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract (RFC 5869, section 2.2)."""
    mac = HMAC(salt or bytes(_HASH_BYTES), SHA256())
    mac.update(secret)
    return mac.finalize()


def expand(key: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand (RFC 5869, section 2.3) to `size` bytes, at most 8160."""
    made, block, count = b"", b"", 0
    while len(made) < size:
        count += 1
        mac = HMAC(key, SHA256())
        mac.update(block + info + bytes([count]))
        block = mac.finalize()
        made += block
    return made[:size]


def _labeled_extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def _labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


@dataclass(frozen=True, slots=True)
class Context:
    """The keys of one encapsulation (RFC 9180, section 5.1). Secret; never stored."""

    aead_id: int
    suite: bytes
    key: bytes
    nonce: bytes
    exporter: bytes

    def seal(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        """Encrypt the one message of this context."""
        return aead_of(self.aead_id, self.key).encrypt(self.nonce, plaintext, associated)

    def open(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """Decrypt the one message; raise cryptography's InvalidTag when it was changed."""
        return aead_of(self.aead_id, self.key).decrypt(self.nonce, sealed, associated)

    def export(self, label: bytes, size: int) -> bytes:
        """Return a secret bound to this context (RFC 9180, section 5.3)."""
        return _labeled_expand(self.suite, self.exporter, b"sec", label, size)


def _shared_secret(exchanged: bytes, kem_context: bytes) -> bytes:
    suite = b"KEM" + KEM_X25519.to_bytes(2, "big")
    key = _labeled_extract(suite, b"", b"eae_prk", exchanged)
    return _labeled_expand(suite, key, b"shared_secret", kem_context, _HASH_BYTES)


def _schedule(shared: bytes, info: bytes, aead_id: int) -> Context:
    """RFC 9180, section 5.1, mode base."""
    ids = (KEM_X25519, KDF_HKDF_SHA256, aead_id)
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in ids)
    psk_hash = _labeled_extract(suite, b"", b"psk_id_hash", b"")
    info_hash = _labeled_extract(suite, b"", b"info_hash", info)
    context = b"\x00" + psk_hash + info_hash
    secret = _labeled_extract(suite, shared, b"secret", b"")
    return Context(
        aead_id=aead_id,
        suite=suite,
        key=_labeled_expand(suite, secret, b"key", context, key_bytes(aead_id)),
        nonce=_labeled_expand(suite, secret, b"base_nonce", context, NONCE_BYTES),
        exporter=_labeled_expand(suite, secret, b"exp", context, _HASH_BYTES),
    )


def _exchange(private_key: X25519PrivateKey, public_key: bytes) -> bytes:
    """Diffie-Hellman; raise HpkeFailed for points of small order, whose secret is all zero."""
    try:
        return private_key.exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError as error:
        raise HpkeFailed("the public key cannot be used") from error


def setup_sender(
    public_key: bytes, info: bytes, aead_id: int, ephemeral_key: bytes
) -> tuple[bytes, Context]:
    """Make `enc` and the sender's context for a recipient's raw X25519 key.

    `ephemeral_key` is 32 secret random bytes, used once: the caller owns the randomness.
    """
    ephemeral = X25519PrivateKey.from_private_bytes(ephemeral_key)
    enc = ephemeral.public_key().public_bytes_raw()
    shared = _shared_secret(_exchange(ephemeral, public_key), enc + public_key)
    return enc, _schedule(shared, info, aead_id)


def setup_receiver(enc: bytes, private_key: bytes, info: bytes, aead_id: int) -> Context:
    """Make the recipient's context from `enc` and the recipient's 32 secret bytes."""
    own = X25519PrivateKey.from_private_bytes(private_key)
    public = own.public_key().public_bytes_raw()
    return _schedule(_shared_secret(_exchange(own, enc), enc + public), info, aead_id)
