"""The columns that a command line names."""

from __future__ import annotations

from typing import cast

from troth.cli.command import Arguments
from troth.domain.error import UsageError
from troth.domain.model import Params
from troth.engine.comparison_lineups import lineup
from troth.engine.comparison_state import ColumnSpec
from troth.engine.comparison_text import parse_spec
from troth.engine.engine import Engine


def columns_of(arguments: Arguments, engine: Engine) -> tuple[ColumnSpec, ...]:
    """Return the columns of `-m` and `--lineup`; raise UsageError for one twice, or none."""
    defaults = Params(
        temperature=cast("float | None", arguments.temperature),
        max_output_tokens=cast("int | None", arguments.max_tokens),
    )
    specs = [
        parse_spec(text, engine.providers.resolve_model, defaults)
        for text in arguments.texts("model")
    ]
    if name := arguments.text("lineup"):
        specs += lineup(engine, name, defaults)
    if not specs:
        raise UsageError("name the models: -m PROVIDER/MODEL -m PROVIDER/MODEL")
    names = [spec.name for spec in specs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{twice} stands twice with the same parameters")
    return tuple(specs)
