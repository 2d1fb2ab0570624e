"""What one OpenGradient answer says: its text, tool calls, proof fields, and how its stream ended.

Both shapes are read strictly: the pretty-printed JSON body, and the event stream with the proof in
the last frame before `[DONE]`. Framing is LF, CR and CRLF only; a provider's decoder must come to
the same text, and the verifier is told what the chat shows so that it can compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from troth.domain.model import Json
from troth.verifiers.opengradient_canonical import canonical_tool_calls
from troth.verifiers.strict_json import (
    NotStrict,
    as_list,
    as_object,
    as_text,
    parse_object,
    parse_strict,
)

PROOF_FIELDS = ("tee_signature", "tee_request_hash", "tee_output_hash", "tee_timestamp", "tee_id")
"""In a JSON body at the top, in a stream in the last frame before `[DONE]`."""

_MARK = re.compile(rb'(?<!\\)"(?:%s)"\s*:' % "|".join(PROOF_FIELDS).encode("ascii"))
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_USUAL_START = b'data: {"choices": [{"delta": {"content": "'
_USUAL_END = re.compile(
    rb'", "role": "assistant"}, "index": 0, "finish_reason": null}\], "model": "[^"\\]*"}\n\n'
)
"""What stands around the text in a frame exactly as the gateway writes it: nine in ten are."""
_TEXT = rb'[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+'
_TEXTS = re.compile(rb"%s(?:\n%s)*+" % (_TEXT, _TEXT))
"""The insides of JSON strings, one a line: each ends where it seems to end."""
_PROOF_NAMES = frozenset(PROOF_FIELDS)
_MESSAGE_FIELDS = frozenset({"role", "content", "tool_calls", "function_call", "name"})
_UNSIGNED = {
    "images": "images",
    "image": "images",
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
    "thinking": "reasoning",
    "annotations": "sources",
    "citations": "sources",
    "audio": "audio",
    "refusal": "a refusal",
}


@dataclass(slots=True)
class ReplyRead:
    """An answer taken apart. Filled while reading, only read afterwards."""

    pieces: list[str] = field(default_factory=list[str])
    """The reply's text as it came; `text` is them joined."""
    text: str = ""
    calls: dict[int, dict[str, Json]] = field(default_factory=dict[int, dict[str, Json]])
    proof: dict[str, Json] = field(default_factory=dict[str, Json])
    finish: str = ""
    model: str = ""
    """The name that the answer gives itself; never signed."""
    has_usage: bool = False
    is_stream: bool = False
    is_ended: bool = False
    """The answer came to its own end: a whole JSON body, or `[DONE]`."""
    unsigned: set[str] = field(default_factory=set[str])
    """Kinds of content that are there and that no hash covers."""
    faults: list[str] = field(default_factory=list[str])
    """Things that no honest gateway sends, as sentences."""
    error: str = ""
    """The gateway's own word for a failure, when it reported one."""
    is_broken_off: bool = False
    """Reading ended at a fault; what follows it was not looked at."""

    @property
    def has_marks(self) -> bool:
        return bool(self.proof)

    @property
    def is_tool_reply(self) -> bool:
        return self.finish == "tool_calls" and bool(self.calls)

    def signed_output(self) -> bytes:
        """Return the bytes whose Keccak-256 is the output hash.

        Raises UnicodeEncodeError for half a surrogate pair, which no gateway can have signed.
        """
        if self.is_tool_reply:
            return canonical_tool_calls([self.calls[index] for index in sorted(self.calls)])
        return self.text.encode("utf-8")


def has_proof_marks(body: bytes) -> bool:
    """Whether a proof field stands in `body` as a key.

    A text that only speaks of the fields does not count: inside a JSON string its quotes would be
    escaped.
    """
    first = body.find(b'"tee_')
    return first >= 0 and _MARK.search(body, first) is not None


def is_event_stream(body: bytes, content_type: str) -> bool:
    """Whether to read `body` as an event stream; the header may be missing in old records."""
    if "event-stream" in content_type.lower():
        return True
    return body.lstrip(b"\xef\xbb\xbf\r\n ").startswith((b"data:", b":", b"event:"))


def read_reply(body: bytes, content_type: str) -> ReplyRead:
    """Take an answer apart. Never raises: what is wrong stands in `faults`."""
    reply = ReplyRead(is_stream=is_event_stream(body, content_type))
    if reply.is_stream:
        _read_stream(reply, body)
    else:
        _read_body(reply, body)
    reply.text = "".join(reply.pieces)
    return reply


def _read_body(reply: ReplyRead, body: bytes) -> None:
    try:
        answer = parse_object(body)
    except NotStrict as error:
        reply.error = f"The answer cannot be read: {error}."
        if has_proof_marks(body) and body.rstrip().endswith(b"}"):
            # It has its proof and its end, so it was not cut but changed on the way.
            reply.faults.append(reply.error)
        return
    reply.is_ended = True
    if "choices" not in answer:
        reply.error = _error_text(answer)
    _take_top(reply, answer)
    choices = _list(reply, answer.get("choices"))
    if len(choices) > 1:
        reply.faults.append("The answer holds more than one reply; only one can have been signed.")
    choice = _object(reply, choices[0] if choices else None)
    reply.finish = as_text(choice.get("finish_reason"))
    if "message" in choice:
        _take_message(reply, _object(reply, choice["message"]), is_delta=False)
    else:
        reply.pieces.append(as_text(choice.get("text")))


def _payloads(body: bytes) -> Iterator[bytes]:
    """Give the data of each whole event; what follows the last blank line may be cut and is not.

    The one exception is the end mark, which is whole without a line end. Lines end in LF here.
    Events as the gateway writes them (one `data: ` line) take the short way.
    """
    events = body.split(b"\n\n")
    last = events.pop().split(b"\n")
    for event in events:
        if event.startswith(b"data: ") and b"\n" not in event:
            yield event[6:]
        else:
            yield from _data_of(event.split(b"\n"))
    if last[-1] != b"data: [DONE]":
        # A last line without a line end may have been cut; it never counts.
        last[-1] = b""
    yield from _data_of(last)


def _data_of(lines: list[bytes]) -> Iterator[bytes]:
    pieces = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    if pieces:
        yield b"\n".join(pieces)


def _usual_run(body: bytes) -> tuple[int, int, list[str]]:
    """Find the frames of text that follow the first one and differ from it in nothing else.

    Returns where they begin, where they end, and their texts: what reading each by itself would
    give. No texts where that is not sure; then all is read the long way, which says what is wrong.
    """
    first = body.find(_USUAL_START)
    if first < 0 or (first and body[first - 2 : first] != b"\n\n"):
        return 0, 0, []
    event_end = body.find(b"\n\n", first)
    end_of_text = _USUAL_END.search(body, first, event_end + 2)
    if end_of_text is None or end_of_text.end() != event_end + 2:
        return 0, 0, []
    if not _is_sound(body[first + 6 : event_end]):
        return 0, 0, []  # what it would tell of all of them (the model) was not taken in from it
    start, closing = end_of_text.end(), end_of_text[0]
    end = body.rfind(closing, start) + len(closing)
    if end <= start:
        return 0, 0, []
    run = body[start:end]
    head, tail = len(_USUAL_START), 2 - len(closing)  # the blank line is split off
    texts = [event[head:tail] for event in run.split(b"\n\n")[:-1]]
    if _USUAL_START + (closing + _USUAL_START).join(texts) + closing != run:
        return 0, 0, []  # another kind of frame lies between
    if _TEXTS.fullmatch(b"\n".join(texts)) is None:
        return 0, 0, []
    try:
        parsed = as_list(parse_strict(b'["' + b'","'.join(texts) + b'"]'))
    except NotStrict:
        return 0, 0, []
    pieces = [text for text in parsed if isinstance(text, str)]
    return (start, end, pieces) if len(pieces) == len(texts) else (0, 0, [])


def _is_sound(payload: bytes) -> bool:
    try:
        parse_object(payload)
    except NotStrict:
        return False
    return True


def _read_stream(reply: ReplyRead, body: bytes) -> None:
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in body:
        body = _LINE_ENDS.sub(b"\n", body)
    start, end, pieces = _usual_run(body)
    is_signed = _take_frames(reply, body[:start], is_signed=False)
    if pieces and not (reply.is_ended or is_signed or reply.is_broken_off):
        reply.pieces += pieces
        start = end
    if not reply.is_broken_off:
        _take_frames(reply, body[start:], is_signed=is_signed)


def _take_frames(reply: ReplyRead, body: bytes, *, is_signed: bool) -> bool:
    """Take whole events in; return whether the signed frame has now been seen."""
    for payload in _payloads(body):
        if reply.is_ended:
            reply.faults.append("More came after the end mark of the stream.")
            reply.is_broken_off = True
            return is_signed
        if payload == b"[DONE]":
            reply.is_ended = True
            continue
        was_signed, is_signed = is_signed, _take_frame(reply, payload, is_signed=is_signed)
        if was_signed:
            reply.is_broken_off = True
            return True
    return is_signed


def _take_frame(reply: ReplyRead, payload: bytes, *, is_signed: bool) -> bool:
    """Take one frame in; return whether a signed frame has now been seen."""
    try:
        frame = parse_object(payload)
    except NotStrict as error:
        reply.faults.append(f"A frame of the stream cannot be read: {error}.")
        return is_signed
    if is_signed:
        again = not _PROOF_NAMES.isdisjoint(frame)
        kind = "A second signed frame" if again else "An error" if "error" in frame else "A frame"
        reply.faults.append(f"{kind} came after the frame that was signed as the last.")
        return True
    if "error" in frame:
        reply.error = _error_text(frame)
        return False
    _take_top(reply, frame)
    choices = _list(reply, frame.get("choices"))
    for choice in (_object(reply, one) for one in choices):
        if choice.get("index", 0) != 0 or len(choices) > 1:
            reply.faults.append("The stream holds more than one reply; only one can be signed.")
        _take_message(reply, _object(reply, choice.get("delta")), is_delta=True)
        if finish := as_text(choice.get("finish_reason")):
            reply.finish = finish
    return not _PROOF_NAMES.isdisjoint(frame)


def _take_top(reply: ReplyRead, answer: dict[str, Json]) -> None:
    for name in answer.keys() & _PROOF_NAMES:
        reply.proof[name] = answer[name]
    reply.model = as_text(answer.get("model")) or reply.model
    reply.has_usage = reply.has_usage or bool(answer.get("usage"))
    for name in answer.keys() & _UNSIGNED.keys():
        if answer[name]:
            reply.unsigned.add(_UNSIGNED[name])


def _take_message(reply: ReplyRead, message: dict[str, Json], *, is_delta: bool) -> None:
    content = message.get("content")
    if isinstance(content, str):
        reply.pieces.append(content)
    elif isinstance(content, list):
        for part in content:
            text = as_object(part).get("text")
            reply.pieces.append(as_text(text) if isinstance(part, dict) else str(part))
            if not isinstance(text, str) and isinstance(part, dict):
                reply.unsigned.add("parts that are not text")
    elif content is not None:
        _take_malformed(reply)
    for position, call in enumerate(_list(reply, message.get("tool_calls"))):
        if is_delta:
            _take_call_delta(reply, _object(reply, call))
        else:
            reply.calls[position] = _object(reply, call)
    for name, value in message.items():
        if value and name not in _MESSAGE_FIELDS:
            reply.unsigned.add(_UNSIGNED.get(name, f"the field {name[:40]!r}"))
    if message.get("function_call"):
        reply.unsigned.add("a function call in the old form")


def _take_call_delta(reply: ReplyRead, delta: dict[str, Json]) -> None:
    """Add a piece of a tool call as the gateway buffers it: names are set, arguments grow.

    For some of Google's models its library numbers no call (`"index": null`): then it signs all of
    them as one, with the last name, and what that name replaced is under no signature.
    """
    index = delta.get("index")
    index = 0 if index is None else index
    if not isinstance(index, int) or isinstance(index, bool):
        reply.faults.append("A tool call has an index that is not a number.")
        return
    # What never comes is signed as null: the gateway's library gives each piece all names.
    function: dict[str, Json] = {"name": None, "arguments": ""}
    call = reply.calls.setdefault(index, {"id": None, "type": "function", "function": function})
    kept = as_object(call["function"])
    piece = _object(reply, delta.get("function"))
    for owner, part, name in ((call, delta, "id"), (call, delta, "type"), (kept, piece, "name")):
        if part.get(name):
            if owner[name] and owner[name] != part[name]:
                reply.unsigned.add("which tool calls they were")
            owner[name] = part[name]
    kept["arguments"] = as_text(kept["arguments"]) + as_text(piece.get("arguments"))


def _object(reply: ReplyRead, value: Json) -> dict[str, Json]:
    """Return an object, null as an empty one; what is neither is a fault.

    Another reader would stumble over it, or see something there: an honest gateway gives no cause.
    """
    if value is not None and not isinstance(value, dict):
        _take_malformed(reply)
    return as_object(value)


def _list(reply: ReplyRead, value: Json) -> list[Json]:
    if value is not None and not isinstance(value, list):
        _take_malformed(reply)
    return as_list(value)


def _take_malformed(reply: ReplyRead) -> None:
    reason = "A part of the answer has a form that no gateway gives it."
    if reason not in reply.faults:
        reply.faults.append(reason)


def _error_text(answer: dict[str, Json]) -> str:
    error = answer.get("error", answer.get("detail"))
    text = as_text(error) or as_text(as_object(error).get("message"))
    return text[:200] or "The gateway reported a failure and gave no reason."
