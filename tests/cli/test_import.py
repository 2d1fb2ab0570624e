"""`troth import` and `troth export`, as a person runs them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from cli_runs import Troth
from transfer.exports import claude_chat, claude_message, gpt_simple, write_json, write_zip


def test_look_import_again_list_and_undo(with_vault: Troth, tmp_path: Path) -> None:
    chats = [gpt_simple(), gpt_simple("two", "Splices")]
    members = {"conversations-000.json": json.dumps(chats).encode(), "user.json": b"{}"}
    path = str(write_zip(tmp_path / "export.zip", members))

    looked = with_vault("import", path, "--preview")
    assert "2 new chats and 4 messages" in looked.err
    assert "Splices" in looked.out
    assert with_vault("chats", "--json").json == []

    taken = with_vault("import", path, "--json").json
    assert (taken["new_chats"], taken["messages"], taken["skipped"]) == (2, 4, [])
    assert {chat["title"] for chat in with_vault("chats", "--json").json} == {"Knots", "Splices"}
    assert "nothing new" in with_vault("import", path).err

    [listed] = with_vault("import", "--list", "--json").json
    assert listed["batch"] == taken["batch"]
    assert listed["files"] == ["export.zip"]
    undone = with_vault("import", "--undo")
    assert undone.code == 0
    assert "Deleted 4 messages and 2 chats" in undone.err
    assert with_vault("chats", "--json").json == []
    assert with_vault("import", "--undo").code == 2


def test_a_bad_file_is_told_with_the_next_step(with_vault: Troth, tmp_path: Path) -> None:
    diary = tmp_path / "diary.json"
    diary.write_text("dear diary")
    ran = with_vault("import", str(diary))
    assert ran.code == 2
    assert "cannot be imported" in ran.err
    assert "neither JSON" in ran.err
    assert "troth import --help" in ran.err
    failed = with_vault("import", str(tmp_path / "gone"), "--json")
    assert failed.json["error"]["kind"] == "import-refused"


def test_import_wants_one_thing_at_a_time(with_vault: Troth, tmp_path: Path) -> None:
    assert with_vault("import").code == 2
    assert with_vault("import", "x.json", "--undo").code in {2, 3}
    assert with_vault("import", "x.json", "--from", "myspace").code == 2
    assert "logs.db" in with_vault("import", "--help").out


def test_all_chats_are_exported_and_come_back(with_vault: Troth, tmp_path: Path) -> None:
    record = claude_chat(claude_message("u1", "human", "splice?"), name="../../Rope: work/")
    with_vault("import", str(write_json(tmp_path / "a.json", [record, gpt_simple()])))
    folder = tmp_path / "out"
    for form, suffix in (("json", ".troth.json"), ("markdown", ".md"), ("html", ".html")):
        ran = with_vault("export", "--all", "--format", form, "-o", str(folder / form))
        assert ran.code == 0, ran.err
        files = sorted(file.name for file in (folder / form).iterdir())
        assert len(files) == 2
        assert all(name.endswith(suffix) for name in files)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in (folder / form).iterdir()}
        assert modes == {0o600}
    before = {chat["id"] for chat in with_vault("chats", "--json").json}
    with_vault("import", "--undo")
    back = with_vault("import", str(folder / "json"), "--json").json
    assert (back["new_chats"], back["messages"]) == (2, 3)
    assert {chat["id"] for chat in with_vault("chats", "--json").json} == before


def test_folder_and_tags_go_out_with_one_chat_and_with_all(
    with_vault: Troth, tmp_path: Path
) -> None:
    with_vault("import", str(write_json(tmp_path / "a.json", [gpt_simple()])))
    [chat] = with_vault("chats", "--json").json
    document = with_vault("export", chat["id"], "--format", "json").json
    assert (document["folder"], document["tags"]) == ("", [])
    with_vault("import", "--undo")
    labelled = document | {"folder": "Sailing", "tags": ["rope", "sea"]}
    with_vault("import", str(write_json(tmp_path / "b.troth.json", labelled)))

    [chat] = with_vault("chats", "--json").json
    assert (chat["folder"], chat["tags"]) == ("Sailing", ["rope", "sea"])
    one = with_vault("export", chat["id"], "--format", "json").json
    ran = with_vault("export", "--all", "--format", "json", "-o", str(tmp_path / "out"))
    assert "1 chat is written" in ran.err
    [written] = (tmp_path / "out").iterdir()
    for again in (one, json.loads(written.read_text("utf-8"))):
        assert (again["folder"], again["tags"]) == ("Sailing", ["rope", "sea"])


def test_export_says_what_it_needs(with_vault: Troth) -> None:
    assert with_vault("export").code == 2
    assert with_vault("export", "x", "--all").code == 2
    assert "-o DIR" in with_vault("export", "--all").err
    nobody = with_vault("export", "--all", "-o", "~nobody-here/chats")
    said = " ".join(nobody.err.split()).lower()
    assert (nobody.code, "nobody here is called 'nobody-here'" in said) == (2, True), said


def test_an_export_makes_no_folder_for_a_file(with_vault: Troth, tmp_path: Path) -> None:
    with_vault("import", str(write_json(tmp_path / "a.json", [gpt_simple()])))
    [chat] = with_vault("chats", "--json").json
    ran = with_vault("export", chat["id"], "-o", str(tmp_path / "nowhere" / "x.md"))
    assert ran.code == 2
    assert f"There is no folder {tmp_path / 'nowhere'}.\n  Make it first" in ran.err
    assert not (tmp_path / "nowhere").exists()
