"""Fixtures that every floor's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Recorded data from the world, read in place and never copied into the repository."""
    folder = Path(os.environ.get("TROTH_FIXTURES", REPOSITORY.parent / "shared" / "fixtures"))
    if not folder.is_dir():
        pytest.skip("TROTH_FIXTURES names no folder: the recorded replies and proofs are not here")
    return folder
