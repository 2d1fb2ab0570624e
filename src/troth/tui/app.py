"""The way into the app: paint first, import after, and leave nothing behind.

Imports nothing heavy: Textual comes when the first frame already stands on the terminal.
"""

from __future__ import annotations

import gc
import os

from troth.private import close_to_others
from troth.tui.first_frame import show_first_frame
from troth.tui.first_look import home_folder, read_look

TYPE_CHECKING = False  # typing itself takes 5 ms, which the first frame need not wait for
if TYPE_CHECKING:
    from collections.abc import Mapping

    from troth.tui.first_frame import Kind


def first_kind(environ: Mapping[str, str], *, in_memory: bool) -> tuple[Kind, bool]:
    """Say which screen will open, and whether the keychain may hold the vault's key.

    Told by whether the vault's key file is there and names a keyring slot; nothing is trusted yet.
    """
    if in_memory:
        return "chat", False
    folder = home_folder(environ, "data")
    try:
        with open(os.path.join(folder, "vault.json"), "rb") as file:
            header = file.read(65536)
    except FileNotFoundError:
        # A database without its key file is no first run: the unlock screen tells, and mends it.
        is_there = os.path.exists(os.path.join(folder, "vault.db"))
        return "unlock" if is_there else "welcome", False
    except OSError:
        return "unlock", False
    return ("chat", True) if b'"keyring"' in header else ("unlock", False)


def run(
    *, in_memory: bool = False, chat_id: str = "", environ: Mapping[str, str] | None = None
) -> int:
    """Run the app and return its exit code.

    `in_memory` opens no vault and keeps nothing; `chat_id` opens that chat. The terminal is given
    back whatever happens.
    """
    environ = os.environ if environ is None else environ
    # Nothing of an import is garbage, and collecting while importing costs 20 ms.
    gc.disable()
    kind, uses_keyring = first_kind(environ, in_memory=in_memory)
    frame = show_first_frame(kind, read_look(environ))
    try:
        close_to_others()
        from troth.tui.application import TrothApp
        from troth.tui.running import run_app

        app = TrothApp(kind, environ=environ, chat_id=chat_id, uses_keyring=uses_keyring)
    except BaseException:
        frame.abandon()
        raise
    try:
        return run_app(app)
    finally:
        frame.restore()
