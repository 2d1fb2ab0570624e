"""What is made ready before the first message: no more than its model will need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WARMED = """
import asyncio, sys
from troth.domain.model import Endpoint, ModelRef
from troth.engine.engine import Engine

async def main():
    async with await Engine.open() as engine:
        await engine.providers.add_endpoint(Endpoint("mine", sys.argv[1], "https://x.example/v1"))
        await engine.warm_up(ModelRef("mine", "m1"))
    print(*(n for n in sys.modules if n.startswith(("httpx", "troth.verifiers", "cryptography"))))

asyncio.run(main())
"""


def warmed_up(wire: str, home: Path) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", WARMED, wire],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TROTH_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize(("wire", "is_signed"), [("openai-chat", False), ("opengradient", True)])
def test_a_scheme_is_ready_only_where_its_signatures_are_expected(
    wire: str, is_signed: bool, tmp_path: Path
) -> None:
    modules = warmed_up(wire, tmp_path)
    assert {"httpx", "troth.verifiers.registry"} <= modules
    assert ("troth.verifiers.opengradient" in modules) is is_signed
    assert ("cryptography" in modules) is is_signed
    assert "troth.verifiers.aci" not in modules
