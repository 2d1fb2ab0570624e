"""Words for the full-text index, also in scripts that write none between spaces.

SQLite's unicode61 keeps a whole run of Chinese, Japanese or Thai as one word, so that nothing
inside it is ever found. Here each such run becomes overlapping pairs of characters, written as
plain words: a search for any two characters that stand together finds them. A tokenizer in Python
was rejected: it is called for every word of every language and more than doubled the cost of
writing; this costs nothing for text without such a run.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

_RUN = (
    "["
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17d3"  # Myanmar, Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b"  # radicals, marks
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
    "\U0001f300-\U0001faff"  # pictographs: unicode61 drops them, people look for them
    "]+"
)


@cache
def _run() -> re.Pattern[str]:
    """Compiled when the first text asks for it: 5 ms for sets this large."""
    return re.compile(_RUN)


def cut_words(text: str) -> str:
    """Return `text` as the index takes it: each unspaced run as words of two characters.

    The last character of a run stands alone as well, so that every character begins a word.
    """
    if text.isascii() or _run().search(text) is None:
        return text
    return _run().sub(lambda run: f" {' '.join(pairs(run.group()))} ", text)


def pairs(run: str, *, is_open: bool = False) -> list[str]:
    """Return the index words of one run; an open run (one being looked for) has no lone last."""
    letters = [f"{ord(letter):05x}" for letter in unicodedata.normalize("NFKC", run)]
    words = [f"zx{left}{right}" for left, right in pairwise(letters)]
    if not is_open or len(letters) == 1:
        words.append(f"zx{letters[-1]}")
    return words


def split_runs(text: str) -> list[tuple[str, bool]]:
    """Cut `text` into pieces, each with whether it is an unspaced run."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for run in _run().finditer(text):
        if run.start() > end:
            pieces.append((text[end : run.start()], False))
        pieces.append((run.group(), True))
        end = run.end()
    if end < len(text):
        pieces.append((text[end:], False))
    return pieces
