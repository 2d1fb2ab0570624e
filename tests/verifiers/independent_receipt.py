"""A second checker of receipts, written from SECURITY.md alone: it shares no code with Troth.

    python independent_receipt.py FILE [KEY.pem ...]

needs this one file, Python 3.11, `cryptography`, and `cbor2` where a hardware document came along.
It knows OpenGradient's scheme; the keys given are those that you trust, and so is Amazon's root for
hardware documents. Exit code 0: the reply is proven; 1: it is not, and why; 2: how it is run.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

_FIELDS = {
    "checks", "digest", "evidence", "format", "message", "model", "outer_sha256", "provider",
    "received_at", "request", "response", "route", "sent_at", "signed", "tls_certificate",
    "verdict", "version",
}  # fmt: skip
_PROOF = ("tee_signature", "tee_request_hash", "tee_output_hash", "tee_timestamp", "tee_id")
_HEADERS = {
    "accept", "content-type", "date", "x-ohttp-stream", "x-opengradient-verified", "x-tee-id",
    "x-aci-version", "x-receipt-id", "tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain",
    "sgx-enclave-identity-issuer-chain",
}  # fmt: skip
_AMAZON = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
"""SHA-256 of the root certificate of AWS Nitro Enclaves (G1)."""
_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)


class Refused(Exception):
    """The receipt does not prove what it says."""


@dataclass(frozen=True)
class Proven:
    """What holds of a receipt."""

    scheme: str
    text: str
    signed_at: datetime
    spki: bytes
    is_attested: bool


def check(
    receipt: bytes, *, keys: frozenset[str] = frozenset(), roots: frozenset[str] = frozenset()
) -> Proven:
    """Check a receipt; `keys` and `roots` are what the checker trusts, as SHA-256 in hex."""
    outer = _read(receipt)
    signed = outer["signed"]
    _demand(signed is not None, "nothing in it is signed")
    _demand(signed["scheme"].startswith("opengradient/"), "of a scheme that is not known here")
    failed = {one["name"] for one in outer["checks"] if one["outcome"] == "failed"}
    _demand(not failed & {"expectation", "replay"}, "its own maker had reason to doubt it")
    is_answer = 200 <= outer["response"]["status"] < 300 and outer["route"] != "import"
    _demand(is_answer, "there is no reply in it")
    _demand(outer["response"]["is_complete"], "cut")
    request = _json(_bytes(outer["request"]["body"]))
    _demand(request.get("model") == outer["model"], "another model was asked")
    reply = _Reply(outer["response"])
    proof = reply.proof
    output = reply.output()
    _demand(keccak(output).hex() == proof["tee_output_hash"], "another reply was signed")
    profile, canonical = _profile(request, proof["tee_request_hash"])
    stamp = proof["tee_timestamp"]
    message = keccak(keccak(canonical) + keccak(output) + stamp.to_bytes(32, "big"))
    signature = _bytes(proof["tee_signature"])
    spelt_out = {
        "canonical_request": canonical,
        "signed_output": output,
        "message": message,
        "signature": signature,
    }
    for name, value in spelt_out.items():
        _demand(_bytes(signed[name]) == value, f"{name} is not what the bytes say")
    _demand(signed["scheme"] == f"opengradient/{profile}", "another scheme is named")
    spki = _bytes(signed["public_key"]) or _served(outer)
    _demand("0x" + keccak(spki).hex() == proof["tee_id"], "the key is not the one that is named")
    key = load_der_public_key(spki)
    _demand(isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048, "the key is too weak")
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(signature, message, _PSS, SHA256())
    except InvalidSignature as error:
        raise Refused("the signature does not fit") from error
    sent, came = _time(outer["sent_at"]), _time(outer["received_at"])
    signed_at = datetime.fromtimestamp(stamp, UTC)
    margin = timedelta(minutes=2)
    _demand(sent - margin <= signed_at <= came + margin, "signed at another time")
    is_attested = _attested(outer, spki, roots, came)
    _demand(is_attested or sha256(spki).hexdigest() in keys, "nobody vouches for the key")
    return Proven(signed["scheme"], reply.text, signed_at, spki, is_attested)


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


def _json(encoded: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _demand(len({name for name, _ in pairs}) == len(pairs), "a key stands twice")
        return dict(pairs)

    try:
        value = json.loads(encoded, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    _demand(_depth(value) <= 64, "nested too deeply")
    return value


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, children), default=0) if isinstance(value, dict | list) else 0


def _bytes(text: Any) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise Refused("not base64") from error
    _demand(base64.b64encode(content).decode() == text, "base64 that is not canonical")
    return content


def _time(text: str) -> datetime:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused("not a time") from error
    _demand(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") == text, "a time in another form")
    _demand(2000 <= moment.year < 2200, "a time at which there were no receipts")
    return moment


def _read(receipt: bytes) -> dict[str, Any]:
    _demand(len(receipt) <= 64 << 20, "too long")
    outer = _json(receipt)
    _demand(isinstance(outer, dict) and outer.get("format") == "troth-receipt", "no receipt")
    _demand(outer.get("version") == 1 and set(outer) == _FIELDS, "another version or fields")
    rest = {name: value for name, value in outer.items() if name != "digest"}
    whole = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    _demand(sha256(whole).hexdigest() == outer["digest"], "changed after it was written")
    _demand(_time(outer["sent_at"]) <= _time(outer["received_at"]), "came before it was asked")
    for part in (outer["request"], outer["response"], *outer["evidence"]):
        _demand({name.lower() for name, _ in part["headers"]} <= _HEADERS, "a header too many")
    names = [entry["name"] for entry in outer["evidence"]]
    _demand(len(set(names)) == len(names) <= 64, "evidence twice or too much of it")
    return outer


class _Reply:
    """The text, tool calls and proof of an answer."""

    def __init__(self, response: dict[str, Any]) -> None:
        body = _bytes(response["body"])
        kind = next((v for k, v in response["headers"] if k.lower() == "content-type"), "")
        start = body.lstrip(b"\xef\xbb\xbf\r\n ")
        self.text = ""
        self.finish: Any = None
        self.calls: dict[int, dict[str, Any]] = {}
        self.proof: dict[str, Any] = {}
        if "event-stream" in kind.lower() or start.startswith((b"data:", b":", b"event:")):
            self._read_stream(body.removeprefix(b"\xef\xbb\xbf"))
        else:
            self._read_object(_json(body))
        _demand(set(self.proof) == set(_PROOF), "the proof is not whole")
        _demand(type(self.proof["tee_timestamp"]) is int, "the time is no number")
        for name in ("tee_request_hash", "tee_output_hash"):
            _demand(bool(re.fullmatch("[0-9a-f]{64}", self.proof[name])), "not a digest")

    def output(self) -> bytes:
        if self.finish == "tool_calls" and self.calls:
            return canonical([self.calls[index] for index in sorted(self.calls)])
        return self.text.encode("utf-8")

    def _read_object(self, answer: dict[str, Any]) -> None:
        choices = _of(list, answer.get("choices"))
        _demand(len(choices) <= 1, "a second reply")
        choice = _of(dict, choices[0] if choices else None)
        self.finish = choice.get("finish_reason")
        if "message" in choice:
            message = _of(dict, choice["message"])
            self.text = _text(message.get("content"))
            calls = _of(list, message.get("tool_calls"))
            self.calls = dict(enumerate(_of(dict, call) for call in calls))
        else:
            self.text = _text(choice.get("text"))
        self.proof = {name: answer[name] for name in _PROOF if name in answer}

    def _read_stream(self, body: bytes) -> None:
        lines = re.split(b"\r\n|\r|\n", body)
        is_ended, data = False, []
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                payload, data = b"\n".join(data), []
                _demand(not is_ended, "more after the end")
                is_ended = payload == b"[DONE]"
                if not is_ended:
                    self._read_frame(_json(payload))
        _demand(is_ended or data == [b"[DONE]"], "cut")

    def _read_frame(self, frame: dict[str, Any]) -> None:
        _demand(not self.proof, "more after the proof")
        choices = _of(list, frame.get("choices"))
        _demand(len(choices) <= 1 and "error" not in frame, "not one reply")
        for choice in (_of(dict, one) for one in choices):
            _demand(choice.get("index", 0) == 0, "a second reply")
            delta = _of(dict, choice.get("delta"))
            self.text += _text(delta.get("content"))
            self.finish = choice.get("finish_reason") or self.finish
            for call in _of(list, delta.get("tool_calls")):
                self._read_call(_of(dict, call))
        self.proof = {name: frame[name] for name in _PROOF if name in frame}

    def _read_call(self, piece: dict[str, Any]) -> None:
        empty: dict[str, Any] = {
            "id": None, "type": "function", "function": {"name": None, "arguments": ""},
        }  # fmt: skip
        call = self.calls.setdefault(piece.get("index") or 0, empty)
        call["id"] = piece.get("id") or call["id"]
        function = _of(dict, piece.get("function"))
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        call["function"]["arguments"] += function.get("arguments") or ""


def _of(kind: type, value: Any) -> Any:
    _demand(value is None or isinstance(value, kind), "a value of another kind")
    return kind() if value is None else value


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(p.get("text", "") if isinstance(p, dict) else str(p) for p in content)
    return str(_of(str, content))


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode("ascii")


def _profile(request: dict[str, Any], wanted: str) -> tuple[str, bytes]:
    for profile in ("v1", "v2", "v1c", "v1p", "v3"):
        try:
            built = _completion(request) if profile == "v1c" else _chat(request, profile)
        except KeyError:
            continue
        if keccak(canonical(built)).hex() == wanted:
            return profile, canonical(built)
    raise Refused("another request was signed")


def _chat(request: dict[str, Any], profile: str) -> dict[str, Any]:
    given = request.get("temperature")
    built: dict[str, Any] = {
        "model": request.get("model"),
        "messages": [_message(message, profile) for message in request["messages"]],
        "temperature": 0.0 if given is None else float(given),
    }
    if request.get("max_tokens") is not None:
        built["max_tokens"] = request["max_tokens"]
    for name in ("stop", "tools", "response_format"):
        if request.get(name):
            built[name] = request[name]
    if profile in {"v2", "v1p", "v3"} and request.get("web_search"):
        built["web_search"] = True
    if profile == "v3":
        built["reasoning_effort"] = request["reasoning_effort"]
    return built


def _completion(request: dict[str, Any]) -> dict[str, Any]:
    given = request.get("temperature", 1.0)
    built: dict[str, Any] = {
        "model": request.get("model"),
        "prompt": request["prompt"],
        "temperature": 0.0 if given is None else float(given),
    }
    if request.get("max_tokens", 16) is not None:
        built["max_tokens"] = request.get("max_tokens", 16)
    if request.get("stop"):
        built["stop"] = request["stop"]
    if request.get("web_search"):
        built["web_search"] = True
    return built


def _message(message: dict[str, Any], profile: str) -> dict[str, Any]:
    role, content = message["role"], message.get("content")
    if role == "developer" and profile in {"v2", "v3"}:
        role = "system"
    match role:
        case "system":
            return {"role": "system", "content": content}
        case "user":
            return {"role": "user", "content": _user(content, profile)}
        case "assistant":
            turn: dict[str, Any] = {"role": "assistant", "content": content or ""}
            if message.get("tool_calls"):
                turn["tool_calls"] = [
                    {
                        "id": call.get("id"),
                        "type": call.get("type"),
                        "function": {
                            "name": call["function"].get("name"),
                            "arguments": call["function"].get("arguments"),
                        },
                    }
                    for call in message["tool_calls"]
                ]
            return turn
        case "tool":
            return {"role": role, "content": content, "tool_call_id": message.get("tool_call_id")}
        case "function":
            return {"role": role, "content": content, "name": message.get("name")}
        case _:
            raise KeyError(role)


def _user(content: Any, profile: str) -> Any:
    if isinstance(content, str) or profile == "v1p":
        return content
    if profile == "v1" or not isinstance(content, list):
        return str(content)
    parts: list[dict[str, Any]] = []
    for part in content:
        if part.get("type") == "text":
            parts.append({"type": "text", "text": part.get("text") or ""})
            continue
        name = (part.get("file") or {}).get("filename") or part.get("filename")
        parts.append({"type": part.get("type")} | ({"filename": name} if name else {}))
    return parts


def _served(outer: dict[str, Any]) -> bytes:
    served = next((e for e in outer["evidence"] if e["name"] == "signing-key"), None)
    if served is None or served["status"] != 200:
        raise Refused("there is no key in it")
    pem = _json(_bytes(served["body"]))["public_key"].encode()
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return load_pem_public_key(pem).public_bytes(*form)


def _attested(outer: dict[str, Any], spki: bytes, roots: frozenset[str], came: datetime) -> bool:
    entry = next((e for e in outer["evidence"] if e["name"].startswith("attestation:")), None)
    if entry is None or entry["status"] != 200 or not roots:
        return False
    import cbor2

    received = _bytes(entry["body"])
    try:
        document = base64.b64decode(received, validate=True)
    except ValueError:
        document = received
    protected, _, encoded, signature = cbor2.loads(document)
    payload = cbor2.loads(encoded)
    issued = datetime.fromtimestamp(payload["timestamp"] / 1000, UTC)
    chain = [x509.load_der_x509_certificate(der) for der in payload["cabundle"]]
    chain.append(x509.load_der_x509_certificate(payload["certificate"]))
    _demand(sha256(payload["cabundle"][0]).hexdigest() in roots, "another root")
    for issuer, certificate in pairwise(chain):
        certificate.verify_directly_issued_by(issuer)
    for one in chain:
        _demand(one.not_valid_before_utc <= issued <= one.not_valid_after_utc, "not valid then")
    leaf = chain[-1].public_key()
    assert isinstance(leaf, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signature[:48], "big"), int.from_bytes(signature[48:], "big")
    over = cbor2.dumps(["Signature1", protected, b"", encoded])
    leaf.verify(utils.encode_dss_signature(r, s), over, ec.ECDSA(SHA384()))
    _demand(abs(came - issued) <= timedelta(hours=3), "too far from the reply")
    nonce = bytes.fromhex(entry["name"].partition(":")[2])
    _demand(len(nonce) >= 16 and payload["nonce"] == nonce, "another nonce")
    _demand(any(payload["pcrs"][0]) and any(payload["pcrs"][2]), "a debug enclave")
    data = payload["user_data"]
    _demand(data[:2] == data[34:36] == b"\x12\x20" and len(data) == 68, "another binding")
    _demand(data[36:] == sha256(spki).digest(), "it speaks for another key")
    shown = _bytes(outer["tls_certificate"])
    if outer["route"] == "direct" and shown:
        _demand(data[2:34] == sha256(shown).digest(), "the connection ended elsewhere")
    return True


_LANE = (1 << 64) - 1
_ROTATIONS = (
    (0, 1, 62, 28, 27), (36, 44, 6, 55, 20), (3, 10, 43, 25, 39), (41, 45, 15, 21, 8),
    (18, 2, 61, 56, 14),
)  # fmt: skip
_ROUNDS = (
    0x1, 0x8082, 0x800000000000808A, 0x8000000080008000, 0x808B, 0x80000001, 0x8000000080008081,
    0x8000000000008009, 0x8A, 0x88, 0x80008009, 0x8000000A, 0x8000808B, 0x800000000000008B,
    0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x800A,
    0x800000008000000A, 0x8000000080008081, 0x8000000000008080, 0x80000001, 0x8000000080008008,
)  # fmt: skip


def keccak(message: bytes) -> bytes:
    """Keccak-256 as Ethereum has it. `state` is 25 lanes, row by row."""
    padded = bytearray(message + b"\1").ljust(-(-(len(message) + 1) // 136) * 136, b"\0")
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), 136):
        for lane in range(17):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        for constant in _ROUNDS:
            state = _mixed(state)
            state[0] ^= constant
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _mixed(state: list[int]) -> list[int]:
    column = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
              for x in range(5)]  # fmt: skip
    moved = [0] * 25
    for place, lane in enumerate(state):
        y, x = divmod(place, 5)
        mixed = lane ^ column[(x + 4) % 5] ^ _turned(column[(x + 1) % 5], 1)
        moved[y + (2 * x + 3 * y) % 5 * 5] = _turned(mixed, _ROTATIONS[y][x])
    return [
        lane ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5])
        for row in range(0, 25, 5)
        for x, lane in enumerate(moved[row : row + 5])
    ]


def _turned(lane: int, count: int) -> int:
    return (lane << count | lane >> (64 - count)) & _LANE


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    try:
        receipt, *pems = (Path(name).read_bytes() for name in arguments)
        form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ders = [load_pem_public_key(pem).public_bytes(*form) for pem in pems]
    except (OSError, ValueError) as error:
        print(f"cannot be read: {error}")
        return 2
    keys = frozenset(sha256(der).hexdigest() for der in ders)
    try:
        proven = check(receipt, keys=keys, roots=frozenset({_AMAZON}))
    except Refused as refusal:
        print(f"not proven: {refusal}")
        return 1
    except (LookupError, TypeError, ValueError, AttributeError, InvalidSignature) as error:
        print(f"not proven: it is not formed as a receipt must be ({error!r})")
        return 1
    whose = "an AWS Nitro enclave holds" if proven.is_attested else "you trust"
    print(f"proven: {proven.scheme}, signed {proven.signed_at:%Y-%m-%d %H:%M:%S} UTC by a key that")
    print(f"{whose}, {sha256(proven.spki).hexdigest()}:\n")
    # The words are a stranger's: none may move the cursor or write over what stands above.
    print(
        "".join(
            c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in proven.text
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
