"""A line to type in that takes its keys in the order in which they were pressed."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class Field(Input):
    """Textual runs a binding (backspace, Enter) only after the key has risen to the app, when
    letters that were pressed later may already stand in the field. This one runs its own at once.
    """

    async def _on_key(self, event: events.Key) -> None:
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return
        await super()._on_key(event)
