"""Read theme files, Troth's own and the user's; a broken one is reported and costs only itself.

Knows no Textual, so that `troth doctor` may look at them too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

from troth.domain.error import ConfigError
from troth.settings.reader import SourceFile, TableReader

DEFAULT_THEME = "troth-dark"

BASE_COLORS = ("background", "surface", "panel", "foreground", "primary", "secondary", "accent",
               "success", "warning", "error")  # fmt: skip
"""Those that Textual knows itself; a theme gives the first, fourth and fifth at least."""

VARIABLES: Mapping[str, str] = {
    "text-muted": "foreground",
    "rule": "secondary",
    "selection": "panel",
    "rail-user": "accent",
    "rail-reply": "primary",
    "rail-focus": "foreground",
    "badge-good": "success",
    "badge-warn": "warning",
    "badge-bad": "error",
    "badge-plain": "text-muted",
    "badge-live": "secondary",
    "heading": "foreground",
    "link": "primary",
    "quote": "text-muted",
    "thinking": "text-muted",
    "search-hit": "background",
    "search-hit-background": "warning",
    "code-text": "foreground",
    "code-background": "surface",
    "code-keyword": "primary",
    "code-string": "success",
    "code-number": "accent",
    "code-comment": "text-muted",
    "code-name": "primary",
    "code-type": "secondary",
    "code-operator": "foreground",
    "code-added": "success",
    "code-removed": "error",
}
"""Our own names, and the colour that stands in where a theme does not give one."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_ANSI = re.compile(
    r"ansi_(?:default|(?:bright_)?(?:black|red|green|yellow|blue|magenta|cyan|white))"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """One theme as its file says it: all of BASE_COLORS and VARIABLES have a value."""

    name: str
    """The file's name without `.toml`; what config.toml and `/theme` call it."""
    title: str
    is_dark: bool
    is_ansi: bool
    """Made of the terminal's own sixteen colours."""
    colors: Mapping[str, str]
    is_own: bool
    """From the user's folder."""


@dataclass(frozen=True, slots=True)
class FoundThemes:
    """All themes by name, Troth's own first, and the files that could not be read."""

    themes: Mapping[str, ThemeFile]
    problems: tuple[ConfigError, ...] = ()


def find_themes(user_folder: Path | None = None) -> FoundThemes:
    """Read every theme there is. A user's theme takes the place of ours with the same name."""
    themes: dict[str, ThemeFile] = {}
    problems: list[ConfigError] = []
    for folder in (_shipped_folder(), user_folder):
        for entry in _entries(folder):
            source = SourceFile(str(entry), "")
            theme = _load(entry, source, is_own=folder is user_folder)
            problems += source.problems
            if theme is not None:
                themes[theme.name] = theme
    return FoundThemes(themes, tuple(problems))


def read_theme(
    name: str, text: str, source: SourceFile, *, is_own: bool = False
) -> ThemeFile | None:
    """Read one theme's text; None, with the reasons in `source`, when it cannot be worn."""
    source.text = text
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        source.report((), f"is not TOML: {error}", line=int(place[1]) if place else 0)
        return None
    top = TableReader(source, document)
    title = top.text("title", name)
    is_dark = top.flag("dark", default=True)
    is_ansi = top.flag("ansi", default=False)
    table = top.table("colors")
    given = {
        key: value
        for key in (*BASE_COLORS, *VARIABLES)
        if (value := table.text(key, "", _check_ansi if is_ansi else _check_hex))
    }
    table.finish()
    top.finish()
    missing = [key for key in ("background", "foreground", "primary") if key not in given]
    if missing:
        for key in missing:
            if key not in table:
                source.report(("colors", key), "is missing")
        return None
    return ThemeFile(name, title, is_dark, is_ansi, _complete(given), is_own)


def _complete(given: Mapping[str, str]) -> dict[str, str]:
    colors = dict(given)
    stand_ins = {
        "surface": "background", "panel": "surface", "secondary": "primary", "accent": "primary",
        "success": "primary", "warning": "accent", "error": "accent", **VARIABLES,
    }  # fmt: skip
    for name, stand_in in stand_ins.items():
        colors.setdefault(name, colors[stand_in])
    return colors


def _load(entry: Traversable, source: SourceFile, *, is_own: bool) -> ThemeFile | None:
    name = entry.name.removesuffix(".toml")
    if not _NAME.fullmatch(name):
        source.report((), "needs a file name of lower-case letters, digits and dashes", line=0)
        return None
    try:
        content = entry.read_bytes()
        if len(content) > _MAX_BYTES:
            source.report((), "is larger than 64 KiB, so it is not read", line=0)
            return None
        return read_theme(name, content.decode("utf-8-sig"), source, is_own=is_own)
    except OSError as error:
        source.report((), f"cannot be read: {error.strerror}", line=0)
    except UnicodeDecodeError:
        source.report((), "is not UTF-8", line=0)
    return None


def _entries(folder: Traversable | None) -> Iterator[Traversable]:
    if folder is None or not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml") and entry.is_file():
            yield entry


def _shipped_folder() -> Traversable:
    """Return the themes inside the wheel, else the repository's (an editable install)."""
    inside = files("troth") / "themes"
    if inside.is_dir():
        return inside
    return cast("Traversable", Path(__file__).resolve().parents[3] / "themes")


def _check_hex(text: str) -> str:
    return "" if _HEX.fullmatch(text) else 'must be a colour like "#56b4e9"'


def _check_ansi(text: str) -> str:
    return "" if _ANSI.fullmatch(text) else 'must be a name like "ansi_blue" in an ansi theme'
