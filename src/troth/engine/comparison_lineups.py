"""Saved line-ups: the columns of a comparison under a name of the user's, in config.toml.

[lineups]
my-three = ["openai/gpt-5.5", "anthropic/claude-opus-4.7?temperature=0.2", "local/smollm2-135m"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from troth.domain.error import NotFound, UsageError
from troth.domain.model import Json, Params
from troth.engine.comparison_state import ColumnSpec, check_count
from troth.engine.comparison_text import parse_spec, write_spec
from troth.engine.engine import Engine
from troth.settings import remove_value, set_value


def lineups(engine: Engine) -> tuple[str, ...]:
    """Return the names of all line-ups."""
    return tuple(engine.settings.lineups)


def lineup(engine: Engine, name: str, defaults: Params | None = None) -> tuple[ColumnSpec, ...]:
    """Return the columns of one; what a column does not set itself is taken from `defaults`.

    Raises NotFound, also for a model that is not there any more.
    """
    columns = engine.settings.lineups.get(name)
    if columns is None:
        raise NotFound("line-up", name, engine.settings.lineups)
    return tuple(parse_spec(text, engine.providers.resolve_model, defaults) for text in columns)


async def save_lineup(engine: Engine, name: str, specs: Sequence[ColumnSpec]) -> None:
    """Keep columns under a name, in place of what it meant before. Stop words are not kept."""
    check_count(len(specs))
    if not name.strip():
        raise UsageError("a line-up needs a name")
    columns: list[Json] = [write_spec(spec) for spec in specs]
    await asyncio.to_thread(set_value, engine.paths, ("lineups", name.strip()), columns)
    engine.reload_settings()


async def remove_lineup(engine: Engine, name: str) -> None:
    """Forget a line-up; raise NotFound."""
    if name not in engine.settings.lineups:
        raise NotFound("line-up", name, engine.settings.lineups)
    await asyncio.to_thread(remove_value, engine.paths, ("lineups", name))
    engine.reload_settings()


async def rename_lineup(engine: Engine, name: str, new_name: str) -> None:
    """Give a line-up another name; raise NotFound, and UsageError where the new one is taken."""
    columns = engine.settings.lineups.get(name)
    if columns is None:
        raise NotFound("line-up", name, engine.settings.lineups)
    new_name = new_name.strip()
    if not new_name:
        raise UsageError("a line-up needs a name")
    if new_name == name:
        return
    if new_name in engine.settings.lineups:
        raise UsageError(f"there is a line-up called {new_name} already")
    # The new one first: a crash in between leaves two, never none.
    await asyncio.to_thread(set_value, engine.paths, ("lineups", new_name), [*columns])
    await asyncio.to_thread(remove_value, engine.paths, ("lineups", name))
    engine.reload_settings()
