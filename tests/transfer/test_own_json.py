"""Our own JSON: everything that the domain can hold comes back, and nothing is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given

from transfer.any_messages import any_messages
from transfer.exports import NOW, SETTING, read_all, write_json
from troth.domain.conversation import Conversation
from troth.domain.error import Failure
from troth.domain.exchange import Exchange
from troth.domain.message import (
    Message,
    Role,
    TextPart,
)
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.transfer.own_json import NotOurs, from_json, read_own, to_json


def through_text(value: object) -> Any:
    return json.loads(json.dumps(to_json(value)))


@given(any_messages)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert from_json(Message, through_text(message)) == message


def test_an_exchange_and_a_verdict_come_back_as_they_were() -> None:
    exchange = Exchange(
        "POST", "https://x", (("A", "b"), ("A", "c")), b"\x00\xff", 200, (), b"{}", NOW, NOW, True
    )
    checks = (Check("signature", Outcome.PASSED, "fine"),)
    verdict = Verdict(State.FAILED, "none", checks, NOW, "v1", "ab", NOW, is_simulated=True)
    assert from_json(Exchange, through_text(exchange)) == exchange
    assert from_json(Verdict, through_text(verdict)) == verdict


def document(*given_messages: Message, **more: Any) -> dict[str, Any]:
    conversation = Conversation("C1", "Knots", NOW, NOW, policy="signed", head_id="m1")
    return {
        "format": "troth-chat",
        "version": 1,
        "conversation": to_json(conversation),
        "messages": [to_json(message) for message in given_messages],
        "blobs": {},
        **more,
    }


def said(id_: str, parent: str | None = None, **more: Any) -> Message:
    return replace(
        Message(id_, "C1", parent, Role.ASSISTANT, NOW, (TextPart(f"words of {id_}"),)), **more
    )


def test_ids_settings_and_branches_are_kept(tmp_path: Path) -> None:
    path = write_json(tmp_path / "x.json", document(said("m1"), said("m2", "m1"), said("m3", "m1")))
    [chat], _ = read_all(path)
    assert [(m.id, m.parent_id) for m in chat.messages] == [
        ("m1", None),
        ("m2", "m1"),
        ("m3", "m1"),
    ]
    assert chat.conversation.id == "C1"
    assert chat.conversation.head_id == "m1"
    assert chat.conversation.policy == "signed"
    assert all(m.is_imported for m in chat.messages)


def test_what_a_file_says_was_verified_is_only_a_claim() -> None:
    row = to_json(said("m1"))
    assert isinstance(row, dict)
    row["verdict"] = to_json(Verdict(State.VERIFIED_ATTESTED, "opengradient/v1", (), NOW))
    chat = read_own(document(messages=[row]), SETTING)
    assert chat is not None
    assert chat.claims["m1"].state is State.VERIFIED_ATTESTED


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_not_ours(version: object) -> None:
    with pytest.raises(NotOurs):
        read_own(document(said("m1"), version=version), SETTING)


def test_broken_messages_are_counted_and_foreign_ids_replaced(tmp_path: Path) -> None:
    rows = [to_json(said("m1")), {"id": 3}, to_json(said("../x\n", "m1")), None]
    [chat], _ = read_all(write_json(tmp_path / "x.json", document(messages=rows)))
    assert chat.broken_messages == 2
    assert chat.messages[1].id.isalnum()
    assert chat.messages[1].parent_id == "m1"


def test_bytes_under_a_wrong_digest_are_not_taken(tmp_path: Path) -> None:
    blobs = {"00" * 32: "aGVsbG8=", "zz": 7, "x": "no base64!"}
    [chat], _ = read_all(write_json(tmp_path / "x.json", document(said("m1"), blobs=blobs)))
    assert chat.blobs == {}


def test_facts_of_a_failure_come_back() -> None:
    failure = Failure("timed-out", MappingProxyType({"host": "x"}))
    assert from_json(Failure, through_text(failure)) == failure


def test_a_number_that_no_computer_holds_costs_its_chat_only(tmp_path: Path) -> None:
    broken, whole = document(said("m1")), document(said("m2"))
    broken["conversation"]["params"]["temperature"] = 10**400
    chats, skipped = read_all(write_json(tmp_path / "x.json", [broken, whole]))
    assert [[m.id for m in chat.messages] for chat in chats] == [["m2"]]
    assert len(skipped) == 1
