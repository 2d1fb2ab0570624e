"""Foreign JSON read strictly: one value, no key twice, nothing that needs guessing.

Two readers of one document must not be able to see two things. Python's own reader keeps the last
of two equal keys, other languages the first; so a document that holds a key twice is refused.
"""

from __future__ import annotations

import json
import re
from typing import cast

from troth.domain.model import Json

MAX_DEPTH = 64
"""Counted here and not left to Python: where a program has raised its recursion limit, as some
wallets' libraries do, a hundred thousand open brackets would end it without a word."""

MAX_PARTS = 1_000_000
"""Objects and lists in one document. A file of 64 MiB has room for twenty million: two gigabytes
once they are read, and a minute."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.S)
"""A string that never ends is one token too: to fail at its end is to begin anew at each quote."""


class NotStrict(ValueError):
    """The bytes are not one unambiguous JSON value; the argument says why, for people."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("it holds the same key twice")
    return found


def _check_size(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return  # nearly all there is: it need not be walked over
    depth = parts = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in {"[", "{"}:
            depth, parts = depth + 1, parts + 1
            if depth > MAX_DEPTH:
                raise NotStrict("it is nested too deeply")
            if parts > MAX_PARTS:
                raise NotStrict("it has too many parts")
        elif token in {"]", "}"}:
            depth -= 1


_decoder = json.JSONDecoder(object_pairs_hook=_unique)


def parse_strict(received: bytes | str) -> Json:
    """Return the one JSON value in UTF-8 `received`; raise NotStrict for anything else.

    NaN, infinities and lone surrogates pass, as they do in Python: what is done with them is the
    caller's affair.
    """
    try:
        text = received if isinstance(received, str) else received.decode("utf-8")
        _check_size(text)
        return cast("Json", _decoder.decode(text))
    except NotStrict:
        raise
    except UnicodeDecodeError as error:
        raise NotStrict("it is not UTF-8") from error
    except RecursionError as error:
        raise NotStrict("it is nested too deeply") from error
    except ValueError as error:
        raise NotStrict("it is not JSON") from error


def parse_object(received: bytes | str) -> dict[str, Json]:
    """Return the one JSON object in `received`; raise NotStrict for anything else."""
    value = parse_strict(received)
    if not isinstance(value, dict):
        raise NotStrict("it is not a JSON object")
    return value


def as_object(value: Json) -> dict[str, Json]:
    """Return `value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return `value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Json) -> str:
    """Return `value` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
