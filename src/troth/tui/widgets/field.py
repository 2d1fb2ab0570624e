"""A line to type in that takes its keys in the order in which they were pressed."""

from __future__ import annotations

from typing import cast

from textual import events, getters
from textual.app import App
from textual.widgets import Input


class Field(Input):
    """Textual runs a binding (backspace, Enter) only after the key has risen to the app, when
    letters that were pressed later may already stand in the field. This one runs its own at once.

    What it has no use for (every widget inherits the arrows that scroll) goes on to the list.
    """

    app = getters.app(cast("type[App[object]]", App))

    async def _on_key(self, event: events.Key) -> None:
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
        await super()._on_key(event)

    def _on_paste(self, event: events.Paste) -> None:
        """Take all lines: Textual takes the first of them and says nothing.

        In a secret line ends count, but the one after the last line, as in a file that holds one;
        terminals send a carriage return for each. Anywhere else they are spaces.
        """
        event.stop()
        event.prevent_default()
        lines = event.text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        self.replace(lines if self.password else lines.replace("\n", " "), *self.selection)
