"""Write the vectors under `tests/vectors/verifiers`: `python -m verifiers.make_vectors`.

Each file is one exchange with what it must come to: `key: value` lines, an empty line, and the
bytes of the answer. Every genuine one has siblings that an attacker, a cut wire or a careless
gateway would make of it. The keys are thrown away; the files are what is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes

from verifiers.setting import REQUEST, STAMP
from verifiers.signer import Gateway, hash_request, keccak, make_key, text_frame

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "verifiers"
PINNED = Gateway(make_key("pinned"))
OTHER = Gateway(make_key("other"))
CHUNKS = ["Grüße ", "zurück, ", "👩\u200d👩\u200d👧"]
TEXT = "".join(CHUNKS)


@dataclass(frozen=True)
class Vector:
    name: str
    expect: str
    comment: str
    body: bytes
    request: bytes = json.dumps(REQUEST).encode()
    is_stream: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        kind = "text/event-stream; charset=utf-8" if self.is_stream else "application/json"
        lines = {
            "expect": self.expect,
            "comment": self.comment,
            "provider": "og",
            "model": "gpt-4.1",
            "asked": "2026-11-22T09:00:00+00:00",
            "pinned": base64.b64encode(PINNED.spki).decode(),
            "content-type": kind,
            "request": self.request.decode("utf-8", "surrogatepass"),
        } | self.headers
        head = "".join(f"{name}: {value}\n" for name, value in lines.items())
        return head.encode() + b"\n" + self.body


def _final(gateway: Gateway = PINNED, **changes: Any) -> bytes:
    frame = json.loads(gateway.final_frame(REQUEST, TEXT, STAMP)[6:])
    frame.update(changes)
    return (
        b"data: " + json.dumps({k: v for k, v in frame.items() if v is not None}).encode() + b"\n\n"
    )


def _texts(*chunks: str) -> bytes:
    return b"".join(text_frame("gpt-4.1", chunk) for chunk in chunks)


DONE = b"data: [DONE]\n\n"
EXPECTED = {"expected": "opengradient"}


def genuine() -> Iterator[Vector]:
    stream = PINNED.stream(REQUEST, CHUNKS, STAMP)
    yield Vector("stream", "verified-pinned", "a streamed reply", stream)
    body = PINNED.body(REQUEST, TEXT, STAMP)
    yield Vector("body", "verified-pinned", "a plain reply", body, is_stream=False)
    crlf = stream.replace(b"\n", b"\r\n")
    yield Vector(
        "stream-crlf", "verified-pinned", "CRLF line ends and comments", b": hi\r\n\r\n" + crlf
    )
    hostile = "\x1b]0;pwned\x07\u202egnp.exe ✓ verified [@click=app.quit]x[/]"
    yield Vector(
        "fake-badge",
        "verified-pinned",
        "control characters and a painted badge are text like any",
        PINNED.stream(REQUEST, [hostile], STAMP),
    )
    yield Vector("empty", "verified-pinned", "an empty reply", PINNED.stream(REQUEST, [], STAMP))


def changed_reply() -> Iterator[Vector]:
    end = _final() + DONE
    yield Vector(
        "text-flipped", "failed", "one letter is another", _texts("Grüsse ", *CHUNKS[1:]) + end
    )
    yield Vector("text-appended", "failed", "a frame was added", _texts(*CHUNKS, "!") + end)
    yield Vector("text-dropped", "failed", "a frame is missing", _texts(*CHUNKS[:-1]) + end)
    yield Vector(
        "text-nfd",
        "failed",
        "the same letters, decomposed",
        _texts("Gru\u0308ße ", *CHUNKS[1:]) + end,
    )
    yield Vector(
        "text-homoglyph", "failed", "a Cyrillic letter", _texts("Grüß\u0435 ", *CHUNKS[1:]) + end
    )
    yield Vector(
        "text-bidi",
        "failed",
        "a letter that turns what follows it around",
        _texts("Gr\u202eüße ", *CHUNKS[1:]) + end,
    )
    yield Vector(
        "text-zero-width",
        "failed",
        "an invisible letter",
        _texts("Grü\u200bße ", *CHUNKS[1:]) + end,
    )
    lone = b'data: {"choices": [{"delta": {"content": "\\ud800"}, "index": 0}]}\n\n'
    yield Vector("text-half-character", "failed", "half a surrogate pair", lone + end)
    twice = b'data: {"choices": [{"delta": {"content": "a", "content": "b"}, "index": 0}]}\n\n'
    yield Vector(
        "text-key-twice", "failed", "content stands there twice", twice + _texts(*CHUNKS) + end
    )
    second = b'data: {"choices": [{"delta": {"content": "x"}, "index": 1}]}\n\n'
    yield Vector(
        "text-second-choice",
        "failed",
        "a second reply beside the first",
        _texts(*CHUNKS) + second + end,
    )


def changed_frames() -> Iterator[Vector]:
    start = _texts(*CHUNKS)
    yield Vector(
        "frame-after-final",
        "failed",
        "text after the signed frame",
        start + _final() + _texts("!") + DONE,
    )
    yield Vector(
        "frame-after-done", "failed", "text after the end", start + _final() + DONE + _texts("!")
    )
    yield Vector("two-finals", "failed", "two signed frames", start + _final() + _final() + DONE)
    error = b'data: {"error": "Stream processing failed"}\n\n'
    yield Vector(
        "error-after-final", "failed", "an error after the signed frame", start + _final() + error
    )
    yield Vector(
        "error-instead",
        "incomplete",
        "an error in place of the signed frame",
        start + error,
        headers=EXPECTED,
    )
    yield Vector("no-final", "incomplete", "cut before the signed frame", start, headers=EXPECTED)
    yield Vector("no-done", "incomplete", "cut before the end mark", start + _final())
    yield Vector(
        "cut-in-final", "incomplete", "cut within the signed frame", (start + _final())[:-40]
    )
    yield Vector(
        "garbled-frame",
        "failed",
        "a frame that is no JSON",
        b"data: {]}\n\n" + start + _final() + DONE,
    )


def changed_proof() -> Iterator[Vector]:
    start = _texts(*CHUNKS)
    signature = json.loads(_final()[6:])["tee_signature"]
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    yield Vector(
        "signature-flipped",
        "failed",
        "one letter of the signature",
        start + _final(tee_signature=flipped) + DONE,
    )
    loose = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    yield Vector(
        "signature-loose-base64",
        "failed",
        "bits that base64 drops",
        start + _final(tee_signature=loose) + DONE,
    )
    yield Vector(
        "timestamp-changed",
        "failed",
        "a second later",
        start + _final(tee_timestamp=STAMP + 1) + DONE,
    )
    yield Vector(
        "timestamp-text",
        "failed",
        "the time as a text",
        start + _final(tee_timestamp=str(STAMP)) + DONE,
    )
    yield Vector(
        "timestamp-huge",
        "failed",
        "a time beyond all calendars",
        start + _final(tee_timestamp=10**30) + DONE,
    )
    hash_ = keccak(b"other").hex()
    yield Vector(
        "output-hash-changed",
        "failed",
        "another output hash",
        start + _final(tee_output_hash=hash_) + DONE,
    )
    yield Vector(
        "request-hash-changed",
        "failed",
        "another request hash",
        start + _final(tee_request_hash=hash_) + DONE,
    )
    upper = PINNED.tee_id.upper().replace("0X", "0x")
    yield Vector(
        "tee-id-upper-case", "failed", "the id in capitals", start + _final(tee_id=upper) + DONE
    )
    yield Vector(
        "tee-id-of-another",
        "failed",
        "signed by one, naming another",
        start + _final(tee_id=OTHER.tee_id) + DONE,
    )
    proof = PINNED.proof(hash_request(REQUEST), "something else", STAMP)
    yield Vector(
        "valid-over-other-text",
        "failed",
        "a valid proof of another reply",
        start + _final(**proof) + DONE,
    )
    salt = Gateway(PINNED.private_key, salt_bytes=20)
    yield Vector("pss-salt", "failed", "a salt of 20 bytes", start + _final(salt) + DONE)
    mgf = Gateway(PINNED.private_key, mgf_hash=hashes.SHA1())
    yield Vector("pss-mgf", "failed", "MGF1 with SHA-1", start + _final(mgf) + DONE)
    other = _final(OTHER)
    yield Vector(
        "key-substituted", "failed", "another key than the pinned one", start + other + DONE
    )
    yield Vector(
        "key-unpinned",
        "cannot-check",
        "no key is pinned for this provider",
        start + other + DONE,
        headers={"pinned": ""},
    )
    yield Vector(
        "key-distrusted",
        "failed",
        "the pinned key is distrusted",
        start + _final() + DONE,
        headers={"distrusted": PINNED.tee_id},
    )


def stripped() -> Iterator[Vector]:
    plain = dict.fromkeys(PINNED.proof(b"", "", 1))
    start = _texts(*CHUNKS)
    bare = start + _final(**plain) + DONE
    yield Vector(
        "stripped-expected", "unsigned-expected", "the proof was taken away", bare, headers=EXPECTED
    )
    half = start + _final(tee_signature=None) + DONE
    yield Vector(
        "stripped-signature", "unsigned-expected", "only the signature was taken away", half
    )
    yield Vector(
        "cut-expected", "incomplete", "cut, where a proof is expected", start, headers=EXPECTED
    )
    foreign = text_frame("gpt-4.1", '"tee_signature": is a field')
    yield Vector(
        "only-talk",
        "tls-only",
        "a text about signatures, from a program on this computer",
        foreign + DONE,
    )


def changed_request() -> Iterator[Vector]:
    stream = PINNED.stream(REQUEST, CHUNKS, STAMP)

    def with_request(name: str, comment: str, expect: str = "failed", **changes: Any) -> Vector:
        request = {k: v for k, v in (REQUEST | changes).items() if v is not ...}
        return Vector(name, expect, comment, stream, json.dumps(request).encode())

    yield with_request(
        "prompt-swapped", "another prompt", messages=[{"role": "user", "content": "hi"}]
    )
    yield with_request("model-swapped", "another model", model="gpt-4.1-mini")
    yield with_request("model-homoglyph", "a Cyrillic letter in the model", model="g\u0440t-4.1")
    yield with_request("temperature-null", "null is 0", temperature=None)
    yield with_request("temperature-zero", "0 is not 0.7", temperature=0)
    yield with_request("max-tokens-zero", "0 is signed as 0", max_tokens=0)
    yield with_request("max-tokens-gone", "the limit was dropped", max_tokens=...)
    system = [{"role": "system", "content": "Be terse."}, *REQUEST["messages"]]
    yield with_request("system-added", "the signed request had no system turn", messages=system)
    yield with_request(
        "developer-role", "a role that v1 refuses", messages=[{"role": "developer", "content": "x"}]
    )
    yield with_request("top-p", "top_p is not signed and is told", "verified-pinned", top_p=0.1)
    twice = json.dumps(REQUEST)[:-1] + ', "model": "gpt-4.1"}'
    yield Vector(
        "request-key-twice", "failed", "a key twice in the request", stream, twice.encode()
    )
    numbers = REQUEST | {"temperature": -0.0, "max_tokens": 10**40}
    yield Vector(
        "request-odd-numbers",
        "verified-pinned",
        "-0.0 and an integer of 41 digits",
        PINNED.stream(numbers, CHUNKS, STAMP),
        json.dumps(numbers).encode(),
    )
    parts = REQUEST | {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "it's ü"}]}]
    }
    yield Vector(
        "request-text-parts",
        "verified-pinned",
        "parts are hashed as Python writes a list",
        PINNED.stream(parts, CHUNKS, STAMP),
        json.dumps(parts).encode(),
    )
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    pictured = REQUEST | {"messages": [{"role": "user", "content": [image]}]}
    yield Vector(
        "request-image",
        "partly-covered",
        "an image in v1 signs like its own text",
        PINNED.stream(pictured, CHUNKS, STAMP),
        json.dumps(pictured).encode(),
    )
    v2 = {k: v for k, v in pictured.items() if k != "stream"}
    v2["messages"] = [{"role": "user", "content": [{"type": "image_url"}]}]
    digest = keccak(json.dumps(v2, sort_keys=True).encode())
    proof = PINNED.proof(digest, TEXT, STAMP)
    yield Vector(
        "request-image-v2",
        "partly-covered",
        "v2 leaves the image out of the hash",
        _texts(*CHUNKS) + _final(**proof) + DONE,
        json.dumps(pictured).encode(),
        headers={"scheme": "opengradient/v2"},
    )


def dialects() -> Iterator[Vector]:
    """Where two dialects, or two ways to write one, could be taken for one another."""
    start = _texts(*CHUNKS)

    def signed(
        name: str, expect: str, comment: str, request: Any, hashed: bytes, **more: Any
    ) -> Vector:
        final = _final(**PINNED.proof(keccak(hashed), TEXT, STAMP)) + DONE
        return Vector(name, expect, comment, start + final, json.dumps(request).encode(), **more)

    asked = {k: v for k, v in REQUEST.items() if k != "stream"}
    compact = json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()
    yield signed("request-compact", "failed", "hashed without spaces", REQUEST, compact)
    plain = json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()
    yield signed("request-unescaped", "failed", "hashed without escapes", REQUEST, plain)
    search = REQUEST | {"web_search": True}
    hashed = json.dumps(asked | {"web_search": True}, sort_keys=True).encode()
    v2 = {"scheme": "opengradient/v2"}
    yield signed("search-signed", "verified-pinned", "v2 signs it", search, hashed, headers=v2)
    hashed = json.dumps(asked, sort_keys=True).encode()
    v1 = {"scheme": "opengradient/v1"}
    yield signed("search-unsigned", "verified-pinned", "v1 not", search, hashed, headers=v1)
    yield signed("search-unasked", "failed", "signed and not asked for", REQUEST,
                 json.dumps(asked | {"web_search": True}, sort_keys=True).encode())  # fmt: skip
    parts = [{"type": "text", "text": "hi"}]
    looks_like = REQUEST | {"messages": [{"role": "user", "content": str(parts)}]}
    spelt = asked | {"messages": looks_like["messages"]}
    yield signed(
        "request-looks-like-parts", "verified-pinned",
        "v1 signs parts and a text that spells them alike: a weakness of v1, told in SECURITY.md",
        looks_like, json.dumps(spelt, sort_keys=True).encode(),
    )  # fmt: skip


def times_and_replays() -> Iterator[Vector]:
    day = 86_400
    old = PINNED.stream(REQUEST, CHUNKS, STAMP - day)
    yield Vector("signed-yesterday", "stale", "an old reply, or a clock off by a day", old)
    early = PINNED.stream(REQUEST, CHUNKS, STAMP + day)
    yield Vector("signed-tomorrow", "cannot-check", "a clock off by a day the other way", early)
    stream = PINNED.stream(REQUEST, CHUNKS, STAMP)
    frames = [f for f in stream.split(b"\n\n") if b"tee_signature" in f]
    signature = base64.b64decode(json.loads(frames[0][6:])["tee_signature"])
    seen = hashlib.sha256(signature).hexdigest()
    yield Vector(
        "replayed", "failed", "seen with another reply", stream, headers={"seen": f"{seen} m0"}
    )
    yield Vector(
        "checked-again",
        "verified-pinned",
        "seen with this reply",
        stream,
        headers={"seen": f"{seen} m1"},
    )


def uncovered() -> Iterator[Vector]:
    final, start = _final() + DONE, _texts(*CHUNKS)
    image = b'data: {"choices": [{"delta": {"images": [{"url": "data:,x"}]}, "index": 0}]}\n\n'
    yield Vector(
        "image-in-reply", "partly-covered", "an image is not signed", image + start + final
    )
    thinking = b'data: {"choices": [{"delta": {"reasoning_content": "hm"}, "index": 0}]}\n\n'
    yield Vector("reasoning", "partly-covered", "reasoning is not signed", thinking + start + final)
    cited = _final(citations=["https://example.org"])
    yield Vector("citations", "partly-covered", "sources are not signed", start + cited + DONE)
    stop = REQUEST | {"stop": ["END"]}
    yield Vector(
        "stop",
        "verified-pinned",
        "stop is signed, not passed on, and told",
        PINNED.stream(stop, CHUNKS, STAMP),
        json.dumps(stop).encode(),
    )


def all_vectors() -> list[Vector]:
    kinds = (
        genuine,
        changed_reply,
        changed_frames,
        changed_proof,
        stripped,
        changed_request,
        dialects,
        times_and_replays,
        uncovered,
    )
    return [vector for kind in kinds for vector in kind()]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for vector in all_vectors():
        (FOLDER / f"opengradient-{vector.name}.txt").write_bytes(vector.encoded())


if __name__ == "__main__":
    main()
