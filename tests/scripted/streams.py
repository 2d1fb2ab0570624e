"""Ready-made streams in the five wire formats: one bytes step per event.

Shapes as in the vendors' recorded traffic. `usage` is (input, output) tokens, None = not told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scripted.steps import Answer

Usage = tuple[int, int] | None


def _line(value: Any, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _stream(steps: Sequence[bytes], content_type: str = "text/event-stream") -> Answer:
    return Answer(200, (("content-type", content_type),), tuple(steps), "chunked")


def openai_chat_stream(
    texts: Sequence[str],
    *,
    usage: Usage = (10, 5),
    finish: str = "stop",
    thinking: Sequence[str] = (),
    model: str = "scripted-1",
    thinking_field: str = "reasoning_content",
) -> Answer:
    """OpenAI Chat Completions: role first, deltas, finish, usage with no choices, `[DONE]`."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _line({**base, "choices": [choice]})

    steps = [chunk({"role": "assistant", "content": ""})]
    steps += [chunk({thinking_field: text}) for text in thinking]
    steps += [chunk({"content": text}) for text in texts]
    steps.append(chunk({}, finish))
    if usage:
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        counts["total_tokens"] = sum(usage)
        steps.append(_line({**base, "choices": [], "usage": counts}))
    return _stream([*steps, b"data: [DONE]\n\n"])


def openai_responses_stream(
    texts: Sequence[str],
    *,
    usage: Usage = (10, 5),
    finish: str = "completed",
    thinking: Sequence[str] = (),
    model: str = "scripted-1",
) -> Answer:
    """OpenAI Responses; `finish` is `completed`, `incomplete` or `failed`."""
    steps: list[bytes] = []
    output: list[dict[str, Any]] = []

    def event(kind: str, **fields: Any) -> None:
        steps.append(_line({"type": kind, "sequence_number": len(steps), **fields}, kind))

    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": model}
    event("response.created", response={**response, "status": "in_progress", "output": []})
    if thinking:
        item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}
        event("response.output_item.added", output_index=0, item=item)
        place = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        for text in thinking:
            event("response.reasoning_summary_text.delta", **place, delta=text)
        summary = [{"type": "summary_text", "text": "".join(thinking)}]
        output.append({**item, "summary": summary})
        event("response.output_item.done", output_index=0, item=output[-1])
    part = {"type": "output_text", "text": "", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant"}
    place = {"item_id": "msg_1", "output_index": len(output), "content_index": 0}
    item = {**message, "status": "in_progress", "content": []}
    event("response.output_item.added", output_index=len(output), item=item)
    event("response.content_part.added", **place, part=part)
    for text in texts:
        event("response.output_text.delta", **place, delta=text)
    whole = {**part, "text": "".join(texts)}
    event("response.output_text.done", **place, text=whole["text"])
    event("response.content_part.done", **place, part=whole)
    output.append({**message, "status": "completed", "content": [whole]})
    event("response.output_item.done", output_index=len(output) - 1, item=output[-1])
    last: dict[str, Any] = {**response, "status": finish, "output": output}
    if usage:
        counts = {"input_tokens": usage[0], "output_tokens": usage[1]}
        details = {
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        last["usage"] = {**counts, **details, "total_tokens": sum(usage)}
    if finish == "incomplete":
        last["incomplete_details"] = {"reason": "max_output_tokens"}
    if finish == "failed":
        last["error"] = {"code": "server_error", "message": "scripted failure"}
    event(f"response.{finish}", response=last)
    return _stream(steps)


def anthropic_stream(
    texts: Sequence[str],
    *,
    usage: Usage = (10, 5),
    finish: str = "end_turn",
    thinking: Sequence[str] = (),
    model: str = "scripted-1",
) -> Answer:
    """Anthropic Messages: typed events, a ping, cumulative usage on `message_delta`."""
    steps: list[bytes] = []

    def event(kind: str, **fields: Any) -> None:
        steps.append(_line({"type": kind, **fields}, kind))

    first = {"input_tokens": usage[0], "output_tokens": 1} if usage else {}
    last = {"output_tokens": usage[1]} if usage else {}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    event("message_start", message={**message, "content": [], "stop_reason": None, "usage": first})
    event("ping")
    index = 0
    if thinking:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        event("content_block_start", index=0, content_block=block)
        for text in thinking:
            delta = {"type": "thinking_delta", "thinking": text}
            event("content_block_delta", index=0, delta=delta)
        seal = {"type": "signature_delta", "signature": "c2VhbGVk"}
        event("content_block_delta", index=0, delta=seal)
        event("content_block_stop", index=0)
        index = 1
    event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    for text in texts:
        event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})
    event("content_block_stop", index=index)
    event("message_delta", delta={"stop_reason": finish, "stop_sequence": None}, usage=last)
    event("message_stop")
    return _stream(steps)


def gemini_stream(
    texts: Sequence[str],
    *,
    usage: Usage = (10, 5),
    finish: str = "STOP",
    thinking: Sequence[str] = (),
    model: str = "scripted-1",
) -> Answer:
    """Gemini `alt=sse`: whole responses, CRLF, no end mark but the end of the body."""
    parts: list[dict[str, Any]] = [{"text": text, "thought": True} for text in thinking]
    parts += [{"text": text} for text in texts]
    steps: list[bytes] = []
    for number, part in enumerate(parts or [{"text": ""}], 1):
        candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if number >= len(parts):
            candidate["finishReason"] = finish
        chunk: dict[str, Any] = {"candidates": [candidate], "modelVersion": model}
        if usage:
            chunk["usageMetadata"] = {
                "promptTokenCount": usage[0],
                "candidatesTokenCount": usage[1],
                "totalTokenCount": sum(usage),
            }
        steps.append(_line(chunk).replace(b"\n\n", b"\r\n\r\n"))
    return _stream(steps)


def ollama_stream(
    texts: Sequence[str],
    *,
    usage: Usage = (10, 5),
    finish: str = "stop",
    thinking: Sequence[str] = (),
    model: str = "scripted-1",
) -> Answer:
    """Ollama `/api/chat`: one JSON object a line, the last with `done: true`."""

    def line(message: dict[str, str], **fields: Any) -> bytes:
        value = {"model": model, "created_at": "2026-01-01T00:00:00Z", "message": message}
        return json.dumps({**value, "done": False, **fields}, ensure_ascii=False).encode() + b"\n"

    steps = [line({"role": "assistant", "content": "", "thinking": text}) for text in thinking]
    steps += [line({"role": "assistant", "content": text}) for text in texts]
    counts = {"prompt_eval_count": usage[0], "eval_count": usage[1]} if usage else {}
    nothing = {"role": "assistant", "content": ""}
    steps.append(line(nothing, done=True, done_reason=finish, total_duration=1, **counts))
    return _stream(steps, "application/x-ndjson")
