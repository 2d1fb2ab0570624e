"""The model that was chosen last: new chats begin with it where config.toml names none."""

from __future__ import annotations

from troth.domain.model import ModelRef
from troth.vault.vault import Vault


class LastModel:
    """One small state row of the vault."""

    KEY = "last_model"

    def __init__(self) -> None:
        self.ref: ModelRef | None = None

    async def load(self, vault: Vault) -> None:
        stored = await vault.state(self.KEY)
        self.ref = ModelRef.parse(stored) if stored else None

    async def remember(self, vault: Vault, model: ModelRef | None) -> None:
        """Keep a choice; None is none."""
        if model is not None and model != self.ref:
            self.ref = model
            await vault.set_state(self.KEY, str(model))
