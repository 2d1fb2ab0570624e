"""A file that the person asked for is written whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from troth.tui.screens.saving import save_words


@contextmanager
def no_file_longer_than(size_bytes: int) -> Iterator[None]:
    """As a disk that is full after so many bytes."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_half_a_file_is_not_left_in_the_way_of_the_next_try(tmp_path: Path) -> None:
    file = tmp_path / "reply.receipt.json"
    with no_file_longer_than(4096):
        said = await save_words(str(file), b"x" * 10_000)
    assert "cannot be written" in said
    assert not file.exists()
    assert (await save_words(str(file), b"x" * 10_000)).startswith("Written to")
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_home_that_is_nobodys_is_said_not_raised() -> None:
    assert "cannot be written: No such file" in await save_words("~no-such-person/reply.md", b"x")
