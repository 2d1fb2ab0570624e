"""Files as parts of a message: a PDF is read for its words, in a child that may be killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.conftest import MODEL, Opener
from pdf_files import pdf, words
from servers import openai_chat_stream
from troth.domain.error import UsageError
from troth.domain.message import LeftOut, TextPart
from troth.engine.attach import read_attachment
from troth.engine.pdf_text import pdf_text


@contextmanager
def no_file_that_takes(more_bytes: int) -> Iterator[None]:
    """As on a computer with so much memory left: a read without end fails instead of filling it."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


HELLO = openai_chat_stream(["Hello"])


async def test_an_attached_pdf_is_read_for_its_words(tmp_path: Path) -> None:
    path = tmp_path / "notes.pdf"
    path.write_bytes(pdf(words("Page one."), words("Page two.")))
    part, content = await read_attachment(path)
    assert (part.blob.media_type, content) == ("application/pdf", path.read_bytes())
    assert part.extracted_text == "Page one.\n\nPage two."


@pytest.mark.parametrize(
    "content",
    [pdf(b""), b"%PDF-1.7\nno objects at all", b"%PDF-", pdf(words("x"))[:200]],
    ids=["scan", "nonsense", "head", "cut"],
)
async def test_a_pdf_without_words_has_none(content: bytes) -> None:
    assert await pdf_text(content) == ""


async def test_a_broken_page_costs_itself_only() -> None:
    content = pdf(words("one"), words("two"), words("three"))
    broken = content.replace(b"/Contents 7 0 R", b"/Contents 1 0 R")
    assert await pdf_text(broken) == "one\n\nthree"


@pytest.mark.slow
async def test_a_page_without_end_is_given_up_and_the_others_are_kept() -> None:
    content = pdf(words("one"), words("again and again ") * 1_500_000, words("three"))
    assert len(content) < 1 << 20
    text = await pdf_text(content, time_s=8)
    # Its time is up first, or its memory: that depends on how fast this machine is.
    assert text in {"one\n\n[The text from page 2 to 3 is not here.]", "one\n\nthree"}


async def test_a_pdf_whose_time_is_up_at_once_has_no_words() -> None:
    assert await pdf_text(pdf(words("one")), time_s=0) == ""


async def test_a_pdf_goes_as_text_and_the_message_says_so(
    open_engine: Opener, tmp_path: Path
) -> None:
    engine, server = await open_engine(HELLO)
    path = tmp_path / "notes.pdf"
    path.write_bytes(pdf(words("The sky is green.")))
    parts = [await engine.attach(path), TextPart("Is it?")]
    chat = await engine.new_chat(model=MODEL)
    told = (LeftOut("pdf_as_text", 1, "sent_as_text"),)
    assert (await engine.plan(chat, parts)).left_out == told
    reply = await engine.send(chat, parts)
    assert (await reply.wait()).left_out == told
    [message] = json.loads(server.requests[-1].body)["messages"]
    assert message["content"] == "notes.pdf:\n```\nThe sky is green.\n```\nIs it?"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
async def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with no_file_that_takes(160 << 20), pytest.raises(UsageError, match="larger than 32 MB"):
        await read_attachment(Path("/dev/zero"))
