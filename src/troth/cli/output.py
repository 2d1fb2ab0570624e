"""The borders of the command line: what goes to stdout, what to stderr, and the exit codes.

stdout is data, stderr is for people. Foreign text reaches a terminal only cleaned; a pipe gets it
as it came. Must not import textual or rich.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from troth.domain.error import (
    ConfigError,
    EnclaveRefused,
    Failure,
    ImportRefused,
    KeyMissing,
    LocalModelError,
    LoginMissing,
    NetworkError,
    NotFound,
    NotWritten,
    PolicyRefused,
    ProviderError,
    ReceiptRefused,
    TrothError,
    UsageError,
    VaultError,
)
from troth.domain.model import Json

if TYPE_CHECKING:
    from troth.explain import Explanation
    from troth.tui.safe import Cleaner


MIN_WRAPPED = 20
"""A terminal that is narrower, or does not say how wide it is, breaks lines itself."""


class ExitCode(IntEnum):
    """A contract with scripts."""

    OK = 0
    PROVIDER = 1
    """A provider, the network or the model on this computer."""
    USAGE = 2
    LOCKED = 3
    """The vault is locked or cannot be used, or there is no key."""
    NOT_VERIFIED = 4
    INTERRUPTED = 130


_CODES: tuple[tuple[type[TrothError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (NotFound, ExitCode.USAGE),
    (ConfigError, ExitCode.USAGE),
    (NotWritten, ExitCode.USAGE),
    (ImportRefused, ExitCode.USAGE),
    (KeyMissing, ExitCode.LOCKED),
    (LoginMissing, ExitCode.LOCKED),
    (VaultError, ExitCode.LOCKED),
    (PolicyRefused, ExitCode.NOT_VERIFIED),
    (EnclaveRefused, ExitCode.NOT_VERIFIED),
    (ReceiptRefused, ExitCode.NOT_VERIFIED),
    (ProviderError, ExitCode.PROVIDER),
    (NetworkError, ExitCode.PROVIDER),
    (LocalModelError, ExitCode.PROVIDER),
)


def _kinds(root: type[TrothError]) -> Iterable[str]:
    yield root.kind
    for child in root.__subclasses__():
        yield from _kinds(child)


def exit_code_for(kind: str) -> ExitCode:
    """Return the exit code for an error kind; general failures count as the provider's."""
    for root, code in _CODES:
        if kind in _kinds(root):
            return code
    return ExitCode.PROVIDER


class Console:
    """The two streams of one run."""

    def __init__(
        self,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        *,
        is_json: bool = False,
        is_plain: bool = False,
    ) -> None:
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self.is_json = is_json
        self.is_plain = is_plain
        self._cleaner = _new_cleaner() if self.stdout.isatty() else None
        self._thinking: Cleaner | None = None
        self._ends_line = True
        self._has_status = False

    @property
    def is_interactive(self) -> bool:
        """Whether a person reads stderr on a terminal that can rewrite a line."""
        return self.stderr.isatty() and not self.is_plain and os.environ.get("TERM") != "dumb"

    # data

    def write(self, text: str) -> None:
        """Write a piece of foreign text to stdout, at once; raises BrokenPipeError."""
        if self._cleaner is not None:
            text = self._cleaner.feed(text)
        if text:
            self.clear_status()
            self.stdout.write(text)
            self.stdout.flush()
            self._ends_line = text.endswith("\n")

    def end_text(self) -> None:
        """End what `write` began, on a line of its own."""
        if self._cleaner is not None:
            rest = self._cleaner.close()
            self._cleaner = _new_cleaner()
            if rest:
                self.stdout.write(rest)
                self._ends_line = rest.endswith("\n")
        if not self._ends_line:
            self.stdout.write("\n")
            self._ends_line = True
        self.stdout.flush()

    def line(self, text: str = "") -> None:
        """Write one line to stdout."""
        self.clear_status()
        self.stdout.write(one_line(text) if self._cleaner is not None else text)
        self.stdout.write("\n")
        self.stdout.flush()

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Write a table: aligned for a person, separated by tabs for a pipe."""
        table = [[one_line(cell) for cell in row] for row in rows]
        if self._cleaner is None:
            for row in table:
                self.line("\t".join(row))
            return
        widths = [max(map(cells_of, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (
                cell + " " * (width - cells_of(cell))
                for cell, width in zip(row, widths, strict=True)
            )
            self.stdout.write("  ".join(cells).rstrip() + "\n")
        self.stdout.flush()

    def json(self, value: Json) -> None:
        """Write one JSON document. It is ASCII, so it can steer no terminal."""
        self.clear_status()
        self.stdout.write(json.dumps(value, indent=2 if self.stdout.isatty() else None) + "\n")
        self.stdout.flush()

    # people

    def note(self, text: str) -> None:
        """Say something to the person at stderr, on a line of its own."""
        self.clear_status()
        if self.stdout.isatty() and not self._ends_line:
            self.end_text()
        self.stderr.write(f"{self._wrapped(one_line(text))}\n")
        self.stderr.flush()

    def _wrapped(self, text: str, indent: str = "") -> str:
        """Break a line between words where the terminal would break it inside one."""
        if not self.stderr.isatty():
            return indent + text
        try:
            columns = os.get_terminal_size(self.stderr.fileno()).columns
        except OSError:
            return indent + text
        if columns < MIN_WRAPPED or len(indent + text) <= columns:
            return indent + text
        import textwrap

        return textwrap.fill(
            text,
            columns,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def status(self, text: str) -> None:
        """Show a passing word at the bottom; nothing where no line can be rewritten."""
        if self.is_interactive and not self.is_json and self._ends_line:
            self.stderr.write(f"\r\x1b[K{one_line(text)[:79]}")
            self.stderr.flush()
            self._has_status = True

    def clear_status(self) -> None:
        """Take the passing word away."""
        if self._has_status:
            self.stderr.write("\r\x1b[K")
            self.stderr.flush()
            self._has_status = False

    def think(self, text: str) -> None:
        """Show a piece of a model's thinking at stderr, apart from the answer."""
        self.clear_status()
        self._thinking = self._thinking or _new_cleaner()
        self.stderr.write(self._thinking.feed(text))
        self.stderr.flush()

    def end_thinking(self) -> None:
        """End what `think` began with an empty line."""
        rest = self._thinking.close() if self._thinking else ""
        self.stderr.write(f"{rest}\n\n")
        self.stderr.flush()
        self._thinking = None

    def bold(self, text: str) -> str:
        """Return `text` bold where that is wanted and works."""
        wanted = self.is_interactive and "NO_COLOR" not in os.environ
        return f"\x1b[1m{text}\x1b[22m" if wanted else text

    # failure

    def fail(self, failure: Failure) -> ExitCode:
        """Say what went wrong, to the person or as JSON, and return the exit code."""
        from troth.explain import explain_failure

        words = explain_failure(failure, "shell")
        if self.is_json:
            self.json({"error": error_json(words)})
        else:
            self.explain(words)
        return exit_code_for(failure.kind)

    def explain(self, words: Explanation) -> None:
        """Say an error in three lines."""
        self.clear_status()
        if not self._ends_line:
            self.end_text()
        self.stderr.write(f"troth: {self.bold(one_line(words.title))}\n")
        for text in (words.detail, words.next_step):
            self.stderr.write(f"{self._wrapped(one_line(text), '  ')}\n")
        self.stderr.flush()


def one_line(text: str) -> str:
    """Clean foreign text for one line; what is plain ASCII needs no import for it."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    from troth.tui.safe import clean_line

    return clean_line(text)


def cells_of(text: str) -> int:
    """Return how many cells a terminal gives to cleaned text."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
        if not unicodedata.combining(character)
    )


def _new_cleaner() -> Cleaner:
    from troth.tui.safe import Cleaner  # 10 ms of patterns, for terminals only

    return Cleaner()


def error_json(words: Explanation) -> dict[str, Json]:
    """Return the four fields that scripts may rely on."""
    return {
        "kind": words.kind,
        "title": words.title,
        "detail": words.detail,
        "next_step": words.next_step,
    }


def prepare_streams() -> None:
    """Let no character that a stream cannot encode end the program; data is always UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="replace")
        else:
            reconfigure(encoding="utf-8", errors="replace", newline="\n")


def silence_stdout() -> None:
    """Point stdout to nowhere: its reader has left, and flushing at exit must not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
