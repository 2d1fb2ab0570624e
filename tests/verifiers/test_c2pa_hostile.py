"""Content Credentials in a stranger's hands: any byte may be another, and any number too large."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterable
from typing import Any

import pytest

from troth.verifiers import c2pa
from troth.verifiers.c2pa import PictureState, verify_picture
from troth.verifiers.c2pa_binding import digest_of
from troth.verifiers.picture_file import C2PA_KIND, MAX_PARTS, read_picture
from troth.verifiers.trust import Trust
from verifiers import credentials as make
from verifiers.credentials import FORMS, Recipe
from verifiers.picture_authority import NOW, Authority, Signer
from verifiers.reference import (
    flip,
    oracle,
    resum,
    trusting,
)

S = PictureState


@pytest.fixture(scope="module")
def trust(authority: Authority) -> Trust:
    return trusting(authority)


# -- every byte, and many at once


def not_covered(picture: bytes) -> set[int]:
    """Return the places that no signature covers, by the format (SECURITY.md, "Pictures")."""
    places: set[int] = set()
    if make.form_of(picture) == "jpeg":
        places |= {8, 9}  # the box number of its one segment
    start = picture.index(b"urn:uuid:") if b"urn:uuid:" in picture else 0
    return places | set(range(start + 9, start + 45)) if start else places


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_old", [False, True])
def test_no_changed_byte_of_a_whole_picture_is_green(
    form: str, is_old: bool, signer: Signer, trust: Trust
) -> None:
    recipe = Recipe(version=1, is_relative=True) if is_old else Recipe()
    picture = make.signed(make.plain(form, size=(8, 8)), signer, recipe)
    green = {
        place
        for place in range(len(picture))
        if verify_picture(flip(picture, place), trust, NOW).is_signed
    }
    assert green <= not_covered(picture)
    for end in range(0, len(picture), 7):
        assert not verify_picture(picture[:end], trust, NOW).is_signed


PIECES = (
    b"jumb", b"jumd", b"cbor", b"\0\0\0\1", b"\xff\xff\xff\xff", b"\xff\xeb", b"\xbf", b"\x9f",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", b"hash", b"length", b"x5chain", b"self#jumbf=",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_bytes_mixed_at_random_break_nothing_and_are_not_green(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    """What is green is what the reference library trusts; 40,000 rounds of this came out so."""
    rounds = 150 * int(os.environ.get("TROTH_FAULT_ROUNDS", "1"))
    chance = random.Random(f"{form} 1")
    whole = make.signed(make.plain(form, size=(8, 8)), signer)
    for _ in range(rounds):
        mixed = mutated(whole, chance)
        if form == "png" and mixed.count(b"caBX") == 1:
            mixed = resum(mixed)
        if verify_picture(mixed, trust, NOW).is_signed and mixed != whole:
            assert oracle(mixed, authority)[0] == "Trusted"


def mutated(whole: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(16, len(whole))
    match chance.randrange(5):
        case 0:
            return flip(whole, place)
        case 1:
            return whole[:place] + whole[place + chance.choice((1, 2, 8, 64)) :]
        case 2:
            return whole[:place] + chance.choice(PIECES) + whole[place:]
        case 3:
            piece = chance.choice(PIECES)
            return whole[:place] + piece + whole[place + len(piece) :]
        case _:
            start = chance.randrange(len(whole))
            return whole[:place] + whole[start : start + 200] + whole[place:]


# -- what a stranger's file may cost


def of_many_parts(form: str) -> bytes:
    if form == "jpeg":
        return b"\xff\xd8" + b"\xff\xe0\0\2" * 200_000 + b"\xff\xd9"
    if form == "png":
        return make.plain()[:8] + b"\0\0\0\0tEXt\0\0\0\0" * 200_000
    body = b"abcd\0\0\0\0" * 200_000
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_endless_parts_is_given_up(form: str) -> None:
    picture = read_picture(of_many_parts(form))
    assert picture is not None
    assert len(picture.parts) <= MAX_PARTS + 1


def test_pieces_of_a_jpeg_are_compared_without_copies_of_the_rest() -> None:
    """With a copy of all that follows for each piece this would move a terabyte."""
    described = struct.pack(">I4s", 0x30, b"jumd") + C2PA_KIND
    segments = [
        b"JP\0\1" + struct.pack(">II4s", number, 1 << 24, b"jumb") + described
        for number in range(1, 20_001)
    ]
    held = b"".join(b"\xff\xeb" + struct.pack(">H", len(one) + 2) + one for one in segments)
    picture = read_picture(b"\xff\xd8" + held + b"\xff\xd9" + bytes(32 << 20))
    assert picture is not None
    assert len(picture.spans) == 20_000


def test_credentials_of_endless_pieces_are_given_up(signer: Signer, trust: Trust) -> None:
    many: list[Any] = [{"action": "a"} for _ in range(60_000)]
    ingredient = {"dc:title": "x", "relationship": "componentOf"}
    for recipe in (
        Recipe(actions={"actions": many}),
        Recipe(more=[(f"c2pa.ingredient__{place}", ingredient) for place in range(65)]),
        Recipe(more=[(f"org.example__{place}", {}) for place in range(2_000)]),
        Recipe(actions={}, more=[(f"c2pa.actions.v2__{place}", {}) for place in range(8)]),
    ):
        proof = verify_picture(make.signed(make.plain(), signer, recipe), trust, NOW)
        assert proof.state is S.UNREADABLE
        assert "far too many" in proof.reason or "too many" in proof.reason


def test_a_manifest_that_many_things_name_is_hashed_once(
    signer: Signer, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, label = make.Stored(), make.new_label()
    large = [("org.example.notes", {"text": "x" * 1_000_000})]
    before = store.manifest(signer, label=label, more=large)
    _, said = make.ingredient(label, before, "componentOf")
    names = ["c2pa.ingredient.v3", *(f"c2pa.ingredient.v3__{place}" for place in range(1, 64))]
    own = store.manifest(signer, more=[(name, said) for name in names])
    hashed: list[int] = []

    def counting(algorithm: str, pieces: Iterable[bytes | memoryview]) -> bytes:
        pieces = list(pieces)
        hashed.extend(map(len, pieces))
        return digest_of(algorithm, pieces)

    monkeypatch.setattr(c2pa, "digest_of", counting)
    proof = verify_picture(store.with_store(before, own), trust, NOW)
    assert proof.is_signed, proof.reason
    assert len(proof.ingredients) == 64
    assert sum(hashed) < 2_000_000
