"""What can be done on the comparison screen, and by which key: one table."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding

from troth.tui.keys import FooterItem, written_key


class Deed(NamedTuple):
    """One action of the comparison screen. Its binding is named `compare.` and its name."""

    name: str
    key: str
    title: str
    help: str
    footer: str = ""
    rank: int = 0
    """Which footer words go first when it gets narrow: the highest; negative stands right."""
    needs: str = ""
    """`blind` or `open`: only then it stands in the footer."""


DEEDS = (
    Deed("column", "1,2,3,4,5,6,7,8", "Choose a column", "Give the keys to this column", "column",
         4),
    Deed("next", "tab,l,right", "Next column", "Go to the column at the right"),
    Deed("previous", "shift+tab,h,left", "Column before", "Go to the column at the left"),
    Deed("down", "j,down", "Scroll down", "Scroll down: all columns, or this one"),
    Deed("up", "k,up", "Scroll up", "Scroll up: all columns, or this one"),
    Deed("page_down", "pagedown,space", "Page down", "Scroll down by most of a page"),
    Deed("page_up", "pageup", "Page up", "Scroll up by most of a page"),
    Deed("top", "g,home", "To the start", "Scroll to the first line"),
    Deed("end", "G,end", "To the end", "Scroll to the end and follow what arrives"),
    Deed("free", "f", "Scroll alone or together", "Let the columns scroll together or alone"),
    Deed("keep", "enter", "Keep this answer", "Go on from this answer as an ordinary chat; the "
         "others stay as variants", "keep", 2, "open"),
    Deed("vote_left", "a", "First is better", "Vote for the first of the two", needs="blind"),
    Deed("vote_right", "b", "Second is better, or hide names", "Vote for the second of the two; "
         "before the answers come: hide the names"),
    Deed("vote_tie", "t", "A tie", "Vote that both are as good", needs="blind"),
    Deed("vote_bad", "x", "Both are bad", "Vote that neither will do", needs="blind"),
    Deed("unvote", "u", "Take the vote back", "Take the last vote back", "undo vote", 6, "blind"),
    Deed("reveal", "R", "Show the names", "Show the names; votes are locked from then on",
         "show names", 3, "blind"),
    Deed("again", "r", "Ask again", "Ask this column again; the old answer stays a variant",
         "again", 5, "open"),
    Deed("go_on", "full_stop", "Continue", "Let a cut or stopped answer of this column go on"),
    Deed("differ", "d", "Mark differences", "Show word by word where two answers differ",
         "differences", 6),
    Deed("zoom", "z", "Zoom", "Give this column the whole width, or take it back", "zoom", 7),
    Deed("summary", "s", "Summary", "What every column took: times, tokens, cost", "summary", 5),
    Deed("swap", "m", "Other model here", "Let another model answer in this column", "model", 8,
         "open"),
    Deed("add", "plus", "Add a column", "Add a model; it is asked the same turns", "model", 7),
    Deed("remove", "minus", "Remove this column", "Take this column away; its words stay stored"),
    Deed("copy", "c", "Copy", "Copy this column's newest answer", "copy", 8),
    Deed("save", "w", "Write to a file", "Write the comparison to a file"),
    Deed("verify", "ctrl+t", "What was checked", "What is proven of this column's answer",
         "verify", 9, "open"),
    Deed("judge", "J", "Let a model judge", "Let a model compare the answers in both orders"),
    Deed("merge", "M", "Merge the answers", "Let a model make one text of the answers"),
    Deed("ratings", "T", "Ratings", "How all models fare in all votes"),
    Deed("write", "i", "Write", "Write the next turn for all columns", "write", 3),
    Deed("all", "ctrl+p,f1,question_mark", "All keys", "Every key of this screen", "all", -2),
    Deed("back", "escape", "Stop this one, or back", "Stop this column's answer; when none "
         "arrives, go back to the chat", "stop, back", -1),
)  # fmt: skip

PROMPT_ITEMS = (
    FooterItem("compare.send", "⏎", "send to all", 1),
    FooterItem("compare.back", "esc", "columns", 2, is_right=True),
)


def bindings() -> list[Binding]:
    """Return the bindings of the screen. Numbers carry theirs along."""
    found: list[Binding] = []
    for deed in DEEDS:
        if deed.name == "column":
            found += [
                Binding(key, f"column({int(key) - 1})", deed.title, show=False, tooltip=deed.help,
                        id=f"compare.column{key}")
                for key in deed.key.split(",")
            ]  # fmt: skip
        else:
            found.append(
                Binding(deed.key, deed.name, deed.title, show=False, tooltip=deed.help,
                        priority=deed.key.startswith("ctrl"), id=f"compare.{deed.name}")
            )  # fmt: skip
    return found


def keys_of(deed: Deed) -> str:
    """Return how the keys of a deed are written."""
    if deed.name == "column":
        return "1-8"
    return " ".join(written_key(key) for key in deed.key.split(","))


def items(columns: int, *, is_blind: bool) -> tuple[FooterItem, ...]:
    """Return the footer while the columns have the keys."""
    state = "blind" if is_blind else "open"
    return tuple(
        FooterItem(
            f"compare.{deed.name}",
            f"1-{columns}" if deed.name == "column" else keys_of(deed).split(" ")[0],
            deed.footer,
            abs(deed.rank),
            is_right=deed.rank < 0,
        )
        for deed in DEEDS
        if deed.footer and deed.needs in {"", state}
    )
