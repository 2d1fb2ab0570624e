"""When garbage is collected: the oldest generation only in a quiet moment, and then really."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

from troth.tui.collecting import Collector

BUSY = """
import gc
from troth.tui.collecting import Collector

full = []
gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
collector = Collector()
collector.begin()
kept = [[number] for number in range(400_000)]
assert not full, "a heap that grows must not be visited as a whole"
assert not collector.look(is_idle=True), "so much has happened that somebody is there"
assert not collector.look(is_idle=False), "somebody types"
assert collector.look(is_idle=True)
assert full
assert not collector.look(is_idle=True), "nothing is left to do"
"""


def test_the_whole_heap_is_visited_in_a_quiet_moment_only() -> None:
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", BUSY]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, **paths})


def test_looking_costs_nothing_where_nothing_happened() -> None:
    gc.collect()
    assert not Collector().look(is_idle=True)
