"""The trust file: what was written is read, edits keep the user's words."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.verifiers.certificates import load_certificate
from troth.verifiers.trust import DistrustedKey, Expectation, PinnedKey, fingerprint_of
from troth.verifiers.trust_edit import EMPTY, with_distrust, with_expectation, with_pin, without
from troth.verifiers.trust_text import (
    TrustInvalid,
    combined,
    parse_trust,
    shipped_text,
    shipped_trust,
)

KEY = PinnedKey("my gateway", fingerprint_of(b"k"), spki=b"k", providers=("home",),
                since=date(2026, 11, 3))  # fmt: skip
OTHER = replace(KEY, name='the "other"\nkey', fingerprint=fingerprint_of(b"o"), spki=b"o")


def test_the_shipped_defaults_are_dated_and_sourced() -> None:
    trust = shipped_trust()
    assert trust.root_hashes("aws-nitro") == {
        "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
    }
    assert all(root.source and root.read_on for root in trust.roots)
    assert all(source.source and source.read_on for source in trust.registries)
    assert trust.expectation("opengradient", "anything") is not None
    assert trust.keys == ()


def test_pins_come_and_go_and_comments_stay() -> None:
    text = EMPTY + "\n# my own words\n[policy]\nclock_skew_s = 60  # tight\n"
    pinned = with_pin(with_pin(text, KEY), OTHER)
    trust = parse_trust(pinned)
    assert trust.keys == (KEY, OTHER)
    assert trust.policy.clock_skew_s == 60
    assert "# my own words" in pinned
    gone = without(pinned, "key", KEY.fingerprint)
    assert parse_trust(gone).keys == (OTHER,)
    assert "# my own words" in gone
    renamed = with_pin(pinned, replace(KEY, name="again"))
    assert [key.name for key in parse_trust(renamed).keys] == [OTHER.name, "again"]


def test_a_comment_above_the_next_entry_stays_with_it() -> None:
    text = with_pin("", KEY) + "\n# why this one\n" + with_pin("", OTHER).split("version = 1\n")[1]
    gone = without(text, "key", KEY.fingerprint)
    assert "# why this one" in gone
    assert parse_trust(gone).keys == (OTHER,)


def test_distrust_and_expectations_are_kept() -> None:
    text = with_distrust("", DistrustedKey("0x" + "ab" * 32, "leaked", date(2026, 1, 2)))
    text = with_expectation(text, Expectation("home", "gpt-*", "opengradient", date(2026, 1, 2)))
    trust = parse_trust(text)
    assert trust.distrust_of("0x" + "AB" * 32) is not None
    assert trust.expectation("home", "gpt-4.1") is not None
    assert trust.expectation("home", "claude") is None
    assert trust.expectation("elsewhere", "gpt-4.1") is None


def test_the_users_file_is_added_to_the_shipped_one_and_wins() -> None:
    own = parse_trust(
        with_pin("", KEY)
        + '[[registry]]\nname = "OpenGradient\'s registry"\nchain_id = 10740\n'
        + f'address = "0x{"1" * 40}"\nrpc = ["https://a.example", "https://b.example"]\n'
    )
    trust = combined(own)
    assert trust.keys == (KEY,)
    assert trust.root_hashes("aws-nitro")
    assert [source.address for source in trust.registries] == ["0x" + "1" * 40]


@pytest.mark.parametrize(
    ("added", "key"),
    [
        ("[[distrustd]]\nfingerprint = 'x'", "distrustd"),
        ("[[key]]\nname = 'a'\nfingerprint = 'zz'", "key[1].fingerprint"),
        ("[[key]]\nname = 'a'\nspki = '!!'", "key[1].spki"),
        (f"[[key]]\nname = 'a'\nspki = 'AA=='\nfingerprint = '{'0' * 64}'", "key[1].fingerprint"),
        ("[[root]]\nname = 'a'\nplatform = 'aws-nitro'\nsha256 = 'AB'", "root[1].sha256"),
        ("[[distrusted]]\nfingerprint = '123'", "distrusted[1].fingerprint"),
        ("[[expect]]\nmodel = '*'\nscheme = 'x'", "expect[1].provider"),
        ("[[expect]]\nprovider = 'p'\nscheme = 'x'\nsinse = 1", "expect[1].sinse"),
        ("[policy]\nclock_skew_s = -1", "policy.clock_skew_s"),
        ("[policy]\nrequired = ['signature']", "policy.required"),
        ("[policy]\nrequired = 'signature'", "policy.required"),
        ("[key]\nname = 'a'", "key"),
    ],
)
def test_what_is_wrong_is_named(added: str, key: str) -> None:
    with pytest.raises(TrustInvalid) as caught:
        parse_trust(f"version = 1\n{added}\n")
    assert caught.value.key == key


def test_broken_toml_names_its_line_and_other_versions_are_refused() -> None:
    with pytest.raises(TrustInvalid) as caught:
        parse_trust("version = 1\n[[key\n")
    assert caught.value.line == 2
    for text in ("", "version = 2", "version = '1'"):
        with pytest.raises(TrustInvalid):
            parse_trust(text)
    assert parse_trust(shipped_text()).is_simulated is False


@given(st.text(max_size=40).filter(lambda text: text and text.isprintable()))
def test_any_name_can_be_pinned(name: str) -> None:
    assert parse_trust(with_pin("", replace(KEY, name=name))).keys[0].name == name


def test_a_key_pinned_for_a_second_provider_stays_pinned_for_the_first() -> None:
    first, second = replace(KEY, providers=("one",)), replace(KEY, providers=("two",))
    (both,) = parse_trust(with_pin(with_pin("", first), second)).keys
    assert both.providers == ("one", "two")
    everywhere = parse_trust(with_pin(with_pin("", first), replace(KEY, providers=())))
    assert {key.providers for key in everywhere.keys} == {("one",), ()}
    again = parse_trust(with_pin(with_pin("", replace(KEY, providers=())), second))
    assert {key.providers for key in again.keys} == {("two",), ()}


def test_the_shipped_roots_of_pictures_are_whole_and_sign_themselves() -> None:
    """A letter that was copied wrong would break the signature of the root over itself."""
    roots = [root for root in shipped_trust().roots if root.platform.startswith("c2pa")]
    assert len(roots) == len({(root.platform, root.sha256) for root in roots}) > 27
    for root in roots:
        certificate = load_certificate(root.certificate)
        certificate.verify_directly_issued_by(certificate)
        assert hashlib.sha256(root.certificate).hexdigest() == root.sha256


def test_a_root_may_bring_its_certificate_which_must_be_its_own() -> None:
    root = next(root for root in shipped_trust().roots if root.platform == "c2pa")
    encoded = base64.b64encode(root.certificate).decode()
    entry = 'version = 1\n[[root]]\nname = "mine"\nplatform = "c2pa"\n'
    own = parse_trust(f'{entry}sha256 = "{root.sha256}"\ncertificate = "{encoded}"\n')
    assert own.roots[0].certificate == root.certificate
    for wrong, key in (
        (f'sha256 = "{"ab" * 32}"\ncertificate = "{encoded}"\n', "root[1].sha256"),
        (f'sha256 = "{root.sha256}"\ncertificate = "?"\n', "root[1].certificate"),
    ):
        with pytest.raises(TrustInvalid) as caught:
            parse_trust(entry + wrong)
        assert caught.value.key == key
