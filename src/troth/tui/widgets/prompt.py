"""The prompt: several lines, earlier prompts, and a menu of /commands while one is typed.

Enter sends; a paste never does. A text that could not be sent is given back by the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static, TextArea

from troth.tui.commands import Command, parse_slash, slash_matches
from troth.tui.keys import DEFAULT_KEYS, bindings_for

if TYPE_CHECKING:
    from troth.tui.widgets.slash_menu import SlashMenu

_NAMES = ("send", "newline", "earlier", "later", "complete")
PLACEHOLDER = "Ask, or / for commands"


class PromptArea(TextArea, inherit_css=False):
    """The text field inside the prompt.

    Its own style sheet, because parsing TextArea's costs 10 ms before the first paint.
    """

    DEFAULT_CSS = """
    PromptArea {
        width: 1fr; height: auto; max-height: 12; overflow-x: hidden; overflow-y: auto;
        padding: 0 1 0 0; background: transparent; color: $foreground; pointer: text;
        scrollbar-size-vertical: 1; scrollbar-color: $scrollbar;
        scrollbar-background: $scrollbar-background;
        & .text-area--cursor {
            color: $input-cursor-foreground; background: $input-cursor-background;
        }
        & .text-area--selection { background: $input-selection-background; }
        & .text-area--placeholder { color: $text-muted; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = TextArea.COMPONENT_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = [
        replace(binding, action="own_key") for binding in bindings_for("prompt")
    ]

    class Sent(Message):
        """The send key was pressed on this text; the field is empty already."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Wanted(Message):
        """Another prompt key was pressed: `earlier`, `later` or `complete`."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    _edits: ClassVar[Mapping[str, str]] = {
        binding.key: binding.action for binding in Binding.make_bindings(TextArea.BINDINGS)
    }
    """What TextArea's own keys do. Run here for the same reason as the prompt's keys: a binding
    runs only after its key has risen to the app, when later letters may stand there already."""

    menu_is_open = False
    keys: Mapping[str, str] = DEFAULT_KEYS
    """Command id -> keys, those of the user laid over the defaults."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the prompt's own keys to `_on_key`: the bindings only name and rebind them."""
        return action != "own_key"

    async def _on_key(self, event: events.Key) -> None:
        # Here and not by priority bindings: those run before letters that are still on their way,
        # and a fast "hello<Enter>" would send half of it.
        name = next((name for name in _NAMES if event.key in self._keys_of(name)), "")
        if name and self._act(name):
            event.stop()
            event.prevent_default()
        elif (action := self._edits.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)
        else:
            await super()._on_key(event)

    def _keys_of(self, name: str) -> list[str]:
        return self.keys.get(f"prompt.{name}", "").split(",")

    def _act(self, name: str) -> bool:
        """Do what a prompt key says; False leaves the key to the text field."""
        at = self.cursor_location
        if name == "newline" or (name == "send" and self._ends_in_backslash()):
            if name == "send":
                self.action_delete_left()
            self.insert("\n")
        elif name == "send":
            text = self.text
            self.load_text("")
            self.post_message(self.Sent(text))
        elif (
            self.menu_is_open
            or (name == "earlier" and self.navigator.is_first_wrapped_line(at))
            or (name == "later" and self.navigator.is_last_wrapped_line(at))
        ):
            self.post_message(self.Wanted(name))
        else:
            return False
        return True

    def _ends_in_backslash(self) -> bool:
        row, column = self.cursor_location
        line = self.document.get_line(row)
        return column == len(line) and line.endswith("\\") and not line.endswith("\\\\")

    async def _on_paste(self, event: events.Paste) -> None:
        # One event whatever the number of lines: it is inserted, never submitted. What a clipboard
        # holds is foreign: escape sequences in it would reach the terminal when drawn.
        event.prevent_default()
        event.stop()
        from troth.tui.safe import clean  # its patterns take 7 ms: not before the first paint

        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if (edit := self._replace_via_keyboard(text, *self.selection)) is not None:
            self.move_cursor(edit.end_location)


class PromptBar(Widget):
    """The prompt with its sign. The menu stands where the screen puts it."""

    DEFAULT_CSS = """
    PromptBar { layout: horizontal; height: auto; max-height: 60%; }
    PromptBar > Static { width: 3; color: $primary; text-style: bold; }
    """

    class Submitted(Message):
        """The person wants this sent. The field is empty: `give_back` what cannot be sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Changed(Message):
        """The text is another one; keep it as a draft."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    area = query_one(PromptArea)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.facts: Iterable[str] = ()
        """What holds now: decides which /commands are offered."""
        self.earlier: Sequence[str] = ()
        """Earlier prompts, oldest first."""
        self.menu: SlashMenu | None = None
        """Where /commands are offered; None until the screen has mounted one."""
        self._place: int | None = None
        self._unsent = ""
        self._matches: list[Command] = []

    def compose(self) -> ComposeResult:
        yield Static(" ❯ ", markup=False)
        yield PromptArea(
            soft_wrap=True,
            tab_behavior="focus",
            highlight_cursor_line=False,
            placeholder=PLACEHOLDER,
            compact=True,
        )

    # -- what the screen says

    @property
    def text(self) -> str:
        return self.area.text

    def set_text(self, text: str) -> None:
        """Put a draft, a quotation or an earlier prompt into the field, cursor at its end."""
        self.area.load_text(text)
        self.area.move_cursor(self.area.document.end)

    def insert_text(self, text: str) -> None:
        """Insert at the cursor."""
        self.area.insert(text)

    def clear(self) -> None:
        """Empty the field after a send."""
        self._place = None
        self.set_text("")

    def take_focus(self) -> None:
        self.area.focus()

    @property
    def has_menu(self) -> bool:
        return bool(self._matches)

    def close_menu(self) -> None:
        """Take the menu away; the text stays."""
        self._show_menu([])

    # -- what keys do

    def on_prompt_area_wanted(self, message: PromptArea.Wanted) -> None:
        message.stop()
        step = -1 if message.name == "earlier" else 1
        if message.name == "complete":
            self.complete()
        elif self.menu is not None and self._matches:
            self.menu.move(step)
        else:
            self.walk(step)

    def on_prompt_area_sent(self, message: PromptArea.Sent) -> None:
        message.stop()
        self._send(message.text)

    def accept(self) -> None:
        """Send what is written, as the send key does."""
        text = self.area.text
        self.area.load_text("")
        self._send(text)

    def give_back(self, text: str) -> None:
        """Put a text back that could not be sent, before what was typed since."""
        typed = self.area.text
        self.set_text(f"{text}\n{typed}" if typed.strip() else text)

    def _send(self, text: str) -> None:
        """Hand the text up. Half a command becomes the one under the menu's cursor."""
        self._place = None
        matches = slash_matches(text, self.facts)
        if matches and parse_slash(text) is None:
            chosen = self._chosen() if matches == self._matches else matches[0]
            chosen = chosen or matches[0]
            if chosen.argument and not chosen.argument.startswith("["):
                self.set_text(f"/{chosen.name} ")
                return
            text = f"/{chosen.name}"
        if text.strip():
            self.post_message(self.Submitted(text))

    def _chosen(self) -> Command | None:
        at = self.menu.cursor if self.menu is not None else 0
        return self._matches[at] if at < len(self._matches) else None

    def complete(self) -> None:
        """Write out the /command under the menu's cursor."""
        if (chosen := self._chosen()) is not None:
            self.set_text(f"/{chosen.name} " if chosen.argument else f"/{chosen.name}")

    def walk(self, step: int) -> None:
        """Go through earlier prompts; what was being written waits at the end."""
        if not self.earlier:
            return
        if self._place is None:
            if step > 0:
                return
            self._unsent, self._place = self.area.text, len(self.earlier)
        place = self._place + step
        if not 0 <= place <= len(self.earlier):
            return
        self._place = place
        self.set_text(self._unsent if place == len(self.earlier) else self.earlier[place])
        if place == len(self.earlier):
            self._place = None

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        message.stop()
        text = self.area.text
        self._show_menu(slash_matches(text, self.facts) if text.startswith("/") else [])
        self.post_message(self.Changed(text))

    def _show_menu(self, matches: list[Command]) -> None:
        if self.menu is None or matches == self._matches:
            return
        self._matches = matches
        self.area.menu_is_open = bool(matches)
        self.menu.offer(matches)
