"""The key file: only the bytes that were written are accepted, and each refusal says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from troth.domain.error import (
    HeaderDamaged,
    HeaderMissing,
    VaultError,
    VaultMissing,
    VaultNewer,
    WrongPassphrase,
    WrongRecoveryWords,
)
from troth.vault.header_file import read_header, recover_header, write_header
from troth.vault.kdf import Cost, digest
from troth.vault.keyfile import canonical, parse_header
from troth.vault.places import Places
from troth.vault.slots import SlotChanges
from troth.vault.status import vault_status
from troth.vault.unlock import unlock
from troth.vault.vault import Vault
from vault.samples import FLOOR_KIB, PASSPHRASE, MadeVault


@pytest.fixture
def header_bytes(made: MadeVault) -> bytes:
    return (made.directory / "vault.json").read_bytes()


def resum(fields: dict[str, object]) -> bytes:
    """Return a header whose checksum a forger has made right."""
    fields.pop("sum", None)
    fields["sum"] = digest(canonical(fields)).hex()
    return canonical(fields) + b"\n"


def test_every_single_bit_flip_is_refused_as_damage(header_bytes: bytes) -> None:
    for place in range(len(header_bytes) * 8):
        flipped = bytearray(header_bytes)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(HeaderDamaged):
            parse_header(bytes(flipped))


def test_every_cut_and_every_added_byte_is_refused(header_bytes: bytes) -> None:
    for length in range(len(header_bytes)):
        with pytest.raises(HeaderDamaged):
            parse_header(header_bytes[:length])
    for more in (b"\n", b" ", b"\x00", b"{}"):
        with pytest.raises(HeaderDamaged):
            parse_header(header_bytes + more)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'{"format":"other"}\n',
        b"[" * 60_000,
        b"\xff\xfe",
        b"9" * 60_000,
        b"x" * 70_000,
        b'{"v":1,"v":1}\n',
    ],
)
def test_foreign_content_is_refused_as_damage(content: bytes) -> None:
    with pytest.raises(HeaderDamaged):
        parse_header(content)


def test_another_spelling_of_the_same_values_is_refused(header_bytes: bytes) -> None:
    fields = json.loads(header_bytes)
    with pytest.raises(HeaderDamaged):
        parse_header(json.dumps(fields, indent=1).encode() + b"\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_kib", 64 << 20),
        ("memory_kib", 1_024),
        ("memory_kib", -1),
        ("memory_kib", True),
        ("memory_kib", 65_536.0),
        ("passes", 1),
        ("passes", 1_000_000),
        ("lanes", 1),
        ("lanes", 5_000),
        ("kdf", "md5"),
        ("kind", "backdoor"),
        ("salt", ""),
        ("salt", "AAAAAAAAAAAAAAAAAAAAAA="),
        ("sealed", "AAAA"),
        ("nonce", 7),
    ],
)
def test_a_forged_slot_is_refused_before_anything_is_derived(
    header_bytes: bytes, name: str, value: object
) -> None:
    fields = json.loads(header_bytes)
    fields["slots"][0][name] = value
    with pytest.raises(HeaderDamaged):
        parse_header(resum(fields))


def test_a_changed_slot_with_a_right_checksum_opens_nothing(header_bytes: bytes) -> None:
    """A forger can make the checksum right but not the slot's binding or the header's seal."""
    fields = json.loads(header_bytes)
    fields["slots"][0]["passes"] = 4
    with pytest.raises(WrongPassphrase):
        unlock(parse_header(resum(fields)), passphrase=PASSPHRASE)


def test_an_added_or_removed_slot_is_refused(made: MadeVault, header_bytes: bytes) -> None:
    fields = json.loads(header_bytes)
    fields["slots"].append(dict(fields["slots"][0]))
    with pytest.raises(HeaderDamaged):
        unlock(parse_header(resum(fields)), recovery_words=made.recovery_words)
    fields = json.loads(header_bytes)
    fields["slots"] = [slot for slot in fields["slots"] if slot["kind"] == "passphrase"]
    with pytest.raises(HeaderDamaged):
        unlock(parse_header(resum(fields)), passphrase=PASSPHRASE)
    fields["slots"] = []
    with pytest.raises(HeaderDamaged):
        parse_header(resum(fields))


def test_a_newer_key_file_says_that_it_is_newer(header_bytes: bytes) -> None:
    fields = json.loads(header_bytes) | {"v": 2, "something": "new"}
    with pytest.raises(VaultNewer):
        parse_header(resum(fields))


async def test_wrong_secret_damage_newer_and_missing_are_four_different_errors(
    made: MadeVault, tmp_path: Path
) -> None:
    header = made.directory / "vault.json"
    whole = header.read_bytes()
    with pytest.raises(WrongPassphrase):
        await Vault.open(made.directory, passphrase="incorrect horse")
    other = "abandon " * 11 + "about"
    with pytest.raises(WrongRecoveryWords):
        await Vault.open(made.directory, recovery_words=other)
    header.write_bytes(whole[:-40])
    with pytest.raises(HeaderDamaged) as damaged:
        await Vault.open(made.directory, passphrase=PASSPHRASE)
    assert "vault.json.bak is whole" in damaged.value.detail
    header.write_bytes(resum(json.loads(whole) | {"v": 9}))
    with pytest.raises(VaultNewer):
        await Vault.open(made.directory, passphrase=PASSPHRASE)
    header.unlink()
    with pytest.raises(HeaderMissing) as missing:
        await Vault.open(made.directory, passphrase=PASSPHRASE)
    assert missing.value.path == str(header)
    with pytest.raises(VaultMissing):
        await Vault.open(tmp_path / "nowhere", passphrase=PASSPHRASE)


async def test_a_missing_database_is_named(made: MadeVault) -> None:
    made.database.unlink()
    with pytest.raises(VaultMissing) as missing:
        await Vault.open(made.directory, recovery_words=made.recovery_words)
    assert missing.value.path == str(made.database)


async def test_the_copy_of_the_header_can_be_put_back(made: MadeVault) -> None:
    header = made.directory / "vault.json"
    whole = header.read_bytes()
    header.write_bytes(b"")
    recover_header(Places(made.directory))
    assert header.read_bytes() == whole


def test_a_changed_passphrase_lives_on_in_no_file(made: MadeVault) -> None:
    places = Places(made.directory)
    header = read_header(places)
    keys = unlock(header, recovery_words=made.recovery_words)
    SlotChanges(made.directory, keys).change_passphrase("new horse", Cost(FLOOR_KIB))
    for path in (places.header, places.header_backup):
        changed = parse_header(path.read_bytes())
        with pytest.raises(WrongPassphrase):
            unlock(changed, passphrase=PASSPHRASE)
        assert unlock(changed, passphrase="new horse").data_key == keys.data_key
        assert unlock(changed, recovery_words=made.recovery_words).data_key == keys.data_key


def test_status_tells_what_is_there_without_a_key(made: MadeVault, tmp_path: Path) -> None:
    status = vault_status(made.directory)
    assert status.exists
    assert status.has_passphrase
    assert status.has_recovery
    assert not status.has_keyring
    assert status.memory_kib == FLOOR_KIB
    assert status.database_bytes == made.database.stat().st_size
    assert status.problem is None
    assert not vault_status(tmp_path / "nowhere").exists
    (made.directory / "vault.json").write_bytes(b"{}")
    assert isinstance(vault_status(made.directory).problem, HeaderDamaged)


def test_the_header_is_replaced_whole_or_not_at_all(made: MadeVault) -> None:
    """Whatever is left over of a cut replacement, one whole header is there."""
    places = Places(made.directory)
    header = read_header(places)
    places.header.with_name("vault.json.new").write_bytes(b"half")
    write_header(places, header)
    assert read_header(places) == header
    assert not places.header.with_name("vault.json.new").exists()


def test_errors_of_the_header_carry_no_secret(made: MadeVault) -> None:
    with pytest.raises(VaultError) as wrong:
        unlock(read_header(Places(made.directory)), passphrase="hunter2-hunter2")
    assert "hunter2" not in repr(wrong.value) + str(wrong.value.facts())
