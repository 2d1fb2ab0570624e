"""Parameters that a model once refused: left out from then on, and said so each time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from troth.domain.error import VaultLocked
from troth.domain.model import ModelRef, Params
from troth.vault.vault import Vault

_PREFIX = "refused:"


class RefusedParameters:
    """Remembers field names of Params by model, in the vault."""

    def __init__(self, vault: Callable[[], Vault]) -> None:
        self._vault = vault

    async def without(self, model: ModelRef, params: Params) -> tuple[Params, tuple[str, ...]]:
        """Return `params` without what the model refuses, and the names of what was taken out."""
        stored = await self._vault().state(f"{_PREFIX}{model}")
        names = [name for name in json.loads(stored or "[]") if params.has(name)]
        return params.without(names), tuple(names)

    async def remember(self, model: ModelRef, name: str) -> None:
        with contextlib.suppress(VaultLocked):  # it locked meanwhile: the next refusal teaches it
            stored = await self._vault().state(f"{_PREFIX}{model}")
            names = sorted({*json.loads(stored or "[]"), name})
            await self._vault().set_state(f"{_PREFIX}{model}", json.dumps(names))
