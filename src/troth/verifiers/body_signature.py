"""Signatures in the answer's own body: EigenAI's and Galadriel's. Never more than partly.

    EigenAI    EIP-191 over chain id || model || prompt || output, with nothing between them: text
               can be moved over a border and stays signed
    Galadriel  Ed25519 over SHA-256(JSON(request) || JSON(answer without its proof)), sorted names

Neither signs a time, so that an old answer to the same question cannot be told from a new one.
Sources: docs.eigencloud.xyz, "Verify signature" (read 2026-11-22); galadriel-ai/sentience
`chat_completions_service.py` at 0acb0eb.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from troth.domain.exchange import Exchange
from troth.domain.model import Json
from troth.domain.verdict import State, Verdict
from troth.verifiers.base import Evidence, Facts, SignedParts, Wanted
from troth.verifiers.fold import Finding, cannot_check, failed, fold, not_covered, passed
from troth.verifiers.key_owner import NOBODY, check_owner
from troth.verifiers.secp256k1 import NotSigned, recover_address
from troth.verifiers.signed_bytes import check_end, check_replay, is_shown, read
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_list, as_object, as_text, parse_object
from troth.verifiers.trust import Trust

_CHAINS = ("1", "11155111")
"""Ethereum and Sepolia: the networks that EigenAI signs for."""
_PROOF = frozenset({"hash", "public_key", "signature", "attestation", "tx_hash"})
_HEX = re.compile(r"[0-9a-f]+\Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds, for what was sent and what came."""

    message: bytes
    signature: bytes
    key: str
    """An address or an Ed25519 key, as pins name it."""
    algorithm: str
    gap: str
    """What the signature leaves open, as a sentence."""


class NotFitting(ValueError):
    """The signature is not for this request and this answer; the argument says why."""


Check = Callable[[dict[str, Json], dict[str, Json]], Signed]


@dataclass(frozen=True, slots=True)
class BodySignature:
    """A scheme of this kind; one row for each way to sign."""

    scheme: str
    fields: frozenset[str]
    """Fields of the body that give it away."""
    digits: int
    """How many hex digits its signature has."""
    check: Check

    def recognizes(self, exchange: Exchange, facts: Facts) -> bool:
        body = exchange.response_body
        if not all(f'"{name}"'.encode() in body for name in self.fields):
            return False
        try:
            answer = parse_object(body)
        except NotStrict:
            return False
        text = as_text(answer.get("signature"))
        marked = len(text) == self.digits and _HEX.match(text) is not None
        return marked and answer.keys() >= self.fields

    def wants(
        self, exchange: Exchange, nonce: bytes, facts: Facts, trust: Trust
    ) -> tuple[Wanted, ...]:
        return ()

    def verify(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, now: datetime, facts: Facts
    ) -> Verdict:
        reply = read(exchange)
        findings: list[Finding] = [check_end(reply, exchange)]
        signed, reached = None, State.SIGNED_UNKNOWN_KEY
        try:
            request = parse_object(exchange.request_body)
            signed = self.check(request, parse_object(exchange.response_body))
            if facts.model and as_text(request.get("model")) != facts.model:
                raise NotFitting("it is for another model")
        except (NotStrict, ValueError) as error:
            findings.append(failed("signature", f"The signature does not fit: {error}."))
        if signed is not None:
            fits = "The signature fits the request and the answer."
            findings += [passed("signature", fits), passed("request-bytes", fits)]
            if is_shown(reply.text, facts.shown_text):
                findings.append(passed("reply-bytes", fits))
            else:
                reason = "The text in the chat is not the text in the received bytes."
                findings.append(failed("reply-bytes", reason))
            owner, reached = check_owner(signed.key, self.scheme, NOBODY, trust, facts)
            findings += [owner, check_replay(signed.signature, trust, facts)]
            seen = "Nothing in it says when it was made; it was not seen before."
            findings += [passed("freshness", seen), not_covered("coverage", signed.gap)]
        else:
            findings.append(cannot_check("reply-bytes", "Nothing that was signed fits it."))
        return fold(
            findings,
            reached,
            trust=trust,
            scheme=self.scheme,
            checked_at=now,
            key_fingerprint=signed.key if signed else "",
        )

    def signed_parts(
        self, exchange: Exchange, evidence: Evidence, trust: Trust, facts: Facts
    ) -> SignedParts | None:
        try:
            request = parse_object(exchange.request_body)
            signed = self.check(request, parse_object(exchange.response_body))
        except (NotStrict, ValueError):
            return None
        return SignedParts(
            scheme=self.scheme,
            algorithm=signed.algorithm,
            canonical_request=exchange.request_body,
            signed_output=exchange.response_body,
            message=signed.message,
            signature=signed.signature,
            public_key=b"",
        )


def check_eigenai(request: dict[str, Json], answer: dict[str, Json]) -> Signed:
    """Find the signer of an EigenAI answer; raise ValueError."""
    messages = [as_object(one).get("content") for one in as_list(request.get("messages"))]
    choices = as_list(answer.get("choices"))
    content = as_object(as_object(choices[0] if choices else None).get("message")).get("content")
    # Content in parts would be shown and count as nothing here: the answer would be anybody's.
    output = "" if content is None else content
    if len(choices) != 1 or not all(isinstance(text, str) for text in (*messages, output)):
        raise NotFitting("what it would be over is not plain text")
    prompt = "".join(as_text(text) for text in messages)
    signature = parse_hex(as_text(answer.get("signature")), 65)
    named = as_text(answer.get("signer")).lower()
    for chain in _CHAINS:
        message = f"{chain}{as_text(request.get('model'))}{prompt}{as_text(output)}".encode()
        try:
            signer = recover_address(message, signature)
        except NotSigned as error:
            raise NotFitting(str(error)) from error
        if signer == named:
            gap = "Model, question and answer are signed as one text without borders."
            return Signed(message, signature, signer, "EIP-191", gap)
    raise NotFitting("it leads to another signer than it names")


def check_galadriel(request: dict[str, Json], answer: dict[str, Json]) -> Signed:
    """Check a Galadriel answer's hash and signature; raise ValueError."""
    bare = {name: value for name, value in answer.items() if name not in _PROOF}
    text = json.dumps(request, sort_keys=True) + json.dumps(bare, sort_keys=True)
    message, key = sha256(text.encode()).digest(), as_text(answer.get("public_key"))
    if as_text(answer.get("hash")) != message.hex():
        raise NotFitting("its hash is not that of your request and this answer")
    signature = parse_hex(as_text(answer.get("signature")), 64)
    verify_ed25519(key, signature, message)
    gap = "Nothing in it says when it was made."
    return Signed(message, signature, key, "Ed25519 over SHA-256", gap)


def verify_ed25519(key_hex: str, signature: bytes, message: bytes) -> None:
    """Raise NotFitting unless the key signed the message."""
    try:
        key = Ed25519PublicKey.from_public_bytes(parse_hex(key_hex, 32))
        key.verify(signature, message)
    except (ValueError, InvalidSignature) as error:
        raise NotFitting("it is not by the key that it names") from error


EIGENAI = BodySignature("eigenai", frozenset({"signature", "signer"}), 130, check_eigenai)
GALADRIEL = BodySignature(
    "galadriel", frozenset({"signature", "hash", "public_key"}), 128, check_galadriel
)
