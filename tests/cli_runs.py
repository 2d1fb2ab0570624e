"""Runs the real program in a process of its own, with a home of its own and no keys of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "src"
PASSPHRASE = "correct horse battery staple"
TIMEOUT_S = 60
ONE_REPLY = ("Hello", " wor", "ld.")


@dataclass
class Ran:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as exactly one JSON document."""
        return json.loads(self.out)


@dataclass
class Troth:
    """`troth` with one home. Call it with the words of the command line."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def full_environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "SYSTEMROOT", "TMPDIR", "LD_LIBRARY_PATH")
            if name in os.environ
        }
        return {
            **kept,
            "HOME": str(self.home.parent),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(SOURCE),
            "PYTHONFAULTHANDLER": "1",
            "TROTH_HOME": str(self.home),
            **self.environ,
            **(extra or {}),
        }

    def __call__(
        self, *words: str, stdin: str | bytes = b"", env: Mapping[str, str] | None = None
    ) -> Ran:
        done = subprocess.run(
            self.command(*words),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=self.full_environ(env),
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.full_environ(env),
        )

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "troth", *words]

    def add_provider(self, url: str, *more: str, name: str = "mine") -> None:
        """Write a provider into config.toml; by hand, for a start of the program takes a second."""
        self.write_config(
            f'[providers.{name}]\nwire = "openai-chat"\nbase_url = "{url}/v1"\n' + "\n".join(more)
        )

    def write_config(self, text: str) -> None:
        folder = self.home / "config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")

    def unlock_by_file(self) -> None:
        """Let every run from now on find the passphrase."""
        file = self.home.parent / "passphrase"
        file.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
        self.environ["TROTH_PASSPHRASE_FILE"] = str(file)
