"""The simulated enclave as a server: signs what the model on this computer says, or misbehaves.

Answers as OpenGradient's gateway of April 2026 does. Each way to misbehave is a model of its own
(`demo/tamper`), so that one running enclave shows them all.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.domain.model import Json
from troth.engine.demo.documents import make_document
from troth.transport.loopback import BrokenOff, Given, Received
from troth.verifiers.keccak import keccak256
from troth.verifiers.opengradient_canonical import NotCanonical, canonical_request
from troth.verifiers.opengradient_keys import tee_id_of
from troth.verifiers.strict_json import NotStrict, as_text, parse_object

MODES: dict[str, str] = {
    "honest": "signed as a real enclave signs",
    "tamper": "a word is changed after it was signed",
    "replay": "an old signed reply comes in place of yours",
    "truncate": "the stream is cut before its signature",
    "strip": "the signature is taken off",
    "debug": "the enclave runs in debug mode, where it hides nothing",
}
"""Mode -> what happens to a reply, for people."""

_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)
_NONCE_LIMIT = 64
_OLD_QUESTION = "Say hello."
_SWAPPED = "actually, "

Request = dict[str, Json]
Model = Callable[[Request], AsyncIterator[str]]
"""Answers a chat request with the pieces of its text."""


class SimulatedEnclave:
    """One enclave with a key of its own. Make it in a thread: an RSA key takes a moment."""

    def __init__(self, model: Model, forced_mode: str = "") -> None:
        """`forced_mode` is what happens whatever model is asked for; "" goes by its name."""
        self._model = model
        self._forced_mode = forced_mode
        self._key = rsa.generate_private_key(65537, 2048)
        public = self._key.public_key()
        self._spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self._kept: list[bytes] = []
        """Frames of the reply that `replay` sends again."""

    async def answer(self, received: Received) -> Given:
        """Answer one request to the gateway; `/debug/v1/...` names the mode in the path."""
        first, _, rest = received.path.removeprefix("/").partition("/")
        mode = self._forced_mode or (first if first in MODES else "")
        path = f"/{rest}" if first in MODES else received.path
        match received.method, path:
            case "GET", "/signing-key":
                return _json({"public_key": self._pem, "tee_id": tee_id_of(self._spki)})
            case "GET", "/enclave/attestation":
                nonce = received.query.get("nonce", "")
                return await self._attest(nonce, is_debug=mode == "debug")
            case "GET", "/v1/models":
                listed: list[Json] = [{"id": mode, "owned_by": "troth demo"} for mode in MODES]
                return _json({"data": listed})
            case "POST", "/v1/chat/completions":
                return await self._chat(received, mode)
            case _:
                return _json({"error": "Not Found"}, 404)

    async def _attest(self, nonce: str, *, is_debug: bool) -> Given:
        try:
            asked = bytes.fromhex(nonce)
        except ValueError:
            asked = b""
        if not 0 < len(asked) <= _NONCE_LIMIT:
            return _json({"error": "nonce must be hex"}, 400)
        document = await asyncio.to_thread(
            make_document, self._spki, asked, datetime.now(UTC), is_debug=is_debug
        )
        return Given(200, (("Content-Type", "text/plain"),), base64.b64encode(document))

    async def _chat(self, received: Received, mode: str) -> Given:
        if "authorization" not in received.headers:
            return _json({"detail": "No authorization token provided"}, 401)
        try:
            request = parse_object(received.body)
            canonical_request(request, "v1")
        except (NotStrict, NotCanonical):
            return _json({"error": "the request cannot be read"}, 400)
        mode = mode or as_text(request.get("model"))
        if mode not in MODES:
            return _json({"error": f"Model '{mode[:40]}' is not supported"}, 400)
        kind = (("Content-Type", "text/event-stream; charset=utf-8"),)
        return Given(200, kind, self._stream(request, mode))

    async def _stream(self, request: Request, mode: str) -> AsyncGenerator[bytes]:
        if mode == "replay":
            for frame in await self._old_reply():
                yield frame
            return
        model = as_text(request.get("model"))
        said: list[str] = []
        async for piece in self._model(request):
            is_first = not said
            said.append(piece)
            yield _text_frame(model, _SWAPPED + piece if mode == "tamper" and is_first else piece)
        if mode == "truncate":
            raise BrokenOff
        yield await self._final_frame(request, "".join(said), is_signed=mode != "strip")
        yield b"data: [DONE]\n\n"

    async def _old_reply(self) -> list[bytes]:
        """Return a reply that was honestly signed for somebody else's question, an hour ago."""
        if not self._kept:
            request: Request = {
                "model": "replay",
                "messages": [{"role": "user", "content": _OLD_QUESTION}],
            }
            said = [piece async for piece in self._model(request)]
            final = await self._final_frame(request, "".join(said), is_signed=True, age_s=3600)
            frames = [_text_frame("replay", piece) for piece in said]
            self._kept = [*frames, final, b"data: [DONE]\n\n"]
        return self._kept

    async def _final_frame(
        self, request: Request, text: str, *, is_signed: bool, age_s: int = 0
    ) -> bytes:
        final: Request = {
            "choices": [{"delta": {}, "index": 0, "finish_reason": "stop"}],
            "model": as_text(request.get("model")),
            "usage": {"prompt_tokens": 0, "completion_tokens": len(text.split())},
        }
        if is_signed:
            final |= await asyncio.to_thread(self._proof, request, text, int(time.time()) - age_s)
        return b"data: " + json.dumps(final).encode() + b"\n\n"

    def _proof(self, request: Request, text: str, timestamp: int) -> Request:
        request_hash = keccak256(canonical_request(request, "v1"))
        output_hash = keccak256(text.encode())
        message = keccak256(request_hash + output_hash + timestamp.to_bytes(32, "big"))
        return {
            "tee_signature": base64.b64encode(self._key.sign(message, _PSS, SHA256())).decode(),
            "tee_timestamp": timestamp,
            "tee_request_hash": request_hash.hex(),
            "tee_output_hash": output_hash.hex(),
            "tee_id": tee_id_of(self._spki),
        }


def _text_frame(model: str, text: str) -> bytes:
    delta: Request = {"content": text, "role": "assistant"}
    choice: Request = {"delta": delta, "index": 0, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice], "model": model}).encode() + b"\n\n"


def _json(value: Request, status: int = 200) -> Given:
    body = json.dumps(value, indent=2).encode()
    return Given(status, (("Content-Type", "application/json"),), body)
