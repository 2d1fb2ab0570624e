"""Themes: readable, told apart by colour-blind eyes, and a broken file harms nothing else."""

from __future__ import annotations

import math
from itertools import combinations, product
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from troth.settings import Settings
from troth.tui.theme import load_themes, textual_theme, variable_defaults
from troth.tui.theme_file import BASE_COLORS, DEFAULT_THEME, VARIABLES, ThemeFile, find_themes

SHIPPED = find_themes().themes
PAINTED = [theme for theme in SHIPPED.values() if not theme.is_ansi]
"""Themes whose colours we choose; the others show the terminal's own."""

TEXT = ("foreground", "primary", "secondary", "accent", "success", "warning", "error",
        "text-muted", "badge-good", "badge-warn", "badge-bad", "badge-plain", "badge-live",
        "heading", "link", "quote", "thinking")  # fmt: skip
RAILS = ("rail-user", "rail-reply", "rail-focus")
CODE = tuple(name for name in VARIABLES if name.startswith("code-") and name != "code-background")
TONES = ("badge-good", "badge-warn", "badge-bad", "badge-plain")

Rgb = tuple[float, float, float]

# Machado, Oliveira, Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", severity 1.0, on linear RGB.
VISIONS: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}


def linear(color: str) -> Rgb:
    """sRGB `#rrggbb` to linear light (IEC 61966-2-1)."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))

    def curve(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    return curve(red), curve(green), curve(blue)


def contrast(ink: str, paper: str) -> float:
    """WCAG 2.2 contrast ratio."""

    def luminance(color: str) -> float:
        red, green, blue = linear(color)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(ink), luminance(paper)))
    return (light + 0.05) / (dark + 0.05)


def distance(first: str, second: str, vision: str) -> float:
    """CIE 1976 colour difference as seen by `vision`; 2.3 is just noticeable."""

    def lab(color: str) -> Rgb:
        light = linear(color)
        r, g, b = (
            min(1, max(0, sum(map(math.prod, zip(row, light, strict=True)))))
            for row in VISIONS[vision]
        )
        x, y, z = (
            value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
            for value in (
                (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
                0.2126 * r + 0.7152 * g + 0.0722 * b,
                (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
            )
        )
        return 116 * y - 16, 500 * (x - y), 200 * (y - z)

    return math.dist(lab(first), lab(second))


def test_the_themes_that_were_promised_are_there() -> None:
    assert {"troth-dark", "troth-light", "high-contrast", "ansi"} < set(SHIPPED)
    assert not find_themes().problems
    assert Settings().theme == DEFAULT_THEME
    assert not SHIPPED["troth-light"].is_dark
    assert SHIPPED["ansi"].is_ansi


@pytest.mark.parametrize("theme", PAINTED, ids=lambda theme: theme.name)
def test_text_is_readable_on_every_ground(theme: ThemeFile) -> None:
    least = 7 if theme.name == "high-contrast" else 4.5
    colors = theme.colors
    pairs = [
        *product(TEXT, ("background", "surface", "panel")),
        *product(CODE, ("background", "code-background")),
        ("search-hit", "search-hit-background"),
        ("foreground", "selection"),
    ]
    low = {
        (ink, paper): round(contrast(colors[ink], colors[paper]), 2)
        for ink, paper in pairs
        if contrast(colors[ink], colors[paper]) < least
    }
    assert not low


@pytest.mark.parametrize("theme", PAINTED, ids=lambda theme: theme.name)
def test_rails_are_seen(theme: ThemeFile) -> None:
    for rail in RAILS:
        assert contrast(theme.colors[rail], theme.colors["background"]) >= 3, rail


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", PAINTED, ids=lambda theme: theme.name)
def test_verdict_tones_stay_apart_for_colour_blind_eyes(theme: ThemeFile, vision: str) -> None:
    near = {
        (first, second): distance(theme.colors[first], theme.colors[second], vision)
        for first, second in combinations(TONES, 2)
    }
    assert min(near.values()) >= 12, near


class Probe(App[None]):
    """Uses every variable in its style sheet, where an unknown one would be an error."""

    CSS = "".join(
        f"#{name} {{ color: ${name}; background: $background; }}\n"
        for name in (*BASE_COLORS, *VARIABLES)
    )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        for name in VARIABLES:
            yield Static(name, id=name)


async def test_textual_wears_every_theme_and_knows_every_variable() -> None:
    app = Probe()
    async with app.run_test():
        for name, theme in load_themes().themes.items():
            app.register_theme(theme)
            app.theme = name
            for variable in VARIABLES:
                assert variable in app.theme_variables
        app.theme = "nord"
        assert app.theme_variables["rail-user"] == SHIPPED[DEFAULT_THEME].colors["rail-user"]


def test_a_users_theme_is_added_and_may_replace_ours(tmp_path: Path) -> None:
    text = '[colors]\nbackground = "#000000"\nforeground = "#ffffff"\nprimary = "#00ff00"\n'
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "troth-dark.toml").write_text(f'title = "Mine"\n{text}')
    (tmp_path / "notes.txt").write_text("not a theme")
    loaded = load_themes(tmp_path)
    assert loaded.problems == ()
    assert loaded.titles["troth-dark"] == "Mine"
    assert loaded.themes["mine"].variables["rail-reply"] == "#00ff00"
    assert loaded.choose("mine") == "mine"
    assert loaded.choose("gone") == DEFAULT_THEME


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[colors\n", 1, ""),
        ('title = "x"\n[colors]\nbackground = "blue"\n', 3, "colors.background"),
        ('dark = "yes"\n', 1, "dark"),
        ('[colors]\nrail = "#000000"\n', 2, "colors.rail"),
        ('ansi = true\n[colors]\nprimary = "#000000"\n', 3, "colors.primary"),
    ],
)
def test_a_broken_theme_is_named_with_line_and_key_and_the_others_stay(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    (tmp_path / "odd.toml").write_text(text)
    loaded = load_themes(tmp_path)
    first = loaded.problems[0]
    assert (first.file, first.line, first.key) == (str(tmp_path / "odd.toml"), line, key)
    assert set(loaded.themes) == set(SHIPPED)


def test_foreign_files_in_the_themes_folder_are_reported(tmp_path: Path) -> None:
    (tmp_path / "Upper Case.toml").write_text("")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "huge.toml").write_bytes(b"#" * 70_000)
    (tmp_path / "folder.toml").mkdir()
    problems = load_themes(tmp_path).problems
    assert sorted(Path(problem.file).stem for problem in problems) == [
        "Upper Case",
        "bytes",
        "huge",
    ]


def test_a_theme_without_our_variables_gets_them_from_its_own_colours() -> None:
    theme = textual_theme(SHIPPED["troth-dark"])
    assert set(VARIABLES) <= set(theme.variables)
    assert theme.variables["badge-good"] == "#56b4e9"
