"""Which models are on this computer: a small file of records beside the embedded model.

`models.json` names each model's file, size and digest, so that listing them reads no weights. A
record whose file is gone, or has another size, is not shown.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from troth.domain.error import LocalModelError

RECORDS = "models.json"
FORMAT = 1
LONGEST_CONTEXT_TOKENS = 8192
"""Memory for keys and values is taken in advance: 190 MB for the embedded model, 1.2 GB for one of
eight billion parameters. Long chats with large models are for a server of the user's own."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A GGUF file that the child process can serve."""

    name: str
    """What the model is called after `local/`."""
    path: Path
    size_bytes: int
    sha256: str
    """Lower-case hex of the file, as it was when it was installed or added."""
    context_tokens: int
    """What its chats can use here together: its own limit, at most LONGEST_CONTEXT_TOKENS."""
    is_ours: bool
    """Whether Troth installed the file and removes it; else it stays where its owner keeps it."""


def installed_models(models_dir: Path) -> tuple[InstalledModel, ...]:
    """Return the models whose files are there; a damaged list counts as an empty one.

    An empty list is safe: nothing is deleted for not being in it, and installing mends it.
    """
    try:
        content = json.loads((models_dir / RECORDS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(content, dict):
        return ()
    fields = cast("dict[str, object]", content)
    rows = fields.get("models")
    if fields.get("format") != FORMAT or not isinstance(rows, list):
        return ()
    read = (_parse_record(row, models_dir) for row in cast("list[object]", rows))
    return tuple(model for model in read if model is not None and _is_there(model))


def store_models(models_dir: Path, models: Sequence[InstalledModel]) -> None:
    """Write the list, whole or not at all; readable by its owner only."""
    import tempfile  # with shutil 5 ms, which a start that only lists models need not pay

    models_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = [asdict(model) | {"path": _stored_path(model, models_dir)} for model in models]
    content = json.dumps({"format": FORMAT, "models": rows}, indent=1).encode()
    try:
        handle, name = tempfile.mkstemp(dir=models_dir, prefix=f".{RECORDS}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(models_dir / RECORDS)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise LocalModelError(f"the list of models: {error.strerror}") from error


def _stored_path(model: InstalledModel, models_dir: Path) -> str:
    # Our own files are named relative to the folder, which may be moved or mounted elsewhere.
    return model.path.name if model.path.parent == models_dir else str(model.path)


def _parse_record(row: object, models_dir: Path) -> InstalledModel | None:
    if not isinstance(row, dict):
        return None
    match cast("dict[str, object]", row):
        case {
            "name": str(name),
            "path": str(path),
            "size_bytes": int(size_bytes),
            "sha256": str(sha256),
            "context_tokens": int(context_tokens),
            "is_ours": bool(is_ours),
        } if name and path:
            return InstalledModel(
                name, models_dir / path, size_bytes, sha256, context_tokens, is_ours
            )
        case _:
            return None


def _is_there(model: InstalledModel) -> bool:
    try:
        return model.path.stat().st_size == model.size_bytes
    except OSError:
        return False
