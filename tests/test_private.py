"""Nothing gets out sideways: core dumps, other programs, children's environments, crash reports."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from troth.private import environment_for_child, where_of, write_report

CANARY = "canary-a8f3"


def failed(secret: str) -> ValueError:
    """Return an error whose message, cause and frames hold `secret`."""
    kept_in_a_local = secret
    try:
        try:
            raise KeyError(kept_in_a_local)
        except KeyError as cause:
            raise ValueError(f"cannot read {kept_in_a_local}") from cause
    except ValueError as error:
        return error


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's own")
def test_a_face_leaves_no_core_and_lets_nobody_attach() -> None:
    code = """if True:
        import ctypes, resource
        from troth.private import close_to_others
        close_to_others()
        print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
        print(open("/proc/self/limits").read())
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    assert done.stdout.startswith("(0, 0) 0")
    limit = next(line for line in done.stdout.splitlines() if line.startswith("Max core"))
    assert limit.split()[4:6] == ["0", "0"]


def test_a_child_gets_no_key() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "OPENAI_API_KEY": CANARY,
        "Some_Token": CANARY,
        "WALLET_PRIVATE_KEY": CANARY,
        "TROTH_PASSPHRASE_FILE": CANARY,
    }
    assert environment_for_child(environ) == {"PATH": "/bin", "HOME": "/home/me"}


def test_a_report_says_where_and_nothing_that_was_written(tmp_path: Path) -> None:
    error = failed(CANARY)
    before = os.umask(0)
    try:
        path = write_report(error, tmp_path / "logs", "1.2")
    finally:
        os.umask(before)
    assert path is not None
    report = path.read_text()
    assert "ValueError" in report
    assert "KeyError" in report
    assert "in failed" in report
    assert CANARY not in report
    assert str(Path.home()) not in report
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_only_the_newest_reports_are_kept(tmp_path: Path) -> None:
    for _ in range(8):
        write_report(failed("x"), tmp_path, "1.2")
    assert len(list(tmp_path.iterdir())) == 5


def test_where_no_report_can_be_written_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    assert write_report(failed("x"), tmp_path / "logs", "1.2") is None


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert where_of(one) == ["ValueError", "KeyError"]
