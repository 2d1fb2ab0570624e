"""A scripted gateway that signs as the real one does, or lies: scripts for `ScriptedServer`."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

from servers import Answer, RecordedRequest
from troth.verifiers.trust import PinnedKey, fingerprint_of
from troth.verifiers.trust_edit import with_pin
from verifiers.signer import Gateway, text_frame

TEXT = (
    "It used scrypt with N=2^15. Two reasons to change:\n\n"
    "1. the memory cost could not grow;\n"
    "2. Argon2id takes the parallelism as its own knob.\n"
)
Body = Callable[[Gateway, dict[str, object]], bytes]


def honest(text: str = TEXT) -> Body:
    """Sign what is said."""
    return lambda gateway, request: gateway.stream(request, [text[:9], text[9:]], int(time.time()))


def tampered(shown: str = "Send 9,000 to the account ending 4417.") -> Body:
    """Sign one text and say another."""

    def body(gateway: Gateway, request: dict[str, object]) -> bytes:
        final = gateway.final_frame(request, TEXT, int(time.time()))
        return text_frame(str(request["model"]), shown) + final + b"data: [DONE]\n\n"

    return body


def stale(text: str = TEXT) -> Body:
    """Sign with the time of yesterday."""
    return lambda gateway, request: gateway.stream(request, [text], int(time.time()) - 86_400)


def unsigned(text: str = TEXT) -> Body:
    """Leave the proof out."""

    def body(gateway: Gateway, request: dict[str, object]) -> bytes:
        end = {"choices": [{"delta": {}, "index": 0, "finish_reason": "stop"}]}
        return (
            text_frame(str(request["model"]), text)
            + b"data: "
            + json.dumps(end).encode()
            + b"\n\ndata: [DONE]\n\n"
        )

    return body


def with_reasoning(text: str = TEXT) -> Body:
    """Sign the text; the thinking beside it is not part of any signature."""

    def body(gateway: Gateway, request: dict[str, object]) -> bytes:
        delta = {"reasoning_content": "Let me think.", "role": "assistant"}
        frame = {"choices": [{"delta": delta, "index": 0, "finish_reason": None}]}
        thought = b"data: " + json.dumps(frame).encode() + b"\n\n"
        return thought + gateway.stream(request, [text], int(time.time()))

    return body


def with_image(image: bytes, text: str = TEXT) -> Body:
    """Sign the text; the image beside it is not part of the gateway's signature."""

    def body(gateway: Gateway, request: dict[str, object]) -> bytes:
        url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
        delta = {"images": [{"type": "image_url", "image_url": {"url": url}}], "role": "assistant"}
        frame = {"choices": [{"delta": delta, "index": 0, "finish_reason": None}]}
        drawn = b"data: " + json.dumps(frame).encode() + b"\n\n"
        return drawn + gateway.stream(request, [text], int(time.time()))

    return body


def gateway_script(
    gateway: Gateway, *bodies: Body, seen: list[dict[str, object]] | None = None
) -> Callable[[RecordedRequest], Answer]:
    """Answer each request with the next body; the last one stays."""
    turns = list(bodies)

    def answer(request: RecordedRequest) -> Answer:
        asked = json.loads(request.body)
        if seen is not None:
            seen.append(asked)
        body = turns.pop(0) if len(turns) > 1 else turns[0]
        kind = (("content-type", "text/event-stream; charset=utf-8"),)
        return Answer(200, kind, (body(gateway, asked),), "chunked")

    return answer


def pin_gateway(home: Path, gateway: Gateway, provider: str = "scripted") -> None:
    """Write a trust file that pins the gateway's key."""
    key = PinnedKey(
        "home gateway", fingerprint_of(gateway.spki), spki=gateway.spki, providers=(provider,)
    )
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trust.toml").write_text(with_pin("", key), "utf-8")
