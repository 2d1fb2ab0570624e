"""The screens of a comparison import each other in one direction only, types included.

Everything below the screens is held free of circles by a contract in pyproject.toml.
"""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_screen_of_a_comparison_needs_one_that_needs_it() -> None:
    graph = grimp.build_graph("troth", cache_dir=None)
    ours = {name for name in graph.modules if name.startswith("troth.tui.screens.compare")}
    assert len(ours) > 10
    order = TopologicalSorter(
        {name: graph.find_modules_directly_imported_by(name) & ours for name in ours}
    )
    order.prepare()  # raises CycleError, which names the circle
