"""The real embedded model, once per test session."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import installed_models_dir
from troth.local.shelf import InstalledModel
from troth.local.weights import EMBEDDED, installed_models


@pytest.fixture(scope="session")
def models_dir() -> Path:
    return installed_models_dir()


@pytest.fixture(scope="session")
def embedded(models_dir: Path) -> InstalledModel:
    return next(model for model in installed_models(models_dir) if model.name == EMBEDDED)
