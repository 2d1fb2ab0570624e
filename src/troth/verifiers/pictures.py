"""The pictures of a reply: an axis of its own beside what the words' signature covers.

A picture's signature says who made it, and nothing of the reply that it came in: any other picture
of the same signer would fit as well. So it lifts no headline. Words that are verified stay
`partly-covered` beside a signed picture, and a reply whose words nobody signed stays what it is
(`tls-only`, mostly) though its picture is signed, also where the picture is all of it: the other
states that could be meant speak of a signature over the reply (`partly-covered`), or of one by an
unknown key (`signed-unknown-key`), and neither is true of it. The check tells it, and faces show
it beside the headline. Only a picture that was altered decides: that is `failed` under any scheme.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from troth.domain.exchange import Exchange
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.verifiers.base import Facts
from troth.verifiers.fold import weakest
from troth.verifiers.picture_file import media_type_of
from troth.verifiers.trust import Trust

if TYPE_CHECKING:
    from troth.verifiers.c2pa import PictureProof

CHECK = "picture"
MAX_PICTURES = 32
MAX_RUNS = 64
SHORTEST = 80
"""Letters of base64; no picture with a signature, nor one that is worth a word, is shorter."""
_HEADS = (b"iVBORw0KGgo", b"/9j", b"UklGR", b"_9j")
"""How PNG, JPEG and WebP begin in base64, also in that of URLs."""
_HEAD = re.compile(rb"iVBORw0KGgo|\\?/9j|_9j|UklGR")
_ESCAPED = ((rb"\/", b"/"), (rb"\u003d", b""), (rb"\u002b", b"+"), (rb"\u002f", b"/"))
_PLAIN = bytes.maketrans(b"-_", b"+/")


def with_pictures(verdict: Verdict, exchange: Exchange, trust: Trust, facts: Facts) -> Verdict:
    """Return a verdict with a check for each picture that its reply shows.

    Pictures are taken from the reply's own bytes, so that whoever holds these finds the same. An
    `at` for certificates is when the reply came, or `facts.judged_at`.
    """
    shown = _shown(exchange.response_body, facts)
    if not shown:
        return verdict
    from troth.verifiers.c2pa import PictureProof, PictureState, verify_picture

    at = facts.judged_at or exchange.received_at
    proofs = [
        PictureProof(PictureState.OTHER_KIND)
        if content is None
        else verify_picture(content, trust, at)
        for content in shown
    ]
    checks = tuple(
        check_of(proof, at, place=(number, len(proofs))) for number, proof in enumerate(proofs, 1)
    )
    is_altered = any(proof.state is PictureState.ALTERED for proof in proofs)
    state = weakest([verdict.state, State.FAILED]) if is_altered else verdict.state
    return replace(verdict, state=state, checks=(*verdict.checks, *checks))


def _shown(body: bytes, facts: Facts) -> list[bytes | None]:
    """Return the pictures that are on the screen; all in the body where that is not known.

    None is one that does not stand in the body as a picture of a kind that is read.
    """
    if facts.shown_pictures == () or not any(head in body for head in _HEADS):
        return [None] * len(facts.shown_pictures or ())
    contents: dict[str, bytes | None] = {
        sha256(content).hexdigest(): content for content in pictures_in(body)
    }
    if facts.shown_pictures is None:
        return [*contents.values()][:MAX_PICTURES]
    return [contents.get(name) for name in facts.shown_pictures][:MAX_PICTURES]


def pictures_in(body: bytes) -> Iterator[bytes]:
    """Yield the PNG, JPEG and WebP pictures that stand in a body as base64, in a string of JSON.

    JSON's escapes are taken back (`\\/`, and `\\u003d` as Google writes `=`), padding may lack. No
    pattern walks over the letters of a picture: that would hold up the screen's own thread.
    """
    place = 0
    for _ in range(MAX_RUNS):
        head = _HEAD.search(body, place)
        if head is None:
            return
        end = body.find(b'"', head.start())
        end = len(body) if end < 0 else end
        content = _decoded(body[head.start() : end])
        place = end if content else head.end()
        if content:
            yield content


def _decoded(run: bytes) -> bytes:
    """Return the picture that a run of base64 spells; nothing where it is something else: opaque
    tokens begin like pictures now and then."""
    if b"\\" in run:
        for written, meant in _ESCAPED:
            run = run.replace(written, meant)
        run = run.partition(b"\\")[0]
    if b"-" in run or b"_" in run:
        run = run.translate(_PLAIN)
    if len(run) < SHORTEST:
        return b""
    try:
        content = base64.b64decode(run + b"=" * (-len(run) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if media_type_of(content) else b""


def check_of(proof: PictureProof, at: datetime, *, place: tuple[int, int] = (1, 1)) -> Check:
    """Return the check on one picture, of so many."""
    from troth.verifiers.c2pa import PictureState

    outcome = {
        PictureState.SIGNED: Outcome.PASSED,
        PictureState.ALTERED: Outcome.FAILED,
        PictureState.UNSIGNED: Outcome.NOT_COVERED,
        PictureState.OTHER_KIND: Outcome.NOT_COVERED,
        PictureState.REMOTE: Outcome.NOT_COVERED,
    }.get(proof.state, Outcome.CANNOT_CHECK)
    number, count = place
    lead = f"{number} of {count}: " if count > 1 else ""
    return Check(CHECK, outcome, lead + describe(proof, at))


def describe(proof: PictureProof, at: datetime) -> str:
    """Say in a few sentences what is known of a picture's origin."""
    from troth.verifiers.c2pa import PictureState

    match proof.state:
        case PictureState.SIGNED:
            said = f"Image signed by {_named(proof)}: where it came from, not whether it is true."
        case PictureState.PARTLY_SIGNED:
            said = (
                f"Image signed by {_named(proof)}, but {proof.left_out:,} bytes of it are not"
                " covered: what is in them, anybody may have put there."
            )
        case PictureState.ALTERED:
            who = f" The credentials in it name {proof.signer!r}." if proof.signer else ""
            return f"ALTERED after it was signed: {proof.reason}.{who}"
        case PictureState.UNKNOWN_SIGNER:
            said = (
                f"Image signed by an unknown signer, who gives the name {proof.signer!r}: no"
                " authority that you trust vouches for it."
            )
        case PictureState.UNFIT_SIGNER:
            return f"Image signed, but that counts for nothing: {proof.reason}."
        case PictureState.OUT_OF_DATE:
            said = _out_of_date(proof, at)
        case PictureState.UNREADABLE:
            return f"Image with credentials that cannot be read: {proof.reason}."
        case PictureState.REMOTE:
            return (
                "Image unsigned here. It says that its credentials lie on the network, at"
                f" {proof.remote_url[:120]!r}; Troth does not fetch them."
            )
        case PictureState.UNSIGNED:
            return "Image unsigned: nothing in it says where it came from."
        case PictureState.OTHER_KIND:
            return "Image that is not checked: Troth reads the signatures of PNG, JPEG and WebP."
    return " ".join([said, *_further(proof)])


def _named(proof: PictureProof) -> str:
    return proof.signer or "a signer without a name"


def _further(proof: PictureProof) -> list[str]:
    sentences: list[str] = []
    if proof.root:
        sentences.append(f"The name is vouched for by {proof.root}.")
    if proof.stamped_at is not None:
        day = f"{proof.stamped_at:%d %b %Y}"
        sentences.append(f"It was signed by {day}, by a clock that {proof.stamped_by} vouches for.")
    if proof.is_made_by_model:
        sentences.append("The signer says that a model made it.")
    if proof.ingredients:
        listed = "; ".join(proof.ingredients[:4])
        more = len(proof.ingredients) - 4
        listed += f"; and {more} more" if more > 0 else ""
        sentences.append(f"Made from: {listed}.")
    return sentences


def _out_of_date(proof: PictureProof, at: datetime) -> str:
    at = proof.stamped_at or at
    early = proof.valid_from is not None and at < proof.valid_from
    until = proof.valid_from if early else proof.valid_until
    day = f"{until:%d %b %Y}" if until else "another day"
    limit = f"is valid only from {day}" if early else f"was valid until {day}"
    said = f"Image signed by {_named(proof)} with a certificate that {limit}"
    if proof.stamped_at is not None:
        return f"{said}, and so at another time than it was signed."
    fault = f" Its time stamp does not count: {proof.stamp_fault}." if proof.stamp_fault else ""
    return f"{said}: whether it held when the picture was signed, nothing here can show.{fault}"
