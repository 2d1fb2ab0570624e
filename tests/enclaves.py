"""Scripted OpenGradient parties on 127.0.0.1: a gateway with a key of its own, later more.

Signing is `verifiers.signer`, which shares no code with the program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from servers import Answer, RecordedRequest, json_answer
from verifiers.signer import Gateway

REPLY = ("Hel", "lo, ", "you 👋")


@dataclass
class Enclave:
    """A gateway that signs what it answers. `gateway` may be swapped: it was restarted."""

    gateway: Gateway = field(default_factory=Gateway)
    words: tuple[str, ...] = REPLY
    clock_offset_s: int = 0
    asked: list[RecordedRequest] = field(default_factory=list)
    served: Gateway | None = None
    """Whose key `/signing-key` hands out, where that is not the one that signs."""

    def __call__(self, request: RecordedRequest) -> Answer:
        path = request.path.partition("?")[0]
        if path == "/signing-key":
            key = self.served or self.gateway
            return json_answer({"public_key": key.pem, "tee_id": key.tee_id})
        if path == "/v1/chat/completions":
            self.asked.append(request)
            return self.chat(request)
        if path == "/v1/models":
            return json_answer({"data": [{"id": "gpt-4.1"}, {"id": "gpt-image-2"}]})
        return json_answer({"error": "Not Found"}, status=404)

    def chat(self, request: RecordedRequest) -> Answer:
        if not request.header("authorization"):
            return json_answer({"detail": "No authorization token provided"}, status=401)
        return self.reply_to(request.json())

    def reply_to(self, asked: dict[str, object]) -> Answer:
        stamp = int(time.time()) + self.clock_offset_s
        if asked.get("stream"):
            return event_stream(self.gateway.stream(asked, list(self.words), stamp))
        body = self.gateway.body(asked, "".join(self.words), stamp)
        return Answer(headers=(("Content-Type", "application/json"),), steps=(body,))


def event_stream(body: bytes) -> Answer:
    frames = tuple(frame + b"\n\n" for frame in body.removesuffix(b"\n\n").split(b"\n\n"))
    return Answer(
        headers=(("Content-Type", "text/event-stream; charset=utf-8"),),
        steps=frames,
        framing="chunked",
    )
