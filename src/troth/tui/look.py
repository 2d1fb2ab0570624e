"""Which theme is worn: that of the last run at once, from the cache; the files come after that.

Reading theme files costs 60 ms of imports, so the colours of the last run are kept in the cache
folder. Nothing in it is private, and a file that is damaged is as good as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.theme import Theme

if TYPE_CHECKING:
    from textual.app import App

    from troth.domain.error import ConfigError
    from troth.tui.theme import LoadedThemes


class LookBook:
    """Themes by name, and the one that is worn."""

    def __init__(self, look_file: Path) -> None:
        self._look_file = look_file
        self._loaded: LoadedThemes | None = None
        self.wants_mouse = True
        """Whether the mouse is wanted: like the theme, what held in the last run."""

    def dress(self, app: App[int]) -> None:
        """Put on the theme of the last run, or the default one."""
        theme = self._remembered()
        if theme is None:
            from troth.tui.theme import load_themes
            from troth.tui.theme_file import DEFAULT_THEME

            theme = load_themes().themes[DEFAULT_THEME]
        app.register_theme(theme)
        app.theme = theme.name

    def load(self, app: App[int], name: str, folder: Path, *, mouse: bool = True) -> None:
        """Register all themes, the user's from `folder` too, and put on `name`."""
        from troth.tui.theme import load_themes

        self.wants_mouse = mouse
        self._loaded = load_themes(folder)
        for theme in self._loaded.themes.values():
            app.register_theme(theme)
        self.wear(app, name)

    def wear(self, app: App[int], name: str) -> None:
        """Put on a theme that is loaded, else the default, and remember it for the next start."""
        if self._loaded is not None:
            chosen = self._loaded.choose(name)
            if app.theme != chosen:
                app.theme = chosen
            self._remember(self._loaded.themes[chosen])

    @property
    def titles(self) -> Mapping[str, str]:
        """Names of the themes, with what they are called."""
        return self._loaded.titles if self._loaded is not None else {}

    @property
    def problems(self) -> Sequence[ConfigError]:
        """What was wrong with theme files."""
        return self._loaded.problems if self._loaded is not None else ()

    def _remember(self, theme: Theme) -> None:
        """Write ink and paper as the first line, for the frame before Textual, then all of it."""
        kept = {field.name: getattr(theme, field.name) for field in fields(theme)}
        whole = json.dumps({"mouse": self.wants_mouse, "theme": kept})
        text = f"{theme.foreground} {theme.background}\n{whole}\n"
        try:
            if self._look_file.exists() and self._look_file.read_text("utf-8") == text:
                return
            self._look_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._look_file.touch(0o600)  # nobody else may choose what the terminal is sent
            self._look_file.write_text(text, "utf-8")
            self._look_file.chmod(0o600)
        except OSError:
            return  # a cache that cannot be written costs the next start 60 ms, nothing else

    def _remembered(self) -> Theme | None:
        try:
            _, _, text = self._look_file.read_text("utf-8").partition("\n")
            kept = cast("dict[str, Any]", json.loads(text))
            self.wants_mouse = kept["mouse"] is not False
            return Theme(**kept["theme"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
