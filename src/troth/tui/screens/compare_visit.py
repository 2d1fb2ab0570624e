"""From the chat to a comparison and back: `ctrl+s`, `/compare`, and a chat that holds one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from troth.domain.error import TrothError
from troth.domain.message import Part, Role, TextPart
from troth.domain.model import ModelRef
from troth.engine.comparison_lineups import lineup
from troth.engine.comparison_state import MIN_COLUMNS, Blind, ColumnSpec, LineUp
from troth.engine.comparison_text import parse_spec, write_spec

if TYPE_CHECKING:
    from troth.engine.chat import Chat
    from troth.engine.comparison import Comparison
    from troth.tui.application import TrothApp
    from troth.tui.screens.chat import ChatScreen
    from troth.tui.screens.talking import Talking

_LAST = "tui:lineup"
_BLIND_WORD = "blind"


class Comparing:
    """Begins comparisons of the open chat, and opens the one that it holds."""

    def __init__(self, app: TrothApp, screen: ChatScreen, talking: Talking) -> None:
        self._app = app
        self._screen = screen
        self._talking = talking

    async def open(self, models: str = "") -> None:
        """Compare with the draft, else open what the chat holds, else its last prompt."""
        chat, engine = self._talking.chat, self._talking.engine
        if chat is None:
            return
        has_draft = bool(self._screen.prompt.text.strip() or self._talking.attached)
        if not has_draft and not models and await chat.holds_comparison():
            try:
                self._show(await engine.comparisons.open(chat))
            except TrothError as error:
                self._screen.say_error(error)
            return
        try:
            is_blind, specs = self._read(models)
        except TrothError as error:
            self._screen.say_error(error)
            return
        last = await self._remembered(chat.conversation.model)
        blind = (last.blind or Blind()) if is_blind else None
        if specs:
            last = LineUp(tuple(specs), blind, last.prompt_set)
        elif is_blind:
            last = replace(last, blind=blind)
        await self._choose(chat, last, is_ready=len(specs) >= MIN_COLUMNS)

    def _read(self, models: str) -> tuple[bool, list[ColumnSpec]]:
        words = models.replace(",", " ").split()
        names = [word for word in words if word != _BLIND_WORD]
        engine = self._talking.engine
        specs: list[ColumnSpec] = []
        for name in names:
            if name in engine.settings.lineups:
                specs += lineup(engine, name)
            else:
                specs.append(parse_spec(name, engine.providers.resolve_model))
        return _BLIND_WORD in words, specs

    async def _choose(self, chat: Chat, known: LineUp, *, is_ready: bool) -> None:
        prompt = self._prompt_words(chat)
        if not prompt:
            await self._remember(known)
            key = self._app.keymap.first("compare.open")
            self._screen.announce(f"Write a prompt first; {key} then puts it to several models.")
            return
        if is_ready:
            await self._begin(known)
            return
        from troth.tui.screens.compare_start import StartScreen

        self._screen.ask(
            StartScreen(
                self._talking.engine,
                known.specs,
                prompt=prompt,
                blind=known.blind,
                prompt_set=known.prompt_set,
            ),
            lambda chosen: self._screen.run_worker(self._begin(chosen), group="compare"),
        )

    def _prompt_words(self, chat: Chat) -> str:
        if text := self._screen.prompt.text.strip():
            return text
        if self._talking.attached:
            return "what is attached"
        own = [message for message in chat.path if message.role is Role.USER]
        return own[-1].text or "your last message" if own else ""

    async def _begin(self, chosen: LineUp) -> None:
        """Start the comparison; the draft is gone only when it could be asked."""
        chat, engine, screen = self._talking.chat, self._talking.engine, self._screen
        if chat is None:
            return
        text = screen.prompt.text
        parts: list[Part] = [*self._talking.attached]
        if text.strip():
            parts.insert(0, TextPart(text.removeprefix("/") if text.startswith("//") else text))
        own = [message.id for message in chat.path if message.role is Role.USER]
        from troth.tui.screens.compare_crossing import Border

        border, specs = Border(self._app, engine), chosen.specs
        try:
            if not await border.may_start(chat, specs, from_message=None if parts else own[-1]):
                screen.announce("Nothing was sent.")
                return
            comparison = await engine.comparisons.start(
                chat,
                parts or None,
                specs,
                from_message=None if parts else own[-1],
                blind=chosen.blind,
                prompt_set=chosen.prompt_set,
            )
        except TrothError as error:
            screen.say_error(error)
            return
        await self._remember(chosen)
        if parts:
            screen.prompt.clear()
            self._talking.attaching.clear()
            await self._talking.save_draft()
        screen.say(None)
        self._show(comparison)

    def _show(self, comparison: Comparison) -> None:
        from troth.tui.screens.compare import CompareScreen

        screen = CompareScreen(
            self._app, self._talking.engine, comparison, self._screen.action_command
        )
        self._app.push_screen(screen, self._left)

    def _left(self, chat_id: str | None) -> None:
        if chat_id:
            self._screen.run_worker(self._talking.open(chat_id), group="open")
            return
        self._talking.redraw()
        self._screen.page.scroll_to_tail()
        self._screen.run_worker(self._talking.measure(), group="meter", exclusive=True)

    # -- the line-up of last time

    async def _remember(self, chosen: LineUp) -> None:
        chat = self._talking.chat
        if chat is None or chat.conversation.is_incognito:
            return
        row = {
            "columns": [write_spec(spec) for spec in chosen.specs],
            "is_blind": chosen.blind is not None,
            "pads_latency": chosen.blind is not None and chosen.blind.pads_latency,
            "prompt_set": chosen.prompt_set,
        }
        await self._talking.engine.vault.set_state(_LAST, json.dumps(row))

    async def _remembered(self, current: ModelRef | None) -> LineUp:
        """Return what was chosen last time, as far as its models are there, else this chat's."""
        engine = self._talking.engine
        stored = cast("object", json.loads(await engine.vault.state(_LAST) or "{}"))
        row = cast("dict[str, object]", stored) if isinstance(stored, dict) else {}
        found: list[ColumnSpec] = []
        for name in cast("list[str]", row.get("columns") or []):
            try:
                found.append(parse_spec(name, engine.providers.resolve_model))
            except TrothError:
                continue
        if len(found) < MIN_COLUMNS:
            found = [ColumnSpec(current)] if current is not None else []
        blind = Blind(pads_latency=bool(row.get("pads_latency"))) if row.get("is_blind") else None
        return LineUp(tuple(found), blind, str(row.get("prompt_set") or ""))
