"""The trust boundary, where several models would cross it at once: one question, then no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from troth.domain.model import ModelRef
from troth.engine.boundary import Crossing, joined, within
from troth.engine.chat import Chat
from troth.tui.screens.crossing import Crosses, CrossingScreen

if TYPE_CHECKING:
    from troth.engine.comparison import Comparison
    from troth.engine.comparison_state import ColumnSpec
    from troth.engine.engine import Engine
    from troth.tui.application import TrothApp


class Border:
    """Asks what becomes of protected messages. Call it from workers only: it waits for a person."""

    def __init__(self, app: TrothApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def may_start(
        self, chat: Chat, specs: Sequence[ColumnSpec], *, from_message: str | None
    ) -> bool:
        """Whether a comparison may begin, or a column be added at its first prompt."""
        comparisons = self._engine.comparisons
        crossing = await comparisons.crossing(chat, specs, from_message=from_message)
        models = [
            spec.model
            for spec in specs
            if await comparisons.crossing(chat, [spec], from_message=from_message)
        ]
        return await self._may(chat, crossing, models, from_message or "")

    async def may_ask(self, comparison: Comparison, asked: Sequence[tuple[Chat, ModelRef]]) -> bool:
        """Whether these models may be given what stands in these columns."""
        found: list[Crossing] = []
        models: list[ModelRef] = []
        for chat, model in asked:
            plan = await self._engine.plan(chat, model=model)
            if plan.crossing is not None:
                found.append(plan.crossing)
                models.append(model)
        return await self._may(comparison.chat, joined(found), models, "")

    async def _may(
        self, chat: Chat, crossing: Crossing | None, models: Sequence[ModelRef], question_id: str
    ) -> bool:
        if crossing is None:
            return True
        titles = [
            self._engine.providers.endpoint(model.provider).title or model.provider
            for model in models
        ]
        screen = CrossingScreen(
            crossing,
            _listed(titles),
            _listed([model.model for model in models]),
            question_id=question_id if question_id in crossing.message_ids else "",
        )
        choice: Crosses | None = await self._app.push_screen_wait(screen)
        if choice is None:
            return False
        proofs, ids = self._engine.proofs, set(crossing.message_ids)
        others = within(crossing, ids - {question_id})
        question = within(crossing, ids & {question_id})
        if others is not None:
            await proofs.cross(chat, others, sends=choice == "send")
        if question is not None:
            await proofs.cross(chat, question, sends=True)
        return True


def _listed(names: Sequence[str]) -> str:
    known = list(dict.fromkeys(names))
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
