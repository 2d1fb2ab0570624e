"""Which editor a person writes in."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from troth.domain.error import UsageError


def editor_command(configured: str, environ: Mapping[str, str]) -> list[str]:
    """Return the words of the editor's command: the configured one, $VISUAL or $EDITOR; else none.

    On Windows backslashes part folders. Raises UsageError for a quote that is never closed.
    """
    words = configured or environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        return shlex.split(words, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"the editor {words!r} is no command") from error
