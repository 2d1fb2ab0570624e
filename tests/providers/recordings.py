"""Where recorded replies of real providers lie, and how their tests are called."""

from __future__ import annotations

import os
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("TROTH_FIXTURES", _REPOSITORY.parent / "shared" / "fixtures"))


def recorded(*patterns: str) -> list[Path]:
    """Return the recordings that match, below the fixtures; none where they are not here."""
    return sorted(path for pattern in patterns for path in FIXTURES.glob(pattern))


def short_name(path: Path) -> str:
    return str(path.relative_to(FIXTURES)).removeprefix("wires/")
