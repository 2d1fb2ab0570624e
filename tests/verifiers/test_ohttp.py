"""Oblivious HTTP: the RFC's example both ways, the recorded relay, nothing altered opens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.verifiers.hpke import CHACHA20_POLY1305, HpkeFailed, expand, extract, setup_sender
from troth.verifiers.ohttp import (
    BILLING_MARK,
    OhttpFailed,
    Opener,
    is_consistent,
    open_request,
    parse_key_config,
    seal_request,
)
from troth.verifiers.trust import OhttpConfig

SEED = bytes(range(32))
NAMES = (
    "basic",
    "basic-stream",
    "image-parts",
    "image-parts-stream",
    "notemp",
    "notemp-stream",
    "badmodel",
    "badmodel-stream",
)


@pytest.fixture(scope="module")
def example(fixtures_dir: Path) -> list[bytes]:
    """The hex dumps of RFC 9458, appendix A, in their order."""
    text = next((fixtures_dir / "proofs" / "rfc9458").glob("*.md")).read_text()
    section = text[text.index("# Complete Example of a Request and Response") :]
    dumps = re.findall(r"~~~ hex-dump\n(.*?)~~~", section, re.S)
    return [bytes.fromhex("".join(dump.split())) for dump in dumps]


def suite_of(encoded: bytes, aead_id: int) -> OhttpConfig:
    return next(c for c in parse_key_config(encoded) if c.aead_id == aead_id)


def test_the_rfcs_request_seals_byte_for_byte(example: list[bytes]) -> None:
    config = suite_of(example[1], 0x0001)
    sealed, opener = seal_request(config, example[2], example[3])
    assert opener.enc == example[4]
    assert sealed == example[6]
    assert opener.response_secret == example[8]


def test_the_rfcs_request_opens_and_its_answer_seals(example: list[bytes]) -> None:
    config = suite_of(example[1], 0x0001)
    inner, sealer = open_request(config, example[0], example[6])
    assert inner == example[2]
    nonce = example[9][32:]
    assert sealer.seal(example[7], nonce) == example[13]


def test_the_rfcs_answer_opens(example: list[bytes]) -> None:
    _, opener = seal_request(suite_of(example[1], 0x0001), example[2], example[3])
    assert opener.open(example[13]) == example[7]


def test_the_rfcs_keys_are_derived(example: list[bytes]) -> None:
    key = extract(example[9], example[8])
    assert key == example[10]
    assert expand(key, b"key", 16) == example[11]
    assert expand(key, b"nonce", 12) == example[12]


@pytest.fixture(scope="module")
def relay_folder(fixtures_dir: Path) -> Path:
    return fixtures_dir / "proofs" / "opengradient-ohttp"


def _facts(folder: Path, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return facts


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_answer_opens(relay_folder: Path, name: str) -> None:
    facts = _facts(relay_folder, name)
    sealed = (relay_folder / f"{name}.ohttp-res").read_bytes()
    inner = (relay_folder / f"{name}.inner-res").read_bytes()
    opener = Opener(
        CHACHA20_POLY1305,
        bytes.fromhex(facts["enc"]),
        bytes.fromhex(facts["response_secret"]),
        bytes.fromhex(facts["chunked_secret"]),
    )
    if "chunked" not in facts["content_type"]:
        assert opener.open(sealed) == inner
        return
    for step in (1, 7, len(sealed)):
        chunks = opener.chunks()
        opened = [
            part
            for start in range(0, len(sealed), step)
            for part in chunks.feed(sealed[start : start + step])
        ]
        assert b"".join([*opened, chunks.close()]) == inner


def derive_private_key(seed: bytes) -> bytes:
    """DeriveKeyPair of DHKEM(X25519, HKDF-SHA256), RFC 9180, section 7.1.3."""
    suite = b"HPKE-v1KEM\x00\x20"
    key = extract(b"", suite + b"dkp_prk" + seed)
    return expand(key, b"\x00\x20" + suite + b"sk", 32)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_opens_at_the_enclave(relay_folder: Path, name: str) -> None:
    facts = _facts(relay_folder, name)
    private_key = derive_private_key(bytes.fromhex(facts["seed"]))
    public_key = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    assert public_key.hex() == facts["pk"]
    config = OhttpConfig(1, 0x20, 1, CHACHA20_POLY1305, public_key)
    sealed = (relay_folder / f"{name}.ohttp-req").read_bytes()
    inner, sealer = open_request(config, private_key, sealed)
    assert inner == (relay_folder / f"{name}.inner-req.json").read_bytes()
    assert sealer.opener.response_secret.hex() == facts["response_secret"]
    assert sealer.opener.chunked_secret.hex() == facts["chunked_secret"]


CONFIG_KEY = bytes.fromhex("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a")
CONFIG = OhttpConfig(
    1,
    0x20,
    1,
    CHACHA20_POLY1305,
    bytes.fromhex("31e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e798155"),
)


@given(st.binary(max_size=2000), st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_an_altered_request_never_opens(inner: bytes, place: int) -> None:
    sealed, _ = seal_request(CONFIG, inner, SEED)
    assert open_request(CONFIG, CONFIG_KEY, sealed)[0] == inner
    at = place % (len(sealed) * 8)
    altered = bytearray(sealed)
    altered[at // 8] ^= 1 << at % 8
    with pytest.raises(OhttpFailed):
        open_request(CONFIG, CONFIG_KEY, bytes(altered))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_chunks_open_whole_and_never_when_cut_or_altered(
    parts: list[bytes], data: st.DataObject
) -> None:
    request, opener = seal_request(CONFIG, b"{}", SEED)
    _, sealer = open_request(CONFIG, CONFIG_KEY, request)
    sealed = sealer.seal_chunks(parts, bytes(32))

    def opened(body: bytes) -> bytes:
        chunks = opener.chunks()
        return b"".join([*chunks.feed(body), chunks.close()])

    assert opened(sealed) == b"".join(parts)
    size = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(OhttpFailed):
        opened(sealed[:size])
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    altered = bytearray(sealed)
    altered[at // 8] ^= 1 << at % 8
    with pytest.raises(OhttpFailed):
        opened(bytes(altered))
    with pytest.raises(OhttpFailed):
        opened(sealed + b"\x00")


def test_chunks_out_of_order_do_not_open() -> None:
    request, opener = seal_request(CONFIG, b"{}", SEED)
    _, sealer = open_request(CONFIG, CONFIG_KEY, request)
    sealed = sealer.seal_chunks([b"a", b"b", b"c"], bytes(32))
    size = 1 + 17
    swapped = sealed[:32] + sealed[32 + size : 32 + 2 * size] + sealed[32 : 32 + size]
    with pytest.raises(OhttpFailed):
        list(opener.chunks().feed(swapped + sealed[32 + 2 * size :]))


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_chunks_before_a_changed_one_come_out_however_the_bytes_are_cut(step: int) -> None:
    request, opener = seal_request(CONFIG, b"{}", SEED)
    _, sealer = open_request(CONFIG, CONFIG_KEY, request)
    sealed = sealer.seal_chunks([b"one", b"two", b"three"], bytes(32))
    changed = bytearray(sealed)
    changed[-30] ^= 1  # in the second chunk
    chunks, opened = opener.chunks(), list[bytes]()

    def feed() -> None:
        for at in range(0, len(changed), step):
            opened.extend(chunks.feed(bytes(changed[at : at + step])))

    with pytest.raises(OhttpFailed):
        feed()
    assert opened == [b"one"]


def test_a_key_configuration_must_be_exact(example: list[bytes]) -> None:
    for encoded in (b"", example[1][:-1], example[1] + b"\x00", b"\x01\x00\x10" + example[1][3:]):
        with pytest.raises(OhttpFailed):
            parse_key_config(encoded)
    config = suite_of(example[1], CHACHA20_POLY1305)
    assert is_consistent(config)
    other = OhttpConfig(2, 0x20, 1, CHACHA20_POLY1305, config.public_key, config.key_config)
    assert not is_consistent(other)


def test_a_key_of_small_order_is_refused() -> None:
    with pytest.raises(HpkeFailed):
        setup_sender(bytes(32), b"", CHACHA20_POLY1305, SEED)
    with pytest.raises(OhttpFailed):
        seal_request(OhttpConfig(1, 0x20, 1, CHACHA20_POLY1305, bytes(32)), b"", SEED)
    with pytest.raises(OhttpFailed):
        seal_request(OhttpConfig(1, 0x10, 1, CHACHA20_POLY1305, bytes(32)), b"", SEED)


def test_a_note_on_costs_between_chunks_is_passed_over_however_it_is_cut() -> None:
    config, own = key_pair()
    request, opener = seal_request(config, b"{}", SEED)
    _, sealer = open_request(config, own, request)
    sealed = sealer.seal_chunks([b"one", b"two"], bytes(32))
    last = len(sealer.seal_chunks([b"two"], bytes(32))) - 32
    note = BILLING_MARK + (7).to_bytes(4, "big") + b'{"a":1}'
    noted = sealed[:-last] + note + sealed[-last:]
    for step in (1, 5, len(noted)):
        chunks = opener.chunks()
        opened = [
            p for at in range(0, len(noted), step) for p in chunks.feed(noted[at : at + step])
        ]
        assert b"".join([*opened, chunks.close()]) == b"onetwo"


@pytest.mark.parametrize(
    "note",
    [
        BILLING_MARK[:-2] + b"x\n" + bytes(4),
        BILLING_MARK + (1 << 20).to_bytes(4, "big"),
        b"\x0a" + bytes(40),
        b"\x05" + bytes(40),
    ],
)
def test_what_only_looks_like_a_note_is_refused(note: bytes) -> None:
    config, own = key_pair()
    request, opener = seal_request(config, b"{}", SEED)
    _, sealer = open_request(config, own, request)
    sealed = sealer.seal_chunks([b"one", b"two"], bytes(32))
    last = len(sealer.seal_chunks([b"two"], bytes(32))) - 32
    chunks = opener.chunks()
    with pytest.raises(OhttpFailed):
        list(chunks.feed(sealed[:-last] + note + sealed[-last:]))


def key_pair() -> tuple[OhttpConfig, bytes]:
    own = derive_private_key(SEED)
    public = X25519PrivateKey.from_private_bytes(own).public_key().public_bytes_raw()
    return OhttpConfig(1, 0x20, 1, CHACHA20_POLY1305, public), own
