"""`troth config`: where the settings lie, what they are, and an editor that checks them after."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from typing import cast

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.domain.error import ConfigError, UsageError
from troth.domain.model import Json
from troth.domain.nearest import nearest
from troth.private import environment_for_child
from troth.settings import (
    LoadedSettings,
    Paths,
    Settings,
    editor_command,
    find_paths,
    load_settings,
    read_config_text,
    remove_value,
    set_value,
    write_private,
)

_TEMPLATE = """\
# Troth's settings. Everything here is optional; keys for providers belong in the vault.
#
# default_model = "local/smollm2-135m"
# theme = "troth-dark"              # troth-light, high-contrast, ansi, paper, midnight, ember
# lock_after_minutes = 15           # 0 never locks by itself
# bell_after_s = 20                 # rings when a reply took as long and nobody looks; 0 never does
# clear_clipboard_after_s = 30      # copied messages; 0 leaves them (incognito ones go after 30 s)
# send_key = "enter"                # or alt+enter, ctrl+j
# system_prompt = ""
# show_thinking = false
# proxy = "http://proxy.example:3128"
# ca_file = "/etc/ssl/own-ca.pem"
#
# [keys]
# "model.pick" = "ctrl+o,f4"
#
# [personas.editor]
# system_prompt = "You mend prose and change no facts."
#
# [providers.mine]
# wire = "openai-chat"
# base_url = "http://127.0.0.1:8000/v1"
# own = true
"""


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    path = add_subcommand(group, "path", "print where config.toml lies")
    path.set_defaults(run=run_path)
    edit = add_subcommand(group, "edit", "open config.toml in $VISUAL or $EDITOR and check it")
    edit.set_defaults(run=run_edit)
    show = add_subcommand(group, "show", "print the settings in force")
    add_json_flag(show)
    show.set_defaults(run=run_show)
    setting = add_subcommand(group, "set", "change one setting: config set theme troth-light")
    setting.add_argument("key", metavar="KEY")
    setting.add_argument("value", metavar="VALUE")
    setting.set_defaults(run=run_set)
    unsetting = add_subcommand(group, "unset", "take one setting out")
    unsetting.add_argument("key", metavar="KEY")
    unsetting.set_defaults(run=run_unset)


async def run_path(_arguments: Arguments, console: Console) -> int:
    console.line(str(find_paths(os.environ).config_file))
    return ExitCode.OK


async def run_show(_arguments: Arguments, console: Console) -> int:
    paths = find_paths(os.environ)
    values = cast("dict[str, Json]", _plain(_shown(load_settings(paths))))
    if console.is_json:
        console.json(values)
    else:
        for key, value in _flat(values):
            console.line(f"{key} = {value}")
    return _report(paths, console)


async def run_edit(_arguments: Arguments, console: Console) -> int:
    paths = find_paths(os.environ)
    editor = editor_command(load_settings(paths).settings.editor, os.environ)
    editor = editor or (["notepad"] if os.name == "nt" else ["vi"])
    if not sys.stdin.isatty():
        raise UsageError("an editor needs a terminal; `troth config set KEY VALUE` does not")
    if not read_config_text(paths):
        write_private(paths.config_file, _TEMPLATE.encode())
    try:
        ended = subprocess.run(  # noqa: S603, ASYNC221
            [*editor, str(paths.config_file)], check=False, env=environment_for_child(os.environ)
        )
    except OSError as error:
        raise UsageError(
            f"the editor {editor[0]} cannot be started: {error.strerror}",
            step="Set $EDITOR, or `troth config set editor NAME`; "
            f"the file is {paths.config_file}.",
        ) from error
    if ended.returncode:
        raise UsageError(
            f"the editor {editor[0]} ended with code {ended.returncode}",
            step=f"{paths.config_file} is as it left it; `troth config show` reads it.",
        )
    return _report(paths, console)


async def run_set(arguments: Arguments, console: Console) -> int:
    paths = find_paths(os.environ)
    key, text = arguments.text("key"), arguments.text("value")
    value = _value(text)
    check = partial(_unknown_names, paths)
    try:
        set_value(paths, key, value, check)
    except ConfigError:
        if isinstance(value, str):
            raise
        # `config set editor true` means the text where a text is wanted.
        set_value(paths, key, text, check)
    console.note(f"{key} is set in {paths.config_file}.")
    if key == "default_model" or key.endswith(".model"):
        await _note_unknown_model(text, console)
    return ExitCode.OK


def _unknown_names(paths: Paths, settings: Settings) -> list[ConfigError]:
    from troth.engine.endpoints import provider_problems
    from troth.tui.choices import choice_problems
    from troth.tui.theme_file import find_themes

    themes = find_themes(paths.themes_dir).themes
    return [*provider_problems(paths, settings), *choice_problems(paths, settings, themes)]


async def _note_unknown_model(name: str, console: Console) -> None:
    """Say where no list names a model: providers have new ones before any list has them."""
    from troth.engine.engine import Engine

    async with await Engine.open() as engine:
        provider = name.partition("/")[0]
        known = [str(choice.info.ref) for choice in engine.providers.models()]
        listed = [other for other in known if other.startswith(f"{provider}/")]
        if listed and name not in listed:
            near = ", ".join(nearest(name, listed))
            hint = f" Did you mean {near}?" if near else ""
            console.note(f"troth: no list that is known here names {name}.{hint}")


async def run_unset(arguments: Arguments, console: Console) -> int:
    paths = find_paths(os.environ)
    remove_value(paths, arguments.text("key"))
    console.note(f"{arguments.text('key')} is not set in {paths.config_file} any more.")
    return ExitCode.OK


def _value(text: str) -> Json:
    """Read a value as TOML where it is one that stands without quotes, else as text."""
    import tomllib

    try:
        value = cast("Json", tomllib.loads(f"v = {text}")["v"])
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, bool | int | float | str | list) else text


def _report(paths: Paths, console: Console) -> int:
    loaded = load_settings(paths)
    problems = [*loaded.problems, *_unknown_names(paths, loaded.settings)]
    for problem in problems:
        place = f", line {problem.line}" if problem.line else ""
        console.note(f"troth: {problem.file}{place}: {problem.key} {problem.detail}")
    return ExitCode.USAGE if problems else ExitCode.OK


def _shown(loaded: LoadedSettings) -> Settings:
    """A proxy's URL may carry a password, and this output lands in bug reports."""
    settings = loaded.settings
    scheme, at, host = settings.proxy.rpartition("@")
    hidden = f"{scheme.split('://')[0]}://***@{host}" if at else settings.proxy
    providers = {
        name: dataclasses.replace(provider, fault=None)
        for name, provider in settings.providers.items()
    }
    return dataclasses.replace(settings, proxy=hidden, providers=providers)


def _plain(value: object) -> object:
    """Turn settings into JSON; what is unset is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: _plain(inner) for key, inner in items if inner is not None}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(inner) for inner in cast("tuple[object, ...]", value)]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _flat(values: Mapping[str, Json], before: str = "") -> list[tuple[str, str]]:
    import json

    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            rows += _flat(value, f"{name}.")
        else:
            rows.append((name, json.dumps(value, ensure_ascii=False)))
    return rows
