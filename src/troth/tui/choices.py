"""What config.toml chooses among things that only the screen knows: themes and actions.

Knows no Textual, so that `troth doctor` may ask, too.
"""

from __future__ import annotations

from collections.abc import Collection

from troth.domain.error import ConfigError
from troth.domain.nearest import nearest
from troth.settings import Paths, Settings, problem_at
from troth.tui.keys import build_keymap


def choice_problems(paths: Paths, settings: Settings, themes: Collection[str]) -> list[ConfigError]:
    """Return what cannot be done of what config.toml says about keys and the theme."""
    problems = [
        problem_at(paths, ("keys", problem.command_id), problem.detail)
        for problem in build_keymap(settings.keys, settings.send_key).problems
    ]
    if settings.theme and settings.theme not in themes:
        known = ", ".join(sorted(themes))
        near = nearest(settings.theme, themes, most=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.append(problem_at(paths, ("theme",), f"must be one of {known}{hint}"))
    return problems
