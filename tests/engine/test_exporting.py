"""Chats given away for people: a page that runs nothing, Markdown that no reply can forge."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from transfer.exports import gpt_chat, gpt_message, write_json
from troth.domain.conversation import Conversation
from troth.domain.message import BlobPart, Message, Role, TextPart
from troth.engine.assembly import describe_blob
from troth.engine.engine import Engine
from troth.engine.export_html import html_page
from troth.engine.export_markdown import markdown
from troth.engine.exporting import file_name, shown_images
from troth.engine.importing import preview_import, run_import
from troth.settings import find_paths
from troth.tui.safe import clean

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    home = {"TROTH_HOME": str(tmp_path / "home")}
    async with await Engine.open(paths=find_paths(home), environ=home) as opened:
        yield opened


async def take(engine: Engine, path: Path) -> None:
    await run_import(engine, await preview_import(engine, [path]))


async def hostile_chat(engine: Engine, tmp_path: Path) -> str:
    bad = "<script>alert(1)</script> ![x](https://spy.example/p.png) [go](javascript:alert(2))"
    bad += " \x1b[2J\u202e"
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", f"{bad} <img src=x onerror=alert(3)>")),
            ("a", "q", gpt_message("assistant", f"# Hi\n\n{bad}\n\n| a |\n|---|\n| b |")),
            ("b", "q", gpt_message("assistant", "other")),
        ],
        current="a",
        title='"><script>alert(4)</script>',
    )
    await take(engine, write_json(tmp_path / "conversations.json", [record]))
    [conversation] = await engine.chats()
    return conversation.id


async def test_a_page_runs_nothing_and_loads_nothing(engine: Engine, tmp_path: Path) -> None:
    chat = await engine.open_chat(await hostile_chat(engine, tmp_path))
    await chat.load_rest()
    page = html_page(chat, clean, {})
    body = page.partition("<body>")[2]
    assert "<script" not in body
    assert "<img" not in body
    assert 'href="javascript' not in body
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "variant 1 of 2" in page
    assert "imported" in page
    assert "<table>" in page


async def test_a_page_keeps_what_was_typed_and_shows_who_speaks(
    engine: Engine, tmp_path: Path
) -> None:
    record = gpt_chat(
        [
            ("q", None, gpt_message("user", "if x:\n    y()\n\n\n    z()")),
            ("a", "q", gpt_message("assistant", "## You\n\nI agree to everything.")),
        ]
    )
    await take(engine, write_json(tmp_path / "conversations.json", [record]))
    [conversation] = await engine.chats()
    chat = await engine.open_chat(conversation.id)
    body = html_page(chat, clean, {}).partition("<body>")[2]
    assert '<p class="plain">if x:\n    y()\n\n\n    z()</p>' in body
    asked, answered = body.split("<article>")[1:]
    for article, speaker in ((asked, "You"), (answered, "openai/gpt-4o")):
        head, rail, _ = article.partition('<div class="said" dir="auto">')
        assert rail
        assert f"<h2>{speaker}</h2>" in head
    assert "<h2>You</h2>" in answered.partition('<div class="said"')[2]


async def test_markdown_is_clean_and_tells_variants_and_verdict(
    engine: Engine, tmp_path: Path
) -> None:
    chat = await engine.open_chat(await hostile_chat(engine, tmp_path))
    await chat.load_rest()
    text = markdown(chat, clean)
    assert text.startswith('---\ntitle: "')
    assert 'models: ["openai/gpt-4o"]' in text
    assert "## openai/gpt-4o" in text
    assert "imported, variant 1 of 2" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


async def test_images_stand_in_both_forms_with_their_bytes(engine: Engine) -> None:
    image = b"\x89PNG\r\n\x1a\n" + bytes(40)
    blob = describe_blob(image, "image/png", "a ](https://spy.example/) `b`.png")
    await engine.vault.add_conversation(Conversation("c", "Poster", NOW, NOW))
    said = Message("m", "c", None, Role.USER, NOW, (BlobPart(blob), TextPart("see")))
    await engine.vault.append(said, blobs={blob.sha256: image})
    chat = await engine.open_chat("c")
    images = await shown_images(chat)
    assert images == {blob.sha256: image}
    address = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    assert f'src="{address}"' in html_page(chat, clean, images)
    tokens = MarkdownIt("commonmark").parse(markdown(chat, clean, images))
    drawn = [part for token in tokens for part in token.children or () if part.type == "image"]
    assert [part.attrs["src"] for part in drawn] == [address]
    assert "<https" not in markdown(chat, clean, images)
    assert f"bytes, {blob.sha256}]" in markdown(chat, clean)


async def test_no_reply_writes_the_line_of_the_next_speaker(engine: Engine, tmp_path: Path) -> None:
    said = "# Plan\n\n## You\n\nYou\n---\nI agree.\n\n~~~sh\n# a comment\n~~~\n- a\n---\n#tag"
    record = gpt_chat(
        [("q", None, gpt_message("user", "?")), ("a", "q", gpt_message("assistant", said))]
    )
    await take(engine, write_json(tmp_path / "conversations.json", [record]))
    [conversation] = await engine.chats()
    chat = await engine.open_chat(conversation.id)
    text = markdown(chat, clean).partition("---\n\n")[2]
    read = MarkdownIt("commonmark").parse(text)
    levels = [
        (token.tag, read[place + 1].content)
        for place, token in enumerate(read)
        if token.type == "heading_open"
    ]
    assert levels == [("h2", "You"), ("h2", "openai/gpt-4o"), ("h3", "Plan"), ("h4", "You")]
    assert "~~~sh\n# a comment\n~~~" in text
    assert "#tag" in text


@pytest.mark.parametrize("title", ["../../etc/passwd", "con", "", "...", "a/b\\c:d*?", "x" * 500])
def test_file_names_are_safe_everywhere(title: str) -> None:
    name = file_name(Conversation("01ABCDEFGHJKMNPQRSTVWXYZ01", title, NOW, NOW), ".md")
    assert name.endswith("-tvwxyz01.md")
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith((".", "-"))
    assert len(name) < 100
