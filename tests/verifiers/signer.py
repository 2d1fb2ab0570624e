"""A second implementation of an OpenGradient gateway's signing, written from the format alone.

It shares no code with `troth.verifiers`: Keccak is spelt out from FIPS 202 with the old padding,
requests are hashed by plain `json.dumps`. What it signs must verify; what it forges must not.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_MASK = (1 << 64) - 1
_RATE = 136


def _rotate(value: int, count: int) -> int:
    count %= 64
    return ((value << count) | (value >> (64 - count))) & _MASK if count else value


def _permute(lanes: list[list[int]]) -> list[list[int]]:
    register = 1
    for _ in range(24):
        column = [
            lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)
        ]
        change = [column[(x + 4) % 5] ^ _rotate(column[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lanes[x][y] ^ change[x] for y in range(5)] for x in range(5)]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _rotate(current, (step + 1) * (step + 2) // 2)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for bit in range(7):
            register = ((register << 1) ^ ((register >> 7) * 0x71)) & 0xFF
            if register & 2:
                lanes[0][0] ^= 1 << ((1 << bit) - 1)
    return lanes


def keccak(message: bytes) -> bytes:
    """Keccak-256 with the padding that Ethereum kept (01, not 06)."""
    padded = bytearray(message) + b"\x01"
    padded += bytes(-len(padded) % _RATE)
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            word = int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
            lanes[lane % 5][lane // 5] ^= word
        lanes = _permute(lanes)
    return b"".join(lanes[lane % 5][lane // 5].to_bytes(8, "little") for lane in range(4))


def hash_request(request: dict[str, Any], *, signs_effort: bool = False) -> bytes:
    """The request hash of the April 2026 gateway (v1), for requests of plain texts.

    With `signs_effort` that of a newer one, which for them differs in this alone.
    """
    temperature = request.get("temperature")
    canonical: dict[str, Any] = {
        "model": request["model"],
        "messages": [
            {
                "role": m["role"],
                "content": m["content"]
                if isinstance(m["content"], str) or m["role"] == "system"
                else str(m["content"]),
            }
            for m in request["messages"]
        ],
        "temperature": 0.0 if temperature is None else float(temperature),
    }
    for name in ("max_tokens", "stop", "tools", "response_format"):
        if name in request and (request[name] or name == "max_tokens"):
            canonical[name] = request[name]
    if signs_effort and request.get("reasoning_effort"):
        canonical["reasoning_effort"] = request["reasoning_effort"]
    return keccak(json.dumps(canonical, sort_keys=True).encode())


@cache
def make_key(name: str = "first") -> rsa.RSAPrivateKey:
    """A fresh key for this test run; equal names give the same one."""
    del name
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Gateway:
    """A gateway with its key: signs replies as the real one does, or as a forger would."""

    private_key: rsa.RSAPrivateKey = field(default_factory=make_key)
    salt_bytes: int = 32
    mgf_hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    signs_effort: bool = False
    """It is of the newer kind, whose hash of a request holds the effort of thinking."""

    @property
    def spki(self) -> bytes:
        public = self.private_key.public_key()
        return public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def pem(self) -> str:
        public = self.private_key.public_key()
        return public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @property
    def tee_id(self) -> str:
        return "0x" + keccak(self.spki).hex()

    def sign(self, message: bytes) -> bytes:
        pss = padding.PSS(mgf=padding.MGF1(self.mgf_hash), salt_length=self.salt_bytes)
        return self.private_key.sign(message, pss, hashes.SHA256())

    def hash(self, request: dict[str, Any]) -> bytes:
        return hash_request(request, signs_effort=self.signs_effort)

    def proof(self, request_hash: bytes, output: str, timestamp: int) -> dict[str, Any]:
        """The five fields, for a request hash, the text (or tool calls' JSON) and a time."""
        output_hash = keccak(output.encode())
        message = keccak(request_hash + output_hash + timestamp.to_bytes(32, "big"))
        return {
            "tee_signature": base64.b64encode(self.sign(message)).decode(),
            "tee_timestamp": timestamp,
            "tee_request_hash": request_hash.hex(),
            "tee_output_hash": output_hash.hex(),
            "tee_id": self.tee_id,
        }

    def body(self, request: dict[str, Any], text: str, timestamp: int) -> bytes:
        """A plain answer, pretty-printed as the gateway's framework does."""
        answer = {
            "choices": [
                {
                    "finish_reason": "stop",
                    "index": 0,
                    "message": {"content": text, "role": "assistant"},
                }
            ],
            "created": timestamp,
            "model": request["model"],
            "object": "chat.completion",
            "usage": {"completion_tokens": 7, "prompt_tokens": 11, "total_tokens": 18},
        } | self.proof(self.hash(request), text, timestamp)
        return json.dumps(answer, indent=2, sort_keys=True).encode() + b"\n"

    def stream(
        self, request: dict[str, Any], chunks: list[str], timestamp: int, **beside: Any
    ) -> bytes:
        """A streamed answer with the proof in the last frame before `[DONE]`."""
        frames = [text_frame(request["model"], chunk) for chunk in chunks]
        frames.append(self.final_frame(request, "".join(chunks), timestamp, **beside))
        return b"".join(frames) + b"data: [DONE]\n\n"

    def final_frame(
        self, request: dict[str, Any], text: str, timestamp: int, **beside: Any
    ) -> bytes:
        """The last frame; `beside` stands next to the choices, unsigned: `images`, `citations`."""
        final = {
            "choices": [{"delta": {}, "index": 0, "finish_reason": "stop"}],
            "model": request["model"],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        } | self.proof(self.hash(request), text, timestamp)
        final |= beside
        return b"data: " + json.dumps(final).encode() + b"\n\n"


def text_frame(model: str, text: str) -> bytes:
    delta = {"content": text, "role": "assistant"}
    frame = {"choices": [{"delta": delta, "index": 0, "finish_reason": None}], "model": model}
    return b"data: " + json.dumps(frame).encode() + b"\n\n"
