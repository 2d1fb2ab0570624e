"""Content Credentials of several manifests, of parts hashed one by one, and mixed bytes."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from troth.verifiers import c2pa
from troth.verifiers.c2pa import PictureState, verify_picture
from troth.verifiers.c2pa_binding import digest_of
from troth.verifiers.picture_file import C2PA_KIND, MAX_PARTS, read_picture
from troth.verifiers.trust import Trust
from verifiers import credentials as make
from verifiers.credentials import Recipe
from verifiers.picture_authority import NOW, Authority, Signer
from verifiers.reference import (
    flip,
    oracle,
    resum,
    signed_by_reference,
    trusting,
    updated_by_reference,
)

FORMS = ("png", "jpeg", "webp")
S = PictureState


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    return authority.signer()


@pytest.fixture(scope="module")
def trust(authority: Authority) -> Trust:
    return trusting(authority)


# -- more than one manifest


@pytest.mark.parametrize("form", FORMS)
def test_what_a_picture_was_made_from_is_named_with_its_signer(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    first = signed_by_reference(make.plain(form), authority.signer(name="Earlier Camera"))
    picture = signed_by_reference(make.plain(form, seed=8), signer, parent=first)
    assert oracle(picture, authority)[0] == "Trusted"
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    assert proof.signer == "Example AI"
    assert proof.ingredients == ("'the one before', signed by Earlier Camera",)


def test_changed_credentials_of_an_ingredient_are_seen(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    first = signed_by_reference(make.plain(), authority.signer(name="Earlier Camera"))
    picture = signed_by_reference(make.plain(seed=8), signer, parent=first)
    assert picture.count(b"trainedAlgorithmicMedia") == 2, "in both"
    changed = resum(picture.replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicMedio", 1))
    assert verify_picture(changed, trust, NOW).state is S.ALTERED
    assert oracle(changed, authority)[0] == "Invalid"


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_an_update_stands_on_the_manifest_that_is_tied_to_the_picture(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    first = signed_by_reference(make.plain(form), authority.signer(name="First"))
    picture = updated_by_reference(first, signer)
    assert b"c2um" in picture
    assert oracle(picture, authority)[0] == "Trusted"
    proof = verify_picture(picture, trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    changed = flip(picture, len(picture) - 16)
    assert not verify_picture(changed, trust, NOW).is_signed


def test_an_update_is_worth_no_more_than_what_it_updates(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    first = signed_by_reference(make.plain(), Authority("Somebody Else").signer())
    picture = updated_by_reference(first, signer)
    assert verify_picture(picture, trust, NOW).state is S.UNKNOWN_SIGNER


# -- parts that are hashed one by one


def without_the_last(boxes: list[Any]) -> None:
    boxes.pop()


def without_the_middle(boxes: list[Any]) -> None:
    del boxes[len(boxes) // 2]


def last_left_out(boxes: list[Any]) -> None:
    boxes[-1]["excluded"] = True


def credentials_in_a_run(boxes: list[Any]) -> None:
    before = next(at for at, box in enumerate(boxes) if box["names"] == ["C2PA"]) - 1
    boxes[before]["names"].append("C2PA")
    del boxes[before + 1]


def of_a_later_version(boxes: list[Any]) -> None:
    boxes[-1]["exclusions"] = []


BOXES: dict[str, tuple[Callable[[list[Any]], None], PictureState]] = {
    "all": (make.no_change, S.SIGNED),
    "without the last": (without_the_last, S.PARTLY_SIGNED),
    "the last left out": (last_left_out, S.PARTLY_SIGNED),
    "without the middle": (without_the_middle, S.ALTERED),
    "the credentials hashed too": (credentials_in_a_run, S.ALTERED),
    "of a later version": (of_a_later_version, S.UNREADABLE),
}


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("what", BOXES)
def test_parts_are_all_the_files_own_in_order(
    what: str, group: bool, form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    change, state = BOXES[what]
    picture = make.signed_by_boxes(make.plain(form), signer, group=group, change=change)
    proof = verify_picture(picture, trust, NOW)
    if what == "without the middle" and group:
        assert not proof.is_signed
        return
    assert proof.state is state, proof.reason
    theirs = oracle(picture, authority)[0]
    assert theirs == "Trusted" if state is S.SIGNED else not proof.is_signed


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_bytes_behind_the_parts_are_counted_and_in_them_are_seen(
    form: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    picture = make.signed_by_boxes(make.plain(form), signer)
    longer = verify_picture(picture + b"more", trust, NOW)
    assert (longer.state, longer.left_out) == (S.PARTLY_SIGNED, 4)
    changed = flip(picture, len(picture) - 24)
    assert verify_picture(changed, trust, NOW).state is S.ALTERED
    assert oracle(changed, authority)[0] == "Invalid"


# -- manifests that no signature counts


NOT_BY_A_MODEL: dict[str, Any] = {"actions": [{"action": "c2pa.created"}]}


class Stored:
    """A picture hashed part by part: what lies in its store is then no matter to its hash."""

    def __init__(self) -> None:
        self.picture = make.plain()
        hashes = make.box_hash(make.embed(self.picture, bytes(900))[0])
        self._binding = ("c2pa.hash.boxes", hashes)

    def manifest(self, signer: Signer, **recipe: Any) -> bytes:
        return make.manifest(signer, self._binding, Recipe(**recipe))

    def with_store(self, *manifests: bytes) -> bytes:
        return make.embed(self.picture, make.store_of(*manifests))[0]


def ingredient(
    label: str, box: bytes, relationship: str = "parentOf", title: str = "photo"
) -> tuple[str, Any]:
    reference = make.hashed(f"self#jumbf=/c2pa/{label}", box)
    said = {"dc:title": title, "relationship": relationship, "activeManifest": reference}
    return ("c2pa.ingredient.v3", said)


def test_a_manifest_that_somebody_put_in_says_nothing_of_the_picture(
    signer: Signer, trust: Trust
) -> None:
    store = Stored()
    own = store.manifest(signer, actions=NOT_BY_A_MODEL)
    other = store.manifest(Authority().signer())
    proof = verify_picture(store.with_store(other, own), trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    assert not proof.is_made_by_model


@pytest.mark.parametrize("relationship", ["parentOf", "componentOf"])
def test_a_model_made_it_where_it_made_what_it_was_before(
    relationship: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = Stored(), make.new_label()
    before = store.manifest(signer, label=label)
    more = [ingredient(label, before, relationship)]
    own = store.manifest(signer, actions=NOT_BY_A_MODEL, more=more)
    picture = store.with_store(before, own)
    assert verify_picture(picture, trust, NOW).is_made_by_model is (relationship == "parentOf")


def test_a_manifest_that_somebody_put_in_takes_nothing_out(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = Stored(), make.new_label()
    before = store.manifest(authority.signer(name="Earlier Camera"), label=label)
    own = store.manifest(signer, more=[ingredient(label, before)])
    swapped = store.manifest(authority.signer(name="Another Camera"), label=label)
    place = f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.example.note"
    taking = store.manifest(Authority().signer(), change_claim=redacting(place))
    for manifests in ((swapped, own), (taking, swapped, own)):
        assert verify_picture(store.with_store(*manifests), trust, NOW).state is S.ALTERED


def test_no_signer_is_named_of_credentials_that_no_hash_holds(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = Stored(), make.new_label()
    before = store.manifest(authority.signer(name="Earlier Camera"), label=label)
    place = f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.example.note"
    more = [ingredient(label, before)]
    own = store.manifest(signer, more=more, change_claim=redacting(place), actions=NOT_BY_A_MODEL)
    swapped = store.manifest(authority.signer(name="Another Camera"), label=label)
    for first in (before, swapped):
        proof = verify_picture(store.with_store(first, own), trust, NOW)
        assert proof.ingredients == ("'photo', out of whose credentials something was taken",)
        assert not proof.is_made_by_model


def test_the_signer_of_an_ingredient_is_named_where_an_authority_vouches_for_him(
    signer: Signer, trust: Trust
) -> None:
    store, label = Stored(), make.new_label()
    before = store.manifest(Authority().signer(name="A Great Newspaper"), label=label)
    own = store.manifest(signer, more=[ingredient(label, before)])
    proof = verify_picture(store.with_store(before, own), trust, NOW)
    assert proof.is_signed
    assert proof.ingredients == ("'photo', signed by one who gives the name 'A Great Newspaper'",)


# -- what was taken out


def redacting(place: str) -> Callable[[dict[str, Any]], None]:
    def change(claim: dict[str, Any]) -> None:
        claim["redacted_assertions"] = [place]

    return change


@pytest.mark.parametrize("what", ["its own", "a hash", "an action"])
def test_nobody_takes_out_what_must_stay(
    what: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    label, other = make.new_label(), make.new_label()
    place = {
        "its own": f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.example.note",
        "a hash": f"self#jumbf=/c2pa/{other}/c2pa.assertions/c2pa.hash.data",
        "an action": f"self#jumbf=/c2pa/{other}/c2pa.assertions/c2pa.actions.v2",
    }[what]
    recipe = Recipe(
        label=label, change_claim=redacting(place), more=[("org.example.note", {"said": "this"})]
    )
    picture = make.signed(make.plain(), signer, recipe)
    assert verify_picture(picture, trust, NOW).state is S.UNREADABLE


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
    store, label = Stored(), make.new_label()
    large = [("org.example.notes", {"text": "x" * 1_000_000})]
    before = store.manifest(signer, label=label, more=large)
    _, said = ingredient(label, before, "componentOf")
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


def test_the_title_of_an_ingredient_speaks_in_quotes(signer: Signer, trust: Trust) -> None:
    store, label = Stored(), make.new_label()
    before = store.manifest(signer, label=label)
    title = "old. The name is vouched for by A Great Newspaper.\n\x1b[2J\u202e"
    own = store.manifest(signer, more=[ingredient(label, before, title=title)])
    (said,) = verify_picture(store.with_store(before, own), trust, NOW).ingredients
    assert said.startswith("'old. The name")
    assert said.isprintable()
