"""A signature that is fetched after the reply: asked of the provider alone, kept, checked again."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import troth
from engine.conftest import MODEL, Opener
from servers import Answer, RecordedRequest, json_answer
from troth.domain.verdict import Outcome, State
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from verifiers.intel import Intel, Td
from verifiers.test_near import WALLET, address_of, wallet_sign

INTEL = Intel()


class Provider:
    """Answers as NEAR AI does; the signature is there only at the second question."""

    def __init__(self) -> None:
        self.signed = ""
        self.asked: list[str] = []

    def answer(self, request: RecordedRequest) -> Answer:
        url = urlsplit(request.path)
        self.asked.append(url.path)
        if request.method == "POST":
            body = (
                b'data: {"id":"chatcmpl-77777777","created":%d,"choices":[{"index":0,"delta":'
                b'{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            ) % int(time.time())
            self.signed = f"{sha256(request.body).hexdigest()}:{sha256(body).hexdigest()}"
            return Answer(200, (("content-type", "text/event-stream"),), (body,), "chunked")
        address = address_of(WALLET)
        if "/signature/" in url.path:
            if self.asked.count(url.path) == 1:
                return json_answer({"error": "not yet"}, status=404)
            return json_answer(
                {
                    "text": self.signed,
                    "signature": wallet_sign(self.signed.encode()).hex(),
                    "signing_address": address,
                    "signing_algo": "ecdsa",
                }
            )
        nonce = bytes.fromhex(parse_qs(url.query)["nonce"][0])
        bound = bytes.fromhex(address[2:]).ljust(32, b"\0") + nonce
        quote = INTEL.quote(Td(report_data=bound)).hex()
        proof = {"signing_address": address, "intel_quote": quote}
        return json_answer({"gateway_attestation": proof})


def write_trust(home: Path) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "trust.toml").write_text(
        "version = 1\n"
        f'[[root]]\nname = "our Intel"\nplatform = "intel"\nsha256 = "{INTEL.root_sha256}"\n'
        f'[[key]]\nname = "it"\nscheme = "near"\nfingerprint = "{address_of(WALLET)}"\n'
        'providers = ["scripted"]\n',
        "utf-8",
    )


async def test_signature_and_hardware_are_fetched_kept_and_exported(
    open_engine: Opener, tmp_path: Path
) -> None:
    write_trust(tmp_path)
    provider = Provider()
    engine, _ = await open_engine(provider.answer)
    chat = await engine.new_chat(model=MODEL)
    reply = await engine.send(chat, "hi")
    message = await reply.wait()
    async for _event in reply.follow():
        pass
    verdict = chat.verdicts[message.id]
    assert verdict.state is State.VERIFIED_PINNED, verdict.checks
    assert verdict.scheme == "near/gateway"
    outcomes = {check.name: check.outcome for check in verdict.checks}
    assert outcomes["signing-key"] is Outcome.PASSED
    assert [path for path in provider.asked if "signature" in path] == [
        "/v1/signature/chatcmpl-77777777"
    ] * 2
    assert "/v1/attestation/report" in provider.asked
    asked = len(provider.asked)
    again = await engine.proofs.check_again(chat, message.id)
    assert again.checks == verdict.checks
    receipt = await engine.proofs.receipt(chat, message.id)
    trust = TrustFile(find_paths({"TROTH_HOME": str(tmp_path)})).load()
    assert troth.verify(receipt, trust=trust).then.state is State.VERIFIED_PINNED
    assert len(provider.asked) == asked
    hosts = {entry.host for entry in engine.ledger.entries}
    assert hosts == {"127.0.0.1"}
