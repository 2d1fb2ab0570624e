"""Paint one static frame, and take the terminal, before Textual is imported.

Importing Textual takes most of a start. Until it is there, the screen shows the frame that the app
will open with, and keys that are typed wait in the terminal's own buffer, where the app finds
them. Imports nothing but the standard library, and always gives the terminal back.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing and signal take 8 ms together: they come after the paint
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Literal

    Kind = Literal["chat", "unlock", "welcome"]

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_MIN_WIDTH, _MIN_HEIGHT = 20, 5


class FirstFrame:
    """A frame on the terminal; `restore` gives the terminal back as it was found."""

    def restore(self) -> None:
        """Put back the terminal's modes. Safe to call twice, and after the app has ended."""

    def abandon(self) -> None:
        """Leave the alternate screen as well: the app will not come."""


def _middle(text: str, width: int) -> str:
    return text[:width].center(width).rstrip()


def frame_lines(kind: Kind, width: int, height: int) -> list[str]:
    """Return what the first frame shows: `height` lines, none wider than `width` cells."""
    lines = [""] * height
    lines[0] = " troth"
    if kind == "chat":
        lines[height - 3] = "─" * width
        lines[height - 2] = " ❯ "
        lines[height - 1] = " ⏎ send  ^o model  ^f find"[:width]
    elif kind == "unlock":
        lines[height // 2 - 1] = _middle("Opening your vault", width)
        lines[height - 1] = " ⏎ open"[:width]
    else:
        lines[height // 2 - 1] = _middle("Welcome to Troth", width)
        lines[height - 1] = " ⏎ continue"[:width]
    return lines


def _paint(file_number: int, kind: Kind, colours: str) -> None:
    width, height = os.get_terminal_size(file_number)
    if width < _MIN_WIDTH or height < _MIN_HEIGHT:
        return
    body = "\r\n".join(frame_lines(kind, width, height))
    os.write(file_number, f"{_ENTER}{colours}\x1b[H\x1b[2J{body}\x1b[0m".encode())


def _colours(environ: dict[str, str], look: str) -> str:
    """Turn a remembered look ("#rrggbb #rrggbb": ink, paper) into one SGR sequence, or nothing."""
    if "NO_COLOR" in environ or environ.get("COLORTERM", "") not in {"truecolor", "24bit"}:
        return ""
    numbers: list[str] = []
    for plane, colour in zip(("38", "48"), look.split(), strict=False):
        if len(colour) != 7 or not colour.startswith("#"):
            return ""
        try:
            red, green, blue = bytes.fromhex(colour[1:])
        except ValueError:
            return ""
        numbers.append(f"{plane};2;{red};{green};{blue}")
    return f"\x1b[{';'.join(numbers)}m" if len(numbers) == 2 else ""


def show_first_frame(kind: Kind, look: str = "") -> FirstFrame:
    """Paint the frame and stop the terminal from echoing; does nothing where that cannot work.

    `look` holds the two colours that the last run ended with. A SIGTERM that comes while the app is
    being imported restores the terminal too.
    """
    terminal, screen = sys.__stdin__, sys.__stderr__
    if terminal is None or screen is None or sys.platform == "win32":
        return FirstFrame()
    if not (terminal.isatty() and screen.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        return FirstFrame()
    return _open_frame(terminal.fileno(), screen.fileno(), kind, look)


def _open_frame(terminal: int, screen: int, kind: Kind, look: str) -> FirstFrame:
    import termios

    try:
        before = termios.tcgetattr(terminal)
        quiet = termios.tcgetattr(terminal)
        # As Textual will set it: no echo, byte by byte, Enter stays a carriage return.
        quiet[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
        quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    except termios.error:
        return FirstFrame()

    def put_back() -> None:
        try:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
        except (termios.error, OSError):
            return  # the terminal is gone: there is nothing to give back

    frame = _PosixFrame(screen, put_back)
    try:
        _paint(screen, kind, _colours(dict(os.environ), look))
    except OSError:
        put_back()
        return FirstFrame()
    frame.watch()
    return frame


class _PosixFrame(FirstFrame):
    def __init__(self, screen: int, put_back: Callable[[], None]) -> None:
        self._screen = screen
        self._put_back = put_back

    def watch(self) -> None:
        """From now on let a SIGTERM restore the terminal, too."""
        import signal

        self._old_handler = signal.signal(signal.SIGTERM, self._on_terminate)

    def _on_terminate(self, number: int, _frame: FrameType | None) -> None:
        self.abandon()
        raise SystemExit(128 + number)

    def restore(self) -> None:
        import signal

        self._put_back()
        if signal.getsignal(signal.SIGTERM) == self._on_terminate:
            signal.signal(signal.SIGTERM, self._old_handler)

    def abandon(self) -> None:
        self.restore()
        try:
            os.write(self._screen, _LEAVE.encode())
        except OSError:
            return  # the terminal is gone
