"""Read and write config.toml. Reading never raises for bad content; writing keeps the comments.

The file holds no secret; it is still written 0600, in a folder of 0700, and replaced in one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from troth.domain.error import ConfigError, NotWritten, UsageError
from troth.domain.model import Json
from troth.settings.paths import Paths, typed_path
from troth.settings.reader import SourceFile
from troth.settings.schema import read_settings
from troth.settings.values import LoadedSettings, Settings

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

    from troth.settings.recovery import TomlTable

_MAX_BYTES = 4 << 20
_FIRST_LINES = "# Troth's settings. `troth config show` lists them all; no key belongs in here.\n"


def load_settings(paths: Paths) -> LoadedSettings:
    """Return what config.toml says; a missing file is all defaults.

    What is wrong with it comes back as `problems` (file, line, key) and the rest is in force.
    """
    try:
        text = read_config_text(paths)
    except ConfigError as problem:
        return LoadedSettings(Settings(), (problem,))
    return parse_settings(text, str(paths.config_file))


def problem_at(paths: Paths, path: tuple[str, ...], detail: str) -> ConfigError:
    """Return a problem with the value at `path` of config.toml that only its owner can see."""
    from troth.settings.recovery import line_of

    text = read_config_text(paths)
    # `"model.pick"` is one name and `model.pick` two; what is not found ends higher up.
    line = max(line_of(text, path), line_of(text, tuple(".".join(path).split("."))))
    return SourceFile(str(paths.config_file), text).report(path, detail, line=line)


def parse_settings(text: str, file: str) -> LoadedSettings:
    """As `load_settings`, for text that claims to be the file called `file`."""
    if not text.strip():
        return LoadedSettings(Settings())
    import tomllib

    source = SourceFile(file, text)
    try:
        settings = read_settings(source, tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        from troth.settings.recovery import parse_leniently

        settings = read_settings(source, *parse_leniently(text))
    return LoadedSettings(
        settings, tuple(sorted(source.problems, key=lambda problem: problem.line))
    )


def read_config_text(paths: Paths) -> str:
    """Return the file as it is, "" when there is none; raise ConfigError when it is unreadable."""
    file = paths.config_file
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(str(file), "is larger than 4 MiB, so it is not read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(file), "is not UTF-8", line=line) from error


Check = Callable[[Settings], Iterable[ConfigError]]
"""What is wrong with settings that only those can tell who know more than this floor."""


def set_value(
    paths: Paths, key: str | Sequence[str], value: Json, check: Check = lambda _: ()
) -> Settings:
    """Write one value and return the settings that are in force then.

    `key` is dotted (`params.temperature`); give its pieces as a sequence where one holds a dot.
    A table is given as a dict and replaces the one that is there. Raises ConfigError when the
    value does not fit or the file is broken; nothing is written then.
    """
    path = _pieces(key)
    document = _editable(paths)
    table = cast("TomlTable", document)
    for name in path[:-1]:
        inner = table.get(name)
        if inner is None:
            import tomlkit

            table[name] = tomlkit.table(is_super_table=True)
        elif not isinstance(inner, dict):
            raise ConfigError(str(paths.config_file), "must be a table", key=name)
        table = cast("TomlTable", table[name])
    table[path[-1]] = value
    return _store(paths, document, path, check)


def remove_value(paths: Paths, key: str | Sequence[str]) -> Settings:
    """Take one value or table out of the file; nothing happens when it is not there."""
    path = _pieces(key)
    document = _editable(paths)
    table = cast("TomlTable", document)
    for name in path[:-1]:
        inner = table.get(name)
        if not isinstance(inner, dict):
            return load_settings(paths).settings
        table = cast("TomlTable", inner)
    if path[-1] not in table:
        return load_settings(paths).settings
    del table[path[-1]]
    return _store(paths, document, ())


def _pieces(key: str | Sequence[str]) -> tuple[str, ...]:
    path = tuple(key.split(".")) if isinstance(key, str) else tuple(key)
    if not path or not all(path):
        raise UsageError("a setting's name is words with dots between them, as params.temperature")
    return path


def _editable(paths: Paths) -> TOMLDocument:
    """Parse for editing; a broken file is refused, for a rewrite could lose what is broken."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    text = read_config_text(paths) or _FIRST_LINES
    try:
        return tomlkit.parse(text)
    except ParseError as error:
        from troth.settings.recovery import parse_leniently

        _, broken = parse_leniently(text)
        line = broken[0].line if broken else error.line
        reason = broken[0].reason if broken else "a table or key is given twice"
        raise ConfigError(str(paths.config_file), f"is not TOML: {reason}", line=line) from error


def _store(
    paths: Paths, document: TOMLDocument, changed: tuple[str, ...], check: Check = lambda _: ()
) -> Settings:
    text = document.as_string()
    loaded = parse_settings(text, str(paths.config_file))
    dotted = ".".join(changed)
    for problem in (*loaded.problems, *(check(loaded.settings) if changed else ())):
        # Old problems elsewhere in the file are no reason to refuse this change.
        if changed and f"{problem.key}.".startswith(f"{dotted}."):
            raise ConfigError(str(paths.config_file), problem.detail, key=problem.key)
    write_private(paths.config_file, text.encode())
    return loaded.settings


def write_private(file: Path, content: bytes) -> None:
    """Replace `file` in one step, mode 0600, folder 0700; a symbolic link keeps its target.

    A pipe or a device (`/dev/stdout`) is written into, not replaced. Raises NotWritten.
    """
    given = typed_path(file)
    try:
        # Asked of the name as given: what a pipe's link leads to cannot be opened by that name.
        if given.exists() and not (given.is_file() or given.is_dir()):
            given.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(given)), content)
    except OSError as error:
        raise NotWritten(str(file), error.strerror or type(error).__name__) from error


def _replace(target: Path, content: bytes) -> None:
    """Put a whole file in the place of another, or leave that as it was; raise OSError."""
    import tempfile

    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:  # mkstemp makes it 0600
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
