"""Between rows and values: what each column holds, both ways.

JSON columns are lean on purpose: a plain text message has none, so ten thousand of them cost no
parsing. Text that is not UTF-8 (half a surrogate pair from a model) is kept with U+FFFD in its
place; the exact bytes stand in the exchange.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, cast

from troth.domain.error import Failure, UsageError, VaultDamaged
from troth.domain.exchange import Headers
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    LeftOut,
    Message,
    Part,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.domain.model import ModelRef, Params
from troth.domain.usage import Timing, Usage
from troth.vault.build import builder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_EXACT_BELOW = (1 << 33) * 1_000_000
NO_PARAMS = Params()
PACK_BYTES = 2_048
"""Bodies from this size on are compressed: event streams shrink about tenfold."""
_RAW, _DEFLATED = b"\x00", b"\x01"


class Flag:
    """Bits of `message.flags`: what searches ask for without reading parts."""

    IMPORTED = 1
    IMAGE = 2
    FILE = 4
    CODE = 8
    THINKING = 16
    PARTIAL = 32
    FAILED = 64
    TOOL = 128
    SOURCE = 256


class Details(NamedTuple):
    """What most messages do not have."""

    params: Params
    usage: Usage | None
    timing: Timing | None
    finish: Finish | None
    failure: Failure | None
    left_out: tuple[LeftOut, ...]
    cost_usd: float | None


NO_DETAILS = Details(NO_PARAMS, None, None, None, None, (), None)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_DECODER = json.JSONDecoder()
_text_part = builder(TextPart)
_usage = builder(Usage)
_timing = builder(Timing)
_FINISHES = {finish.value: finish for finish in Finish}


def to_microseconds(moment: datetime) -> int:
    """Raises UsageError for a time without its zone."""
    if moment.tzinfo is None:
        raise UsageError("a time without its zone cannot be stored")
    return (moment - EPOCH) // MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    # The quick way is exact while a float holds every microsecond: from 1970 to 2242.
    if 0 <= microseconds < _EXACT_BELOW:
        return datetime.fromtimestamp(microseconds / 1e6, UTC)
    return EPOCH + timedelta(0, 0, microseconds)


def clean(text: str) -> str:
    """Return `text` as it can be stored: surrogate pairs joined, lone halves as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def line_field(text: str) -> str:
    """Return a short field that stands on one line of a message's hash. Raises UsageError."""
    if "\n" in text or "\x00" in text:
        raise UsageError("an id or a name holds a line break")
    return clean(text)


def dump(value: object) -> str:
    return clean(_ENCODER.encode(value))


def load(text: str) -> object:
    """Parse what `dump` wrote: no space round it, so the quick way in. Raises VaultDamaged."""
    try:
        return cast("object", _DECODER.raw_decode(text)[0])
    except ValueError as error:
        raise VaultDamaged(detail="a stored value is not JSON") from error


def dump_parts(parts: Sequence[Part]) -> tuple[str, str | None]:
    """Return a message's own words and its parts; no parts when it is one piece of text.

    Text stands only in the first; `["text", n]` among the parts takes the next n code points.
    """
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return clean(parts[0].text), None
    words: list[str] = []
    listed: list[list[object]] = []
    for part in parts:
        match part:
            case TextPart(text):
                text = clean(text)
                words.append(text)
                listed.append(["text", len(text)])
            case ThinkingPart(text):
                listed.append(["thinking", text])
            case BlobPart(blob, extracted):
                listed.append(
                    ["blob", blob.sha256, blob.media_type, blob.size_bytes, blob.name, extracted]
                )
            case ToolCallPart(call_id, name, arguments):
                listed.append(["tool_call", call_id, name, arguments])
            case ToolResultPart(call_id, name, text):
                listed.append(["tool_result", call_id, name, text])
            case SourcePart(url, title):
                listed.append(["source", url, title])
    return "".join(words), dump(listed)


def load_parts(text: str, parts: str | None) -> tuple[Part, ...]:
    if parts is None:
        return (_text_part(text),)
    start = 0
    loaded: list[Part] = []
    for item in cast("list[list[object]]", load(parts)):
        match item:
            case ["text", int(length)]:
                loaded.append(TextPart(text[start : start + length]))
                start += length
            case ["thinking", str(thinking)]:
                loaded.append(ThinkingPart(thinking))
            case ["blob", str(sha256), str(media_type), int(size), str(name), extracted]:
                blob = Blob(sha256, media_type, size, name)
                loaded.append(BlobPart(blob, cast("str | None", extracted)))
            case ["tool_call", str(call_id), str(name), str(arguments)]:
                loaded.append(ToolCallPart(call_id, name, arguments))
            case ["tool_result", str(call_id), str(name), str(result)]:
                loaded.append(ToolResultPart(call_id, name, result))
            case ["source", str(url), str(title)]:
                loaded.append(SourcePart(url, title))
            case _:
                raise VaultDamaged(detail="a stored part is of no known kind")
    return tuple(loaded)


def dump_details(message: Message) -> str | None:
    details: dict[str, object] = {}
    if message.params != NO_PARAMS:
        details["params"] = dump_params(message.params)
    if (usage := message.usage) is not None:
        details["usage"] = [usage.input, usage.output, usage.cached, usage.thinking]
    if (timing := message.timing) is not None:
        details["timing"] = [timing.total_ms, timing.first_token_ms]
    if message.finish is not None:
        details["finish"] = message.finish.value
    if (failure := message.failure) is not None:
        details["failure"] = [failure.kind, dict(failure.facts)]
    if message.left_out:
        details["left_out"] = [
            [item.kind, item.count, item.reason, item.name] for item in message.left_out
        ]
    if message.cost_usd is not None:
        details["cost_usd"] = message.cost_usd
    return dump(details) if details else None


def load_details(text: str | None) -> Details:
    if text is None:
        return NO_DETAILS
    found = cast("dict[str, object]", load(text))
    usage = cast("list[int | None] | None", found.get("usage"))
    timing = cast("list[float] | None", found.get("timing"))
    finish = cast("str | None", found.get("finish"))
    failure = cast("tuple[str, dict[str, str]] | None", found.get("failure"))
    left_out = cast("list[list[str]]", found.get("left_out", ()))
    return Details(
        load_params(found.get("params")),
        None if usage is None else _usage(*usage),
        None if timing is None else _timing(*timing),
        None if finish is None else _FINISHES.get(finish, Finish.OTHER),
        None if failure is None else Failure(failure[0], MappingProxyType(failure[1])),
        tuple(LeftOut(kind, int(n), why, name) for kind, n, why, name in left_out),
        cast("float | None", found.get("cost_usd")),
    )


def dump_params(params: Params) -> dict[str, object]:
    return {name: value for name, value in asdict(params).items() if value not in (None, ())}


def load_params(found: object) -> Params:
    if found is None:
        return NO_PARAMS
    values = dict(cast("dict[str, object]", found))
    values["stop"] = tuple(cast("list[str]", values.get("stop", ())))
    return Params(**values)  # type: ignore[arg-type]  # what dump_params wrote


def flags_of(message: Message, text: str) -> int:
    flags = Flag.IMPORTED if message.is_imported else 0
    if "```" in text or "~~~" in text:
        flags |= Flag.CODE
    if message.is_partial:
        flags |= Flag.PARTIAL
    if message.failure is not None:
        flags |= Flag.FAILED
    for part in message.parts:
        match part:
            case BlobPart(blob):
                flags |= Flag.IMAGE if blob.is_image else Flag.FILE
            case ThinkingPart():
                flags |= Flag.THINKING
            case ToolCallPart() | ToolResultPart():
                flags |= Flag.TOOL
            case SourcePart():
                flags |= Flag.SOURCE
            case TextPart():
                continue
    return flags


def model_ref(provider: str | None, model: str | None) -> ModelRef | None:
    return None if provider is None or model is None else ModelRef(provider, model)


def dump_headers(headers: Headers) -> str:
    return dump([list(pair) for pair in headers])


def load_headers(text: str) -> Headers:
    return tuple((name, value) for name, value in cast("Sequence[list[str]]", load(text)))


def pack(content: bytes) -> bytes:
    """Return how `content` is stored: one byte that says how, then the bytes or a zlib stream."""
    if len(content) < PACK_BYTES:
        return _RAW + content
    deflated = zlib.compress(content, 1)
    return _DEFLATED + deflated if len(deflated) < len(content) else _RAW + content


def unpack(stored: bytes) -> bytes:
    """Undo `pack`. Raises VaultDamaged."""
    kind, content = stored[:1], stored[1:]
    if kind == _RAW:
        return content
    try:
        if kind == _DEFLATED:
            return zlib.decompress(content)
    except zlib.error as error:
        raise VaultDamaged(detail="a stored body cannot be unpacked") from error
    raise VaultDamaged(detail="a stored body is of no known kind")
