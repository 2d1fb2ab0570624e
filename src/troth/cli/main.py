"""Find the command, run it, and turn every error into words and an exit code: the CLI's border."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from troth.cli.command import BY_NAME, COMMANDS, Arguments, help_of, parser_for, usage_of
from troth.cli.output import Console, ExitCode, prepare_streams, put, silence_stdout
from troth.domain.error import Failure, TrothError, UsageError

Run = Callable[[Arguments, Console], Coroutine[Any, Any, int]]


def run(argv: Sequence[str]) -> int:
    """Run the command line and return the exit code; never raises."""
    prepare_streams()
    console = Console(is_json="--json" in argv, is_plain="--plain" in argv)
    try:
        return _dispatch(list(argv), console)
    except TrothError as error:
        return _fail(console, Failure.of(error))
    except KeyboardInterrupt:
        console.clear_status()
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        silence_stdout()
        return ExitCode.OK
    except Exception as error:
        if os.environ.get("TROTH_DEBUG"):
            raise
        return _fail(console, Failure("error", {"detail": _place_of(error)}))


def _place_of(error: Exception) -> str:
    """Say where a fault of ours was, without its message: that may quote what the user wrote."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return type(error).__name__
    file = os.path.basename(frame.tb_frame.f_code.co_filename)
    return f"{type(error).__name__} in {file}, line {frame.tb_lineno}; TROTH_DEBUG=1 shows more"


def _fail(console: Console, failure: Failure) -> int:
    try:
        return console.fail(failure)
    except BrokenPipeError:
        silence_stdout()
        return ExitCode.OK


def _dispatch(argv: list[str], console: Console) -> int:
    if not argv:
        raise UsageError("there is no command")
    first = argv[0]
    if first in {"-h", "--help", "help"}:
        return _help(argv[1:])
    if first in {"-V", "--version"}:
        from troth import __version__

        console.line(f"troth {__version__}")
        return ExitCode.OK
    if first not in BY_NAME:
        raise UsageError(unknown_command(first))
    parser = parser_for(BY_NAME[first])
    try:
        arguments = parser.parse_args(argv[1:], namespace=Arguments())
    except SystemExit as stop:  # argparse has printed the help
        return stop.code if isinstance(stop.code, int) else ExitCode.OK
    chosen = cast("Run | None", getattr(arguments, "run", None))
    if chosen is None:
        parser.print_help()
        return ExitCode.USAGE
    # All modules are there: they need never be looked through again.
    gc.freeze()
    gc.enable()
    try:
        return asyncio.run(chosen(arguments, console))
    except UsageError as error:
        error.step = error.step or help_of(arguments.text("prog"))
        raise


def _help(names: list[str]) -> int:
    if not names:
        put(sys.stdout, usage_of(COMMANDS))
        return ExitCode.OK
    if names[0] not in BY_NAME:
        raise UsageError(unknown_command(names[0]))
    parser_for(BY_NAME[names[0]]).print_help()
    return ExitCode.OK


def unknown_command(name: str) -> str:
    """Return why `name` is no command, with what was probably meant."""
    import difflib

    kind = "option" if name.startswith("-") else "command"
    if near := difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.5):
        return f"There is no {kind} {name!r}. Did you mean `troth {near[0]}`?"
    if kind == "command":
        return f"There is no command {name!r}. To ask a question: troth ask 'QUESTION'."
    return f"There is no option {name!r}."
