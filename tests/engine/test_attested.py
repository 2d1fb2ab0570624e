"""A channel that ends in attested hardware: the machine is asked first, then told, over TLS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import troth
from attested_machine import AMD, DOCUMENT_PATH, FOREIGN, GUEST, Machine, body_of, write_home
from engine.attested_setting import MODEL, Opener, Setting, open_engine, outcomes, reason_of
from servers import (
    Answer,
    RecordedRequest,
    ScriptedProxy,
    ScriptedServer,
    json_answer,
    make_certificate,
    openai_chat_stream,
)
from troth.domain.error import EnclaveRefused, PolicyRefused
from troth.domain.message import Finish
from troth.domain.verdict import Outcome, State
from troth.engine.known_code import code_named, read_measured
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from troth.verifiers.trust import DEFAULT_REQUIRED
from verifiers.amd import Guest
from verifiers.attested import key_of, sev_v3


async def test_the_machine_is_asked_first_and_the_reply_is_a_private_channel(
    open_setting: Opener,
) -> None:
    setting = await open_setting()
    chat, message = await setting.ask()
    assert message.text == "It never left."
    assert setting.machine.asked == [DOCUMENT_PATH, "/v1/chat/completions"]
    verdict = chat.verdicts[message.id]
    assert verdict.state is State.PRIVATE_CHANNEL, verdict
    assert verdict.scheme == "tinfoil/v3"
    found = outcomes(verdict)
    assert found["hardware"] is Outcome.PASSED
    assert found["platform"] is Outcome.PASSED
    assert found["channel"] is Outcome.PASSED
    assert found["freshness"] is Outcome.PASSED
    assert found["code"] is Outcome.CANNOT_CHECK
    assert found["signature"] is Outcome.NOT_COVERED
    assert found["reply-bytes"] is Outcome.NOT_COVERED
    lines = {(line.host, line.purpose, line.sight) for line in setting.engine.ledger.entries}
    assert {(host, purpose) for host, purpose, _ in lines} == {
        ("127.0.0.1", "attestation"),
        ("127.0.0.1", "chat"),
    }


async def test_the_proof_is_kept_and_checks_again_with_the_machine_and_the_provider_gone(
    open_setting: Opener,
) -> None:
    setting = await open_setting()
    chat, message = await setting.ask()
    before = chat.verdicts[message.id]
    asked = len(setting.machine.asked)
    again = await setting.engine.proofs.check_again(chat, message.id)
    assert (again.state, again.checks) == (before.state, before.checks)
    await setting.engine.providers.remove_endpoint(MODEL.provider)
    again = await setting.engine.proofs.check_again(chat, message.id)
    assert (again.state, again.checks) == (before.state, before.checks)
    assert len(setting.machine.asked) == asked


async def test_a_receipt_shows_the_document_and_says_that_it_does_not_show_the_reply(
    open_setting: Opener,
) -> None:
    setting = await open_setting()
    chat, message = await setting.ask()
    receipt = await setting.engine.proofs.receipt(chat, message.id)
    trust = TrustFile(find_paths({"TROTH_HOME": str(setting.home)})).load()
    found = troth.verify(receipt, trust=trust)
    for verdict in (found.then, found.now):
        assert verdict.state is State.IMPORTED
        assert outcomes(verdict)["hardware"] is Outcome.PASSED
        channel = next(check for check in verdict.checks if check.name == "channel")
        assert channel.outcome is Outcome.NOT_COVERED
        assert "word of the file's maker" in channel.detail


async def test_the_code_of_a_machine_can_be_known_from_its_receipt(open_setting: Opener) -> None:
    setting = await open_setting()
    chat, message = await setting.ask()
    receipt = await setting.engine.proofs.receipt(chat, message.id)
    trust_file = TrustFile(find_paths({"TROTH_HOME": str(setting.home)}))
    measured = read_measured(receipt, trust_file.load())
    await trust_file.know(code_named("router 7", measured, "a receipt"))
    again = await setting.engine.proofs.check_again(chat, message.id)
    assert outcomes(again)["code"] is Outcome.PASSED
    assert any("router 7" in check.detail for check in again.checks)


async def test_the_same_machine_is_not_asked_at_each_message(open_setting: Opener) -> None:
    setting = await open_setting()
    chat, _ = await setting.ask()
    message = await setting.ask_in(chat, "and again")
    assert setting.machine.asked.count(DOCUMENT_PATH) == 1
    assert chat.verdicts[message.id].state is State.PRIVATE_CHANNEL


OTHER_KEY = key_of(make_certificate().der)
ATTACKS: dict[str, tuple[Machine, str]] = {
    "another key in the report": (Machine(key=OTHER_KEY), "another machine took the call"),
    "a debug machine": (Machine(guest=Guest(policy=0x30000 | 1 << 19)), "debug"),
    "a foreign root": (Machine(amd=FOREIGN), "not trusted"),
    "another privilege level": (Machine(guest=Guest(vmpl=2)), "less privileged"),
    "an old security level": (Machine(guest=Guest(launch=(6, 0, 23, 84))), "needs updates"),
    "no document": (
        Machine(document=lambda request: json_answer({"error": "gone"}, status=404)),
        "answered 404",
    ),
    "a document elsewhere": (
        Machine(document=lambda r: Answer(302, (("location", "https://x.test/doc"),), (b"",))),
        "answered 302",
    ),
    "another nonce": (
        Machine(document=lambda r: body_of(sev_v3(AMD, OTHER_KEY, bytes(32)))),
        "another nonce",
    ),
    "junk": (Machine(document=lambda request: body_of(b"{}")), "does not hold"),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_nothing_leaves_where_the_proof_does_not_hold(
    open_setting: Opener, name: str
) -> None:
    machine, words = ATTACKS[name]
    setting = await open_setting(replace(machine, asked=[], prompts=[]))
    chat, message = await setting.ask("for the enclave alone")
    assert setting.machine.prompts == []
    assert message.finish is Finish.FAILED
    assert message.failure is not None
    assert words in reason_of(message)
    asked = 3 if machine.key else 1
    assert setting.machine.asked == [DOCUMENT_PATH] * asked
    assert message.id not in chat.verdicts


async def test_whoever_steps_in_between_after_the_proof_is_told_nothing(tmp_path: Path) -> None:
    """He shows a certificate for the same name that every authority vouches for."""
    name = "enclave.example.test"
    machine = Machine(certificate=make_certificate([name]))
    thief = make_certificate([name])
    stolen: list[bytes] = []

    def steal(request: RecordedRequest) -> Answer:
        stolen.append(request.body)
        return openai_chat_stream(["mine now"])

    async with (
        ScriptedServer(machine.answer, certificate=machine.certificate) as server,
        ScriptedServer(steal, certificate=thief) as between,
        ScriptedProxy({name: server.port}) as way,
    ):

        def then_steps_in(request: RecordedRequest) -> Answer:
            way.hosts[name] = between.port
            nonce = bytes.fromhex(parse_qs(urlsplit(request.path).query)["nonce"][0])
            return body_of(sev_v3(AMD, key_of(machine.certificate.der), nonce))

        machine.document = then_steps_in
        write_home(tmp_path, [machine.certificate, thief])
        config = tmp_path / "config" / "config.toml"
        config.write_text(f'{config.read_text("utf-8")}proxy = "{way.url}"\n', "utf-8")
        async with await open_engine(tmp_path, f"https://{name}/v1") as engine:
            setting = Setting(engine, machine, server, tmp_path)
            _, message = await setting.ask("for the enclave alone")
            # Asked again, he has no document to show that would name his own key.
            assert "does not hold" in reason_of(message)
    assert machine.asked == [DOCUMENT_PATH]
    assert all(b"for the enclave alone" not in body for body in stolen)


async def test_the_list_of_models_and_the_key_go_to_the_machine_alone(
    open_setting: Opener,
) -> None:
    setting = await open_setting()
    await setting.engine.providers.test_key(MODEL.provider, "the-key")
    await setting.engine.providers.refresh_models(MODEL.provider)
    assert setting.machine.asked == [DOCUMENT_PATH, "/v1/models", "/v1/models"]
    assert {line.purpose for line in setting.engine.ledger.entries} == {"attestation", "model list"}
    message = (await setting.ask())[1]
    assert message.text == "It never left."
    assert setting.machine.asked.count(DOCUMENT_PATH) == 1, "one proof serves both"


@pytest.mark.parametrize("name", ATTACKS)
async def test_no_key_leaves_where_the_proof_does_not_hold(open_setting: Opener, name: str) -> None:
    machine, words = ATTACKS[name]
    setting = await open_setting(replace(machine, asked=[], prompts=[]))
    with pytest.raises(EnclaveRefused, match=words):
        await setting.engine.providers.test_key(MODEL.provider, "the-key")
    assert set(setting.machine.asked) == {DOCUMENT_PATH}


async def test_a_cut_document_is_no_document(open_setting: Opener) -> None:
    whole = sev_v3(AMD, OTHER_KEY, bytes(32))
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        cut = Machine(document=lambda request, size=size: body_of(whole[:size]))
        setting = await open_setting(cut)
        _, message = await setting.ask()
        assert setting.machine.prompts == []
        assert "does not hold" in reason_of(message)


@pytest.mark.parametrize(("channel", "is_sent"), [("tinfol", False), (5, False), ("none", True)])
async def test_a_channel_that_is_misspelt_sends_nothing_and_none_is_plain(
    open_setting: Opener, *, channel: Any, is_sent: bool
) -> None:
    setting = await open_setting()
    endpoint = setting.engine.providers.endpoint(MODEL.provider)
    await setting.engine.providers.add_endpoint(replace(endpoint, options={"channel": channel}))
    chat, message = await setting.ask()
    if is_sent:
        assert chat.verdicts[message.id].state is State.TLS_ONLY
    else:
        assert message.failure is not None
        assert message.failure.kind == "usage"
    assert len(setting.machine.prompts) == is_sent
    assert DOCUMENT_PATH not in setting.machine.asked


async def test_where_several_machines_share_an_address_the_one_that_answers_is_asked(
    open_setting: Opener,
) -> None:
    """The first document is of another machine than the one that takes the call: no word leaves
    until both are one."""
    machine = Machine()

    def either(request: RecordedRequest) -> Answer:
        is_other = machine.asked.count(DOCUMENT_PATH) == 1
        key = OTHER_KEY if is_other else key_of(machine.certificate.der)
        nonce = bytes.fromhex(parse_qs(urlsplit(request.path).query)["nonce"][0])
        return body_of(sev_v3(AMD, key, nonce))

    machine.document = either
    setting = await open_setting(machine)
    chat, message = await setting.ask()
    assert chat.verdicts[message.id].state is State.PRIVATE_CHANNEL
    assert machine.asked == [DOCUMENT_PATH, DOCUMENT_PATH, "/v1/chat/completions"]
    assert len(machine.prompts) == 1


@pytest.mark.parametrize("policy", ["signed", "attested"])
async def test_a_channel_does_not_meet_a_policy_that_wants_signatures(
    open_setting: Opener, policy: str
) -> None:
    setting = await open_setting()
    chat = await setting.engine.new_chat(model=MODEL)
    await setting.engine.update_chat(chat, policy=policy)
    with pytest.raises(PolicyRefused) as caught:
        await setting.engine.send(chat, "hi")
    assert caught.value.reason == "signs_nothing"
    assert setting.machine.asked == []


async def test_code_that_the_trust_file_requires_is_known_before_a_word_leaves(
    open_setting: Opener,
) -> None:
    usual = ", ".join(f'"{name}"' for name in sorted(DEFAULT_REQUIRED))
    strict = f'[policy]\nrequired = [{usual}, "code", "replay"]\n'
    setting = await open_setting(more_trust=strict)
    _, message = await setting.ask()
    assert setting.machine.prompts == []
    assert "code" in reason_of(message)
    known = (
        '[[measurement]]\nname = "router 7"\nplatform = "amd-sev-snp"\n'
        f'launch = "{GUEST.measurement.hex()}"\nsource = "a test"\n'
    )
    setting = await open_setting(more_trust=strict + known)
    chat, message = await setting.ask()
    assert chat.verdicts[message.id].state is State.PRIVATE_CHANNEL


async def test_known_code_is_named_and_distrusted_code_is_sent_nothing(
    open_setting: Opener,
) -> None:
    launch = GUEST.measurement.hex()
    known = (
        '[[measurement]]\nname = "router 7"\nplatform = "amd-sev-snp"\n'
        f'launch = "{launch}"\nsource = "a test"\n'
    )
    setting = await open_setting(more_trust=known)
    chat, message = await setting.ask()
    assert outcomes(chat.verdicts[message.id])["code"] is Outcome.PASSED
    setting = await open_setting(
        more_trust=f'{known}[[distrusted]]\nfingerprint = "{launch}"\nreason = "a hole"\n'
    )
    _, message = await setting.ask()
    assert "distrust" in reason_of(message)
    assert setting.machine.prompts == []
