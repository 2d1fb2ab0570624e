"""`troth trust code` and `forget`: which code you know, by what a machine measures of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from troth.cli.command import Arguments
from troth.cli.output import Console, ExitCode
from troth.cli.verify import read_receipt
from troth.domain.model import Json
from troth.engine.known_code import code_named, read_measured
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from troth.verifiers.trust import Measurement


async def run_code(arguments: Arguments, console: Console) -> int:
    """Know code from now on: a machine that measures exactly this runs something you know."""
    file, trust_file = Path(arguments.text("file")), _file()
    content = await asyncio.to_thread(read_receipt, file)
    measured = await asyncio.to_thread(read_measured, content, trust_file.load())
    source = arguments.text("source") or f"read from {file.name}, by hand"
    code = code_named(arguments.text("name") or file.stem, measured, source)
    await trust_file.know(code)
    for register, value in code.values:
        console.line(f"{register}  {value}")
    console.note(f"Known as {code.name}. It stands in {trust_file.file}.")
    console.note("What a genuine machine that measures exactly this signs is verified, attested.")
    return ExitCode.OK


async def run_forget(arguments: Arguments, console: Console) -> int:
    """Know code by this name no longer."""
    await _file().forget(arguments.text("name"))
    console.note("This code is nobody's that you know any more.")
    return ExitCode.OK


def code_row(code: Measurement, *, is_own: bool) -> tuple[str, str, str, str, str]:
    """Return one line of `troth trust list`."""
    value = next((value for _, value in code.values), "")
    return "code", value, code.name, code.platform, "yours" if is_own else "comes with Troth"


def code_json(code: Measurement, *, is_own: bool) -> Json:
    """Return code that is known, with every register."""
    return {
        "name": code.name,
        "platform": code.platform,
        "registers": dict[str, Json](code.values),
        "source": code.source,
        "read": code.read_on.isoformat() if code.read_on else None,
        "is_own": is_own,
    }


def _file() -> TrustFile:
    return TrustFile(find_paths(os.environ))
