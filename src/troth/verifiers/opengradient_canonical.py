"""OpenGradient's request hash: which bytes of a request the gateway hashes, in five dialects.

The hash is Keccak-256 over UTF-8 `json.dumps(canonical, sort_keys=True)` as Python writes it:
`", "` and `": "`, ASCII only, floats by `repr`, integers of any size. Sources, read 2026-11-22:
tee-gateway `controllers/chat_controller.py` at 06ed1e2 (v1), SDK 1.1.4 `client/tee_verify.py` (v2),
`controllers/completions_controller.py` at 06ed1e2 and `models/create_completion_request.py` (v1c).
Between v1 and v2 the gateway hashed content parts as they came, attachments included (v1p). At
1a727d1 (read 2026-11-29) the chat controller hashes the effort of thinking too (v3).
On 66 signed exchanges of the real gateway: v1 fits all, v2 misses those with content parts.

Weakness of the dialects, not ours: v1 writes content parts with Python's `str(list)`, so parts and
a text that looks like them hash alike, and characters newer than the Unicode table of either side
are escaped differently; v2 leaves out the bytes of attachments and reads `developer` as `system`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from troth.domain.model import Json
from troth.verifiers.strict_json import as_list, as_object


class NotCanonical(ValueError):
    """The dialect cannot express this request: the gateway would have refused it."""


def canonical_json(value: Json) -> bytes:
    """Return the bytes that Python's `json.dumps(value, sort_keys=True)` writes."""
    return json.dumps(value, sort_keys=True).encode("ascii")


def _temperature(request: dict[str, Json], absent: float) -> float:
    value = request.get("temperature")
    if value is None:
        return absent
    if isinstance(value, str | list | dict):
        raise NotCanonical("temperature is not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise NotCanonical("temperature is too large") from error


def _tool_call(call: Json) -> Json:
    fields = as_object(call)
    function = as_object(fields.get("function"))
    return {
        "id": fields.get("id"),
        "type": fields.get("type"),
        "function": {"name": function.get("name"), "arguments": function.get("arguments")},
    }


def _user_content_v1(content: Json) -> Json:
    return content if isinstance(content, str) else str(content)


def _user_content_v1p(content: Json) -> Json:
    return content


def _user_content_v2(content: Json) -> Json:
    if not isinstance(content, list):
        return content if isinstance(content, str) else str(content)
    parts: list[Json] = []
    for part in content:
        if not isinstance(part, dict):
            parts.append({"type": "text", "text": str(part)})
        elif part.get("type") == "text":
            parts.append({"type": "text", "text": part.get("text") or ""})
        else:
            entry: dict[str, Json] = {"type": part.get("type")}
            filename = as_object(part.get("file")).get("filename") or part.get("filename")
            if filename:
                entry["filename"] = filename
            parts.append(entry)
    return parts


def _message(message: Json, user_content: Callable[[Json], Json], *, takes_developer: bool) -> Json:
    if not isinstance(message, dict):
        raise NotCanonical("a message is not an object")
    content = message.get("content")
    match message.get("role"):
        case "system":
            return {"role": "system", "content": content}
        case "developer" if takes_developer:
            return {"role": "system", "content": content}
        case "user":
            return {"role": "user", "content": user_content(content)}
        case "assistant":
            turn: dict[str, Json] = {"role": "assistant", "content": content or ""}
            if calls := as_list(message.get("tool_calls")):
                turn["tool_calls"] = [_tool_call(call) for call in calls]
            return turn
        case "tool":
            call_id = message.get("tool_call_id")
            return {"role": "tool", "content": content, "tool_call_id": call_id}
        case "function":
            return {"role": "function", "content": content, "name": message.get("name")}
        case _:
            raise NotCanonical("a message has a role that this gateway does not know")


def _chat(
    request: dict[str, Json],
    user_content: Callable[[Json], Json],
    *,
    takes_developer: bool = False,
    signs_search: bool = True,
) -> dict[str, Json]:
    messages = request.get("messages")
    if not isinstance(messages, list):
        raise NotCanonical("there are no messages")
    canonical: dict[str, Json] = {
        "model": request.get("model"),
        "messages": [_message(m, user_content, takes_developer=takes_developer) for m in messages],
        "temperature": _temperature(request, 0.0),
    }
    if request.get("max_tokens") is not None:
        canonical["max_tokens"] = request["max_tokens"]
    for name in ("stop", "tools", "response_format"):
        if request.get(name):
            canonical[name] = request[name]
    if signs_search and request.get("web_search"):
        canonical["web_search"] = True
    return canonical


def _v1(request: dict[str, Json]) -> dict[str, Json]:
    return _chat(request, _user_content_v1, signs_search=False)


def _v2(request: dict[str, Json]) -> dict[str, Json]:
    return _chat(request, _user_content_v2, takes_developer=True)


def _v1p(request: dict[str, Json]) -> dict[str, Json]:
    return _chat(request, _user_content_v1p)


def _v3(request: dict[str, Json]) -> dict[str, Json]:
    canonical = _v2(request)
    if not request.get("reasoning_effort"):
        raise NotCanonical("without an effort it is no other than v2")
    return {**canonical, "reasoning_effort": request["reasoning_effort"]}


def _v1c(request: dict[str, Json]) -> dict[str, Json]:
    if "messages" in request or "prompt" not in request:
        raise NotCanonical("this is not a text completion")
    max_tokens = request.get("max_tokens", 16)
    canonical: dict[str, Json] = {
        "model": request.get("model"),
        "prompt": request["prompt"],
        "temperature": _temperature(request, 1.0 if "temperature" not in request else 0.0),
    }
    if max_tokens is not None:
        canonical["max_tokens"] = max_tokens
    if request.get("stop"):
        canonical["stop"] = request["stop"]
    if request.get("web_search"):
        canonical["web_search"] = True
    return canonical


PROFILES: tuple[tuple[str, Callable[[dict[str, Json]], dict[str, Json]]], ...] = (
    ("v1", _v1),
    ("v2", _v2),
    ("v1c", _v1c),
    ("v1p", _v1p),
    ("v3", _v3),
)
"""In the order in which they are tried. The first that fits is the one that is recorded."""


def canonical_request(request: dict[str, Json], profile: str) -> bytes:
    """Return the bytes that the gateway of `profile` hashes; raise NotCanonical when it cannot."""
    build = dict(PROFILES)[profile]
    try:
        return canonical_json(build(request))
    except RecursionError as error:
        raise NotCanonical("it is nested too deeply") from error


def canonical_tool_calls(calls: list[Json]) -> bytes:
    """Return the bytes that the gateway hashes for a reply that ends in tool calls."""
    return canonical_json(calls)
