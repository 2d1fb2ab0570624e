"""Gemini from Takeout: activity as JSON and as a page, and whole conversations."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from transfer.exports import PNG, read_all, read_one, write_json, write_zip
from troth.domain.message import Role, ThinkingPart
from troth.transfer.chats import Kind, Reason


def activity(title: str, time: str, reply: str = "", **more: object) -> dict[str, object]:
    record: dict[str, object] = {
        "header": "Gemini Apps",
        "title": title,
        "time": time,
        "products": ["Gemini Apps"],
        **more,
    }
    if reply:
        record["safeHtmlItem"] = [{"html": reply}]
    return record


def test_records_within_half_an_hour_become_one_chat_oldest_first(tmp_path: Path) -> None:
    records = [
        activity("Prompted and on a ship?", "2026-03-02T10:20:00.000Z", "<p>Yes.</p>"),
        activity("Prompted how to tie?", "2026-03-02T10:00:00.000Z", "<p>So.</p>"),
        activity("Prompted yesterday", "2026-03-01T10:00:00.000Z", "<p>Old.</p>"),
    ]
    chats, skipped = read_all(write_json(tmp_path / "MyActivity.json", records))
    assert not skipped
    assert [[m.text for m in chat.messages] for chat in chats] == [
        ["how to tie?", "So.", "and on a ship?", "Yes."],
        ["yesterday", "Old."],
    ]
    assert [m.role for m in chats[1].messages] == [Role.USER, Role.ASSISTANT]
    assert chats[0].kind is Kind.GEMINI


def test_what_is_no_conversation_is_skipped_and_counted(tmp_path: Path) -> None:
    records = [
        activity("Prompted hello", "2026-03-02T10:00:00Z", "<p>Hi</p>"),
        activity("Gave feedback: Good response", "2026-03-02T10:01:00Z"),
        activity("Watched a film", "2026-03-02T10:02:00Z", header="YouTube", products=["YouTube"]),
    ]
    chats, skipped = read_all(write_json(tmp_path / "MyActivity.json", records))
    assert len(chats) == 1
    assert [s.reason for s in skipped] == [Reason.OTHER_ACTIVITY] * 2


def test_the_html_of_a_reply_becomes_markdown(tmp_path: Path) -> None:
    html = (
        "<h3>Steps</h3><ol><li>Make a <b>loop</b></li><li>Pull</li></ol>"
        "<pre><code>x = 1\ny = 2</code></pre><p>See <a href='https://k.example'>here</a>"
        " or <a href='javascript:alert(1)'>there</a>.</p><script>alert(1)</script>"
    )
    record = activity("Prompted q", "2026-03-02T10:00:00Z", html)
    text = read_one(write_json(tmp_path / "MyActivity.json", [record])).messages[1].text
    assert "### Steps" in text
    assert "1. Make a **loop**\n2. Pull" in text
    assert "```\nx = 1\ny = 2\n```" in text
    assert "[here](https://k.example) or [there]." in text
    assert "alert" not in text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Mar 3, 2026, 6:25:05 AM PDT", "2026-03-03T13:25:05+00:00"),
        ("Mar 3, 2026, 6:25:05\u202fPM UTC", "2026-03-03T18:25:05+00:00"),
        ("3 Mar 2026, 18:25:05 CET", "2026-03-03T17:25:05+00:00"),
        ("2026/03/03 18:25:05 JST", "2026-03-03T09:25:05+00:00"),
        ("03.03.2026, 18:25:05 GMT+02:00", "2026-03-03T16:25:05+00:00"),
        ("03.03.2026, 18:25:05 MEZ", "2026-03-03T17:25:05+00:00"),
        ("3 mars 2026, 18:25:05 CET", "2026-03-03T17:25:05+00:00"),
        ("3 août 2025, 18:25:05 CEST", "2025-08-03T16:25:05+00:00"),
        ("3 mar 2026, 18:25:05 CET", "2026-03-03T17:25:05+00:00"),
        ("3 dic 2025, 6:25:05 p.m. GMT-06:00", "2025-12-04T00:25:05+00:00"),
        ("3 de out. de 2025, 18:25:05 BRT", "2025-10-03T21:25:05+00:00"),
        ("3 ott 2025, 18:25:05 CEST", "2025-10-03T16:25:05+00:00"),
        ("3 мая 2025 г., 18:25:05 MSK", "2025-05-03T15:25:05+00:00"),
        ("3 marras 2025, 18.25.05 EET", "2025-11-03T16:25:05+00:00"),
        ("2026. 3. 3. 오후 6:25:05 KST", "2026-03-03T09:25:05+00:00"),
        ("2026年3月3日 18:25:05 CST", "2026-03-03T10:25:05+00:00"),
        ("3 mars 2026, 18:25:05 GMT\u22123", "2026-03-03T21:25:05+00:00"),
    ],
)
def test_a_page_of_my_activity_is_read_with_its_times(
    tmp_path: Path, written: str, expected: str
) -> None:
    cell = (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
        '<div class="header-cell"><p class="mdl-typography--title">{who}<br></p></div>'
        '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">'
        "Prompted&nbsp;how &lt;do&gt; I?<br>{when}<br><p>Like <b>so</b>.</p></div>"
        '<div class="content-cell mdl-typography--caption"><b>Products:</b></div></div></div>'
    )
    page = "<html><head><title>My Activity</title></head><body>"
    page += cell.format(who="Gemini Apps", when=written) + cell.format(who="Search", when=written)
    path = tmp_path / "MyActivity.html"
    path.write_text(page + "</body></html>", encoding="utf-8")
    [chat], skipped = read_all(path)
    assert [m.text for m in chat.messages] == ["how <do> I?", "Like **so**."]
    assert chat.messages[0].created_at.isoformat() == expected
    assert [s.reason for s in skipped] == [Reason.OTHER_ACTIVITY]


def test_a_workspace_conversation_keeps_thoughts_and_edited_turns(tmp_path: Path) -> None:
    record = {
        "title": "Ropes",
        "creation_time": "2026-02-01T10:00:00Z",
        "last_modification_time": "2026-02-01T11:00:00Z",
        "conversation_turns": [
            {"user_turn": {"prompt": "first", "turn_index": 0}},
            {"user_turn": {"prompt": "edited", "turn_index": 0}},
            {
                "system_turn": {
                    "turn_index": 1,
                    "model_thoughts": [{"headline": "H", "description": "D"}],
                    "text": [{"data": "answer"}],
                }
            },
        ],
    }
    chat = read_one(write_json(tmp_path / "conversation_1.txt", record))
    first, edited, answer = chat.messages
    assert first.parent_id is None
    assert answer.parent_id == edited.id
    assert ThinkingPart("H\n\nD") in answer.parts
    assert chat.conversation.title == "Ropes"


ATTACHED = {
    "subtitles": [
        {"name": "Attached 2 files."},
        {"name": "-  knot.png", "url": "image_12-ab.png"},
        {"name": "-  plan.pdf", "url": "plan-cd.pdf"},
        {"name": "Sailor was used in this chat.", "url": "https://gemini.google.com/gems/1"},
    ],
    "imageFile": "image_12-ab.png",
}


def test_a_takeout_in_another_language_is_found_by_its_folder(tmp_path: Path) -> None:
    record = activity(
        "Eingegebener Prompt: Welcher Knoten?",
        "2026-03-02T10:00:00Z",
        "<p>Palstek.</p>",
        header="Gemini-Apps",
        products=["Gemini-Apps"],
        **ATTACHED,
    )
    folder = "Takeout/Meine Aktivit\u00e4ten/Gemini-Apps"
    members = {
        f"{folder}/MeineAktivit\u00e4ten.json": json.dumps([record]).encode(),
        f"{folder}/image_12-ab.png": PNG,
        "Takeout/Gemini/gemini_gems_data.html": b"<html>settings</html>",
        "Takeout/Fotos/plan-cd.pdf": b"%PDF- of somebody else",
    }
    chat = read_one(write_zip(tmp_path / "takeout.zip", members))
    asked, replied = chat.messages
    assert (asked.text, replied.text) == ("Welcher Knoten?", "Palstek.")
    assert [(blob.name, blob.media_type) for blob in asked.blobs] == [("knot.png", "image/png")]
    assert [left.name for left in asked.left_out] == ["plan.pdf"]
    with zipfile.ZipFile(tmp_path / "takeout.zip") as archive:
        archive.extractall(tmp_path / "out")
    file = next((tmp_path / "out").rglob("MeineAktivit*"))
    for path in (tmp_path / "out", file.parent, file):
        assert read_one(path).messages == chat.messages


def test_a_page_names_attached_files_beside_the_prompt(tmp_path: Path) -> None:
    folder = tmp_path / "Gemini Apps"
    folder.mkdir()
    (folder / "image_12-ab.png").write_bytes(PNG)
    page = (
        '<html><div class="outer-cell"><p class="mdl-typography--title">Gemini Apps<br></p>'
        '<div class="content-cell mdl-typography--body-1">Prompted&nbsp;what is it?<br>'
        '<a href="https://elsewhere.example/x.png">read this</a><br>'
        'Attached 1 file.<br>-&nbsp;&nbsp;<a href="image_12-ab.png">knot.png</a><br>'
        "Mar 3, 2026, 6:25:05 AM PDT<br><p>A knot.</p></div></div></html>"
    )
    (folder / "MyActivity.html").write_text(page, encoding="utf-8")
    asked, replied = read_one(folder / "MyActivity.html").messages
    assert asked.text == "what is it?\nread this"
    assert [blob.name for blob in asked.blobs] == ["knot.png"]
    assert replied.text == "A knot."
