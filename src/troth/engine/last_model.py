"""The model that was chosen last: new chats begin with it where config.toml names none."""

from __future__ import annotations

from troth.domain.model import ModelRef
from troth.engine.endpoints import DEMO_PROVIDER
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
        """Keep a choice; None is none, and a demonstration is nobody's next beginning."""
        if model is None or model == self.ref or model.provider == DEMO_PROVIDER:
            return
        self.ref = model
        if not vault.is_read_only:
            await vault.set_state(self.KEY, str(model))
