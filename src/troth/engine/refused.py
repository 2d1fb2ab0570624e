"""Parameters that a model once refused: left out from then on, and said so each time.

A model that takes its limit of tokens under another name is remembered here too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace

from troth.domain.error import VaultLocked
from troth.domain.model import ModelInfo, ModelRef, Params
from troth.vault.vault import Vault

_PREFIX = "refused:"
RENAMED = "max_tokens_field="
"""Begins the lesson that the limit of tokens has another name for this model."""


class RefusedParameters:
    """Remembers field names of Params by model, in the vault."""

    def __init__(self, vault: Callable[[], Vault]) -> None:
        self._vault = vault

    async def apply(
        self, model: ModelInfo, params: Params
    ) -> tuple[ModelInfo, Params, tuple[str, ...]]:
        """Return what to ask with: the model, `params` without what it refuses, and what was left.

        The last holds the names of the fields that were taken out.
        """
        lessons: list[str] = json.loads(await self._vault().state(f"{_PREFIX}{model.ref}") or "[]")
        for lesson in lessons:
            if lesson.startswith(RENAMED):
                model = replace(model, max_tokens_field=lesson.removeprefix(RENAMED))
        names = [name for name in lessons if params.has(name)]
        return model, params.without(names), tuple(names)

    async def remember(self, model: ModelRef, lesson: str) -> None:
        with contextlib.suppress(VaultLocked):  # it locked meanwhile: the next refusal teaches it
            stored = await self._vault().state(f"{_PREFIX}{model}")
            lessons = sorted({*json.loads(stored or "[]"), lesson})
            await self._vault().set_state(f"{_PREFIX}{model}", json.dumps(lessons))
