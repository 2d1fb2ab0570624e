"""`troth trust`: keys by PEM and by fingerprint, in a file that stays the user's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from cli_runs import Ran, Troth
from troth.verifiers.trust import fingerprint_of
from verifiers.signer import Gateway

Inside = Callable[..., Ran]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def pem_file(folder: Path, gateway: Gateway) -> str:
    file = folder / "home gateway.pem"
    file.write_text(gateway.pem, "utf-8")
    return str(file)


def test_a_pem_file_is_pinned_listed_and_unpinned(
    inside: Inside, troth: Troth, gateway: Gateway, tmp_path: Path
) -> None:
    fingerprint = fingerprint_of(gateway.spki)
    ran = inside("trust", "pin", pem_file(tmp_path, gateway), "--provider", "mine")
    assert (ran.code, ran.out.strip()) == (0, fingerprint)
    listed = inside("trust", "list", "--json").json["keys"]
    assert [(key["name"], key["fingerprint"], key["providers"]) for key in listed] == [
        ("mine", fingerprint, ["mine"])
    ]
    assert (troth.home / "config" / "trust.toml").stat().st_mode & 0o777 == 0o600
    assert inside("trust", "unpin", "mine").code == 0
    assert inside("trust", "list", "--json").json["keys"] == []


def test_a_fingerprint_is_read_as_people_write_it(inside: Inside) -> None:
    written = " ".join(["9F3C"] * 16)
    assert inside("trust", "pin", written, "--name", "by phone").out.strip() == "9f3c" * 16
    assert inside("trust", "unpin", "9f:3c:" * 16).code == 0


def test_a_second_key_of_a_provider_tells_that_the_first_counts_still(inside: Inside) -> None:
    first, second, elsewhere = "ab" * 32, "cd" * 32, "ef" * 32
    assert "counts there still" not in inside("trust", "pin", first, "--provider", "mine").err
    assert "counts there still" not in inside("trust", "pin", elsewhere, "--provider", "b").err
    said = " ".join(inside("trust", "pin", second, "--provider", "mine").err.split())
    assert f"troth trust unpin {first}" in said
    assert elsewhere not in said
    assert inside("trust", "unpin", first).code == 0
    again = inside("trust", "pin", second, "--provider", "mine")
    assert "counts there still" not in again.err


def test_a_distrusted_key_is_listed_and_taken_back(inside: Inside) -> None:
    name = "0x" + "ab" * 32
    assert inside("trust", "distrust", name, "--reason", "leaked").code == 0
    [row] = inside("trust", "list", "--json").json["distrusted"]
    assert (row["fingerprint"], row["reason"]) == (name, "leaked")
    assert inside("trust", "undistrust", name).code == 0
    assert inside("trust", "list", "--json").json["distrusted"] == []


def test_show_prints_the_defaults_and_the_own_file(inside: Inside) -> None:
    inside("trust", "pin", "ab" * 32, "--name", "mine")
    shown = inside("trust", "show").out
    assert "AWS Nitro Enclaves Root-G1" in shown
    assert 'name = "mine"' in shown
    assert "AWS Nitro" not in inside("trust", "show", "--own").out


@pytest.mark.parametrize("words", ["nowhere.pem", "zz" * 32])
def test_what_is_no_key_is_refused(inside: Inside, words: str) -> None:
    assert inside("trust", "pin", words).code == 2


def test_a_private_key_is_refused_and_named(
    inside: Inside, gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "secret.pem"
    file.write_bytes(
        gateway.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    ran = inside("trust", "pin", str(file))
    assert ran.code == 2
    assert "private key" in ran.err


def public_pem(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    file = folder / "other.pem"
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    file.write_bytes(key.public_key().public_bytes(*form))
    return str(file)


def test_a_key_that_could_never_sign_is_not_pinned(inside: Inside, tmp_path: Path) -> None:
    """It would look like protection, and no reply would ever be measured by it."""
    weak = rsa.generate_private_key(65537, 1024)
    for key in (weak, ec.generate_private_key(ec.SECP256R1())):
        ran = inside("trust", "pin", public_pem(tmp_path, key))
        assert (ran.code, "RSA of 2048 bits" in ran.err) == (2, True), ran.err
    for name in ("0x" + "ab" * 20, "0x" + "ab" * 32):
        ran = inside("trust", "pin", name)
        assert (ran.code, "cannot be pinned for OpenGradient" in ran.err) == (2, True), ran.err
    ran = inside("trust", "pin", public_pem(tmp_path, weak), "--scheme", "near")
    assert (ran.code, "not a PEM file" in ran.err) == (2, True), ran.err
    assert inside("trust", "list", "--json").json["keys"] == []
    assert inside("trust", "pin", "0x" + "ab" * 20, "--scheme", "near").code == 0


def test_a_short_fingerprint_is_told_its_length(inside: Inside) -> None:
    ran = inside("trust", "pin", "ab" * 31)
    assert (ran.code, "64 hex digits (62 are given)" in ran.err) == (2, True), ran.err


def test_one_key_with_two_pins_goes_by_its_name(
    inside: Inside, gateway: Gateway, tmp_path: Path
) -> None:
    pem = pem_file(tmp_path, gateway)
    assert inside("trust", "pin", pem, "--name", "home", "--provider", "mine").code == 0
    assert inside("trust", "pin", pem, "--name", "home").code == 0
    assert inside("trust", "unpin", "home").code == 0
    assert inside("trust", "list", "--json").json["keys"] == []


def test_a_key_that_is_not_pinned_cannot_be_unpinned(inside: Inside) -> None:
    assert inside("trust", "unpin", "ab" * 32).code == 2


BUILT = """Start building the Enclave Image...
Enclave Image successfully created.
{
  "Measurements": {
    "HashAlgorithm": "Sha384 { ... }",
    "PCR0": "%s",
    "PCR1": "%s",
    "PCR2": "%s"
  }
}
"""


def test_code_is_known_by_what_nitro_cli_printed_and_forgotten(
    inside: Inside, tmp_path: Path
) -> None:
    file = tmp_path / "built.txt"
    file.write_text(BUILT % ("9B" * 48, "1a" * 48, "2b" * 48), "utf-8")
    ran = inside("trust", "code", str(file), "--name", "gateway 7", "--source", "built at home")
    assert ran.code == 0
    [code] = inside("trust", "list", "--json").json["code"]
    assert code["registers"] == {"pcr0": "9b" * 48, "pcr2": "2b" * 48}
    assert (code["name"], code["source"], code["is_own"]) == ("gateway 7", "built at home", True)
    file.write_text(BUILT % ("7c" * 48, "1a" * 48, "2b" * 48), "utf-8")
    assert inside("trust", "code", str(file), "--name", "gateway 7").code == 0
    [code] = inside("trust", "list", "--json").json["code"]
    assert code["registers"]["pcr0"] == "7c" * 48
    assert inside("trust", "forget", "gateway 7").code == 0
    assert inside("trust", "list", "--json").json["code"] == []
    assert "troth trust list" in inside("trust", "forget", "gateway 7").err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BUILT % ("00" * 48, "1a" * 48, "2b" * 48), "debug mode"),
        ("no code here", "names no code"),
        ('{"mrtd": "' + "aa" * 48 + '"}', "names no code"),
        ("{" * 100_000, "names no code"),
    ],
)
def test_what_names_no_code_is_refused_with_what_would(
    inside: Inside, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "file"
    file.write_text(text, "utf-8")
    ran = inside("trust", "code", str(file))
    assert ran.code == 2
    assert words in ran.err
    assert inside("trust", "list", "--json").json["code"] == []


def test_code_can_be_distrusted_by_its_measurement(inside: Inside) -> None:
    code = "ab" * 48
    assert inside("trust", "distrust", code.upper(), "--reason", "a hole").code == 0
    [row] = inside("trust", "list", "--json").json["distrusted"]
    assert row["fingerprint"] == code
    assert inside("trust", "pin", code).code == 2
    assert inside("trust", "undistrust", code).code == 0
    assert inside("trust", "list", "--json").json["distrusted"] == []


def test_whom_to_ask_about_processors_is_the_users_word_for_each_maker(inside: Inside) -> None:
    def asked() -> list[tuple[str, str]]:
        listed = inside("trust", "list", "--json").json["asked"]
        return [(row["platform"], row["url"]) for row in listed]

    assert asked() == []
    ran = inside("trust", "collateral", "amd")
    assert ran.code == 0
    assert "which chip" in ran.err
    inside("trust", "collateral", "intel")
    assert sorted(asked()) == [
        ("amd", "https://kdsintf.amd.com"),
        ("intel", "https://api.trustedservices.intel.com"),
    ]
    cache = "https://kds.example.test"
    assert inside("trust", "collateral", cache, "--of", "amd").code == 0
    assert ("amd", cache) in asked()
    assert inside("trust", "collateral", "off", "--of", "amd").code == 0
    assert [platform for platform, _ in asked()] == ["intel"]
    assert inside("trust", "collateral", "off").code == 0
    assert asked() == []
    assert inside("trust", "collateral", "intel", "--of", "amd").code == 2
    assert inside("trust", "collateral", "http://plain.test").code == 2


def test_the_list_names_the_least_levels_and_whose_they_are(inside: Inside) -> None:
    rows = {row["product"]: row for row in inside("trust", "list", "--json").json["minimums"]}
    assert rows["Genoa"]["levels"]["microcode"] == 72
    assert "tinfoil 0.15.0" in rows["Genoa"]["source"]
    assert "microcode 72" in inside("trust", "list").out


@pytest.mark.parametrize("part", ["mr_config_id", "rtmr3"])
def test_code_of_a_tdx_machine_is_known_by_the_part_that_is_there_be_it_empty(
    inside: Inside, tmp_path: Path, part: str
) -> None:
    file = tmp_path / "registers.json"
    named = dict.fromkeys(("mrtd", "rtmr1", "rtmr2"), "ab" * 48) | {part: "00" * 48}
    file.write_text(json.dumps(named), "utf-8")
    assert inside("trust", "code", str(file), "--name", "router 8").code == 0
    [code] = inside("trust", "list", "--json").json["code"]
    assert code["registers"] == named


def test_code_of_an_amd_machine_is_known_by_its_launch_measurement(
    inside: Inside, tmp_path: Path
) -> None:
    file = tmp_path / "deployment.json"
    file.write_text('{"snp_measurement": "%s"}' % ("AB" * 48), "utf-8")
    assert inside("trust", "code", str(file), "--name", "router 7").code == 0
    [code] = inside("trust", "list", "--json").json["code"]
    assert code["registers"] == {"launch": "ab" * 48}
    assert inside("trust", "forget", "router 7").code == 0
