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
