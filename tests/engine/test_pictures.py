"""Pictures of replies: their credentials are checked from the bytes that came, and kept so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import troth
from engine.conftest import MODEL, Opener
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.engine.chat import Chat
from troth.engine.engine import Engine
from troth.explain import verdict_sentence
from troth.verifiers.pictures import pictures_in
from tui.pictures import image_reply
from verifiers import credentials as make
from verifiers.picture_authority import Authority, Signer, der

VALID = (datetime.now(UTC) - timedelta(days=3), datetime.now(UTC) + timedelta(days=90))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    return authority.signer(valid=VALID)


def trust_root(file: Path, authority: Authority) -> None:
    encoded = der(authority.root)
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text("utf-8") if file.exists() else "version = 1\n"
    file.write_text(
        f"{before}\n[[root]]\n"
        'name = "the tests\' root"\nplatform = "c2pa"\n'
        f'sha256 = "{hashlib.sha256(encoded).hexdigest()}"\n'
        f'certificate = "{make.base64_of(encoded)}"\n'
    )


async def asked(engine: Engine) -> tuple[Chat, str, Verdict]:
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "draw")
    message = await reply.wait()
    async for _event in reply.follow():
        pass
    return chat, message.id, chat.verdicts[message.id]


def pictures(verdict: Verdict) -> list[Check]:
    return [check for check in verdict.checks if check.name == "picture"]


async def test_a_signed_picture_is_named_and_lifts_no_headline(
    open_engine: Opener, authority: Authority, signer: Signer
) -> None:
    picture = make.signed(make.plain(), signer)
    engine, server = await open_engine(image_reply("here", picture))
    trust_root(engine.proofs.trust_file.file, authority)
    chat, message_id, verdict = await asked(engine)
    said = "Image signed by Example AI: where it came from, not whether it is true."
    assert [check.outcome for check in pictures(verdict)] == [Outcome.PASSED]
    assert pictures(verdict)[0].detail.startswith(said)
    assert verdict.state is State.TLS_ONLY, "nobody signed the words"
    assert not verdict.is_verified
    requests = len(server.requests)
    again = await engine.proofs.check_again(chat, message_id)
    assert pictures(again) == pictures(verdict)
    assert len(server.requests) == requests


def changed(picture: bytes) -> bytes:
    at = picture.index(b"IDAT") + 20
    return picture[:at] + bytes([picture[at] ^ 1]) + picture[at + 1 :]


async def test_an_altered_picture_fails_its_reply(
    open_engine: Opener, authority: Authority, signer: Signer
) -> None:
    picture = make.signed(make.plain(), signer)
    engine, _ = await open_engine(image_reply("here", picture, changed(picture)))
    trust_root(engine.proofs.trust_file.file, authority)
    _, _, verdict = await asked(engine)
    assert verdict.state is State.FAILED
    assert verdict.is_loud
    assert [c.outcome for c in pictures(verdict)] == [Outcome.PASSED, Outcome.FAILED]
    assert pictures(verdict)[1].detail.startswith("2 of 2: ALTERED")


async def test_an_unsigned_picture_is_said_and_changes_nothing(open_engine: Opener) -> None:
    engine, _ = await open_engine(image_reply("here", make.plain()))
    _, _, verdict = await asked(engine)
    assert verdict.state is State.TLS_ONLY
    assert [check.outcome for check in pictures(verdict)] == [Outcome.NOT_COVERED]


async def test_a_receipt_carries_the_picture_and_says_then_and_now(
    open_engine: Opener, authority: Authority, signer: Signer
) -> None:
    picture = make.signed(make.plain(), signer)
    engine, _ = await open_engine(image_reply("here", picture))
    trust_root(engine.proofs.trust_file.file, authority)
    chat, message_id, _ = await asked(engine)
    receipt = await engine.proofs.receipt(chat, message_id)
    trust = engine.proofs.trust_file.load()
    checked = troth.verify(receipt, trust=trust, at=datetime.now(UTC) + timedelta(days=200))
    assert [check.outcome for check in pictures(checked.then)] == [Outcome.PASSED]
    assert [check.outcome for check in pictures(checked.now)] == [Outcome.CANNOT_CHECK]
    assert "was valid until" in pictures(checked.now)[0].detail
    assert verdict_sentence(checked.then).startswith("Nobody signed the words. The picture")
    assert not verdict_sentence(checked.now).startswith("Nobody signed the words. The picture")


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    "written",
    [
        lambda text: text,
        lambda text: text.replace("/", "\\/"),
        lambda text: text.replace("=", "\\u003d"),
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
    ],
)
@pytest.mark.parametrize("length", range(3))
def test_pictures_are_found_in_a_body_however_it_writes_them(
    form: str, written: Callable[[str], str], length: int
) -> None:
    picture = make.plain(form) + bytes(length)
    body = b'{"data": "' + written(make.base64_of(picture)).encode() + b'", "more": 1}'
    assert list(pictures_in(body)) == [picture]


def test_opaque_tokens_that_begin_like_a_picture_are_none() -> None:
    token = b"/9jpYmFzZTY0" + b"QUJD" * 40
    picture = make.plain()
    body = b'{"sig": "' + token + b'", "data": "' + make.base64_of(picture).encode() + b'"}'
    assert list(pictures_in(body)) == [picture]
    assert list(pictures_in(b'{"sig": "' + token + b'"}')) == []
