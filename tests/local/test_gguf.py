"""A GGUF file is a stranger: no length in it is believed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gguf_files import SOUND, gguf
from troth.domain.error import LocalModelError
from troth.local.gguf import load_gguf_facts


def load(tmp_path: Path, content: bytes) -> object:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    return load_gguf_facts(file)


def test_a_sound_head_is_read(tmp_path: Path) -> None:
    facts = load_gguf_facts(_write(tmp_path, SOUND))
    assert (facts.architecture, facts.context_tokens) == ("llama", 4096)


def test_a_model_that_does_not_say_its_context_gets_a_small_one(tmp_path: Path) -> None:
    facts = load_gguf_facts(_write(tmp_path, gguf({"general.architecture": "odd"})))
    assert facts.context_tokens == 2048


def test_every_cut_of_a_head_is_refused(tmp_path: Path) -> None:
    for length in range(len(SOUND)):
        with pytest.raises(LocalModelError):
            load(tmp_path, SOUND[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip",
        gguf({"general.architecture": "llama"}, magic=b"GGML"),
        gguf({"general.architecture": "llama"}, version=1),
        gguf({"general.architecture": "llama"}, version=3 << 24),
        gguf({"general.name": "no architecture"}),
        gguf({"general.architecture": 7}),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 10, 1 << 61),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 9, 1) * 500,
    ],
)
def test_what_is_no_gguf_or_lies_about_its_lengths_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(LocalModelError):
        load(tmp_path, content)


def test_a_missing_file_is_a_local_model_error(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError):
        load_gguf_facts(tmp_path / "gone.gguf")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, len(SOUND) - 1), byte=st.integers(0, 255))
def test_no_changed_byte_breaks_the_reader(tmp_path: Path, position: int, byte: int) -> None:
    changed = SOUND[:position] + bytes([byte]) + SOUND[position + 1 :]
    try:
        load(tmp_path, changed)
    except LocalModelError:
        return


def _write(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    return file
