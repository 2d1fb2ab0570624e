"""Markdown is read into final blocks; how the stream was cut never shows."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.style import Style

from troth.tui.widgets.markdown_blocks import Block, Kind, numbered_code, source_of_lines
from troth.tui.widgets.markdown_code import Coloured, colour_lines, colour_quickly
from troth.tui.widgets.markdown_reader import LONGEST_LINE, BlockReader
from troth.tui.widgets.markdown_render import estimate_rows, render_block
from troth.tui.widgets.markdown_text import Canvas
from troth.tui.widgets.transcript_palette import build_palette
from troth.tui.widgets.transcript_row import Row

PALETTE = build_palette({}, Style(color="white", bgcolor="black"))
SNIPPETS = st.sampled_from(
    [
        "# Head", "## **B**", "text", "more words here", "- a", "  - b", "* c", "1. one", "2) two",
        "> q", ">> deep", "```py", "```", "~~~", "    code", "\tcode", "| a | b |", "|---|:-:|",
        "| 1 | 2 |", "---", "===", "***", "$$", "x_1^2", "\\[", "\\]", "<div>", "</div>",
        "- [x] done", "- [ ] open", "**bold", "`code", "[l](http://a.b)", "", "", " ", "a" * 90,
        "漢字かな交じり文", "👩\u200d💻 emoji", "word " * 40, "\\", "&amp;", "<b>", "$x$", "-", "+",
        "1.", ">", "#", "|", "`" * 5, "[d]: /x", "[d]:", "/y", "'t'", "[d] [e]", "[e",
    ]
)  # fmt: skip
DOCUMENTS = st.lists(SNIPPETS, max_size=30).map("\n".join) | st.text(
    alphabet="ab *_`~[](){}<>#-+=|\\\n\t1.!&$漢👩", max_size=120
)


def read(text: str, *, is_plain: bool = False) -> list[Block]:
    reader = BlockReader(is_plain=is_plain)
    return [*reader.feed(text), *reader.close()]


def drawn(blocks: list[Block], width: int = 60, *, is_plain: bool = False) -> list[Row]:
    canvas = Canvas(PALETTE, width, PALETTE.text, is_plain)
    return list(itertools.chain.from_iterable(render_block(block, canvas) for block in blocks))


def shown(text: str, width: int = 60) -> list[str]:
    return [row.text.rstrip() for row in drawn(read(text), width)]


def outline(blocks: list[Block]) -> list[object]:
    """Blocks without the identity of their containers."""
    return [
        (
            b.kind,
            b.lines,
            tuple(c.marker for c in b.containers),
            b.shared,
            b.has_gap,
            b.level,
            b.part,
        )
        for b in blocks
    ]


@settings(deadline=None)
@given(DOCUMENTS, st.lists(st.integers(0, 4000), max_size=12), st.booleans())
@example("- a\n\n  b\n```\nx\n```", [3, 7], False)
def test_any_cuts_give_the_same_blocks(text: str, cuts: list[int], is_plain: bool) -> None:
    reader = BlockReader(is_plain=is_plain)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    blocks: list[Block] = []
    for start, end in itertools.pairwise(edges):
        blocks += reader.feed(text[start:end])
        drawn(reader.preview())  # A look at the unfinished end changes nothing.
    blocks += reader.close()
    assert outline(blocks) == outline(read(text, is_plain=is_plain))
    whole = BlockReader(is_plain=is_plain)
    whole.feed(text)
    whole.close()
    assert reader.references.taken_fresh() == whole.references.taken_fresh()


@settings(deadline=None)
@given(DOCUMENTS, st.integers(1, 90), st.booleans())
def test_rows_fit_their_width_and_hold_no_controls(text: str, width: int, is_plain: bool) -> None:
    for row in drawn(read(text, is_plain=is_plain), width, is_plain=is_plain):
        assert row.cells <= max(width, 2)  # A wide character in a column of one cell stays whole.
        assert not [letter for letter in row.text if ord(letter) < 32 or 127 <= ord(letter) < 160]


@settings(deadline=None)
@given(DOCUMENTS)
def test_pieces_stand_where_they_say_in_the_source(text: str) -> None:
    for row in drawn(read(text)):
        for piece in row.pieces:
            if piece.start >= 0 and "&" not in text and "\t" not in text:
                source = text[piece.start : piece.start + len(piece.text)]
                assert source.replace("\n", " ").replace("\t", " ") == piece.text.replace("\n", " ")


def test_a_giant_line_of_code_is_copied_as_one_line() -> None:
    code = "x = 1  # " + "long " * 2000
    blocks = read(f"```\n{code}\nnext\n```")
    (lines,) = numbered_code(blocks).values()
    assert source_of_lines(lines) == f"{code}\nnext"


@settings(deadline=None)
@given(DOCUMENTS)
def test_guessed_heights_are_positive(text: str) -> None:
    for block in read(text):
        assert estimate_rows(block, 60) >= 1


def test_blocks_are_drawn_as_a_reader_expects() -> None:
    text = (
        "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n  1. inner\n\n> said\n> twice\n\n"
        "| name | n |\n|:--|--:|\n| a | 1 |\n\n---\n\n- [x] done\n- [ ] open\n\n~~gone~~"
        " <b>html</b>"
    )
    assert shown(text, 30) == [
        "Title",
        "Some bold and code.",
        "",
        " • one",
        " • two",
        "    1. inner",
        "",
        "│ said",
        "│ twice",
        "",
        "name │   n",
        "─────┼────",
        "a    │   1",
        "",
        "─" * 30,
        "",
        " [x] done",
        " [ ] open",
        "",
        "gone <b>html</b>",
    ]


def test_code_keeps_its_lines_and_carries_its_number() -> None:
    text = "```python\ndef f():\n\treturn 1\n```\n\nand\n\n~~~\nplain\n~~~"
    assert shown(text, 30) == [
        "  python                 [1]",
        "  def f():",
        "      return 1",
        "",
        "and",
        "",
        "  plain                  [2]",
    ]
    assert [source_of_lines(lines) for lines in numbered_code(read(text)).values()] == [
        "def f():\n\treturn 1",
        "plain",
    ]


@pytest.mark.parametrize("white", ["\t", "    ", "  \t", " \t", "\t  "])
def test_indented_code_loses_no_text(white: str) -> None:
    assert [block.kind for block in read(f"{white}code")] == [Kind.CODE]
    assert "code" in shown(f"{white}code")[0]
    assert "code" in shown(f"> {white}code")[0]


@settings(deadline=None)
@given(st.text(alphabet="ab> -1.\t\n#`", max_size=60))
def test_no_word_is_lost(text: str) -> None:
    if "`" in text:
        return  # What stands behind an opening fence is no text.
    letters = "".join(row.text for row in drawn(read(text), 200))
    assert letters.count("a") + letters.count("b") == text.count("a") + text.count("b")


@pytest.mark.parametrize(
    ("source", "title"),
    [("# a", "a"), ("## a ##", "a"), ("# a#", "a#"), ("#", ""), ("# #", ""), ("###### x  ", "x")],
)
def test_headings_lose_their_marks(source: str, title: str) -> None:
    (block,) = read(source)
    assert block.kind is Kind.HEADING
    assert block.lines[0].text == title


def test_latex_stays_as_written() -> None:
    text = "Inline \\(a_1 * b_2\\) and $x_i$, $5 and $6.\n\n$$\na_1\n- b\n$$"
    assert shown(text) == [
        "Inline \\(a_1 * b_2\\) and $x_i$, $5 and $6.",
        "",
        "$$",
        "a_1",
        "- b",
        "$$",
    ]


def test_links_show_their_address() -> None:
    assert shown("[docs](https://a.b/c) and https://a.b/c_(d).") == [
        "docs (https://a.b/c) and https://a.b/c_(d)."
    ]
    assert shown("[x](javascript:alert)") == ["x (javascript:alert)"]


def test_only_web_and_mail_addresses_can_be_clicked() -> None:
    text = "[a](javascript:x) [b](file:///etc) [c](https://ok.example) <m@x.org> [d](fold:body)"
    links = {piece.link for row in drawn(read(text), 200) for piece in row.pieces if piece.link}
    assert links == {"https://ok.example", "mailto:m@x.org"}


def test_an_entity_cannot_smuggle_what_was_cleaned_away() -> None:
    assert shown("a&#x202e;b&#27;[31mc&lt;d&zwnj;e") == ["ab[31mc<de"]


def test_a_line_that_may_become_something_else_is_not_shown_yet() -> None:
    reader = BlockReader()
    reader.feed("A paragraph\n-")
    assert [block.kind for block in reader.preview()] == [Kind.TEXT]
    reader.feed(" item")
    assert [block.kind for block in reader.preview()] == [Kind.TEXT, Kind.TEXT]


@pytest.mark.parametrize(
    ("arrived", "seen"),
    [
        ("so **bol", "so bol"),
        ("so **bold*", "so bold"),
        ("so `cod", "so cod"),
        ("so ~~gon", "so gon"),
        ("so **", "so "),
        ("see [docs](https://a.ex", "see docs (https://a.ex)"),
        ("2 * 3 and a *note", "2 * 3 and a *note"),
    ],
)
def test_half_of_a_mark_does_not_flicker(arrived: str, seen: str) -> None:
    reader = BlockReader()
    reader.feed(arrived)
    canvas = Canvas(PALETTE, 60, PALETTE.text, is_open_ended=True)
    assert [row.text for row in render_block(reader.preview()[0], canvas)] == [seen]


def test_short_lines_stay_and_wrapped_lines_flow() -> None:
    assert shown("Roses are red,\nviolets are blue.") == ["Roses are red,", "violets are blue."]
    long = "This line was wrapped by its writer at some width, and so it\nflows on."
    assert shown(long, 80) == [long.replace("\n", " ")]


def test_what_a_person_typed_stays_as_typed() -> None:
    rows = drawn(read("# not a title\n  *stars*\n- dash", is_plain=True), is_plain=True)
    assert [row.text for row in rows] == ["# not a title", "  *stars*", "- dash"]


def test_a_table_too_wide_is_drawn_as_lists() -> None:
    header = "|" + "|".join(f"column {n}" for n in range(12)) + "|"
    text = f"{header}\n{'|---' * 12}|\n{'|value' * 12}|"
    rows = shown(text, 40)
    assert rows[:2] == ["column 0: value", "column 1: value"]
    assert all(len(row) <= 40 for row in rows)


def test_wide_cells_wrap_inside_their_column() -> None:
    text = f"| a | b |\n|---|---|\n| {'word ' * 20} | {'漢字' * 20} |"
    assert all(row.cells <= 40 for row in drawn(read(text), 40))
    assert len(shown(text, 40)) > 4


@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000 + " deep",
        "- " * 10_000 + "deep",
        "[" * 20_000,
        "*" * 20_000 + "a" + "*" * 20_000,
        "`" * 5_000 + "a",
        "a" * 1_000_000,
        "word " * 200_000,
        "|" * 50_000 + "\n" + "|-" * 25_000,
        "```\n" + "x" * 300_000,
        "$" * 20_000,
        "![" * 10_000 + "](" * 10_000,
        "\\(" * 10_000,
        "&" * 20_000,
        "漢" * 100_000,
        "a\u0301" * 50_000,
    ],
    ids=lambda text: text[:6].replace("\n", " "),
)
def test_hostile_text_is_read_in_bounded_pieces(text: str) -> None:
    blocks = read(text)
    for block in blocks:
        assert sum(len(line.text) for line in block.lines) <= 4 * LONGEST_LINE
    drawn(blocks[:3] + blocks[-3:])
    assert sum(len(line.text) for block in blocks for line in block.lines) > 0


def test_long_code_tables_and_paragraphs_are_given_out_in_parts() -> None:
    code = read("```\n" + "line\n" * 1000 + "```")
    assert len(code) > 10
    assert {block.level for block in code} == {1}
    table = read("| a |\n|---|\n" + "| 1 |\n" * 1000)
    assert len(table) > 10
    rows = [row.text for row in drawn(table)]
    assert len(rows) == 1002
    text = read("A sentence of some length ends here. " * 2000)
    assert len(text) > 10


def test_colours_go_on_from_part_to_part() -> None:
    lines = ['text = """', *["inside the string"] * 90, '"""', "after = 1"]
    blocks = read("```python\n" + "\n".join(lines) + "\n```")
    assert len(blocks) == 2
    rows = drawn(blocks)
    inside = {row.pieces[1].style for row in rows[2:90]}
    assert len(inside) == 1


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("def f(x):\n    return {1: 'a'}  # note", "python"),
        ("int main(void) { return 0; } /* one */", "c"),
        ("<p class='a'>text</p>", "html"),
        ("no such language", "nonsense"),
        ("\tx\n\n", "make"),
        ("@@ -1 +1 @@\n-old\n+new", "diff"),
    ],
)
def test_colouring_gives_the_code_back_also_while_it_arrives(code: str, language: str) -> None:
    lines = code.split("\n")
    for colour in (colour_lines, colour_quickly):
        for end in range(1, len(lines) + 1):
            rows = colour(lines[:end], (), language)
            assert ["".join(text for _, text in row) for row in rows] == lines[:end]


def test_code_that_arrives_line_by_line_has_the_colours_of_the_whole() -> None:
    lines = ["def f(x):", '    """Say', "    more.", '    """', "    return x + 1  # done", ""] * 8
    for end in range(1, len(lines)):
        arrived = colour_quickly(lines[:end], (), "python")
    whole = colour_lines(lines[:-1], (), "python")
    assert [letters_and_styles(row) for row in arrived] == [
        letters_and_styles(row) for row in whole
    ]


def letters_and_styles(row: Coloured) -> list[tuple[str, Style]]:
    return [
        (letter, PALETTE.syntax(kind)) for kind, text in row for letter in text if letter != " "
    ]


def test_the_reader_needs_no_screen() -> None:
    folder = Path(sys.modules[BlockReader.__module__].__file__ or "").parent
    source = (folder / "markdown_reader.py").read_text(encoding="utf-8")
    assert "textual" not in source
