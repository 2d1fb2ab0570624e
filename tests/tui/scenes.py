"""States of the app for snapshots and screenshots: fixed words, fixed times, nothing blinks."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image, ImageDraw
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from transfer.exports import gpt_simple
from troth.domain.conversation import Conversation
from troth.domain.error import Failure
from troth.domain.message import (
    Blob,
    BlobPart,
    Finish,
    LeftOut,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
)
from troth.domain.model import ModelRef
from troth.domain.usage import Timing, Usage
from troth.domain.verdict import Check, Outcome, State, Verdict
from troth.tui.application import TrothApp
from troth.tui.screens.chat import ChatScreen
from troth.tui.screens.desk import Desk
from troth.tui.screens.folders import FoldersScreen
from troth.tui.screens.import_chats import ImportScreen

if TYPE_CHECKING:
    from troth.tui.first_frame import Kind

START = datetime(2024, 11, 22, 9, 40, tzinfo=UTC)
LOCAL = ModelRef("local", "smollm2-135m")
OPUS = ModelRef("anthropic", "claude-opus-4-8")

ANSWER = """It used **scrypt** with `N=2^15`. Two reasons to change:

1. the memory cost could not grow past 64 MiB on small machines;
2. Argon2id takes the parallelism as its own knob.

```python
key = argon2id(passphrase, salt, m=65536, t=3, p=4)
```
"""
TABLE = """The header keeps the parameters, so an old vault *still opens*:

| header | opens | rewrapped |
|:-------|:------|:----------|
| v1     | yes   | at unlock |
| v2     | yes   | no need   |

See [RFC 9106](https://www.rfc-editor.org/rfc/rfc9106).
"""

CONFIG = """lock_after_minutes = 0

[providers.lab]
wire = "openai-chat"
base_url = "http://127.0.0.1:9/v1"
needs_key = false
title = "Laboratory"

[providers.lab.models."lab-large"]
context_tokens = 200000
input_modalities = ["text", "image"]
price_input = 5.0
price_output = 25.0

[providers.lab.models."lab-small"]
context_tokens = 32000
"""
"""Models of our own: the shipped catalogue changes, and a picture of it would with it."""

Act = Callable[[Pilot[int], Desk], Awaitable[None]]


def make_app(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind = "chat",
    environ: dict[str, str] | None = None,
) -> TrothApp:
    """Return an app below `home`, in UTC, with a cursor that stands still."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda _: None)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)
    config = home / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text(CONFIG, "utf-8")
    return TrothApp(kind, environ={"TROTH_HOME": str(home), **(environ or {})})


async def still(pilot: Pilot[int]) -> None:
    """Let everything that was begun be finished, and stop what blinks."""
    for screen in pilot.app.screen_stack:
        for area in screen.query(TextArea):
            area.cursor_blink = False
            area._cursor_visible = True
        for field in screen.query(Input):
            field.cursor_blink = False
            field._cursor_visible = True
        if isinstance(screen, ChatScreen) and screen.desk is not None:
            # A draft is counted on the meter a moment after the last key, however slow this is.
            while screen.desk.talking._draft_timer is not None:
                await pilot.pause(0.02)
    await pilot.pause()
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


async def seated(pilot: Pilot[int]) -> Desk:
    """Wait until the chat screen has its engine."""
    while True:
        screen = pilot.app.screen_stack[0]
        if isinstance(screen, ChatScreen) and screen.is_seated:
            assert screen.desk is not None
            return screen.desk
        await pilot.pause(0.02)


def message(
    number: int, role: Role, *parts: Part | str, model: ModelRef | None = None, **more: object
) -> Message:
    """Return message `number` of the scene's conversation."""
    made = Message(
        id=f"m{number}",
        conversation_id="c0",
        parent_id=f"m{number - 1}" if number else None,
        role=role,
        created_at=START + timedelta(minutes=number),
        parts=tuple(TextPart(part) if isinstance(part, str) else part for part in parts),
        model=model,
    )
    if role is Role.ASSISTANT:
        made = replace(
            made,
            usage=Usage(input=412, output=214, thinking=40),
            timing=Timing(total_ms=3_200, first_token_ms=420),
            finish=Finish.STOP,
            cost_usd=0.0061 if model == OPUS else None,
        )
    return replace(made, **more)  # type: ignore[arg-type]


def conversation_messages() -> list[Message]:
    """Return two questions, a reply with thinking, and one that was asked with less."""
    return [
        message(
            0, Role.USER, "Which lock did the vault use before Argon2, and why did we change it?"
        ),
        message(1, Role.ASSISTANT, ThinkingPart("The header says scrypt."), ANSWER, model=OPUS),
        message(2, Role.USER, "Can old vaults still be opened?"),
        message(
            3,
            Role.ASSISTANT,
            TABLE,
            model=LOCAL,
            left_out=(LeftOut("thinking", 1, "other_vendor"),),
        ),
    ]


async def tell(desk: Desk, messages: list[Message], title: str = "Vault design") -> None:
    """Put a conversation into the vault and open it."""
    vault = desk.engine.vault
    await vault.add_conversation(
        Conversation("c0", title, START, START, model=messages[-1].model or OPUS, is_titled=True)
    )
    for told in messages:
        blobs = {blob.sha256: lighthouse() for blob in told.blobs}
        await vault.append(told, blobs=blobs)
        if told.role is Role.ASSISTANT and told.finish is not Finish.FAILED:
            state = State.LOCAL if told.model == LOCAL else State.TLS_ONLY
            check = Check("reply-bytes", Outcome.NOT_COVERED, "The whole reply arrived.")
            await vault.record_verdict(told.id, Verdict(state, "none", (check,), START))
    await desk.talking.open("c0")


async def other_chats(desk: Desk) -> None:
    """Put more chats into the list."""
    titles = (
        "Payment letter",
        "Notes on hashing",
        "Grocery list",
        "漢字 and kana",
        "Lighthouse poster",
    )
    for number, title in enumerate(titles, 1):
        moment = START - timedelta(days=number * 9)
        await desk.engine.vault.add_conversation(
            Conversation(f"c{number}", title, moment, moment, is_titled=True, is_pinned=number == 2)
        )


def failed_messages() -> list[Message]:
    """Return a question that got no answer."""
    facts = {"provider": "anthropic", "model": "claude-opus-4-8", "status": "401",
             "detail": "invalid x-api-key"}  # fmt: skip
    failure = Failure("key-rejected", facts)
    return [
        message(0, Role.USER, "Draft the letter."),
        message(
            1,
            Role.ASSISTANT,
            model=OPUS,
            finish=Finish.FAILED,
            failure=failure,
            usage=None,
            timing=None,
            cost_usd=None,
        ),
    ]


def lighthouse() -> bytes:
    """Return a picture of a lighthouse above a low sea: a PNG, the same bytes each time."""
    image = Image.new("RGB", (960, 640))
    drawn = ImageDraw.Draw(image)
    for y in range(640):
        light = 70 + y // 5
        drawn.line((0, y, 960, y), (light - 40, light - 20, light) if y < 430 else (20, 60, 70))
    drawn.ellipse((690, 60, 810, 180), (240, 225, 170))
    drawn.polygon([(300, 500), (330, 170), (400, 170), (430, 500)], (225, 220, 210))
    for top in (240, 350):
        drawn.rectangle((312, top, 418, top + 45), (170, 40, 35))
    drawn.rectangle((325, 120, 405, 170), (250, 210, 90))
    drawn.polygon([(315, 120), (365, 70), (415, 120)], (40, 40, 45))
    drawn.polygon([(0, 560), (260, 490), (520, 500), (760, 640), (0, 640)], (30, 32, 34))
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def picture_messages() -> list[Message]:
    """Return a question whose answer is a picture."""
    content = lighthouse()
    digest = hashlib.sha256(content).hexdigest()
    blob = Blob(digest, "image/png", len(content), "lighthouse.png")
    model = ModelRef("lab", "lab-image")
    return [
        message(0, Role.USER, "A lighthouse in fog, two colours."),
        message(1, Role.ASSISTANT, BlobPart(blob), model=model),
    ]


def in_chat(
    act: Act | None = None, messages: Callable[[], list[Message]] | None = None
) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Return what brings an app into a scene: the conversation is told, then `act` is done."""

    async def run(pilot: Pilot[int]) -> None:
        desk = await seated(pilot)
        await tell(desk, (messages or conversation_messages)())
        await still(pilot)
        if act is not None:
            await act(pilot, desk)
        await still(pilot)

    return cast("Callable[[Pilot[int]], Awaitable[None]]", run)


async def see_picture(pilot: Pilot[int], desk: Desk) -> None:
    while "960 x 640" not in "".join(spot.row.text for spot in desk.page._spots):
        await pilot.pause(0.02)
    await pilot.press("escape")


async def read(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("escape")
    await pilot.pause()
    await pilot.press("k", "k")


async def list_chats(pilot: Pilot[int], desk: Desk) -> None:
    await other_chats(desk)
    await pilot.press("ctrl+b")
    while not desk.listing.is_open:
        await pilot.pause(0.02)


async def show_palette(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*"chat")


async def show_models(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("ctrl+o")
    await pilot.pause()
    await pilot.press(*"laborat")


async def show_slash_menu(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("slash", "c")


async def show_help(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("f1")


async def show_details(pilot: Pilot[int], desk: Desk) -> None:
    await read(pilot, desk)
    await pilot.press("v")


async def find(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("ctrl+f")
    await pilot.pause()
    await pilot.press(*"vault")
    while "found" not in str(pilot.app.screen.query_one(".picker--count").render()):
        await pilot.pause(0.02)
    while pilot.app.screen.query_one("#preview #before").has_class("-none"):
        await pilot.pause(0.02)  # what stands round the hit is read after the list is drawn
    await pilot.pause()


async def show_settings(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press("f3")


async def write_lines(pilot: Pilot[int], desk: Desk) -> None:
    await pilot.press(*"first", "ctrl+j", *"second", "ctrl+j", *"third")


IMPORTED = (
    "Knots for sailing",
    "Groceries for a week",
    "asyncio queues",
    "漢字 practice",
    "Letter to the bank",
    "Trip to Lisbon",
)


async def show_import(pilot: Pilot[int], desk: Desk) -> None:
    """Look into an export of a few chats and one broken record."""
    chats: list[str] = []
    for number, title in enumerate(IMPORTED):
        chat = gpt_simple(f"i{number}", title)
        started = START.timestamp() - number * 86_400 * 17
        chat |= {"create_time": started, "update_time": started}
        for node in cast("dict[str, dict[str, Any]]", chat["mapping"]).values():
            if node["message"] is not None:
                node["message"]["create_time"] = started
        chats.append(json.dumps(chat))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.json"
        path.write_text(f'[{", ".join(chats)}, {{"mapping": oops}}]', "utf-8")
        desk.visits.take_in(str(path))
        while not isinstance(screen := pilot.app.screen, ImportScreen):
            await pilot.pause(0.02)
        while screen._stage != "preview" or not screen.rows.rows:
            await pilot.pause(0.02)


async def select_chats(pilot: Pilot[int], desk: Desk) -> None:
    """Select two chats of the list and put them into a folder's hands."""
    await list_chats(pilot, desk)
    await pilot.press("j", "space", "space")


async def show_folders(pilot: Pilot[int], desk: Desk) -> None:
    await other_chats(desk)
    await desk.engine.housekeeping.put(["c1", "c2"], "work")
    await desk.engine.housekeeping.put(["c3"], "errands")
    await desk.engine.housekeeping.set_keep_days("errands", 30)
    desk.app.push_screen(FoldersScreen(desk.app, desk.engine))
