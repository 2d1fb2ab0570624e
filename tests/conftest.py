"""Fixtures that every floor's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A starved core is no fault of an example's: what is slow is measured in benchmarks/.
settings.register_profile("troth", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("troth")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Recorded data from the world, read in place and never copied into the repository."""
    folder = Path(os.environ.get("TROTH_FIXTURES", REPOSITORY.parent / "shared" / "fixtures"))
    if not folder.is_dir():
        pytest.skip("TROTH_FIXTURES names no folder: the recorded replies and proofs are not here")
    return folder
