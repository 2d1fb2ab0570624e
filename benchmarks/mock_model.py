"""A model server on 127.0.0.1 that talks at a given speed, and logs when it said what.

    python benchmarks/mock_model.py PORT

OpenAI chat wire. A prompt that holds `bench` gets `tokens` tokens at `rate` a second (0: as fast as
it can), in the given `style`; any other gets three. `POST /_ctl` sets these, `GET /_log` tells, in
CLOCK_MONOTONIC seconds, when each request came and its last token went.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import lru_cache
from typing import Any

SECTION = """## Section {i}: throughput and latency

The quick brown fox number {i} jumps over the *lazy* dog; **measured** values stay `deterministic`,
and a [link](https://example.org/{i}) is here too. Wide glyphs such as 漢字 and emoji 🚀 are kept.

- first item of list {i} with `inline code`
- second item, **bold** and *italic* together
  - nested item α β γ δ → ∞

| name | value | unit |
|:-----|------:|:----:|
| row a | {i} | ms |
| row b | {i}7 | tok/s |

```python
def step_{i}(x: int) -> dict[str, int]:
    total = sum(k * x for k in range({i} % 17 + 3))
    return {{"step": {i}, "total": total}}  # comment
```

> Quoted text {i}: a line that stands apart.

"""
TOKEN = re.compile(r"\n+|[ ]*[^\s]{1,5}|[ ]+")
SETTINGS: dict[str, Any] = {"rate": 500.0, "tokens": 1000, "style": "full"}
LOG: list[dict[str, Any]] = []


@lru_cache(maxsize=8)
def tokens_of(count: int, style: str) -> tuple[str, ...]:
    """Return `count` tokens of about four characters, and one that ends with ENDMARK."""
    pieces: list[str] = []
    if style == "full":
        number = 1
        while len(pieces) < count:
            pieces += TOKEN.findall(SECTION.format(i=number))
            number += 1
    else:
        opening, line = {
            "code": ("```python\n", "def step_{k}(x: int) -> int:\n    return x * {k}  # {k}\n\n"),
            "list": ("", "- item {k} with `code` and **bold** words\n"),
            "table": ("| a | b |\n|---|---|\n", "| row {k} | value {k} |\n"),
        }[style]
        lines = (line.format(k=number) for number in range(count // 6 + 2))
        pieces = TOKEN.findall(opening + "".join(lines))
    closing = "\n```\n" if style == "code" else "\n"
    return (*pieces[:count], f"{closing}\nENDMARK{count}\n")


def frame(delta: dict[str, str], finish: str | None = None, usage: int | None = None) -> bytes:
    chunk: dict[str, Any] = {
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "mock",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    if usage is not None:
        chunk["usage"] = {"prompt_tokens": 10, "completion_tokens": usage, "total_tokens": usage}
    line = b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


@lru_cache(maxsize=8)
def frames(count: int, style: str) -> tuple[bytes, ...]:
    return tuple(frame({"content": token}) for token in tokens_of(count, style))


async def stream(writer: asyncio.StreamWriter, is_bench: bool) -> None:
    count = int(SETTINGS["tokens"]) if is_bench else 3
    rate = float(SETTINGS["rate"]) if is_bench else 0.0
    body = frames(count, SETTINGS["style"] if is_bench else "full")
    record: dict[str, Any] = {"is_bench": is_bench, "requested_at": time.monotonic()}
    LOG.append(record)
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n" + frame({"role": "assistant", "content": ""})
    )
    await asyncio.sleep(0.05)
    began = record["first_at"] = time.monotonic()
    at = 0
    while at < len(body):
        due = min(len(body), int((time.monotonic() - began) * rate) + 1 if rate else at + 64)
        if due <= at:
            await asyncio.sleep(max(0.0005, began + at / rate - time.monotonic()))
            continue
        writer.write(b"".join(body[at:due]))
        await writer.drain()
        at = due
    record["last_at"] = time.monotonic()
    end = b"data: [DONE]\n\n"
    writer.write(frame({}, "stop", count) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))
    await writer.drain()


def answer(writer: asyncio.StreamWriter, value: Any) -> None:
    body = json.dumps(value).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
        path = head.split(" ", 2)[1]
        length = re.search(r"(?i)content-length: *(\d+)", head)
        body = await reader.readexactly(int(length.group(1))) if length else b""
        if path == "/_ctl":
            SETTINGS.update(json.loads(body))
            frames(int(SETTINGS["tokens"]), SETTINGS["style"])
            LOG.clear()
            answer(writer, SETTINGS)
        elif path == "/_log":
            answer(writer, LOG)
        elif path.endswith("/chat/completions"):
            last = json.loads(body)["messages"][-1]["content"]
            await stream(writer, "bench" in str(last))
        else:
            answer(writer, {"object": "list", "data": [{"id": "mock"}]})
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        return  # the client left: a stop is measured, too
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1]), limit=1 << 26)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
