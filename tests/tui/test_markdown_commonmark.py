"""Our reading of Markdown against markdown-it-py, which passes the specification's own examples."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from troth.tui.widgets.markdown_blocks import Kind, source_of_lines
from troth.tui.widgets.markdown_inline import BOLD, CODE, ITALIC, parse_inline
from troth.tui.widgets.markdown_reader import BlockReader

LINES = st.sampled_from(
    [
        "# Head", "## Two ##", "text", "more words here", "- a", "  - b", "    - c", "* c", "+ p",
        "1. one", "2) two", "10. ten", "   para in item", "> q", "> - x", "```py", "```", "  ```",
        "~~~", "    code", "\tcode", "     ind", "---", "===", "***", "-", "1.", ">", "  lazy", "",
        "[a]: /u", "'a title'", "> [c]: <w x> 't'", "- [d]: /x", "[e]: /y z", "[f",
    ]
)  # fmt: skip
INLINE = st.text(alphabet="ab *_`()!>é漢.", max_size=24)
BLOCKS = MarkdownIt("commonmark").disable("html_block")


def expected_outline(text: str) -> list[tuple[str, str]]:
    outline: list[tuple[str, str]] = []
    for token in BLOCKS.parse(text):
        match token.type:
            case "fence" | "code_block":
                outline.append(("code", token.content.rstrip("\n")))
            case "heading_open":
                outline.append(("heading", token.tag[1:]))
            case "hr":
                outline.append(("rule", ""))
            case "paragraph_open":
                outline.append(("text", ""))
            case "list_item_open":
                outline.append(("item", ""))
            case _:
                pass
    return outline


def our_outline(text: str) -> list[tuple[str, str]]:
    reader = BlockReader()
    outline: list[tuple[str, str]] = []
    for block in [*reader.feed(text), *reader.close()]:
        opened = block.containers[block.shared :]
        outline += [("item", "") for container in opened if not container.is_quote]
        match block.kind:
            case Kind.CODE:
                outline.append(("code", source_of_lines(list(block.lines)).rstrip("\n")))
            case Kind.HEADING:
                outline.append(("heading", str(block.level)))
            case Kind.RULE:
                outline.append(("rule", ""))
            case _:
                outline += [("text", "")] if block.lines else []
    return outline


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join))
@example("-\n\n    - c")
@example("  ```\n\tcode\n\tcode")
@example("> foo\n    - bar")
def test_blocks_agree_with_the_reference(text: str) -> None:
    assert our_outline(text) == expected_outline(text)


@settings(max_examples=300, deadline=None)
@given(INLINE)
@example("*_*_")
@example("**a*>a*a")
@example("**a *b** c*")
def test_emphasis_agrees_with_the_reference(text: str) -> None:
    text = text.strip()
    if "  " in text:
        return  # Two spaces before a line end are a break there; here they stay.
    expected: list[tuple[str, int]] = []
    bold = italic = 0
    for token in MarkdownIt("commonmark").parseInline(text)[0].children or []:
        bold += (token.type == "strong_open") - (token.type == "strong_close")
        italic += (token.type == "em_open") - (token.type == "em_close")
        look = (BOLD if bold else 0) | (ITALIC if italic else 0)
        look |= CODE if token.type == "code_inline" else 0
        expected += [(letter, look) for letter in token.content]
    ours = [(letter, run.look) for run in parse_inline(text) for letter in run.text]
    assert ours == expected
