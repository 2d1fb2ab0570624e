"""`troth local`: the model that runs on this computer, and GGUF files of the user's."""

from __future__ import annotations

from pathlib import Path

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import NotFound
from troth.domain.model import Json
from troth.local import weights
from troth.local.weights import InstalledModel, InstallProgress
from troth.settings import typed_path

_STAGES = {
    "download": "Downloading",
    "check": "Checking",
    "unpack": "Unpacking",
}


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    installing = add_subcommand(group, "install", "download the small model, 93 MB, and check it")
    installing.set_defaults(run=run_install)
    looking = add_subcommand(group, "status", "say what can run here and what is here")
    add_json_flag(looking)
    looking.set_defaults(run=run_status)
    adding = add_subcommand(group, "add", "use a GGUF file of yours; it stays where it is")
    adding.add_argument("file", metavar="FILE")
    adding.add_argument("--name", default="", help="what to call it, after local/")
    adding.set_defaults(run=run_add)
    removing = add_subcommand(group, "remove", "forget a model; a file that Troth fetched goes too")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(run=run_remove)


async def run_install(_arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.NONE) as engine:
        bar = _Progress(console)
        model = await engine.providers.install_local(bar.show)
        console.note(
            f"local/{model.name} is installed ({model.size_bytes / 1e6:.0f} MB, checksum right). "
            "It is small and often wrong; it shows that everything works."
        )
        console.line(f"local/{model.name}")
    return ExitCode.OK


async def run_status(_arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.NONE) as engine:
        status = weights.status(engine.paths.models_dir)
        if console.is_json:
            console.json(
                {
                    "has_runtime": status.has_runtime,
                    "installer": status.installer,
                    "is_installed": status.is_installed,
                    "models": [_model_json(model) for model in status.models],
                }
            )
            return ExitCode.OK
        console.rows(
            (f"local/{model.name}", f"{model.size_bytes / 1e6:.0f} MB", str(model.path))
            for model in status.models
        )
        if not status.has_runtime:
            console.note("The runtime (xllamacpp) is not installed: there is none for this system.")
        elif not status.is_installed:
            console.note("The small model is not here. `troth local install` fetches it, 93 MB.")
    return ExitCode.OK


async def run_add(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.NONE) as engine:
        file = _existing(arguments.text("file"))
        console.status(f"Reading {file.name} ...")
        model = await weights.add(engine.paths.models_dir, file, arguments.text("name"))
        console.note(f"local/{model.name} is ready: {model.context_tokens:,} tokens of context.")
        console.line(f"local/{model.name}")
    return ExitCode.OK


def _existing(name: str) -> Path:
    if not typed_path(name).is_file():
        raise NotFound("file", name)
    return Path(name)


async def run_remove(arguments: Arguments, console: Console) -> int:
    async with opened_engine(console, VaultUse.NONE) as engine:
        name = arguments.text("name").removeprefix("local/")
        known = [model.name for model in engine.providers.local_models()]
        if name not in known:
            raise NotFound("model", f"local/{name}", [f"local/{other}" for other in known])
        model = weights.remove(engine.paths.models_dir, name)
        kept = "" if model.is_ours else f" {model.path} stays."
        console.note(f"local/{model.name} is removed.{kept}")
    return ExitCode.OK


class _Progress:
    """A moving line for a person; a line a stage where lines cannot move."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage = ""

    def show(self, progress: InstallProgress) -> None:
        stage = progress.stage.value
        if stage == "done":
            self._console.clear_status()
            return
        words = _STAGES.get(stage, stage.capitalize())
        done, whole = progress.done_bytes / 1e6, progress.total_bytes / 1e6
        if self._console.is_interactive:
            filled = round(20 * done / whole) if whole else 0
            bar = "#" * filled + "." * (20 - filled)
            self._console.status(f"{words}  [{bar}]  {done:.0f} of {whole:.0f} MB")
        elif stage != self._stage:
            self._console.note(f"{words} ...")
        self._stage = stage


def _model_json(model: InstalledModel) -> Json:
    return {
        "model": f"local/{model.name}",
        "path": str(model.path),
        "size_bytes": model.size_bytes,
        "sha256": model.sha256,
        "context_tokens": model.context_tokens,
        "is_ours": model.is_ours,
    }
