"""Where the files of a batch lie that its options name, or leave to their usual place."""

from __future__ import annotations

from pathlib import Path

from troth.cli.command import Arguments

BESIDE = "-"
"""An option without its value: the file or folder is named after the results and lies beside."""


def place_of(arguments: Arguments, name: str, results: Path, suffix: str) -> Path | None:
    """Return where an option's file or folder is; without a value it lies beside the results."""
    text = arguments.text(name)
    if text == BESIDE:
        return results.with_name(results.name + suffix)
    return Path(text) if text else None
