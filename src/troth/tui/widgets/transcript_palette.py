"""The transcript's colours, all from the theme's variables: dark, light, high contrast and ANSI.

Troth's themes name every colour that is wanted here (`tui/theme.py` lists them); for Textual's
own themes a variable that each of them has stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color, ColorParseError

from troth.tui.glyph import Tone
from troth.tui.widgets.markdown_inline import ADDRESS, BOLD, CODE, ITALIC, LINK, MATH, STRIKE

_STANDS_IN = {
    "rule": "foreground-disabled",
    "rail-user": "text-accent",
    "rail-reply": "text-primary",
    "rail-focus": "foreground",
    "badge-good": "text-success",
    "badge-warn": "text-warning",
    "badge-bad": "text-error",
    "badge-plain": "text-muted",
    "badge-live": "text-muted",
    "heading": "foreground",
    "link": "text-primary",
    "quote": "text-muted",
    "thinking": "text-muted",
    "search-hit": "background",
    "search-hit-background": "warning",
    "selection": "screen-selection-background",
    "code-background": "surface",
    "code-keyword": "text-primary",
    "code-string": "text-success",
    "code-number": "text-warning",
    "code-comment": "text-muted",
    "code-name": "text-accent",
    "code-type": "text-secondary",
    "code-operator": "foreground",
    "code-added": "text-success",
    "code-removed": "text-error",
    "code-text": "foreground",
}
_SYNTAX = {
    "Comment": "code-comment",
    "Keyword": "code-keyword",
    "Keyword.Type": "code-type",
    "Keyword.Constant": "code-number",
    "Operator": "code-operator",
    "Operator.Word": "code-keyword",
    "Punctuation": "code-operator",
    "Name.Function": "code-name",
    "Name.Class": "code-type",
    "Name.Decorator": "code-name",
    "Name.Builtin": "code-type",
    "Name.Exception": "code-type",
    "Name.Tag": "code-keyword",
    "Name.Attribute": "code-name",
    "Literal.String": "code-string",
    "Literal.Number": "code-number",
    "Generic.Heading": "code-keyword",
    "Generic.Subheading": "code-keyword",
    "Generic.Inserted": "code-added",
    "Generic.Deleted": "code-removed",
    "Generic.Prompt": "code-comment",
    "Generic.Output": "code-text",
}
_TONES: tuple[Tone, ...] = ("good", "bad", "warn", "plain", "live")


@dataclass(slots=True, eq=False)
class Palette:
    """Resolved styles. Compared by identity: a new theme is a new palette."""

    text: Style
    muted: Style
    faint: Style
    """Rules, table lines, the scroll thumb."""
    title: Style
    marker: Style
    heading: tuple[Style, Style, Style]
    quote: Style
    thinking: Style
    code_block: Style
    code_label: Style
    cursor: Style
    rails: Mapping[str, Style]
    badges: Mapping[Tone, Style]
    selection: Style
    hit: Style
    warn: Style
    _variables: Mapping[str, str]
    _inline: dict[tuple[int, Style], Style] = field(default_factory=dict[tuple[int, Style], Style])
    _syntax: dict[tuple[str, ...], Style] = field(default_factory=dict[tuple[str, ...], Style])

    def inline(self, look: int, ground: Style) -> Style:
        """Return the style of a run whose surroundings are drawn in `ground`."""
        key = (look, ground)
        style = self._inline.get(key)
        if style is None:
            style = self._inline[key] = self._mixed(look, ground)
        return style

    def _mixed(self, look: int, ground: Style) -> Style:
        style = ground
        if look & ADDRESS:
            style = self.muted
        elif look & CODE:
            tint = _on(self._variables, "code-background", ground)
            if tint.bgcolor == ground.bgcolor:  # No tint (ANSI, high contrast): a colour tells.
                style = resolve(self._variables, "code-name", ground)
            else:
                style = resolve(self._variables, "code-text", tint)
        elif look & LINK:
            style = resolve(self._variables, "link", ground) + Style(underline=True)
        elif look & MATH:
            style = resolve(self._variables, "code-type", ground)
        return style + Style(
            bold=True if look & BOLD else None,
            italic=True if look & ITALIC else None,
            strike=True if look & STRIKE else None,
        )

    def syntax(self, kind: tuple[str, ...]) -> Style:
        """Return the style of a kind of token in code: `("Name", "Function")`."""
        style = self._syntax.get(kind)
        if style is None:
            style = self._syntax[kind] = self._token_style(kind)
        return style

    def _token_style(self, kind: tuple[str, ...]) -> Style:
        for length in range(len(kind), 0, -1):
            if variable := _SYNTAX.get(".".join(kind[:length])):
                style = resolve(self._variables, variable, self.code_block)
                return style + Style(italic=True) if kind[0] == "Comment" else style
        return self.code_block


def build_palette(variables: Mapping[str, str], ground: Style) -> Palette:
    """Return the palette of a theme; `ground` is the widget's own text on its own background."""

    def of(name: str, *, is_bold: bool = False, on: Style = ground) -> Style:
        style = resolve(variables, name, on)
        return style + Style(bold=True) if is_bold else style

    code_block = of("code-text", on=_on(variables, "code-background", ground))
    heading = of("heading", is_bold=True)
    bad = of("badge-bad", is_bold=True)
    return Palette(
        text=ground,
        muted=of("text-muted"),
        faint=of("rule"),
        title=ground + Style(bold=True),
        marker=of("link"),
        heading=(heading + Style(underline=True), heading, heading),
        quote=of("quote"),
        thinking=of("thinking"),
        code_block=code_block,
        code_label=of("text-muted", on=code_block),
        cursor=of("rail-focus", is_bold=True),
        rails={
            "user": of("rail-user"),
            "assistant": of("rail-reply"),
            "tool": of("rule"),
            "note": of("rule"),
            "failed": bad,
            "selected": of("rail-focus", is_bold=True),
        },
        badges={
            tone: bad + Style(reverse=True) if tone == "bad" else of(f"badge-{tone}")
            for tone in _TONES
        },
        selection=Style(bgcolor=_on(variables, "selection", ground).bgcolor),
        hit=of("search-hit", on=_on(variables, "search-hit-background", ground)),
        warn=of("badge-warn"),
        _variables=variables,
    )


def resolve(variables: Mapping[str, str], name: str, ground: Style) -> Style:
    """Return `ground` in a theme variable's colour: `#rgb`, `auto 60%`, `ansi_blue 50%`, ..."""
    words = (variables.get(name) or variables.get(_STANDS_IN.get(name, ""), "")).split()
    share = 1.0
    if len(words) > 1 and words[-1].endswith("%"):
        share = float(words.pop()[:-1]) / 100
    front, back = _colour(ground.color), _colour(ground.bgcolor)
    colour = front if words == ["auto"] else _parsed(words)
    if colour is None:
        return ground
    if colour.ansi is not None or back is None or back.ansi is not None:
        # The terminal's own colours cannot be mixed: faint is said by the dim attribute.
        return ground + Style(color=colour.rich_color, dim=True if share < 1 else None)
    return ground + Style(color=back.blend(colour, share * colour.a, alpha=1).rich_color)


def _on(variables: Mapping[str, str], name: str, ground: Style) -> Style:
    """Return `ground` on a theme variable's colour."""
    words = (variables.get(name) or variables.get(_STANDS_IN.get(name, ""), "")).split()
    colour, back = _parsed(words), _colour(ground.bgcolor)
    if colour is None or colour.a == 0:
        return ground
    if colour.a < 1 and back is not None and back.ansi is None:
        colour = back.blend(colour, colour.a, alpha=1)
    return ground + Style(bgcolor=colour.rich_color)


def _parsed(words: list[str]) -> Color | None:
    try:
        return Color.parse(words[0]) if words else None
    except ColorParseError:
        return None


def _colour(colour: RichColor | None) -> Color | None:
    return Color.from_rich_color(colour) if colour is not None else None
