"""The borders of the command line: what goes to stdout, what to stderr, and the exit codes.

stdout is data, stderr is for people. Foreign text reaches a terminal only cleaned; a pipe gets it
as it came. Must not import textual or rich.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from troth.domain.error import (
    ConfigError,
    EnclaveRefused,
    Failure,
    ImportRefused,
    KeyMissing,
    LocalModelError,
    LoginElsewhere,
    LoginMissing,
    ModelFileRefused,
    NetworkError,
    NotFound,
    NotWritten,
    OutputFailed,
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
    (LoginElsewhere, ExitCode.LOCKED),
    (LoginMissing, ExitCode.LOCKED),
    (VaultError, ExitCode.LOCKED),
    (PolicyRefused, ExitCode.NOT_VERIFIED),
    (EnclaveRefused, ExitCode.NOT_VERIFIED),
    (ReceiptRefused, ExitCode.NOT_VERIFIED),
    (ProviderError, ExitCode.PROVIDER),
    (NetworkError, ExitCode.PROVIDER),
    (ModelFileRefused, ExitCode.USAGE),
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

    def put(self, text: str) -> None:
        """Write our own text to stdout as it is; raises BrokenPipeError and OutputFailed."""
        put(self.stdout, text)

    def write(self, text: str) -> None:
        """Write a piece of foreign text to stdout, at once; raises as `put` does."""
        if self._cleaner is not None:
            text = self._cleaner.feed(text)
        if text:
            self.clear_status()
            self.put(text)
            self._ends_line = text.endswith("\n")

    def end_text(self) -> None:
        """End what `write` began, on a line of its own."""
        if self._cleaner is not None:
            rest = self._cleaner.close()
            self._cleaner = _new_cleaner()
            if rest:
                self.put(rest)
                self._ends_line = rest.endswith("\n")
        if not self._ends_line:
            self.put("\n")
            self._ends_line = True

    def line(self, text: str = "") -> None:
        """Write one line to stdout."""
        self.clear_status()
        self.put((one_line(text) if self._cleaner is not None else text) + "\n")

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
            self.put("  ".join(cells).rstrip() + "\n")

    def json(self, value: Json) -> None:
        """Write one JSON document. It is ASCII, so it can steer no terminal."""
        self.clear_status()
        self.put(json.dumps(value, indent=2 if self.stdout.isatty() else None) + "\n")

    # people

    def note(self, text: str) -> None:
        """Say something to the person at stderr, on a line of its own."""
        self.clear_status()
        if self.stdout.isatty() and not self._ends_line:
            self.end_text()
        self._say(f"{self._wrapped(one_line(text))}\n")

    def _say(self, text: str) -> None:
        with suppress(OSError):  # whoever closed stderr, or filled its disk, wants no words
            self.stderr.write(text)
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
            self._say(f"\r\x1b[K{one_line(text)[:79]}")
            self._has_status = True

    def clear_status(self) -> None:
        """Take the passing word away."""
        if self._has_status:
            self._say("\r\x1b[K")
            self._has_status = False

    def think(self, text: str) -> None:
        """Show a piece of a model's thinking at stderr, apart from the answer."""
        self.clear_status()
        self._thinking = self._thinking or _new_cleaner()
        self._say(self._thinking.feed(text))

    def end_thinking(self) -> None:
        """End what `think` began with an empty line."""
        rest = self._thinking.close() if self._thinking else ""
        self._say(f"{rest}\n\n")
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
        try:
            if failure.kind == OutputFailed.kind:
                raise OutputFailed(failure.facts.get("reason", ""))
            if self.is_json:
                self.json({"error": error_json(words)})
            else:
                self.explain(words)
        except OutputFailed:  # JSON has no place to go either
            silence_stdout()
            self.explain(words)
        return exit_code_for(failure.kind)

    def explain(self, words: Explanation) -> None:
        """Say an error in three lines."""
        self.clear_status()
        if not self._ends_line:
            self.end_text()
        self._say(f"troth: {self.bold(one_line(words.title))}\n")
        for text in (words.detail, words.next_step):
            self._say(f"{self._wrapped(one_line(text), '  ')}\n")


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


def put(stdout: TextIO, text: str) -> None:
    """Write to stdout at once; raises BrokenPipeError, and OutputFailed for all else."""
    try:
        stdout.write(text)
        stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(error.strerror or type(error).__name__) from error


def prepare_streams() -> None:
    """Let no character that a stream cannot encode end the program; data is always UTF-8.

    A stream that was closed (`>&-`) takes all and says nothing. Its descriptor is taken, so that no
    file is opened under the number that programs write their output to.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
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
