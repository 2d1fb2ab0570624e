"""Where Troth's files lie. TROTH_HOME puts all of them below one folder.

Finding a path creates nothing: who writes a file makes its folder, with mode 0700.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one user; none of them need exist."""

    config_dir: Path
    data_dir: Path
    cache_dir: Path
    log_dir: Path

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.toml"

    @property
    def themes_dir(self) -> Path:
        return self.config_dir / "themes"

    @property
    def vault_dir(self) -> Path:
        return self.data_dir

    @property
    def models_dir(self) -> Path:
        return self.data_dir / "models"


def typed_path(text: str | Path) -> Path:
    """Return the path that a person wrote, `~` made their home.

    Where it is nobody's (`~nobody/x`) it stays as it was written, as in a shell: no such file is
    there, and that is then said. `Path.expanduser` raises RuntimeError instead.
    """
    return Path(os.path.expanduser(text))


def find_paths(environ: Mapping[str, str]) -> Paths:
    """Return the folders below TROTH_HOME, else those that the platform has for applications.

    A relative TROTH_HOME is taken from the working folder, `~` from the user's home.
    """
    if home := environ.get("TROTH_HOME", ""):
        root = typed_path(home).absolute()
        return Paths(root / "config", root / "data", root / "cache", root / "logs")
    # 20 ms that a TROTH_HOME saves.
    from platformdirs import PlatformDirs

    own = PlatformDirs("troth", appauthor=False, roaming=False)
    return Paths(own.user_config_path, own.user_data_path, own.user_cache_path, own.user_log_path)
