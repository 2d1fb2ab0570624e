"""Content Credentials of several manifests, and of parts that are hashed one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from troth.verifiers.c2pa import PictureState, verify_picture
from troth.verifiers.trust import Trust
from verifiers import credentials as make
from verifiers.credentials import FORMS, Recipe
from verifiers.picture_authority import NOW, Authority, Signer
from verifiers.reference import (
    flip,
    oracle,
    resum,
    signed_by_reference,
    trusting,
    updated_by_reference,
)

S = PictureState


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


def test_a_manifest_that_somebody_put_in_says_nothing_of_the_picture(
    signer: Signer, trust: Trust
) -> None:
    store = make.Stored()
    own = store.manifest(signer, actions=NOT_BY_A_MODEL)
    other = store.manifest(Authority().signer())
    proof = verify_picture(store.with_store(other, own), trust, NOW)
    assert proof.state is S.SIGNED, proof.reason
    assert not proof.is_made_by_model


@pytest.mark.parametrize("relationship", ["parentOf", "componentOf"])
def test_a_model_made_it_where_it_made_what_it_was_before(
    relationship: str, authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = make.Stored(), make.new_label()
    before = store.manifest(signer, label=label)
    more = [make.ingredient(label, before, relationship)]
    own = store.manifest(signer, actions=NOT_BY_A_MODEL, more=more)
    picture = store.with_store(before, own)
    assert verify_picture(picture, trust, NOW).is_made_by_model is (relationship == "parentOf")


def test_a_manifest_that_somebody_put_in_takes_nothing_out(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = make.Stored(), make.new_label()
    before = store.manifest(authority.signer(name="Earlier Camera"), label=label)
    own = store.manifest(signer, more=[make.ingredient(label, before)])
    swapped = store.manifest(authority.signer(name="Another Camera"), label=label)
    place = f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.example.note"
    taking = store.manifest(Authority().signer(), change_claim=redacting(place))
    for manifests in ((swapped, own), (taking, swapped, own)):
        assert verify_picture(store.with_store(*manifests), trust, NOW).state is S.ALTERED


def test_no_signer_is_named_of_credentials_that_no_hash_holds(
    authority: Authority, signer: Signer, trust: Trust
) -> None:
    store, label = make.Stored(), make.new_label()
    before = store.manifest(authority.signer(name="Earlier Camera"), label=label)
    place = f"self#jumbf=/c2pa/{label}/c2pa.assertions/org.example.note"
    more = [make.ingredient(label, before)]
    own = store.manifest(signer, more=more, change_claim=redacting(place), actions=NOT_BY_A_MODEL)
    swapped = store.manifest(authority.signer(name="Another Camera"), label=label)
    for first in (before, swapped):
        proof = verify_picture(store.with_store(first, own), trust, NOW)
        assert proof.ingredients == ("'photo', out of whose credentials something was taken",)
        assert not proof.is_made_by_model


def test_the_signer_of_an_ingredient_is_named_where_an_authority_vouches_for_him(
    signer: Signer, trust: Trust
) -> None:
    store, label = make.Stored(), make.new_label()
    before = store.manifest(Authority().signer(name="A Great Newspaper"), label=label)
    own = store.manifest(signer, more=[make.ingredient(label, before)])
    proof = verify_picture(store.with_store(before, own), trust, NOW)
    assert proof.is_signed
    assert proof.ingredients == ("'photo', signed by one who gives the name 'A Great Newspaper'",)


def test_the_title_of_an_ingredient_speaks_in_quotes(signer: Signer, trust: Trust) -> None:
    store, label = make.Stored(), make.new_label()
    before = store.manifest(signer, label=label)
    title = "old. The name is vouched for by A Great Newspaper.\n\x1b[2J\u202e"
    own = store.manifest(signer, more=[make.ingredient(label, before, title=title)])
    (said,) = verify_picture(store.with_store(before, own), trust, NOW).ingredients
    assert said.startswith("'old. The name")
    assert said.isprintable()


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
