"""The /commands that what is typed could become, just above the prompt."""

from __future__ import annotations

from collections.abc import Sequence

from troth.tui.commands import Command
from troth.tui.widgets.row_list import Row, RowList

MENU_ROWS = 7


class SlashMenu(RowList, can_focus=False):
    """Never has the focus: the prompt moves its cursor."""

    DEFAULT_CSS = """
    SlashMenu { display: none; background: $panel; }
    SlashMenu.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(title_width=20, classes="-active")

    def offer(self, commands: Sequence[Command]) -> None:
        """Show these commands, the first one under the cursor; none hides the menu."""
        self.set_class(bool(commands), "-open")
        self.styles.height = min(MENU_ROWS, len(commands))
        self.set_rows(
            [
                Row(command.id, f"/{command.name} {command.argument}", command.help)
                for command in commands
            ]
        )
