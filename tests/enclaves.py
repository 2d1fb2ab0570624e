"""Scripted OpenGradient parties on 127.0.0.1: gateway, registry, relay, payee.

Signing is `verifiers.signer`, which shares no code with the program; sealing is proven against the
RFC and against recorded exchanges elsewhere.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from servers import Answer, RecordedRequest, json_answer
from troth.verifiers.eth_abi import word
from troth.verifiers.ohttp import OhttpFailed, open_request
from troth.verifiers.trust import OhttpConfig
from verifiers.enclave import Machine, binding
from verifiers.signer import Gateway, keccak
from verifiers.test_registry_records import _dynamic, _tuple, encode_record, listing

REPLY = ("Hel", "lo, ", "you 👋")


@dataclass
class Enclave:
    """A gateway that signs what it answers. `gateway` may be swapped: it was restarted."""

    gateway: Gateway = field(default_factory=Gateway)
    words: tuple[str, ...] = REPLY
    beside: dict[str, Any] = field(default_factory=dict)
    """What stands unsigned in the last frame of a stream: `images`, `citations`, `moderation`."""
    clock_offset_s: int = 0
    asked: list[RecordedRequest] = field(default_factory=list)
    served: Gateway | None = None
    """Whose key `/signing-key` hands out, where that is not the one that signs."""
    machine: Machine | None = None
    """The hardware that it runs in; without, nobody answers for hardware."""
    certificate: bytes = b""
    """What its hardware document says that connections end with (DER)."""
    document_changes: dict[str, Any] = field(default_factory=dict)
    sealing: bytes = b""
    """Its Oblivious HTTP key, which it signs; empty in a gateway of before that."""
    sealing_signer: Gateway | None = None

    def __call__(self, request: RecordedRequest) -> Answer:
        path, _, query = request.path.partition("?")
        if path == "/enclave/attestation" and self.machine is not None:
            document = self._document(bytes.fromhex(query.removeprefix("nonce=")))
            return Answer(steps=(base64.b64encode(document),))
        if path == "/v1/ohttp/config" and self.sealing:
            return json_answer(self.signed_sealing())
        if path == "/signing-key":
            key = self.served or self.gateway
            return json_answer({"public_key": key.pem, "tee_id": key.tee_id})
        if path == "/v1/chat/completions":
            self.asked.append(request)
            return self.chat(request)
        if path == "/v1/models":
            return json_answer({"data": [{"id": "gpt-4.1"}, {"id": "gpt-image-2"}]})
        return json_answer({"error": "Not Found"}, status=404)

    def _document(self, nonce: bytes) -> bytes:
        assert self.machine is not None
        now = datetime.now(UTC)
        payload = self.machine.payload(
            user_data=binding(self.certificate, self.gateway.spki),
            nonce=nonce,
            timestamp=int(now.timestamp() * 1000),
            certificate=self.machine.leaf(valid_from=now - timedelta(minutes=1)),
        )
        return self.machine.sign(payload | self.document_changes)

    def signed_sealing(self) -> dict[str, Any]:
        """The answer of `/v1/ohttp/config`: field names as in the published gateway."""
        signer = self.sealing_signer or self.gateway
        blob = b"\x01\x00\x20" + self.sealing + b"\x00\x04\x00\x01\x00\x03"
        digest = keccak(
            keccak(b"OPENGRADIENT_TEE_OHTTP_CONFIG_V1")
            + bytes.fromhex(self.gateway.tee_id[2:])
            + b"".join(number.to_bytes(32, "big") for number in (1, 0x20, 1, 3))
            + keccak(self.sealing)
            + keccak(blob)
        )
        return {
            "tee_id": self.gateway.tee_id,
            "key_id": 1,
            "kem_id": 0x20,
            "kdf_id": 1,
            "aead_id": 3,
            "public_key": self.sealing.hex(),
            "key_config": base64.b64encode(blob).decode(),
            "signature": base64.b64encode(signer.sign(digest)).decode(),
            "signature_hash": "0x" + digest.hex(),
        }

    def chat(self, request: RecordedRequest) -> Answer:
        if not request.header("authorization"):
            return json_answer({"detail": "No authorization token provided"}, status=401)
        return self.reply_to(request.json())

    def reply_to(self, asked: dict[str, Any]) -> Answer:
        stamp = int(time.time()) + self.clock_offset_s
        if asked.get("stream"):
            return event_stream(self.gateway.stream(asked, list(self.words), stamp, **self.beside))
        body = self.gateway.body(asked, "".join(self.words), stamp)
        return Answer(headers=(("Content-Type", "application/json"),), steps=(body,))


def trust_machine(home: Path, machine: Machine, *, knows_code: bool = True) -> None:
    """Write a trust file in which a machine's root counts, and its code where that is known."""
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    text = f"""version = 1

[[root]]
name = "machine room"
platform = "aws-nitro"
sha256 = "{machine.root_sha256}"
"""
    if knows_code:
        text += f"""
[[measurement]]
name = "gateway"
platform = "aws-nitro"
pcr0 = "{"9b" * 48}"
"""
    (folder / "trust.toml").write_text(text, "utf-8")


def event_stream(body: bytes) -> Answer:
    frames = tuple(frame + b"\n\n" for frame in body.removesuffix(b"\n\n").split(b"\n\n"))
    return Answer(
        headers=(("Content-Type", "text/event-stream; charset=utf-8"),),
        steps=frames,
        framing="chunked",
    )


_FLAGS = tuple(
    "0x" + keccak(f"{name}(bytes32)".encode())[:4].hex() for name in ("isTEEEnabled", "isTEEActive")
)


@dataclass
class Registry:
    """A scripted chain: answers `eth_call` for `getActiveTEEs` with the records it is given."""

    records: list[bytes]
    chain_id: int = 10740
    block: int = 77
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    flags: tuple[bool, bool] = (True, True)
    """What it says of any enclave: enabled, active."""

    def __call__(self, request: RecordedRequest) -> Answer:
        call = request.json()
        self.asked.append(call["method"])
        if self.is_down:
            return Answer(status=503, steps=(b"upstream gone",))
        match call["method"]:
            case "eth_chainId":
                return json_answer({"jsonrpc": "2.0", "id": 1, "result": hex(self.chain_id)})
            case "eth_blockNumber":
                return json_answer({"jsonrpc": "2.0", "id": 1, "result": hex(self.block)})
            case _ if call["params"][0]["data"].startswith(_FLAGS):
                is_set = self.flags[_FLAGS.index(call["params"][0]["data"][:10])]
                result = "0x" + word(int(is_set)).hex()
                return json_answer({"jsonrpc": "2.0", "id": 1, "result": result})
            case _:
                return Answer(
                    headers=(("Content-Type", "application/json"),), steps=(listing(*self.records),)
                )


def registry_record(
    gateway: Gateway,
    *,
    endpoint: str = "https://enclave.invalid",
    certificate: bytes = b"certificate",
    payment: str = "0x" + "0b" * 20,
    sealing: bytes = b"",
    **changes: bytes,
) -> bytes:
    """One record as the contract encodes it; `sealing` is the raw Oblivious HTTP key."""
    ohttp = _tuple(
        *map(word, (1, 0x20, 1, 3)), (_dynamic(sealing),), (_dynamic(b""),), word(1795000000)
    )
    return encode_record(
        gateway.spki,
        endpoint=(_dynamic(endpoint.encode()),),
        tls=(_dynamic(certificate),),
        payment=word(int(payment, 16)),
        ohttp=(ohttp,),
        **{"heartbeat": word(int(time.time()) - 60)} | changes,
    )


@dataclass
class Relay:
    """An Oblivious HTTP relay with the enclave behind it."""

    enclave: Enclave
    token: str = "token-1"
    """What a login gives; empty in a relay that wants none."""
    private_key: bytes = b"\x31" * 32
    asked: list[RecordedRequest] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    refusal: Answer | None = None
    """Answered in the clear in place of anything else."""
    spoil: Callable[[bytes], bytes] | None = None
    sends_last_chunk: bool = True
    is_single: bool = False
    """It answers in one piece, whatever was asked for."""
    unreached: tuple[str, ...] = ()
    """teeIds of enclaves that it has no way to."""
    headers: tuple[tuple[str, str], ...] = ()
    """What it adds to its answers."""
    billing: bytes = b""
    """The gateway's note on costs, which a relay is to take out and this one leaves in."""

    @property
    def public_key(self) -> bytes:
        key = X25519PrivateKey.from_private_bytes(self.private_key)
        return key.public_key().public_bytes_raw()

    def __call__(self, request: RecordedRequest) -> Answer:
        self.asked.append(request)
        if self.token and request.header("authorization") != f"Bearer {self.token}":
            return Answer(status=401, steps=(b"invalid token",))
        if self.refusal is not None:
            return self.refusal
        if request.header("x-tee-id") in self.unreached:
            return Answer(status=404, steps=(b"no such enclave",))
        try:
            config = OhttpConfig(1, 0x20, 1, 3, self.public_key)
            inner, sealer = open_request(config, self.private_key, request.body)
        except OhttpFailed:
            return json_answer({"error": "malformed encapsulated request"}, status=400)
        asked = json.loads(inner)
        self.opened.append(asked)
        answer = self.enclave.reply_to(asked | {"stream": False} if self.is_single else asked)
        if self.is_single or not asked.get("stream"):
            return _sealed("message/ohttp-res", sealer.seal(answer.body, b"\x07" * 32))
        chunks = [step for step in answer.steps if isinstance(step, bytes)]
        sealed = sealer.seal_chunks(chunks, b"\x07" * 32)
        if self.billing:
            size = len(sealer.seal_chunks(chunks[-1:], b"\x07" * 32)) - 32
            sealed = sealed[:-size] + self.billing + sealed[-size:]
        if not self.sends_last_chunk:
            last = sealer.seal_chunks(chunks[-1:], b"\x07" * 32)
            sealed = sealed[: len(sealed) - (len(last) - 32)]
        spoilt = self.spoil(sealed) if self.spoil else sealed
        return _sealed("message/ohttp-chunked-res", spoilt, self.headers)


def _sealed(kind: str, body: bytes, more: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A sealed answer in odd pieces, as networks cut."""
    cuts = [body[at : at + 57] for at in range(0, len(body), 57)]
    return Answer(headers=(("Content-Type", kind), *more), steps=tuple(cuts), framing="chunked")


@dataclass
class PaidEnclave(Enclave):
    """A gateway that wants to be paid, as the recorded one did."""

    terms: dict[str, Any] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    payments: list[dict[str, Any]] = field(default_factory=list)

    def chat(self, request: RecordedRequest) -> Answer:
        session = request.header("x-upto-session")
        if session:
            if session not in self.sessions:
                return json_answer({}, status=402)  # stale: no terms
            return self._paid(request, session)
        signed = request.header("payment-signature")
        if not signed:
            header = base64.b64encode(json.dumps(self.terms).encode()).decode()
            return json_answer({}, status=402, headers=(("PAYMENT-REQUIRED", header),))
        self.payments.append(json.loads(base64.b64decode(signed)))
        session = f"session-{len(self.payments)}"
        self.sessions.add(session)
        return self._paid(request, session)

    def _paid(self, request: RecordedRequest, session: str) -> Answer:
        answer = self.reply_to(request.json())
        return replace(answer, headers=(*answer.headers, ("X-Upto-Session", session)))
