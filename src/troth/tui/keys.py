"""Keys: bindings made from the command registry, the user's own keys, and how a key is written.

Every binding has an id, a description and a tooltip. ctrl+h, ctrl+i, ctrl+m, ctrl+[ are other keys
in most terminals and are refused. Imports no Textual by itself: `troth doctor` looks here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from troth.tui.commands import BY_ID, COMMANDS, Command, Scope

if TYPE_CHECKING:
    from textual.binding import Binding

FORBIDDEN_KEYS = frozenset({"ctrl+h", "ctrl+i", "ctrl+m", "ctrl+left_square_bracket", "ctrl+["})
"""Backspace, Tab, Enter and Escape by other names."""

_WRITTEN = {
    "enter": "⏎", "escape": "esc", "full_stop": ".", "slash": "/", "question_mark": "?",
    "left": "←", "right": "→", "up": "↑", "down": "↓", "space": "space", "pageup": "pgup",
    "pagedown": "pgdn", "delete": "del", "comma": ",", "plus": "+", "minus": "-",
    "asterisk": "*",
}  # fmt: skip

_PRIORITY_SCOPES = frozenset({"chat", "app"})
"""Their keys win over what a focused text field would do with them. Not those of the prompt: it
takes its keys in the order in which they were typed."""

_PLAIN_KEYS = frozenset({"escape"})
"""Never with priority: a menu, a text field or the reader may want it first."""


class FooterItem(NamedTuple):
    """One `key word` of the footer. Higher `rank` goes first when it gets narrow."""

    command_id: str
    key: str
    text: str
    rank: int
    is_right: bool = False


def written_key(key: str) -> str:
    """Return how a key is written on screen: `^o`, `⏎`, `alt+e`, `f1`."""
    *modifiers, name = key.split("+") if key != "+" else [key]
    name = _WRITTEN.get(name, name)
    if modifiers == ["ctrl"]:
        return f"^{name}"
    return "+".join([*modifiers, name])


def bindings_for(*scopes: Scope) -> list[Binding]:
    """Return the bindings of these scopes, all leading to the screen's `action_command`."""
    from textual.binding import Binding

    return [
        Binding(
            command.key or f"unbound-{command.id}",
            f"screen.command('{command.id}')",
            command.title,
            show=False,
            priority=_goes_first(command),
            tooltip=command.help,
            id=command.id,
        )
        for command in COMMANDS
        if command.scope in scopes
    ]


def _goes_first(command: Command) -> bool:
    if command.scope == "compare":
        return command.key.startswith("ctrl+")  # letters belong to the prompt while it is written
    return command.scope in _PRIORITY_SCOPES and command.key not in _PLAIN_KEYS


class KeyProblem(NamedTuple):
    """A wish in `[keys]` that cannot be fulfilled."""

    command_id: str
    detail: str


class Keymap(NamedTuple):
    """The keys in force. `problems` tells in words what of the user's wishes cannot be done."""

    keys: dict[str, str]
    changed: dict[str, str]
    """Only what differs from the defaults: what Textual's keymap takes."""
    problems: tuple[KeyProblem, ...]

    def first(self, command_id: str) -> str:
        """Return the first key of a command as written on screen, "" when it has none."""
        key = self.keys.get(command_id, "").split(",")[0]
        return written_key(key) if key else ""

    def every(self, command_id: str) -> str:
        """Return all keys of a command as written on screen."""
        return " ".join(written_key(key) for key in self.keys.get(command_id, "").split(",") if key)


DEFAULT_KEYS = {command.id: command.key for command in COMMANDS}


def build_keymap(wishes: Mapping[str, str], send_key: str = "enter") -> Keymap:
    """Lay the user's keys over the defaults.

    Unknown ids, keys that terminals cannot tell apart, and a key that two commands of one scope
    would share are left at their defaults and named in `problems`.
    """
    keys = dict(DEFAULT_KEYS)
    problems: list[KeyProblem] = []
    if send_key != "enter":
        lines = [key for key in DEFAULT_KEYS["prompt.newline"].split(",") if key != send_key]
        keys["prompt.send"], keys["prompt.newline"] = send_key, ",".join(["enter", *lines])
    for command_id, wish in wishes.items():
        wanted = [key.strip() for key in wish.split(",") if key.strip()]
        command = BY_ID.get(command_id)
        if command is None:
            problems.append(KeyProblem(command_id, "is no action: /help lists their ids"))
        elif bad := next((key for key in wanted if key.lower() in FORBIDDEN_KEYS), None):
            detail = f"cannot be {bad}: terminals cannot tell it from another key"
            problems.append(KeyProblem(command_id, detail))
        elif other := _taken_by(command, wanted, keys):
            problems.append(KeyProblem(command_id, f"cannot have a key that {other} has already"))
        else:
            keys[command_id] = ",".join(wanted)
    changed = {
        name: key or f"unbound-{name}" for name, key in keys.items() if key != DEFAULT_KEYS[name]
    }
    return Keymap(keys, changed, tuple(problems))


def _taken_by(command: Command, wanted: Iterable[str], keys: Mapping[str, str]) -> str:
    together = {"app", command.scope} if command.scope == "compare" else {"app", "chat"}
    together |= {command.scope, "compare"} if command.scope == "app" else {command.scope}
    for other in COMMANDS:
        if other.id == command.id or other.scope not in together:
            continue
        # Escape stops, reads and leaves by default: what is available decides.
        own = set(command.key.split(","))
        if set(wanted) & (set(keys[other.id].split(",")) - own - {""}):
            return other.id
    return ""


def footer_items(keymap: Keymap, facts: Iterable[str], *scopes: Scope) -> list[FooterItem]:
    """Return what the footer may show now, in the registry's order."""
    known = set(facts)
    return [
        FooterItem(
            command.id,
            keymap.first(command.id),
            command.footer,
            abs(command.footer_rank),
            command.footer_rank < 0,
        )
        for command in COMMANDS
        if command.footer and command.scope in scopes and command.is_available(known)
        if keymap.keys.get(command.id)
    ]
