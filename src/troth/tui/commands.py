"""The one registry of what a person can do. Palette, `/commands`, keys, footer and help read it.

A command is a value: what it is called, what key it has by default, and when it can be used. Who
carries it out is the screen's business. Ids are stable: config.toml's `[keys]` names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from troth.domain.model import ModelRef
from troth.tui.command import Command, Fact, Scope
from troth.tui.commands_compare import COMPARE_COMMANDS

COMMANDS: Final[tuple[Command, ...]] = (
    # prompt
    Command("prompt.send", "Send", "Send what is written", "prompt", "enter", footer="send",
            footer_rank=1),
    Command("prompt.newline", "New line", "Begin a new line in the prompt", "prompt",
            "ctrl+j,alt+enter,shift+enter"),
    Command("prompt.earlier", "Earlier prompt", "Bring back what was sent before", "prompt", "up"),
    Command("prompt.later", "Later prompt", "Go forward again in what was sent", "prompt", "down"),
    Command("prompt.complete", "Complete", "Complete a /command", "prompt", "tab"),
    # models and views
    Command("model.pick", "Switch model", "Choose who answers from the next message on", "chat",
            "ctrl+o", "model", "NAME", footer="model", footer_rank=2),
    Command("find.open", "Find in history", "Search all chats and open at the hit", "chat",
            "ctrl+f", "find", "WORDS", footer="find", footer_rank=4),
    Command("sidebar.toggle", "Chats", "Show or hide the list of chats", "chat", "ctrl+b", "chats",
            footer="chats", footer_rank=3),
    Command("verification.toggle", "Verification",
            "What is proven about a reply, by whom, and what is not", "chat", "ctrl+t", "verify",
            needs=("chat",), footer="verify", footer_rank=3),
    Command("compare.open", "Compare models",
            "Put the prompt to several models side by side, or go back to such a comparison",
            "chat", "ctrl+s", "compare", "MODELS", footer="compare", footer_rank=6),
    Command("network.open", "Network", "Every host that was contacted, when, why and how much",
            "app", "f9", "network"),
    # chats
    Command("chat.new", "New chat", "Begin an empty chat; this one stays in the list", "chat",
            "ctrl+n", "new", "[PERSONA]", footer="new", footer_rank=5),
    Command("chat.incognito", "New incognito chat", "Begin a chat that is gone when it is closed",
            "chat", "", "incognito"),
    Command("chat.rename", "Rename chat", "Give the chat a name", "chat", "f2", "rename", "NAME",
            needs=("chat",)),
    Command("chat.settings", "Chat settings", "System prompt, persona and parameters of this chat",
            "chat", "f3", "settings"),
    Command("chat.pin", "Pin or unpin chat", "Keep the chat at the top of the list", "chat", "",
            "pin", needs=("chat",)),
    Command("chat.archive", "Archive or unarchive chat", "Take the chat out of the list", "chat",
            "", "archive", needs=("chat",)),
    Command("chat.tag", "Tag chat", "Give the chat a tag, or take it away", "chat", "", "tag",
            "NAME", needs=("chat",)),
    Command("chat.folder", "Put chat into a folder", "A new name makes a folder; - takes it out",
            "chat", "", "folder", "NAME", needs=("chat",)),
    Command("chat.delete", "Delete chat", "Delete the chat; it can be brought back", "chat", "",
            "delete", needs=("chat",)),
    Command("chat.undelete", "Bring back the deleted chat", "Undo the last delete", "chat", "",
            "undelete", needs=("trash",)),
    Command("import.open", "Import chats",
            "From ChatGPT, Claude, Gemini, llm, oterm, elia: look first, then take in", "chat", "",
            "import", "PATH"),
    Command("chat.save", "Save chat to a file", "Write the whole chat as Markdown", "chat", "",
            "save", "PATH", needs=("chat",)),
    Command("chat.earlier", "Previous chat", "Open the chat above in the list", "chat",
            "alt+pageup"),
    Command("chat.later", "Next chat", "Open the chat below in the list", "chat", "alt+pagedown"),
    Command("prompt.editor", "Write in $EDITOR", "Open the prompt in your own editor", "chat",
            "ctrl+g", "editor"),
    Command("prompt.attach", "Attach a file or folder",
            "Add an image, a document, a text file, or the text files of a folder to the prompt",
            "chat", "alt+a", "attach", "PATH"),
    Command("prompt.detach", "Take attached files off", "Let none of them go along", "chat",
            slash="detach", needs=("attached",)),
    Command("attach.stop", "Stop reading a file", "Attach it not; what is written stays", "chat",
            "escape", needs=("attaching",), footer="stop", footer_rank=-1),
    Command("reply.stop", "Stop", "Stop the reply and keep what has come", "chat", "escape", "stop",
            needs=("streaming",), footer="stop", footer_rank=-1),
    Command("reading.enter", "Read", "Walk through the messages with j and k", "chat", "escape",
            "read", needs=("chat",)),
    Command("view.up", "Scroll up", "Scroll what you read one page up", "chat", "pageup",
            slash="up"),
    Command("view.down", "Scroll down", "Scroll what you read one page down", "chat",
            "pagedown", slash="down"),
    Command("view.end", "Go to the end", "Scroll to the newest words and follow them", "chat",
            "ctrl+end", slash="end"),
    Command("queue.send", "Send the next message now",
            "Let a message go that was kept from last time, or could not be sent before",
            "chat", "alt+down", "next", needs=("queue", "idle")),
    Command("queue.edit", "Edit the next message", "Take a waiting message back into the prompt",
            "chat", "alt+up", "queue", needs=("queue",)),
    Command("queue.remove", "Drop the next message", "Throw the last waiting message away", "chat",
            "alt+delete", needs=("queue",), slash="drop"),
    # reading mode
    Command("reading.next", "Next message", "Go one message down", "reading", "j,down",
            needs=("chat",)),
    Command("reading.previous", "Previous message", "Go one message up", "reading", "k,up",
            needs=("chat",)),
    Command("reading.first", "First message", "Go to the beginning", "reading", "g,home",
            needs=("chat",)),
    Command("reading.last", "Last message", "Go to the end", "reading", "G,end", needs=("chat",)),
    Command("reading.copy", "Copy message", "Copy the message's Markdown source", "reading", "c",
            "copy", needs=("chat",), footer="copy", footer_rank=2),
    Command("reading.code", "Copy code block", "Copy a code block: y, then its number", "reading",
            "y", "code", "NUMBER", needs=("chat",), footer="code", footer_rank=4),
    Command("reading.link", "Open link or picture",
            "Open a picture of the message with the system's viewer, or a link: o, then its number",
            "reading", "o", "link", "NUMBER", needs=("chat",), footer="open", footer_rank=7),
    Command("reading.fold", "Fold or unfold", "Fold or unfold the message, or its thinking",
            "reading", "space,z,t", needs=("chat",), footer="fold", footer_rank=9),
    Command("reading.quote", "Quote", "Put the message into the prompt as a quotation", "reading",
            "q", "quote", needs=("chat",), footer="quote", footer_rank=8),
    Command("reading.edit", "Edit and resend",
            "Write your message anew; the old one stays a variant", "reading", "e", "edit",
            needs=("chat",), footer="edit", footer_rank=3),
    Command("reading.regenerate", "Answer again",
            "Ask for another reply; the old one stays a variant", "reading", "r", "again",
            needs=("chat", "idle"), footer="again", footer_rank=3),
    Command("reading.continue", "Continue", "Let the model go on where its reply ended", "reading",
            "full_stop", "continue", needs=("chat", "idle"), footer="go on", footer_rank=10),
    Command("reading.fork", "Fork from here",
            "Begin a new chat that has everything up to this message", "reading", "f", "fork",
            needs=("chat",), footer="fork", footer_rank=6),
    Command("reading.older", "Older variant", "Show the variant before this one", "reading",
            "left,h", "older", needs=("chat", "variants")),
    Command("reading.newer", "Newer variant", "Show the variant after this one", "reading",
            "right,l", "newer", needs=("chat", "variants")),
    Command("reading.save", "Save to a file", "Write the message, or its picture, to a file",
            "reading", "s", "save-message", "PATH", needs=("chat",), footer="save", footer_rank=5),
    Command("picture.larger", "Larger pictures", "Draw the pictures of the chat larger", "reading",
            "plus,equals_sign", "larger", needs=("picture",), footer="larger", footer_rank=11),
    Command("picture.smaller", "Smaller pictures", "Draw the pictures of the chat smaller",
            "reading", "minus", "smaller", needs=("picture",), footer="smaller", footer_rank=12),
    Command("reading.verdict", "What was checked", "Say what is known about who wrote this reply",
            "reading", "v", "details", needs=("chat",)),
    Command("reading.keys", "Keys", "Show every key and command", "reading", "question_mark"),
    Command("reading.leave", "Back to the prompt", "Leave reading mode", "reading", "i,escape",
            footer="prompt", footer_rank=1),
    # the verification pane
    Command("verification.again", "Check again",
            "Run every check again on the bytes that are kept; contacts nobody", "verification",
            "r", "recheck", needs=("chat",), footer="check again", footer_rank=2),
    Command("verification.bytes", "Bytes as received",
            "Show the request and the reply byte for byte, as they were sent and received",
            "verification", "b", "bytes", needs=("chat",), footer="bytes", footer_rank=3),
    Command("verification.key", "Key and trust", "Pin, name or distrust the key that signed",
            "verification", "p", "key", needs=("chat",), footer="key", footer_rank=4),
    Command("verification.evidence", "Evidence",
            "Show what was fetched to check the reply: keys, hardware documents", "verification",
            "e", "evidence", needs=("chat",), footer="evidence", footer_rank=6),
    Command("verification.receipt", "Export a receipt",
            "Write a file with which anyone can check this reply", "verification", "x", "receipt",
            "PATH", needs=("chat",), footer="receipt", footer_rank=5),
    Command("verification.copy", "Copy fingerprint", "Copy the fingerprint of the key that signed",
            "verification", "c", needs=("judged",), footer="copy key", footer_rank=8),
    Command("verification.allow", "Let a failed reply in",
            "Let later models see a reply that failed, or keep it out again", "verification", "a",
            "allow", needs=("rejected",), footer="let in", footer_rank=3),
    Command("verification.older", "Earlier reply", "Show what is proven of the reply before",
            "verification", "left,h", needs=("pane",)),
    Command("verification.newer", "Later reply", "Show what is proven of the reply after",
            "verification", "right,l", needs=("pane",), footer="other replies", footer_rank=7),
    Command("verification.down", "Scroll down", "Scroll the pane down", "verification", "j,down",
            needs=("pane",)),
    Command("verification.up", "Scroll up", "Scroll the pane up", "verification", "k,up",
            needs=("pane",)),
    Command("verification.leave", "Close the pane", "Go back to the prompt; a drawer closes",
            "verification", "escape,q", needs=("pane",), footer="back", footer_rank=1),
    # sidebar
    Command("sidebar.open", "Open chat", "Open the chat under the cursor", "sidebar", "enter",
            needs=("list",), footer="open", footer_rank=1),
    Command("sidebar.filter", "Filter chats", "Type to see only matching chats", "sidebar", "slash",
            needs=("list",), footer="filter", footer_rank=2),
    Command("sidebar.rename", "Rename", "Rename the chat under the cursor", "sidebar", "r",
            needs=("list",), footer="rename", footer_rank=9),
    Command("sidebar.pin", "Pin or unpin", "Pin the chat under the cursor", "sidebar", "p",
            needs=("list",), footer="pin", footer_rank=5),
    Command("sidebar.archive", "Archive", "Archive the chat under the cursor", "sidebar", "a",
            needs=("list",), footer="archive", footer_rank=6),
    Command("sidebar.archived", "Show the archive", "Switch between the list and the archive",
            "sidebar", "A", needs=("list",)),
    Command("folder.list", "Folders", "Show a folder's chats; say how long it keeps them", "chat",
            "", "folders"),
    Command("sidebar.delete", "Delete", "Delete the chat under the cursor, or those selected",
            "sidebar", "d,delete", needs=("list",), footer="delete", footer_rank=3),
    Command("sidebar.select", "Select", "Select this chat too; the next deed is for all selected",
            "sidebar", "space", needs=("list",), footer="select", footer_rank=4),
    Command("sidebar.all", "Select all", "Select every chat that is shown, or none", "sidebar",
            "asterisk", needs=("list",)),
    Command("sidebar.move", "Move to a folder", "Put the selected chats into a folder", "sidebar",
            "m", needs=("list",), footer="move", footer_rank=7),
    Command("sidebar.tag", "Tag", "Give the selected chats a tag, or take it away", "sidebar", "t",
            needs=("list",), footer="tag", footer_rank=8),
    Command("sidebar.undelete", "Undo delete", "Bring the deleted chat back", "sidebar", "u",
            needs=("list", "trash"), footer="undo", footer_rank=2),
    Command("sidebar.down", "Next chat in the list", "Move the cursor down", "sidebar", "j,down",
            needs=("list",)),
    Command("sidebar.up", "Chat before in the list", "Move the cursor up", "sidebar", "k,up",
            needs=("list",)),
    Command("sidebar.first", "Top of the list", "Move the cursor to the first chat", "sidebar",
            "g,home", needs=("list",)),
    Command("sidebar.last", "Bottom of the list", "Move the cursor to the last chat", "sidebar",
            "G,end", needs=("list",)),
    Command("sidebar.leave", "Leave the list",
            "Let go of what is selected, then of the filter, then back to the prompt", "sidebar",
            "escape", needs=("list",), footer="back", footer_rank=1),
    # the app
    Command("theme.pick", "Theme", "Choose a theme; it shows while you walk the list", "app", "",
            "theme", "NAME"),
    Command("provider.add", "Add a key or a server",
            "Set up a provider, a local server or the model on this computer", "app", "", "setup"),
    Command("provider.login", "Log in with the browser",
            "For a provider that wants an account; the login is kept in the vault", "app", "",
            "login", "PROVIDER"),
    Command("demo.start", "See what verification looks like",
            "SIMULATED: an enclave on this computer signs, or cheats: /demo tamper", "app", "",
            "demo", "MODE"),
    Command("vault.open", "Vault", "Look after the vault: check, backup, passphrase, keychain",
            "app", "", "vault"),
    Command("app.lock", "Lock", "Close the vault and clear the screen", "app", "f12", "lock",
            needs=("vault",)),
    Command("app.help", "Help", "Show every key and command", "app", "f1", "help"),
    Command("app.suspend", "Back to the shell for a while", "`fg` there comes back", "app", "",
            "suspend"),
    Command("app.quit", "Quit", "Leave Troth", "app", "ctrl+q", "quit"),
    Command("palette.open", "All commands", "Find any command by name", "app", "ctrl+p",
            footer="all", footer_rank=-2, slash="commands"),
    *COMPARE_COMMANDS,
)  # fmt: skip

BY_ID: Final[dict[str, Command]] = {command.id: command for command in COMMANDS}
BY_NAME: Final[dict[str, Command]] = {
    name: command for command in COMMANDS for name in (command.name, command.dashed_id)
}


__all__ = ["BY_ID", "BY_NAME", "COMMANDS", "Command", "Fact", "Scope"]

_SLASH_NAME = re.compile(r"/[a-z][a-z0-9-]*(?=\s|\Z)")


class SlashLine(NamedTuple):
    """A prompt that begins with a known `/name`."""

    command: Command
    argument: str


def parse_slash(text: str) -> SlashLine | None:
    """Read `/name argument`; None for ordinary text, also when it merely begins with a slash.

    `//` at the start sends a text that begins with one slash.
    """
    if not text.startswith("/") or text.startswith("//") or "\n" in text:
        return None
    name, _, argument = text[1:].partition(" ")
    command = BY_NAME.get(name)
    return SlashLine(command, argument.strip()) if command is not None else None


def unknown_slash(text: str) -> str:
    """Return the `/name` that looks like a command and is none; "" for ordinary text and paths.

    Somebody who mistypes a command must not send it to a provider.
    """
    found = _SLASH_NAME.match(text)
    return found[0] if found and found[0][1:] not in BY_NAME and "\n" not in text else ""


def slash_matches(text: str, facts: Iterable[str]) -> list[Command]:
    """Return the commands that a half-written `/na` could become, best first."""
    if not text.startswith("/") or text.startswith("//") or any(c.isspace() for c in text):
        return []
    typed = text[1:].lower()
    known = set(facts)
    ready = [command for command in COMMANDS if command.is_available(known)]
    begins = [command for command in ready if command.name.startswith(typed)]
    holds = [command for command in ready if typed in command.name and command not in begins]
    # What is typed is nearest to being the shortest one: `/ne` is /new before it is /network.
    begins.sort(key=lambda command: command.name)
    if typed:
        begins.sort(key=lambda command: len(command.name))
    # Those with a short name of their own are meant to be typed.
    return sorted(begins, key=_has_no_name) + sorted(holds, key=_has_no_name)


def _has_no_name(command: Command) -> bool:
    return not command.slash


def fuzzy_rank(query: str, text: str) -> int | None:
    """Say how well `text` fits what was typed: smaller is better, None is not at all.

    All words must occur; else all letters in order. The start of a word counts for more.
    """
    typed, where = query.lower().split(), text.lower()
    if not typed:
        return 0
    rank = 0
    for word in typed:
        at = where.find(word)
        if at < 0:
            return _letters_rank(query.lower().replace(" ", ""), where)
        starts_word = at == 0 or not where[at - 1].isalnum()
        rank += (0 if at == 0 else 10 if starts_word else 40) + min(at, 30)
    return rank


def model_rank(query: str, ref: ModelRef, beside: str) -> int | None:
    """Say how well a model fits, by its names, by `provider/model` and by what is told `beside`."""
    if query.strip().lower() == str(ref).lower():
        return -1
    return fuzzy_rank(query, f"{ref.model} {ref.provider} {beside} {ref}")


def _letters_rank(letters: str, text: str) -> int | None:
    at, gaps = -1, 0
    for letter in letters:
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1
        at = found
    # Letters that lie all over a long name are no match that a person would call one.
    return 1000 + gaps if gaps <= 2 * len(letters) + 4 else None


_LOCAL_SCOPES = frozenset({"prompt", "reading", "sidebar", "verification"})


def palette_matches(query: str, facts: Iterable[str]) -> list[Command]:
    """Return the available commands that fit `query`, best first; all in order for "".

    Of two that fit alike, what the keys of one place do (the prompt's, the list's) comes last.
    """
    known = set(facts)
    ranked: list[tuple[int, bool, int, Command]] = []
    for place, command in enumerate(COMMANDS):
        if command.id == "palette.open" or not command.is_available(known):
            continue
        ranks = (
            fuzzy_rank(query, command.title),
            _plus(fuzzy_rank(query, command.name), 5),
            _plus(fuzzy_rank(query, command.help), 60),
        )
        best = min((rank for rank in ranks if rank is not None), default=None)
        if best is not None:
            ranked.append((best, command.scope in _LOCAL_SCOPES, place, command))
    return [command for *_, command in sorted(ranked, key=lambda row: row[:3])]


def _plus(rank: int | None, penalty: int) -> int | None:
    return None if rank is None else rank + penalty
