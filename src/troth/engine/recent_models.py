"""The models chosen last; new chats begin with the newest where config.toml names none."""

from __future__ import annotations

from troth.domain.model import ModelRef
from troth.engine.endpoints import DEMO_PROVIDER
from troth.vault.vault import Vault


class RecentModels:
    """One small state row of the vault: a line for each, the newest first."""

    KEY = "last_model"
    """As it was called when it held one line."""
    LIMIT = 5

    def __init__(self) -> None:
        self.refs: tuple[ModelRef, ...] = ()

    @property
    def last(self) -> ModelRef | None:
        """The newest; None before the first choice."""
        return self.refs[0] if self.refs else None

    async def load(self, vault: Vault) -> None:
        stored = await vault.state(self.KEY) or ""
        refs = map(ModelRef.parse, stored.split("\n"))
        self.refs = tuple(ref for ref in refs if ref is not None)[: self.LIMIT]

    async def remember(self, vault: Vault, model: ModelRef | None) -> None:
        """Keep a choice; None is none, and a demonstration is nobody's next beginning."""
        if model is None or model == self.last or model.provider == DEMO_PROVIDER:
            return
        older = (ref for ref in self.refs if ref != model)
        self.refs = (model, *older)[: self.LIMIT]
        if not vault.is_read_only:
            await vault.set_state(self.KEY, "\n".join(map(str, self.refs)))
