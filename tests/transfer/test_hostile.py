"""Files that mean harm or are just wrong: a clear word, the rest read, nothing touched."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from transfer.exports import (
    NOW,
    PNG,
    claude_chat,
    claude_message,
    gpt_chat,
    gpt_message,
    gpt_simple,
    read_all,
    read_one,
    write_json,
    write_zip,
)
from troth.domain.error import ImportRefused
from troth.transfer import files
from troth.transfer.chats import Kind, Reason
from troth.transfer.html_words import html_to_words


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"hello there, this is my diary", "neither JSON"),
        (bytes(range(256)), "neither JSON"),
        ("[]".encode("utf-16"), "UTF-8"),
        ('[{"a": 1}]'.encode("utf-16-le"), "UTF-8"),
        ('[{"a": 1}]'.encode("utf-16-be"), "UTF-8"),
        ('[{"a": 1}]'.encode("utf-32"), "UTF-8"),
        (b"<html><body>other</body></html>", "neither JSON"),
    ],
)
def test_what_is_no_export_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "diary.json"
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match=reason):
        read_all(path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_all(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "value",
    [
        {"some": "json"},
        [1, 2, "three"],
        [{"mapping": {}}],
        [{"mapping": {"a": None, "b": 3, "c": {"message": "text", "parent": 7, "children": 3}}}],
        [{"mapping": {"a": {"message": {"author": [], "content": 7, "metadata": "x"}}}}],
        [{"chat_messages": [None, 3, {"sender": "robot"}, {"sender": "human", "content": {}}]}],
        [{"conversation_turns": [None, {"user_turn": 3}, {"system_turn": {"text": 3}}]}],
        {"format": "troth-chat", "version": 1, "conversation": None},
        {"format": "troth-chat", "version": 99},
        [[[[]]]],
    ],
)
def test_json_of_the_wrong_shape_gives_no_chat_and_no_fault(tmp_path: Path, value: Any) -> None:
    chats, _ = read_all(write_json(tmp_path / "x.json", value))
    assert chats == []


def test_one_bad_record_does_not_hide_the_others(tmp_path: Path) -> None:
    good = json.dumps(gpt_simple())
    path = tmp_path / "conversations.json"
    path.write_text(f'[{good}, {{"mapping": broken}}, {json.dumps(gpt_simple("two"))}, {{"cut": ')
    chats, skipped = read_all(path)
    assert len(chats) == 2
    assert [s.reason for s in skipped] == [Reason.NOT_JSON, Reason.CUT]


def test_absurd_dates_are_replaced_by_sane_ones(tmp_path: Path) -> None:
    times: list[object] = [1e300, -5, "tomorrow", float("nan"), 4e10, True, None, "9999-99-99"]
    edges: list[Any] = [("m0", None, gpt_message("user", "start"))]
    for number, time in enumerate(times, 1):
        message = gpt_message("user", f"words {number}", create_time=time)
        edges.append((f"m{number}", f"m{number - 1}", message))
    record = gpt_chat(edges, create_time="never", update_time=1e18)
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert len(chat.messages) == len(times) + 1
    assert all(m.created_at.year >= 2000 and m.created_at <= NOW for m in chat.messages)
    assert chat.conversation.updated_at <= NOW


def test_control_characters_stay_out_of_titles_and_model_names(tmp_path: Path) -> None:
    bad = gpt_message("assistant", "a\x00b", metadata={"model_slug": "gpt\n4\x1b]0;x\x07"})
    record = gpt_chat(
        [("q", None, gpt_message("user", "q")), ("a", "q", bad)], title="one\ntwo\x1b[31m" * 200
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    model = chat.messages[1].model
    assert model is not None
    assert model.model.isprintable()
    assert chat.conversation.title.isprintable()
    assert len(chat.conversation.title) <= 200
    assert chat.messages[1].text == "ab"


def test_circles_and_orphans_in_a_tree_lose_no_words(tmp_path: Path) -> None:
    record = gpt_chat(
        [
            ("a", "b", gpt_message("user", "A")),
            ("b", "a", gpt_message("user", "B")),
            ("c", "nowhere", gpt_message("user", "C")),
        ],
        current="not there",
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert {m.text for m in chat.messages} == {"A", "B", "C"}
    ids = {m.id for m in chat.messages}
    assert chat.conversation.head_id in ids


def test_doubled_ids_in_one_chat_are_counted_as_broken(tmp_path: Path) -> None:
    record = claude_chat(
        claude_message("u1", "human", "first"), claude_message("u1", "human", "second")
    )
    chat = read_one(write_json(tmp_path / "conversations.json", [record]))
    assert [m.text for m in chat.messages] == ["first"]
    assert chat.broken_messages == 1


def test_names_that_climb_out_of_the_archive_are_only_names(tmp_path: Path) -> None:
    evil = {
        "../../conversations.json": json.dumps([gpt_simple()]).encode(),
        "..\\..\\file-AbCd1234.png": PNG,
        "/etc/cron.d/x": b"evil",
    }
    chats, _ = read_all(write_zip(tmp_path / "export.zip", evil))
    assert len(chats) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["export.zip"]


def test_a_zip_bomb_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FREE_BYTES", 1 << 20)
    bomb = b'[{"a": "' + b"0" * (30 << 20) + b'"}]'
    path = write_zip(tmp_path / "export.zip", {"conversations.json": bomb})
    assert path.stat().st_size < 100_000
    with pytest.raises(ImportRefused, match="zip bomb"):
        read_all(path)


def test_a_cut_or_garbled_archive_is_told(tmp_path: Path) -> None:
    titles = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)]
    words = json.dumps([gpt_simple(title, title=title) for title in titles])
    whole = write_zip(tmp_path / "whole.zip", {"conversations.json": words.encode()})
    content = whole.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(ImportRefused, match="damaged or was cut"):
        read_all(cut)
    garbled = tmp_path / "garbled.zip"
    middle = len(content) // 2
    garbled.write_bytes(content[:middle] + bytes(50) + content[middle + 50 :])
    with pytest.raises(ImportRefused, match="damaged or was cut"):
        read_all(garbled)


def test_an_archive_with_nothing_for_us_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no file that Troth knows"):
        read_all(write_zip(tmp_path / "photos.zip", {"a.jpg": b"x"}))


def test_a_database_in_a_zip_is_never_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"logs.db": b"SQLite format 3\x00" + bytes(100)})
    with pytest.raises(ImportRefused, match="not in a zip"):
        read_all(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    write_json(secret / "conversations.json", [gpt_simple()])
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "conversations.json").symlink_to(secret / "conversations.json")
    (folder / "more").symlink_to(secret)
    with pytest.raises(ImportRefused):
        read_all(folder)


def test_a_lone_file_in_a_full_folder_looks_at_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_MEMBERS", 3)
    path = write_json(tmp_path / "conversations.json", [gpt_simple()])
    for number in range(20):
        (tmp_path / f"holiday-{number}.jpg").write_bytes(b"x")
        (tmp_path / f"folder-{number}").mkdir()
    with files.opened_export(path) as export:
        assert export.others == ()
    assert len(read_all(path)[0]) == 1


def test_a_kind_that_the_user_names_excludes_the_others(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "x.json", [gpt_simple(), claude_chat(claude_message("u", "human", "x"))]
    )
    assert [chat.kind for chat in read_all(path)[0]] == [Kind.CHATGPT, Kind.CLAUDE]
    chats, skipped = read_all(path, Kind.CLAUDE)
    assert [chat.kind for chat in chats] == [Kind.CLAUDE]
    assert [s.reason for s in skipped] == [Reason.FOREIGN]


def test_an_image_that_is_none_is_kept_as_a_file_only(tmp_path: Path) -> None:
    pointed = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "file-service://file-AbCd1234",
    }
    content = {"content_type": "multimodal_text", "parts": [pointed]}
    record = gpt_chat([("q", None, gpt_message("user", content=content))])
    write_json(tmp_path / "conversations.json", [record])
    (tmp_path / "file-AbCd1234.png").write_bytes(b"<svg onload=alert(1)>")
    [blob] = read_one(tmp_path).messages[0].blobs
    assert blob.media_type == "application/octet-stream"
    assert not blob.is_image


def test_many_unclosed_artifacts_cost_no_time(tmp_path: Path) -> None:
    words = "<antArtifact a>" * 50_000
    chat = read_one(
        write_json(tmp_path / "c.json", [claude_chat(claude_message("u", "assistant", words))])
    )
    assert chat.messages[0].text == words


@pytest.mark.parametrize("names", [["conversations.json"], ["conversations.json", "logs.db"]])
def test_an_encrypted_archive_is_told(tmp_path: Path, names: list[str]) -> None:
    path = write_zip(tmp_path / "locked.zip", dict.fromkeys(names, b"[]"))
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + offset] |= 1  # the flag that says encrypted
    path.write_bytes(bytes(content))
    with pytest.raises(ImportRefused, match="locked"):
        read_all(path)


def test_a_record_in_another_encoding_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    foreign = json.dumps(gpt_simple(title="Gr\u00fc\u00dfe"), ensure_ascii=False)
    path.write_bytes(f"[{json.dumps(gpt_simple())}, {foreign}]".encode("latin-1"))
    chats, skipped = read_all(path)
    assert len(chats) == 1
    assert [(s.reason, s.count) for s in skipped] == [(Reason.NOT_UTF8, 1)]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="few disks keep such times")
def test_a_file_from_the_far_future_is_read() -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        path = write_json(Path(folder, "conversations.json"), [gpt_simple()])
        os.utime(path, (3e11, 3e11))
        assert len(read_all(path)[0]) == 1


NEVER_ENDED = ("<", "<!--", "<!", "</", "<?", "<![CDATA[", "<a ", "<a href='", "<p ", "<br")


@pytest.mark.parametrize("piece", NEVER_ENDED)
def test_html_that_is_never_ended_is_read_once(piece: str) -> None:
    """Gone over again from every place it would take an hour: the suite's time limit tells."""
    words = html_to_words(f"<p>Tie <b>it</b></p>{piece * 200_000}")
    assert words.startswith("Tie **it**")


def test_a_page_that_is_never_ended_is_read_once(tmp_path: Path) -> None:
    header = '<p class="mdl-typography--title">Gemini Apps</p>'
    body = '<div class="mdl-typography--body-1">'
    cells = [
        f'{header}<div class="{"mdl-typography--body-1" * 200_000} ',
        f"{header}{body}Prompted me{'<' * 4_000_000}<br>",
        f"{header}{body}Prompted knots<br>Mar 3, 2026, 6:25:05 AM PDT<br>A bowline<br></div>",
    ]
    page = "".join(f'<div class="outer-cell">{cell}</div>' for cell in cells)
    path = tmp_path / "MyActivity.html"
    path.write_text(f"<html><body>{page}</body></html>")
    chats, skipped = read_all(path)
    assert [m.text for m in chats[-1].messages] == ["knots", "A bowline"]
    assert skipped
