"""Themes as Textual takes them. Widgets name colours only by these variables, never by value.

Textual's own: `$background $surface $panel $foreground $primary $secondary $accent`, and
`$success $warning $error`, which are the tones of a verdict (good, can't check, failed) and stay
apart for colour-blind eyes: never used for decoration.

Troth's, in every theme:
    $text-muted $rule           times, hints; the line above the prompt
    $rail-user $rail-reply $rail-focus      the one-cell rail beside a message
    $badge-good $badge-warn $badge-bad $badge-plain $badge-live     by `VerdictWords.tone`
    $heading $link $quote $thinking         Markdown
    $search-hit $search-hit-background      found words
    $selection                              selected text
    $code-text $code-background             fenced and inline code
    $code-keyword -string -number -comment -name -type -operator -added -removed    highlighting
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.theme import Theme

from troth.domain.error import ConfigError
from troth.tui.theme_file import (
    BASE_COLORS,
    DEFAULT_THEME,
    VARIABLES,
    ThemeFile,
    find_themes,
)


@dataclass(frozen=True, slots=True)
class LoadedThemes:
    """Themes by name, to be registered with the app, and what was wrong with files."""

    themes: Mapping[str, Theme]
    titles: Mapping[str, str]
    problems: tuple[ConfigError, ...] = ()

    def choose(self, name: str) -> str:
        """Return `name` where there is such a theme, else the default's name."""
        return name if name in self.themes else DEFAULT_THEME


def load_themes(user_folder: Path | None = None) -> LoadedThemes:
    """Read Troth's themes and those in `user_folder`; broken files are reported and left out."""
    found = find_themes(user_folder)
    return LoadedThemes(
        {name: textual_theme(theme) for name, theme in found.themes.items()},
        {name: theme.title for name, theme in found.themes.items()},
        found.problems,
    )


def textual_theme(file: ThemeFile) -> Theme:
    """Build Textual's theme; every variable of ours is in it."""
    colors = file.colors
    base = {name: colors[name] for name in BASE_COLORS}
    variables = {name: colors[name] for name in VARIABLES}
    variables |= _textual_variables(colors, is_ansi=file.is_ansi)
    return Theme(
        name=file.name,
        primary=base["primary"],
        secondary=base["secondary"],
        accent=base["accent"],
        foreground=base["foreground"],
        background=base["background"],
        surface=base["surface"],
        panel=base["panel"],
        success=base["success"],
        warning=base["warning"],
        error=base["error"],
        dark=file.is_dark,
        ansi=file.is_ansi,
        variables=variables,
    )


def variable_defaults() -> dict[str, str]:
    """Return a value for each variable of ours, for themes that are not ours (Textual's own)."""
    default = find_themes().themes[DEFAULT_THEME]
    return {name: default.colors[name] for name in VARIABLES}


def _textual_variables(colors: Mapping[str, str], *, is_ansi: bool) -> dict[str, str]:
    """Textual derives these from `primary`; said outright, so that contrast holds in all themes."""
    cursor = "ansi_bright_white" if is_ansi else colors["foreground"]
    return {
        "block-cursor-background": colors["selection"],
        "block-cursor-foreground": cursor,
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": colors["panel"],
        "block-cursor-blurred-foreground": colors["foreground"],
        "input-cursor-background": colors["foreground"],
        "input-cursor-foreground": colors["background"],
        "input-selection-background": colors["selection"],
        "screen-selection-background": colors["selection"],
        "screen-selection-foreground": cursor,
        "footer-background": colors["background"],
        "footer-key-foreground": colors["primary"],
        "footer-description-foreground": colors["text-muted"],
        "border": colors["primary"],
        "border-blurred": colors["rule"],
        "scrollbar": colors["rule"],
        "scrollbar-hover": colors["text-muted"],
        "scrollbar-active": colors["primary"],
        "scrollbar-background": colors["background"],
        "scrollbar-background-hover": colors["background"],
        "scrollbar-background-active": colors["background"],
        "scrollbar-corner-color": colors["background"],
        "link-color": colors["link"],
        # Textual's own style sheet names these two, but its colour system forgets them for ANSI.
        "ansi-background": colors["background"],
        "ansi-foreground": colors["foreground"],
    }
