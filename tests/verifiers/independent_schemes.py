"""A second checker of the other schemes' receipts, written from SECURITY.md alone.

    python independent_schemes.py FILE [ROOT ...]

needs `independent_receipt.py` beside it, Python 3.11, `cryptography` and `eth-account`, which
recovers addresses; it shares no code with Troth. ROOT is the SHA-256 of a hardware root that you
trust, in hex, beside Intel's. Intel's own answers are not asked: what comes out is who signed, and
whether genuine hardware of a known root holds the key. Whose key it is no receipt can show. Exit
code 0: the signature holds; 1: it does not, and why; 2: how it is run.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from dataclasses import dataclass
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

sys.path.append(str(Path(__file__).resolve().parent))  # a stranger runs this from anywhere

from independent_receipt import (
    Refused,
    _bytes,
    _demand,
    _json,
    _read,
    canonical,
)

_HALF = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141 // 2
_INTEL = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
"""SHA-256 of the certificate of Intel's SGX root."""
_PROOF = {"hash", "public_key", "signature", "attestation", "tx_hash"}


@dataclass(frozen=True)
class Signer:
    """Who signed, and whether a genuine machine holds the key."""

    scheme: str
    key: str
    is_in_machine: bool


def check(receipt: bytes, *, roots: frozenset[str] = frozenset()) -> Signer:
    """Check a receipt of any scheme but OpenGradient's; raises Refused."""
    outer = _read(receipt)
    request, reply = _bytes(outer["request"]["body"]), _bytes(outer["response"]["body"])
    _demand(_json(request).get("model") == outer["model"], "another model was asked")
    scheme = outer["signed"]["scheme"].partition("/")[0]
    name = scheme if scheme in _CHECKS else "near"
    found: Signer = _CHECKS[name](outer, request, reply, roots)
    signed = outer["signed"]
    _demand(_bytes(signed["canonical_request"]) == request, "another request is spelt out")
    _demand(_bytes(signed["signed_output"]) == reply, "another reply is spelt out")
    return found


def _hex(text: Any, size: int) -> bytes:
    text = str(text).removeprefix("0x")
    _demand(re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text) is not None, "not that many hex digits")
    return bytes.fromhex(text)


def _evidence(outer: dict[str, Any], prefix: str) -> tuple[str, dict[str, Any]]:
    for entry in outer["evidence"]:
        if entry["name"].startswith(prefix) and entry["status"] == 200:
            return entry["name"].removeprefix(prefix), _json(_bytes(entry["body"]))
    raise Refused(f"no {prefix} in it")


def _recovered(text: str, signature: bytes) -> str:
    limit = sys.getrecursionlimit()
    from eth_account import Account
    from eth_account.messages import encode_defunct

    sys.setrecursionlimit(limit)  # a library under it raises it for the whole process
    return str(Account.recover_message(encode_defunct(text=text), signature=signature)).lower()


def _eip191(text: str, signature: bytes) -> str:
    _demand(len(signature) == 65 and signature[64] in {27, 28}, "another form of a signature")
    _demand(0 < int.from_bytes(signature[32:64], "big") <= _HALF, "the higher s")
    try:
        return _recovered(text, signature)
    except Exception as error:
        raise Refused("it leads to no key") from error


def _ed25519(key: str, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(_hex(key, 32)).verify(signature, message)
    except (ValueError, InvalidSignature) as error:
        raise Refused("the signature does not fit") from error


def _first(reply: bytes) -> dict[str, Any]:
    frame = re.search(rb"^data: ?(\{.*\})\r?$", reply, re.M)
    is_object = reply.lstrip().startswith(b"{")
    first: dict[str, Any] = _json(reply if is_object or frame is None else frame[1])
    return first


def _near(outer: Any, request: bytes, reply: bytes, roots: frozenset[str]) -> Signer:
    chat, said = _evidence(outer, "signature:")
    _demand(_first(reply).get("id") == chat, "the signature of another reply")
    _demand(b"data:" not in reply or reply.rstrip().endswith(b"data: [DONE]"), "cut")
    text, key, kind = said["text"], said["signing_address"].lower(), said.get("signature_kind")
    *names, asked, came = text.rsplit(":", 2)
    _demand(asked == sha256(request).hexdigest(), "another request was signed")
    _demand(came == sha256(reply).hexdigest(), "another reply was signed")
    _demand(not names or names == [outer["model"]], "another model is named")
    _demand(kind in {None, "provider_tee", "gateway"}, "an unknown kind")
    _demand(kind is None or bool(names) is (kind == "provider_tee"), "a kind that does not fit")
    if said["signing_algo"] == "ecdsa":
        found = _eip191(text, _hex(said["signature"], 65))
        _demand(found == key, "another key signed")
    else:
        _demand(said["signing_algo"] == "ed25519", "an unknown kind of key")
        _ed25519(key, _hex(said["signature"], 64), text.encode())
    scheme = outer["signed"]["scheme"]
    _demand(_bytes(outer["signed"]["message"]) == text.encode(), "another message is spelt out")
    try:
        nonce, report = _evidence(outer, "report:")
    except Refused:
        return Signer(scheme, key, False)
    bare = key.removeprefix("0x")
    gateway = [report.get("gateway_attestation")]
    machines = [*report.get("model_attestations", []), *report.get("all_attestations", [])]
    listed = {"gateway": gateway, "provider_tee": machines, None: [report, *gateway, *machines]}
    for proof in filter(None, listed[kind]):
        if str(proof.get("signing_address", "")).lower().removeprefix("0x") == bare:
            _dstack(proof, bytes.fromhex(bare), _hex(nonce, 32), roots)
            return Signer(scheme, key, True)
    return Signer(scheme, key, False)


def _dstack(proof: dict[str, Any], key: bytes, nonce: bytes, roots: frozenset[str]) -> None:
    report = _quote(bytes.fromhex(proof["intel_quote"].removeprefix("0x")), roots)
    half = key.ljust(32, b"\0")
    if "tls_cert_fingerprint" in proof:
        half = sha256(key + _hex(proof["tls_cert_fingerprint"], 32)).digest()
    _demand(report[520:584] == half + nonce, "the machine speaks for another key or question")
    log = proof.get("event_log")
    if log is not None:
        measured = bytes(48)
        for event in json.loads(log) if isinstance(log, str) else log:
            if event.get("imr") != 3:
                continue
            digest = event.get("digest") and bytes.fromhex(event["digest"])
            if event["event_type"] == 0x08000001:
                payload = bytes.fromhex(event["event_payload"])
                named = b"\x01\0\0\x08:" + event["event"].encode() + b":" + payload
                digest = sha384(named).digest()
            measured = sha384(measured + digest).digest()
        _demand(measured == report[472:520], "the log is another machine's")
    info = proof.get("info", {}).get("tcb_info", {})
    compose = (json.loads(info) if isinstance(info, str) else info).get("app_compose")
    if compose is not None and any(report[184:232]):
        stated = (b"\1" + sha256(compose.encode()).digest()).ljust(48, b"\0")
        _demand(report[184:232] == stated, "other programs were measured")


def _aci(outer: Any, request: bytes, reply: bytes, roots: frozenset[str]) -> Signer:
    _, said = _evidence(outer, "aci-receipt:")
    nonce, report = _evidence(outer, "aci-report:")
    _demand((said["api_version"], said["method"]) == ("aci/1", "POST"), "another version")
    _demand(outer["request"]["url"].endswith(said["endpoint"]), "another address")
    _demand(said.get("model") in {None, outer["model"]}, "another model")
    _demand(said.get("chat_id") in {None, _first(reply).get("id")}, "another reply is named")
    hashes = {one["type"]: one.get("body_hash") for one in said["event_log"]}
    _demand(said["event_log"][0]["type"] == "request.received", "no request at the beginning")
    for kind, body in (("request.received", request), ("response.returned", reply)):
        same = hashes.get(kind) == f"sha256:{sha256(body).hexdigest()}"
        _demand(same, f"{kind} is of other bytes")
    keyset = report["attestation"]["workload_keyset"]
    digest = f"sha256:{sha256(_jcs(keyset)).hexdigest()}"
    for document in (said, report):
        _demand(document["workload_keyset_digest"] == digest, "of other keys")
    keys = {one["key_id"]: one["public_key"] for one in keyset["receipt_signing_keys"]}
    message = _jcs({name: value for name, value in said.items() if name != "signature"})
    _ed25519(keys[said["key_id"]], _hex(said["signature"], 64), message)
    _demand(_bytes(outer["signed"]["message"]) == message, "another message is spelt out")
    statement = {"keyset_digest": digest, "nonce": nonce, "purpose": "aci.report_data.v1"}
    quote = bytes.fromhex(report["attestation"]["evidence"]["quote"])
    bound = sha256(_jcs(statement)).digest() + bytes(32)
    _demand(_quote(quote, roots)[520:584] == bound, "the machine speaks for other keys")
    return Signer("aci", keys[said["key_id"]], True)


def _jcs(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _eigenai(outer: Any, request: bytes, reply: bytes, roots: frozenset[str]) -> Signer:
    asked, answer = _json(request), _json(reply)
    contents = "".join(message["content"] for message in asked["messages"])
    (choice,) = answer["choices"]
    signature = _hex(answer["signature"], 65)
    for chain in ("1", "11155111"):
        text = f"{chain}{asked['model']}{contents}{choice['message']['content']}"
        if _eip191(text, signature) == answer["signer"].lower():
            return Signer("eigenai", answer["signer"].lower(), False)
    raise Refused("another key signed")


def _galadriel(outer: Any, request: bytes, reply: bytes, roots: frozenset[str]) -> Signer:
    answer = _json(reply)
    bare = {name: value for name, value in answer.items() if name not in _PROOF}
    digest = sha256(canonical(_json(request)) + canonical(bare)).digest()
    _demand(answer["hash"] == digest.hex(), "another request or answer was signed")
    _ed25519(answer["public_key"], _hex(answer["signature"], 64), digest)
    return Signer("galadriel", answer["public_key"], False)


def _quote(quote: bytes, roots: frozenset[str]) -> bytes:
    """Return the TD report of a quote whose signatures hold."""
    try:
        return _opened(quote, roots)
    except struct.error as error:
        raise Refused("a quote that is cut off") from error


def _opened(quote: bytes, roots: frozenset[str]) -> bytes:
    version, kind, tee = struct.unpack_from("<HHI", quote)
    _demand(version in {4, 5} and (kind, tee) == (2, 0x81), "another kind of quote")
    _demand(quote[12:28].hex() == "939a7233f79c4ca9940a0db3957f0607", "another maker")
    start, size = 48, 584
    if version == 5:
        body, size = struct.unpack_from("<HI", quote, 48)
        _demand({2: 584, 3: 648}.get(body) == size, "another kind of report")
        start = 54
    end = start + size
    report, (length,) = quote[start:end], struct.unpack_from("<I", quote, end)
    rest = quote[end + 4 : end + 4 + length]
    _demand(len(rest) == length and not any(quote[end + 4 + length :]), "cut, or more behind it")
    signature, attestation_key = rest[:64], rest[64:128]
    kind, inner = struct.unpack_from("<HI", rest, 128)
    _demand(kind == 6 and len(rest) == 134 + inner, "another certification")
    qe, qe_signature = rest[134:518], rest[518:582]
    (auth_size,) = struct.unpack_from("<H", rest, 582)
    auth = rest[584 : 584 + auth_size]
    kind, pem_size = struct.unpack_from("<HI", rest, 584 + auth_size)
    pem = rest[590 + auth_size :]
    _demand(kind == 5 and len(pem) == pem_size, "another kind of chain")
    leaf = _chain(pem, roots)
    _demand(qe[320:384] == sha256(attestation_key + auth).digest() + bytes(32), "another key")
    _p256(leaf, qe_signature, qe)
    point = b"\4" + attestation_key
    _p256(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), signature,
          quote[:end])  # fmt: skip
    attributes = int.from_bytes(report[120:128], "little")
    _demand(attributes & ~(1 << 63) == 1 << 28, "debug, or not hardened")
    _demand(not any(report[600:648]), "a service may move it")
    return report


def _chain(pem: bytes, roots: frozenset[str]) -> ec.EllipticCurvePublicKey:
    try:
        chain = x509.load_pem_x509_certificates(pem.rstrip(b"\0"))
        _demand(len(chain) == 3, "another length of chain")
        for child, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise Refused("a chain that is none") from error
    root = sha256(chain[-1].public_bytes(Encoding.DER)).hexdigest()
    _demand(root in roots, "a root that is not known")
    _demand("Intel SGX PCK P" in chain[0].issuer.rfc4514_string(), "not a processor's")
    key = chain[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def _p256(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    numbers = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(utils.encode_dss_signature(*numbers), signed, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise Refused("a signature of the machine does not fit") from error


_CHECKS = {"near": _near, "aci": _aci, "eigenai": _eigenai, "galadriel": _galadriel}


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    try:
        receipt = Path(arguments[0]).read_bytes()
    except OSError as error:
        print(f"cannot be read: {error}")
        return 2
    try:
        signer = check(receipt, roots=frozenset({_INTEL, *arguments[1:]}))
    except Refused as refusal:
        print(f"not signed: {refusal}")
        return 1
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        print(f"not signed: it is not formed as a receipt must be ({error!r})")
        return 1
    where = "a genuine machine holds it" if signer.is_in_machine else "no machine vouches for it"
    print(f"signed: {signer.scheme}, by {signer.key}; {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
