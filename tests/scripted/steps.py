"""What a scripted server can be told to do: answers, their steps, and ways to spoil them."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal


@dataclass(frozen=True)
class Pause:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """Close the connection here, whatever was promised (no last chunk, too few bytes)."""


@dataclass(frozen=True)
class Reset:
    """Close with a TCP reset."""


@dataclass(frozen=True)
class Stall:
    """Say nothing more, for ever; the connection stays open."""


class Gate:
    """Holds a server at one step until `open()` is called, from any thread or loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        with self._lock:
            self._is_open = True
            waiters, self._waiters = self._waiters, []
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._is_open:
                return
            self._waiters.append((asyncio.get_running_loop(), event))
        await event.wait()


Step = bytes | Pause | Gate | asyncio.Event | Cut | Reset | Stall


@dataclass(frozen=True)
class Answer:
    """One HTTP answer.

    `framing` "length" declares the sum of the bytes in `steps` (or `declared_length`, which may
    lie), "chunked" sends each bytes step as one chunk, "until-close" declares nothing. With
    `is_raw` only the steps' bytes go out: for garbage and half heads.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()
    framing: Literal["length", "chunked", "until-close"] = "length"
    declared_length: int | None = None
    before_head: tuple[Step, ...] = field(default=())
    """Taken before the status line is sent (only waits and cuts make sense)."""
    is_raw: bool = False
    keeps_connection: bool = True

    @property
    def body(self) -> bytes:
        """All bytes of the body, waits left out."""
        return b"".join(step for step in self.steps if isinstance(step, bytes))

    def head(self) -> bytes:
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        match self.framing:
            case "chunked":
                lines.append("transfer-encoding: chunked")
            case "length" if self.status not in {204, 304}:
                length = len(self.body) if self.declared_length is None else self.declared_length
                lines.append(f"content-length: {length}")
            case _:
                pass
        if not self.keeps_connection or self.framing == "until-close":
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_answer(
    value: Any, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()
) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, (("content-type", "application/json"), *headers), (body,))


def html_error(status: int = 502, text: str = "Bad gateway") -> Answer:
    """What a proxy or a CDN says where JSON was expected."""
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body>{text}</body></html>"
    return Answer(status, (("content-type", "text/html"),), (page.encode(),))


def cut_after(answer: Answer, count: int) -> Answer:
    """The same answer, its connection closed after `count` of its bytes steps."""
    kept: list[Step] = []
    for step in answer.steps:
        if isinstance(step, bytes):
            if count == 0:
                break
            count -= 1
        kept.append(step)
    declared = len(answer.body) if answer.framing == "length" else None
    return replace(answer, steps=(*kept, Cut()), declared_length=declared)


def gated_after(answer: Answer, count: int, gate: Gate | asyncio.Event) -> Answer:
    """The same answer, waiting at `gate` after `count` of its bytes steps."""
    steps: list[Step] = []
    for step in answer.steps:
        if isinstance(step, bytes):
            if count == 0:
                steps.append(gate)
            count -= 1
        steps.append(step)
    if count >= 0:
        steps.append(gate)
    return replace(answer, steps=tuple(steps))


def slowly(answer: Answer, seconds: float) -> Answer:
    """The same answer with a pause before each of its bytes steps."""
    steps = [part for step in answer.steps for part in (Pause(seconds), step)]
    return replace(answer, steps=tuple(steps))


def in_cuts(answer: Answer, *positions: int) -> Answer:
    """The same body cut at these byte positions in place of event by event."""
    edges = [0, *sorted(positions), len(answer.body)]
    body = answer.body
    return replace(answer, steps=tuple(body[a:b] for a, b in itertools.pairwise(edges) if a < b))
