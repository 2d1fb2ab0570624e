"""Oblivious HTTP (RFC 9458): requests sealed to an enclave, answers opened, whole or in chunks.

A relay carries the bytes and sees who asks; the enclave reads them and does not. Chunked answers
follow draft-ietf-ohai-chunked-ohttp-08, where a missing last chunk is a cut. The inner messages of
OpenGradient are plain JSON, not the binary HTTP of RFC 9292; the labels say "bhttp" all the same.

    request    key id 1 | kem 2 | kdf 2 | aead 2 | enc 32 | sealed
    answer     nonce max(Nn, Nk) | sealed
    chunked    nonce max(Nn, Nk) | (length varint | sealed)* | 0 | sealed with AAD "final"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from troth.verifiers.hpke import (
    KDF_HKDF_SHA256,
    KEM_X25519,
    NONCE_BYTES,
    Aead,
    Context,
    HpkeFailed,
    aead_of,
    expand,
    extract,
    key_bytes,
    setup_receiver,
    setup_sender,
)
from troth.verifiers.trust import OhttpConfig

REQUEST_TYPE = "message/ohttp-req"
RESPONSE_TYPE = "message/ohttp-res"
CHUNKED_TYPE = "message/ohttp-chunked-res"
MAX_CHUNK_BYTES = 16 << 20

_REQUEST = b"message/bhttp request"
_RESPONSE = b"message/bhttp response"
_CHUNKED = b"message/bhttp chunked response"
_HEADER_BYTES, _ENC_BYTES = 7, 32
_TAG_BYTES = 16
BILLING_MARK = b"\n--opengradient-ohttp-billing-v1--\n"
"""Begins a note on costs that the gateway writes in the clear between two chunks, for the relay to
take out: mark, length (4), JSON (tee-gateway `ohttp_controller.py` at 72e5a89). A relay that leaves
it in is no fault. As a length its first byte would be 10, shorter than any sealed chunk."""
_MAX_BILLING_BYTES = 4096
_LENGTH_MASKS = (0x3F, 0x3FFF, 0x3FFF_FFFF, (1 << 62) - 1)
_CHANGED = "A chunk of the sealed answer was changed, moved or cut."


class OhttpFailed(ValueError):
    """A sealed message was changed, cut or cannot be opened; the argument is a sentence."""


def _header(config: OhttpConfig) -> bytes:
    if (config.kem_id, config.kdf_id) != (KEM_X25519, KDF_HKDF_SHA256):
        raise OhttpFailed("The enclave offers a sealing method that Troth does not know.")
    numbers = (config.kem_id, config.kdf_id, config.aead_id)
    return bytes([config.key_id]) + b"".join(number.to_bytes(2, "big") for number in numbers)


def parse_key_config(encoded: bytes) -> tuple[OhttpConfig, ...]:
    """Read one key configuration (RFC 9458, section 3.1): one value per symmetric suite.

    Raises OhttpFailed unless the bytes are exactly that, with an X25519 key.
    """
    if len(encoded) < _HEADER_BYTES - 4 + _ENC_BYTES + 2 + 4:
        raise OhttpFailed("The enclave's key configuration is too short.")
    key_id, kem_id = encoded[0], int.from_bytes(encoded[1:3], "big")
    if kem_id != KEM_X25519:
        raise OhttpFailed("The enclave offers a sealing method that Troth does not know.")
    public_key, at = encoded[3:35], 37
    size = int.from_bytes(encoded[35:37], "big")
    if size == 0 or size % 4 or at + size != len(encoded):
        raise OhttpFailed("The enclave's key configuration has the wrong length.")
    return tuple(
        OhttpConfig(
            key_id,
            kem_id,
            int.from_bytes(encoded[place : place + 2], "big"),
            int.from_bytes(encoded[place + 2 : place + 4], "big"),
            public_key,
            encoded,
        )
        for place in range(at, at + size, 4)
    )


def is_consistent(config: OhttpConfig) -> bool:
    """Whether a key's own fields and its encoded configuration, where there is one, agree."""
    if not config.key_config:
        return True
    try:
        listed = parse_key_config(config.key_config)
    except OhttpFailed:
        return False
    wanted = (config.key_id, config.kem_id, config.kdf_id, config.aead_id, config.public_key)
    return wanted in {(c.key_id, c.kem_id, c.kdf_id, c.aead_id, c.public_key) for c in listed}


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens the answer to one request. Secret: never stored, never in a receipt."""

    aead_id: int
    enc: bytes
    response_secret: bytes
    chunked_secret: bytes

    def open(self, sealed: bytes) -> bytes:
        """Open a whole answer (RFC 9458, section 4.4); raise OhttpFailed."""
        size = _nonce_bytes(self.aead_id)
        if len(sealed) < size + 16:
            raise OhttpFailed("The sealed answer is too short.")
        aead, nonce = _response_keys(self.aead_id, self.enc, self.response_secret, sealed[:size])
        try:
            return aead.decrypt(nonce, sealed[size:], b"")
        except InvalidTag as error:
            raise OhttpFailed("The sealed answer was changed on the way.") from error

    def chunks(self) -> ChunkOpener:
        """Return what opens an answer in chunks while it arrives."""
        return ChunkOpener(self)


def seal_request(config: OhttpConfig, inner: bytes, ephemeral_key: bytes) -> tuple[bytes, Opener]:
    """Seal a request to an enclave's key; raise OhttpFailed for a key that cannot be used.

    `ephemeral_key` is 32 fresh secret bytes. **The owner of the key must have been checked**: what
    is sealed to the wrong key is told to the wrong party.
    """
    header = _header(config)
    try:
        enc, context = setup_sender(
            config.public_key, _REQUEST + b"\x00" + header, config.aead_id, ephemeral_key
        )
        sealed = header + enc + context.seal(inner)
        return sealed, _opener(context, enc)
    except HpkeFailed as error:
        raise OhttpFailed(f"The enclave's sealing key is unusable: {error}.") from error


def _opener(context: Context, enc: bytes) -> Opener:
    size = _nonce_bytes(context.aead_id)
    return Opener(
        context.aead_id, enc, context.export(_RESPONSE, size), context.export(_CHUNKED, size)
    )


def _nonce_bytes(aead_id: int) -> int:
    return max(NONCE_BYTES, key_bytes(aead_id))


def _response_keys(aead_id: int, enc: bytes, secret: bytes, nonce: bytes) -> tuple[Aead, bytes]:
    key = extract(enc + nonce, secret)
    return (
        aead_of(aead_id, expand(key, b"key", key_bytes(aead_id))),
        expand(key, b"nonce", NONCE_BYTES),
    )


def _chunk_nonce(nonce: bytes, counter: int) -> bytes:
    return (int.from_bytes(nonce, "big") ^ counter).to_bytes(NONCE_BYTES, "big")


class ChunkOpener:
    """Opens an answer in chunks; however the bytes are cut, the same plaintext comes out."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._received = bytearray()
        self._aead: Aead | None = None
        self._first_nonce = 0
        self._counter = 0
        self._is_last = False
        self._is_closed = False

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Take the next bytes and yield the inner bytes that they complete.

        Raises OhttpFailed behind the last chunk that is genuine, however the bytes were cut.
        """
        opened: list[bytes] = []
        try:
            self._open_into(opened, received)
        except OhttpFailed:
            yield from opened
            raise
        yield from opened

    def _open_into(self, opened: list[bytes], received: bytes) -> None:
        buffer = self._received
        buffer += received
        if self._aead is None and not self._take_nonce():
            return
        assert self._aead is not None
        at, size = 0, len(buffer)
        decrypt, first_nonce, counter = self._aead.decrypt, self._first_nonce, self._counter
        try:
            while at < size and not self._is_last:  # a few microseconds for each chunk: no calls
                first = buffer[at]
                if first == BILLING_MARK[0]:
                    end = self._skip_billing(at)
                    if not end:
                        break
                    at = end
                    continue
                start = at + (1 << (first >> 6))
                if start > size:
                    break
                length = int.from_bytes(buffer[at:start], "big") & _LENGTH_MASKS[first >> 6]
                end = start + length
                if length == 0:
                    self._is_last = True
                    at = start
                    break
                if not _TAG_BYTES <= length <= MAX_CHUNK_BYTES:
                    raise OhttpFailed("A chunk of the sealed answer has an impossible length.")
                if end > size:
                    break
                nonce = (first_nonce ^ counter).to_bytes(NONCE_BYTES, "big")
                opened.append(decrypt(nonce, bytes(buffer[start:end]), b""))
                counter += 1
                at = end
        except InvalidTag as error:
            raise OhttpFailed(_CHANGED) from error
        self._counter = counter
        del buffer[:at]

    def close(self) -> bytes:
        """Take the end of the body and return the last inner bytes; raise OhttpFailed for a cut."""
        if not self._is_last or self._is_closed:
            raise OhttpFailed("The sealed answer was cut before its last chunk.")
        self._is_closed = True
        if self._aead is None:
            raise OhttpFailed("The sealed answer was cut before its first chunk.")
        nonce = (self._first_nonce ^ self._counter).to_bytes(NONCE_BYTES, "big")
        try:
            return self._aead.decrypt(nonce, bytes(self._received), b"final")
        except InvalidTag as error:
            raise OhttpFailed(_CHANGED) from error

    def _take_nonce(self) -> bool:
        opener = self._opener
        size = _nonce_bytes(opener.aead_id)
        if len(self._received) < size:
            return False
        nonce = bytes(self._received[:size])
        del self._received[:size]
        self._aead, own = _response_keys(opener.aead_id, opener.enc, opener.chunked_secret, nonce)
        self._first_nonce = int.from_bytes(own, "big")
        return True

    def _skip_billing(self, at: int) -> int:
        """Return where a note on costs ends, 0 while it is not whole; raise OhttpFailed."""
        buffer = self._received
        body = at + len(BILLING_MARK) + 4
        if not BILLING_MARK.startswith(bytes(buffer[at : body - 4])):
            raise OhttpFailed("A chunk of the sealed answer has an impossible length.")
        if len(buffer) < body:
            return 0
        size = int.from_bytes(buffer[body - 4 : body], "big")
        if size > _MAX_BILLING_BYTES:
            raise OhttpFailed("What the relay left in the sealed answer is far too long.")
        return body + size if len(buffer) >= body + size else 0


@dataclass(frozen=True, slots=True)
class Sealer:
    """The enclave's side of one exchange: what the simulated one and the tests answer with."""

    opener: Opener

    def seal(self, inner: bytes, nonce: bytes) -> bytes:
        """Seal a whole answer; `nonce` is fresh and random, as long as the suite's key."""
        opener = self.opener
        aead, own = _response_keys(opener.aead_id, opener.enc, opener.response_secret, nonce)
        return nonce + aead.encrypt(own, inner, b"")

    def seal_chunks(self, chunks: list[bytes], nonce: bytes) -> bytes:
        """Seal an answer in chunks; the last of `chunks` becomes the final one."""
        opener = self.opener
        aead, own = _response_keys(opener.aead_id, opener.enc, opener.chunked_secret, nonce)
        sealed = nonce
        for counter, chunk in enumerate(chunks):
            is_last = counter == len(chunks) - 1
            body = aead.encrypt(_chunk_nonce(own, counter), chunk, b"final" if is_last else b"")
            sealed += (b"\x00" if is_last else _varint(len(body))) + body
        return sealed


def open_request(config: OhttpConfig, private_key: bytes, sealed: bytes) -> tuple[bytes, Sealer]:
    """Open a request at the enclave's side; raise OhttpFailed."""
    header = _header(config)
    if len(sealed) < _HEADER_BYTES + _ENC_BYTES or sealed[:_HEADER_BYTES] != header:
        raise OhttpFailed("The sealed request is for another key.")
    enc = sealed[_HEADER_BYTES : _HEADER_BYTES + _ENC_BYTES]
    try:
        context = setup_receiver(enc, private_key, _REQUEST + b"\x00" + header, config.aead_id)
        inner = context.open(sealed[_HEADER_BYTES + _ENC_BYTES :])
    except (HpkeFailed, InvalidTag) as error:
        raise OhttpFailed("The sealed request was changed on the way.") from error
    return inner, Sealer(_opener(context, enc))


def _varint(value: int) -> bytes:
    """Encode a length as QUIC does (RFC 9000, section 16)."""
    for width in (1, 2, 4, 8):
        if value < 1 << (8 * width - 2):
            return (value | (width.bit_length() - 1) << (8 * width - 2)).to_bytes(width, "big")
    raise OhttpFailed("A chunk is too long.")
