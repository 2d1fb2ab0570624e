"""Receipts, trust and checking again, from what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

import troth
from engine.conftest import MODEL, Opener
from servers import openai_chat_stream
from troth.domain.error import ConfigError, ReceiptRefused
from troth.domain.verdict import State
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from troth.verifiers.trust import PinnedKey, Trust

HELLO = openai_chat_stream(["Hel", "lo"])


async def test_a_receipt_can_be_checked_without_vault_or_network(open_engine: Opener) -> None:
    engine, _ = await open_engine(HELLO)
    chat = await engine.new_chat(model=MODEL)
    await engine.providers.set_key("scripted", "sk-very-secret-1234")
    reply = await engine.send(chat, "hi")
    message = await reply.wait()
    async for _event in reply.follow():
        pass
    receipt = await engine.proofs.receipt(chat, message.id)
    assert b"sk-very-secret" not in receipt
    checked = troth.verify(receipt, trust=Trust())
    assert checked.receipt.exchange.response_body == HELLO.body
    assert checked.receipt.verdict.state is chat.verdicts[message.id].state
    assert checked.then.state is State.IMPORTED, "nobody signed it: a file can show nothing of it"


async def test_a_receipt_that_was_touched_fails(open_engine: Opener) -> None:
    engine, _ = await open_engine(HELLO)
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    message = await reply.wait()
    async for _event in reply.follow():
        pass
    receipt = await engine.proofs.receipt(chat, message.id)
    with pytest.raises(ReceiptRefused):
        troth.verify(receipt.replace(b'"model": "scripted-1"', b'"model": "better-2"'))
    with pytest.raises(ReceiptRefused):
        troth.verify(b"not a receipt")


async def test_checking_again_contacts_nobody(open_engine: Opener) -> None:
    engine, server = await open_engine(HELLO)
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    message = await reply.wait()
    async for _event in reply.follow():
        pass
    asked = len(server.requests)
    verdict = await engine.proofs.check_again(chat, message.id)
    assert verdict.checks == chat.verdicts[message.id].checks
    assert len(server.requests) == asked


async def test_pinning_and_distrusting_keep_the_users_comments(tmp_path: Path) -> None:
    trust = TrustFile(find_paths({"TROTH_HOME": str(tmp_path)}))
    fingerprint = "ab" * 32
    await trust.pin(PinnedKey("home gateway", fingerprint))
    text = trust.file.read_text()
    trust.file.write_text(text + "\n# mine\n")
    await trust.distrust("cd" * 32, "leaked")
    assert "# mine" in trust.file.read_text()
    assert [key.name for key in trust.own().keys] == ["home gateway"]
    assert trust.load().distrust_of("cd" * 32) is not None
    await trust.unpin(fingerprint)
    assert trust.own().keys == ()


async def test_a_broken_trust_file_trusts_nobody_and_says_so(
    open_engine: Opener,
) -> None:
    engine, _ = await open_engine(HELLO)
    file = engine.proofs.trust_file.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("version = 1\n[[distrsted]]\n")
    with pytest.raises(ConfigError):
        engine.proofs.trust_file.load()
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    await reply.wait()
    async for _event in reply.follow():
        pass
    assert reply.verdict is not None
    assert reply.verdict.state is State.CANNOT_CHECK
