"""What runs in the app imports in one direction only; a comparison's screens with types included.

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


def test_nothing_of_the_app_needs_at_run_time_what_needs_it() -> None:
    graph = grimp.build_graph("troth", cache_dir=None, exclude_type_checking_imports=True)
    ours = {name for name in graph.modules if name.startswith("troth.tui")}
    order = TopologicalSorter(
        {name: graph.find_modules_directly_imported_by(name) & ours for name in ours}
    )
    order.prepare()
