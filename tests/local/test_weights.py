"""The list of models on this computer: adding, listing, removing, and damaged lists."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from gguf_files import SOUND, gguf
from troth.domain.error import (
    HashMismatch,
    LocalModelMissing,
    ModelFileRefused,
    UsageError,
)
from troth.local import weights
from troth.local.shelf import InstalledModel, store_models


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere" / "My Model (Q4).gguf"
    file.parent.mkdir()
    file.write_bytes(SOUND)
    return file


async def test_a_file_is_added_by_reference_and_never_copied(tmp_path: Path, file: Path) -> None:
    model = await weights.add(tmp_path / "models", file)
    assert model.name == "my-model-q4"
    assert model.path == file
    assert model.sha256 == hashlib.sha256(SOUND).hexdigest()
    assert model.context_tokens == 4096
    assert not model.is_ours
    assert weights.installed_models(tmp_path / "models") == (model,)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["models.json"]


async def test_a_model_that_could_read_a_library_is_given_what_memory_bears(
    tmp_path: Path, file: Path
) -> None:
    file.write_bytes(gguf({"general.architecture": "a", "a.context_length": 1 << 20}))
    assert (await weights.add(tmp_path / "models", file)).context_tokens == 8192


async def test_removing_a_reference_leaves_its_owners_file(tmp_path: Path, file: Path) -> None:
    await weights.add(tmp_path / "models", file)
    weights.remove(tmp_path / "models", "my-model-q4")
    assert weights.installed_models(tmp_path / "models") == ()
    assert file.read_bytes() == SOUND
    with pytest.raises(LocalModelMissing):
        weights.remove(tmp_path / "models", "my-model-q4")


def test_removing_what_was_installed_deletes_it(tmp_path: Path) -> None:
    file = tmp_path / "ours.gguf"
    file.write_bytes(SOUND)
    store_models(tmp_path, [InstalledModel("ours", file, len(SOUND), "00", 1, is_ours=True)])
    weights.remove(tmp_path, "ours")
    assert not file.exists()


async def test_adding_again_renames_or_refreshes_and_never_doubles(
    tmp_path: Path, file: Path
) -> None:
    models_dir = tmp_path / "models"
    await weights.add(models_dir, file)
    await weights.add(models_dir, file)
    assert [model.name for model in weights.installed_models(models_dir)] == ["my-model-q4"]
    await weights.add(models_dir, file, "mine")
    assert [model.name for model in weights.installed_models(models_dir)] == ["mine"]


async def test_two_files_of_one_name_get_two_names(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other" / file.name
    other.parent.mkdir()
    other.write_bytes(SOUND)
    first = await weights.add(tmp_path / "models", file)
    second = await weights.add(tmp_path / "models", other)
    assert (first.name, second.name) == ("my-model-q4", "my-model-q4-2")
    with pytest.raises(UsageError):
        await weights.add(tmp_path / "models", other, first.name)


@pytest.mark.parametrize("name", ["Upper", "../up", "a/b", "a b", "-dash", "", "x" * 101])
async def test_a_name_that_could_mislead_is_refused(tmp_path: Path, file: Path, name: str) -> None:
    if not name:
        odd = file.with_name("漢字.gguf")
        file.rename(odd)
        assert (await weights.add(tmp_path / "models", odd)).name == "model"
        return
    with pytest.raises(UsageError):
        await weights.add(tmp_path / "models", file, name)


async def test_the_embedded_models_name_is_kept_free(tmp_path: Path, file: Path) -> None:
    with pytest.raises(UsageError):
        await weights.add(tmp_path / "models", file, weights.EMBEDDED)


async def test_what_is_no_chat_model_is_not_added(tmp_path: Path, file: Path) -> None:
    for content in (b"not a model", gguf({"general.architecture": "clip"})):
        file.write_bytes(content)
        with pytest.raises(ModelFileRefused):
            await weights.add(tmp_path / "models", file)
    assert weights.installed_models(tmp_path / "models") == ()


async def test_a_file_that_is_gone_or_has_changed_size_is_not_listed(
    tmp_path: Path, file: Path
) -> None:
    await weights.add(tmp_path / "models", file)
    file.write_bytes(SOUND + b"more")
    assert weights.installed_models(tmp_path / "models") == ()
    file.unlink()
    assert weights.installed_models(tmp_path / "models") == ()


async def test_a_changed_file_of_the_same_size_is_found_by_its_digest(
    tmp_path: Path, file: Path
) -> None:
    model = await weights.add(tmp_path / "models", file)
    await weights.check(model)
    file.write_bytes(SOUND[:-1] + b"!")
    with pytest.raises(HashMismatch):
        await weights.check(model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 2, "models": []}',
        b'{"format": 1, "models": {}}',
        b'{"format": 1, "models": [1, null, {"name": "x"}]}',
        b'{"format": 1, "models": [{"name": 1, "path": 2}]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_a_damaged_list_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "models.json").write_bytes(content)
    assert weights.installed_models(tmp_path) == ()


def test_our_own_models_are_found_after_the_folder_has_moved(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "ours.gguf").write_bytes(SOUND)
    model = InstalledModel("ours", here / "ours.gguf", len(SOUND), "00", 1, is_ours=True)
    store_models(here, [model])
    here.rename(tmp_path / "there")
    (found,) = weights.installed_models(tmp_path / "there")
    assert found.path == tmp_path / "there" / "ours.gguf"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_list_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    previous = os.umask(0)
    try:
        store_models(models_dir, [])
    finally:
        os.umask(previous)
    assert stat.S_IMODE(models_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((models_dir / "models.json").stat().st_mode) == 0o600
    assert json.loads((models_dir / "models.json").read_bytes()) == {"format": 1, "models": []}


def test_the_status_asks_no_network_and_reads_no_weights(tmp_path: Path) -> None:
    status = weights.status(tmp_path / "nowhere")
    assert not status.is_installed
    assert status.models == ()
    assert status.download_bytes == 92_871_040
    assert not (tmp_path / "nowhere").exists()
