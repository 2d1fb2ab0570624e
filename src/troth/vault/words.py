"""Recovery words: 128 random bits as twelve words that a person can write on paper.

The encoding is BIP-39's (the word list is its English one, beside this file, MIT): every word is
known by its first four letters and the last one carries a checksum, so that a slip of the pen is
told from a wrong sheet. Nothing but the encoding is BIP-39's: the words open this vault only.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache

from troth.domain.error import WrongRecoveryWords

ENTROPY_BYTES = 16
WORD_COUNT = 12
_LIST_SHA256 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


@cache
def word_list() -> tuple[str, ...]:
    """Return the 2,048 words, sorted."""
    from importlib.resources import files  # 5 ms that a vault opened by passphrase never needs

    content = files("troth.vault").joinpath("words.txt").read_bytes()
    if hashlib.sha256(content).hexdigest() != _LIST_SHA256:
        raise WrongRecoveryWords(detail="the word list of this installation is damaged")
    return tuple(content.decode("ascii").split())


def new_entropy() -> bytes:
    return secrets.token_bytes(ENTROPY_BYTES)


def words_from(entropy: bytes) -> str:
    """Return the twelve words for 16 bytes: 128 bits, then the first 4 bits of their SHA-256."""
    checksum = hashlib.sha256(entropy).digest()[0] >> 4
    number = int.from_bytes(entropy) << 4 | checksum
    listed = word_list()
    return " ".join(listed[number >> 11 * place & 2047] for place in reversed(range(WORD_COUNT)))


def parse_words(text: str) -> bytes:
    """Return the 16 bytes behind twelve words, in any case and spacing; four letters are enough.

    Raises WrongRecoveryWords that says what is wrong with the words, never which were expected.
    """
    given = text.lower().split()
    if len(given) != WORD_COUNT:
        raise WrongRecoveryWords(detail=f"{WORD_COUNT} words are needed, {len(given)} were given")
    places = {word[:4]: place for place, word in enumerate(word_list())}
    listed = word_list()
    number = 0
    for position, word in enumerate(given, start=1):
        place = places.get(word[:4])
        if place is None or not (listed[place] == word or len(word) == 4):
            raise WrongRecoveryWords(detail=f"word {position} is not on the list")
        number = number << 11 | place
    entropy = (number >> 4).to_bytes(ENTROPY_BYTES)
    if hashlib.sha256(entropy).digest()[0] >> 4 != number & 15:
        raise WrongRecoveryWords(detail="the words do not fit together: one is wrong or misplaced")
    return entropy
