"""The certificate of an attested machine's processor: whom it is asked of, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from attested_machine import AMD, Machine
from engine.attested_setting import Opener, outcomes, reason_of
from servers import Answer, Certificate, RecordedRequest, ScriptedServer, make_certificate
from troth.domain.verdict import Outcome, State


@dataclass
class ProcessorService:
    """Answers as AMD's service does; the certificate that it gives can be changed."""

    vcek: bytes = AMD.vcek
    certificate: Certificate = field(default_factory=make_certificate)
    asked: list[str] = field(default_factory=list[str])

    def answer(self, request: RecordedRequest) -> Answer:
        self.asked.append(request.path)
        body = AMD.chain if request.path.endswith("cert_chain") else self.vcek
        return Answer(200, (("content-type", "application/octet-stream"),), (body,))

    def trusted_at(self, url: str) -> str:
        """Return the lines of a trust file that let this service be asked."""
        return f'[[collateral]]\nplatform = "amd"\nurl = "{url}"\n'


async def test_without_amds_certificate_nothing_leaves_and_the_way_out_is_told(
    open_setting: Opener,
) -> None:
    setting = await open_setting(Machine(is_v3=False))
    _, message = await setting.ask()
    assert setting.machine.prompts == []
    assert "troth trust collateral amd" in reason_of(message)


async def test_amd_is_asked_where_the_user_said_so_and_once_for_a_chip(
    open_setting: Opener,
) -> None:
    service = ProcessorService()
    async with ScriptedServer(service.answer, certificate=service.certificate) as server:
        setting = await open_setting(
            Machine(is_v3=False),
            more_trust=service.trusted_at(server.url),
            authorities=(service.certificate,),
        )
        chat, message = await setting.ask()
        await setting.ask()
    verdict = chat.verdicts[message.id]
    assert verdict.state is State.PRIVATE_CHANNEL, verdict
    assert verdict.scheme == "tinfoil/v2"
    assert outcomes(verdict)["freshness"] is Outcome.NOT_COVERED
    assert len(service.asked) == 2
    purposes = [line.purpose for line in setting.engine.ledger.entries]
    assert "processor" in purposes
    again = await setting.engine.proofs.check_again(chat, message.id)
    assert again.checks == verdict.checks


async def test_what_amd_says_is_remembered_in_the_vault_and_junk_is_not(
    open_setting: Opener,
) -> None:
    """Whoever answers in AMD's place must not keep a machine from being proven for months."""
    service = ProcessorService(vcek=b"junk")
    async with ScriptedServer(service.answer, certificate=service.certificate) as server:
        setting = await open_setting(
            Machine(is_v3=False),
            more_trust=service.trusted_at(server.url),
            authorities=(service.certificate,),
        )
        chat, message = await setting.ask()
        assert "not what it should be" in reason_of(message)
        service.vcek = AMD.vcek
        message = await setting.ask_in(chat, "again")
        assert chat.verdicts[message.id].state is State.PRIVATE_CHANNEL
        assert len(service.asked) == 4
        states = await setting.engine.vault.states("maker:")
        assert len([value for value in states.values() if value]) == 2
