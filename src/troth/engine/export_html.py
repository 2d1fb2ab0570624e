"""A chat as one page: no script, nothing loaded from elsewhere, images inside, light and dark.

Everything in it was written by others. Text becomes HTML in two ways only: escaped, or through a
Markdown reader that escapes HTML, draws no remote image and refuses addresses that could run. The
page's own policy forbids scripts and every request as well. What was said stands beside a rail that
the page draws, so that no heading in it passes for the next speaker.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from troth.domain.message import (
    BlobPart,
    Part,
    Role,
    SourcePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from troth.engine.chat import Chat
from troth.engine.exporting import SHOWN_IMAGES, Clean, Turn, facts, one_line, speaker, turns
from troth.explain import verdict_sentence, verdict_words

"""What a browser draws without running anything: SVG is not among them."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #666; --line: #ddd; --paper: #fff;
  --code: #f4f4f4; --good: #17662f; --warn: #8a5a00; --bad: #b3151f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a0a0a0; --line: #3a3a3a;
  --paper: #161616; --code: #232323; --good: #6fcf87; --warn: #e0b050; --bad: #ff7b7b; } }
body { font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
article { border-top: 1px solid var(--line); padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0; } .plain { white-space: pre-wrap; }
.said { border-left: 3px solid var(--line); padding-left: 1rem; margin-top: .75rem; }
.said > :first-child { margin-top: 0; } .said > :last-child { margin-bottom: 0; }
.said h1, .said h2, .said h3 { font-size: 1.15rem; margin: 1.25rem 0 .5rem; }
.facts { color: var(--soft); font-size: .85rem; margin: 0; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
pre { background: var(--code); padding: .75rem; overflow-x: auto; } code { font-size: .9em; }
img { max-width: 100%; } table { border-collapse: collapse; }
td, th { border: 1px solid var(--line); padding: .25rem .5rem; }
blockquote, details { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
"""


def html_page(chat: Chat, clean: Clean, blobs: Mapping[str, bytes]) -> str:
    """Return the shown path of a chat that is wholly loaded; `blobs` holds its images."""
    return "".join(_pieces(chat, clean, blobs))


def _pieces(chat: Chat, clean: Clean, blobs: Mapping[str, bytes]) -> Iterator[str]:
    conversation = chat.conversation
    title = escape(one_line(clean, conversation.title) or "Chat")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="facts">{conversation.created_at:%Y-%m-%d} to {conversation.updated_at:%Y-%m-%d}'
        f", {len(chat.path):,} of {conversation.message_count:,} messages shown</p>\n"
    )
    if conversation.system_prompt:
        words = _text(clean(conversation.system_prompt))
        yield f"<details><summary>Instructions</summary>{words}</details>\n"
    reader = _reader()
    for turn in turns(chat):
        yield "<article>\n"
        yield f"<h2>{escape(speaker(turn, clean))}</h2>\n{_facts(turn)}"
        yield '<div class="said" dir="auto">\n'
        for part in turn.message.parts:
            yield _part(part, turn, reader, clean, blobs)
        yield "</div>\n</article>\n"
    yield "</body>\n</html>\n"


def _facts(turn: Turn) -> str:
    words = verdict_words(turn.verdict.state if turn.verdict else None)
    line = f'<p class="facts">{escape(", ".join(facts(turn)))}</p>\n'
    if turn.message.role is not Role.ASSISTANT:
        return line
    said = verdict_sentence(turn.verdict) if turn.verdict else words.sentence
    sentence = escape(f"{words.glyph} {words.short}: {said}")
    return f'{line}<p class="facts {words.tone}">{sentence}</p>\n'


def _part(
    part: Part, turn: Turn, reader: MarkdownIt, clean: Clean, blobs: Mapping[str, bytes]
) -> str:
    match part:
        case TextPart(text):
            if turn.message.role is Role.ASSISTANT:
                return str(reader.render(clean(text)))
            return _text(clean(text))
        case ThinkingPart(text):
            return f"<details><summary>Thinking</summary>{_text(clean(text))}</details>\n"
        case BlobPart(blob, _):
            name = escape(one_line(clean, blob.name) or "attachment", quote=True)
            content = blobs.get(blob.sha256)
            if content is None or blob.media_type not in SHOWN_IMAGES:
                kind = escape(one_line(clean, blob.media_type))
                return f'<p class="facts">{name} ({kind}, {blob.size_bytes:,} bytes)</p>\n'
            data = base64.b64encode(content).decode("ascii")
            return f'<p><img alt="{name}" src="data:{blob.media_type};base64,{data}"></p>\n'
        case SourcePart(url, title):
            return _source(one_line(clean, url), one_line(clean, title))
        case ToolCallPart(_, name, text) | ToolResultPart(_, name, text):
            asked = "Tool" if isinstance(part, ToolCallPart) else "Answer of"
            title = escape(f"{asked} {one_line(clean, name)}")
            body = f"<pre>{escape(clean(text))}</pre>"
            return f"<details><summary>{title}</summary>{body}</details>\n"


def _text(text: str) -> str:
    """Return text as it was typed: its line breaks and what is indented count."""
    stripped = text.strip("\n")
    return f'<p class="plain">{escape(stripped)}</p>\n' if stripped.strip() else ""


def _source(url: str, title: str) -> str:
    shown = escape(title or url)
    if not url.startswith(("https://", "http://")):
        return f'<p class="facts">{shown}</p>\n'
    link = f'<a href="{escape(url, quote=True)}" rel="noopener noreferrer nofollow">{shown}</a>'
    return f'<p class="facts">Source: {link}</p>\n'


def _reader() -> MarkdownIt:
    """Return a reader that escapes HTML and draws no image: one would tell who opens the page."""
    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.disable("image")
    reader.add_render_rule("link_open", _link_open)
    return reader


def _link_open(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)
