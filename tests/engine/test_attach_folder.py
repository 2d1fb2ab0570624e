"""A folder as an attachment: its text files go along, the rest is named or counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.conftest import MODEL, Opener
from servers import openai_chat_stream
from troth.domain.error import UsageError
from troth.domain.message import TextPart
from troth.engine import attach_folder
from troth.engine.attach_folder import FolderTaken, read_folder
from troth.engine.ignored import MAX_RULES


def fill(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def taken_from(folder: Path) -> FolderTaken:
    return read_folder(folder)[0]


def names(taken: FolderTaken) -> list[str]:
    return [part.blob.name for part in taken.parts]


def test_text_files_are_taken_and_the_rest_is_named_with_its_reason(tmp_path: Path) -> None:
    folder = fill(
        tmp_path / "src",
        {
            "b.py": "print(2)",
            "a.md": "# A",
            "inner/c.txt": "see",
            "logo.png": b"\x89PNG\r\n\x1a\n",
            "data.bin": b"\0\1",
            "void.txt": "",
            "log.txt": "x" * (attach_folder.MAX_FILE_BYTES + 1),
            ".env": "KEY=1",
            ".git/config": "[core]",
        },
    )
    taken = taken_from(folder)
    assert names(taken) == ["src/a.md", "src/b.py", "src/inner/c.txt"]
    assert taken.parts[0].extracted_text == "# A"
    assert dict(taken.left) == {
        "logo.png": "binary",
        "data.bin": "binary",
        "void.txt": "empty",
        "log.txt": "large",
    }
    assert (taken.hidden, taken.ignored) == (2, 0)


def test_what_gitignore_names_stays_behind(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            ".git/HEAD": "ref",
            ".gitignore": "*.log\n!keep.log\nbuild/\n/top.txt\n# words\ndocs/**/draft.md\n",
            "app/.gitignore": "secret.txt\n",
            "app/a.log": "no",
            "app/keep.log": "yes",
            "app/secret.txt": "no",
            "app/top.txt": "yes",
            "app/build/out.txt": "no",
            "app/sub/secret.txt": "no",
            "docs/x/y/draft.md": "no",
            "docs/read.md": "yes",
            "top.txt": "no",
        },
    )
    assert names(taken_from(tmp_path / "app")) == ["app/keep.log", "app/top.txt"]
    whole = taken_from(tmp_path)
    inside = [name.removeprefix(f"{tmp_path.name}/") for name in names(whole)]
    assert inside == ["app/keep.log", "app/top.txt", "docs/read.md"]
    assert whole.ignored == 6


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with names in folders")
@pytest.mark.timeout(30)
def test_a_pipe_named_gitignore_holds_nothing_up(tmp_path: Path) -> None:
    folder = fill(tmp_path / "src", {"a.md": "# A"})
    os.mkfifo(folder / ".gitignore")
    assert names(taken_from(folder)) == ["src/a.md"]


def test_a_gitignore_without_end_is_refused(tmp_path: Path) -> None:
    """Each file is held against each pattern: a stranger's folder would take half an hour."""
    patterns = "".join(f"{number}\n" for number in range(MAX_RULES // 2 + 1))
    fill(tmp_path / "src", {".gitignore": patterns, "a.txt": "x", "in/a.txt": "x"})
    assert names(taken_from(tmp_path / "src")) == ["src/a.txt", "src/in/a.txt"]
    fill(tmp_path / "src", {"in/.gitignore": patterns})
    with pytest.raises(UsageError, match="patterns"):
        read_folder(tmp_path / "src")


@pytest.mark.skipif(os.name == "nt", reason="paths end at 260 letters")
def test_folders_may_lie_a_thousand_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "src", {"a.txt": "x"})
    monkeypatch.chdir(tmp_path / "src")
    for _ in range(1_100):
        os.mkdir("d")
        os.chdir("d")
    Path("deep.txt").write_text("x")
    try:
        assert len(names(taken_from(tmp_path / "src"))) == 2
    finally:  # whoever clears temporary folders away may not get so deep
        os.unlink("deep.txt")
        for _ in range(1_100):
            os.chdir("..")
            os.rmdir("d")


def test_a_link_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    secret = fill(tmp_path / "elsewhere", {"id_rsa": "PRIVATE"})
    folder = fill(tmp_path / "src", {"a.txt": "a"})
    (folder / "b.txt").symlink_to(secret / "id_rsa")
    (folder / "c").symlink_to(secret)
    taken = taken_from(folder)
    assert names(taken) == ["src/a.txt"]
    assert taken.left == [("b.txt", "link"), ("c", "link")]


def test_a_large_folder_is_taken_as_far_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "src", {f"{n:03}.txt": "x" * 100 for n in range(120)})
    taken = taken_from(folder)
    assert len(taken.parts) == attach_folder.MAX_FILES
    assert taken.left[0] == ("100.txt", "full")
    monkeypatch.setattr(attach_folder, "MAX_TOGETHER_BYTES", 250)
    assert len(taken_from(folder).parts) == 2
    monkeypatch.setattr(attach_folder, "MAX_LOOKED_AT", 100)
    with pytest.raises(UsageError, match="more than 100 files"):
        read_folder(folder)


def test_a_folder_without_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no text file"):
        read_folder(fill(tmp_path / "src", {"a.bin": b"\0"}))


async def test_the_model_gets_each_file_under_its_path(open_engine: Opener, tmp_path: Path) -> None:
    engine, server = await open_engine(openai_chat_stream(["Hello"]))
    taken = await engine.attach_folder(fill(tmp_path / "src", {"in/a.py": "print(1)"}))
    chat = await engine.new_chat(model=MODEL)
    await (await engine.send(chat, [*taken.parts, TextPart("Why?")], model=MODEL)).wait()
    assert b"src/in/a.py:\\n```\\nprint(1)\\n```" in server.requests[-1].body
