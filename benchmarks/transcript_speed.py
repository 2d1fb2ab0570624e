"""Measure what one more token costs on screen, early and late in a reply, inside one process.

    python benchmarks/transcript_speed.py [--tokens 10000 50000] [--per-frame 17] [--runs 3]

A reply is fed token by token to the real widget in a headless app of 120x40; after every
`--per-frame` tokens (17 at 30 frames a second are 500 tokens a second) one frame is drawn and
turned into terminal sequences. CPU seconds of this process are reported for 10,000 tokens, and
the ratio of the cost per token in the long and the short reply. Exit code 1 if a ratio is more
than 1.25.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import sys
import time
from collections.abc import Callable, Iterator

from textual.app import App, ComposeResult

from troth.tui.glyph import badge
from troth.tui.widgets.transcript import Transcript
from troth.tui.widgets.transcript_entry import Entry

LIMIT = 1.25
TOKEN = re.compile(r"\n+|[ ]*[^\s]{1,5}|[ ]+")
"""About four characters, as models' tokens are."""


class Bench(App[None]):
    CSS = "Screen { background: $background; color: $foreground; }"

    def compose(self) -> ComposeResult:
        yield Transcript()


def prose(part: int) -> str:
    return (
        f"## Section {part}: throughput\n\nThe quick brown fox number {part} jumps over the *lazy*"
        f" dog; **measured** values stay `deterministic`, and a [link](https://a.example/{part})"
        f" is here. Wide glyphs such as 漢字 and 🚀 are kept, and accents like naïve café too.\n\n"
        f"- first item of list {part} with `code`\n- second, **bold** and *italic*\n  - nested\n\n"
        f"| name | value |\n|:--|--:|\n| row a | {part} |\n| row b | 42 |\n\n"
        f"```python\ndef step_{part}(x: int) -> int:\n    return x * {part}  # comment\n```\n\n"
        f"> Quoted text {part}, with $e^{{i\\pi}}$ in it.\n\n"
    )


def fence(part: int) -> str:
    opening = "```python\n" if part == 1 else ""
    return opening + f"def step_{part}(x: int) -> int:\n    return x + {part}  # note\n\n"


def item(part: int) -> str:
    return f"- item {part} of an *endless* list with `code` and a few more words in it\n"


def row(part: int) -> str:
    opening = "| name | value | remark |\n|:--|--:|---|\n" if part == 1 else ""
    return opening + f"| row {part} | {part * 7} | some words |\n"


def paragraph(part: int) -> str:
    return f"Sentence {part} of one endless paragraph goes on with **more** words. "


def one_word(part: int) -> str:
    return "abcdefghij"


def quote(part: int) -> str:
    return f"> line {part} of a quote that does not end\n"


STYLES: dict[str, Callable[[int], str]] = {
    "prose": prose,
    "one fence": fence,
    "one list": item,
    "one table": row,
    "one paragraph": paragraph,
    "one line, no space": one_word,
    "one quote": quote,
}


def tokens_of(style: Callable[[int], str], count: int) -> list[str]:
    def endless() -> Iterator[str]:
        for part in itertools.count(1):
            yield from TOKEN.findall(style(part))

    return list(itertools.islice(endless(), count))


async def cpu_seconds(tokens: list[str], per_frame: int) -> float:
    """Feed a reply; return the CPU seconds that it took."""
    app = Bench()
    async with app.run_test(size=(120, 40)) as pilot:
        transcript = app.query_one(Transcript)
        transcript.show([Entry("q", "user", "You", text="bench")])
        transcript.append(Entry("a", "assistant", "m", "", badge("live"), is_streaming=True))
        await pilot.pause()
        began = time.process_time()
        for start in range(0, len(tokens), per_frame):
            for token in tokens[start : start + per_frame]:
                transcript._deltas.setdefault("a", ([], []))[0].append(token)  # no timers here
            transcript.gather()
            transcript.redraw()
            for strip in transcript.render_lines(transcript.size.region):
                strip.render(app.console)
        return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tokens", type=int, nargs=2, default=(10_000, 50_000))
    parser.add_argument("--per-frame", type=int, default=17)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--style", choices=STYLES, action="append")
    options = parser.parse_args()
    few, many = options.tokens
    is_flat = True
    print(f"{'style':20} {'s/10k at ' + str(few):>16} {'s/10k at ' + str(many):>16} {'ratio':>6}")
    for name in options.style or STYLES:
        tokens = {count: tokens_of(STYLES[name], count) for count in (few, many)}
        best = dict.fromkeys(tokens, float("inf"))
        for _ in range(options.runs):  # By turns, and the best of each: noise only ever adds.
            for count, reply in tokens.items():
                seconds = asyncio.run(cpu_seconds(reply, options.per_frame))
                best[count] = min(best[count], seconds / count * 10_000)
        costs = [best[few], best[many]]
        ratio = costs[1] / costs[0]
        is_flat &= ratio <= LIMIT
        print(f"{name:20} {costs[0]:16.3f} {costs[1]:16.3f} {ratio:6.2f}", flush=True)
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
