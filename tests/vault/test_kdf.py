"""Passphrases, recovery words and derived keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.error import UsageError, WrongRecoveryWords
from troth.vault.kdf import Cost, Keys, Sealed, new_key, prepare_passphrase, seal, unseal
from troth.vault.words import parse_words, word_list, words_from


@pytest.mark.parametrize(
    ("typed", "same"),
    [("é", "e\u0301"), ("\uff50\uff57", "pw"), ("\ufb01sh", "fish"), ("Å", "\u212b")],
)
def test_the_same_words_on_another_keyboard_are_the_same_passphrase(typed: str, same: str) -> None:
    assert prepare_passphrase(typed) == prepare_passphrase(same)


@pytest.mark.parametrize("passphrase", ["a\nb", " lead and trail ", "🐢🐢", "x" * 10_000, "\t"])
def test_nothing_of_a_passphrase_is_stripped_or_cut(passphrase: str) -> None:
    assert prepare_passphrase(passphrase).decode() == passphrase


@pytest.mark.parametrize("passphrase", ["", "\ud800", "x" * ((1 << 20) + 1)])
def test_what_cannot_be_a_passphrase_is_refused(passphrase: str) -> None:
    with pytest.raises(UsageError):
        prepare_passphrase(passphrase)


@pytest.mark.parametrize(
    ("cost", "is_bounded"),
    [
        (Cost(), True),
        (Cost(65_536, 3, 4), True),
        (Cost(65_535, 3, 4), False),
        (Cost(65_536, 2, 4), False),
        (Cost(65_536, 3, 3), False),
        (Cost(64 << 20, 3, 4), False),
    ],
)
def test_costs_have_a_floor_and_a_ceiling(cost: Cost, is_bounded: bool) -> None:
    assert cost.is_bounded is is_bounded


def test_every_subkey_is_another_key() -> None:
    keys = Keys.derive(new_key(), "00" * 16)
    derived = {keys.database, keys.api_keys, keys.backup, keys.freshness, keys.header_mac}
    assert len(derived | {keys.rows, keys.receipt, keys.data_key}) == 8
    assert "\\x" not in repr(keys)


def test_a_sealed_value_opens_only_in_its_own_place() -> None:
    key = new_key()
    sealed = seal(key, b"secret", b"here")
    assert unseal(key, sealed, b"here") == b"secret"
    assert unseal(key, sealed, b"there") is None
    assert unseal(new_key(), sealed, b"here") is None
    cut = Sealed(sealed.nonce, sealed.ciphertext[:-1])
    assert unseal(key, cut, b"here") is None


@pytest.mark.parametrize(
    ("entropy", "words"),
    [
        ("00" * 16, "abandon " * 11 + "about"),
        (
            "7f" * 16,
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
        ),
        (
            "80" * 16,
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
        ),
        ("ff" * 16, "zoo " * 11 + "wrong"),
    ],
)
def test_words_are_those_of_the_published_vectors(entropy: str, words: str) -> None:
    """Vectors of BIP-39 (trezor/python-mnemonic, vectors.json)."""
    assert words_from(bytes.fromhex(entropy)) == words
    assert parse_words(words) == bytes.fromhex(entropy)


@given(st.binary(min_size=16, max_size=16))
def test_words_come_back_in_any_case_spacing_and_cut_to_four_letters(entropy: bytes) -> None:
    words = words_from(entropy)
    assert parse_words(words) == entropy
    assert parse_words("\n ".join(word.upper() for word in words.split())) == entropy
    assert parse_words(" ".join(word[:4] for word in words.split())) == entropy


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "12 words are needed, 0"),
        ("abandon " * 11, "12 words are needed, 11"),
        ("abandon " * 12, "fit together"),
        ("abandon " * 11 + "troth", "word 12"),
        ("abandonment " + "abandon " * 10 + "about", "word 1"),
    ],
)
def test_a_slip_of_the_pen_is_told_by_its_kind(words: str, told: str) -> None:
    with pytest.raises(WrongRecoveryWords) as wrong:
        parse_words(words)
    assert told in wrong.value.detail


def test_four_letters_tell_every_word_apart() -> None:
    assert len({word[:4] for word in word_list()}) == 2_048
