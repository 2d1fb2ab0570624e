"""What the last run left for the first frame of this one, found without the imports of settings."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself takes 5 ms, which the first frame need not wait for
if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK_FILE = "look"
"""In the cache folder: ink and paper of the last run, for the first frame. Nothing private."""


def home_folder(environ: Mapping[str, str], name: str) -> str:
    """Return the data or cache folder as `settings.find_paths` does, without its imports."""
    if home := environ.get("TROTH_HOME", ""):
        return os.path.join(os.path.abspath(os.path.expanduser(home)), name)
    from platformdirs import PlatformDirs

    own = PlatformDirs("troth", appauthor=False, roaming=False)
    return own.user_data_dir if name == "data" else own.user_cache_dir


def look_file(environ: Mapping[str, str]) -> str:
    """Return where the theme of the last run is remembered."""
    return os.path.join(home_folder(environ, "cache"), LOOK_FILE)


def read_look(environ: Mapping[str, str]) -> str:
    """Return ink and paper of the last run: the file's first line."""
    try:
        with open(look_file(environ), encoding="ascii") as file:
            return file.readline(32).strip()
    except (OSError, UnicodeDecodeError):
        return ""  # the first run, or a cache that was swept: the terminal's own colours do
