"""Reading and replacing `vault.json` on disk."""

from __future__ import annotations

from pathlib import Path

from troth.domain.error import HeaderDamaged, HeaderMissing, VaultError, VaultMissing
from troth.vault.errors import typed_errors
from troth.vault.files import replace_file
from troth.vault.in_use import alone
from troth.vault.keyfile import MAX_HEADER_BYTES, Header, parse_header
from troth.vault.places import Places


def read_header(places: Places) -> Header:
    """Raises VaultMissing, HeaderMissing, HeaderDamaged: both say if the copy is whole."""
    path = places.header
    try:
        with typed_errors(path), path.open("rb") as file:
            content = file.read(MAX_HEADER_BYTES + 1)
    except VaultError as error:
        if not path.exists():
            if not places.database.exists():
                raise VaultMissing(str(path)) from error
            raise HeaderMissing(str(path), _about_copy(places)) from error
        raise
    try:
        return parse_header(content, str(path))
    except HeaderDamaged as error:
        raise HeaderDamaged(str(path), f"{error.detail}; {_about_copy(places)}") from error


def _about_copy(places: Places) -> str:
    whole = has_whole_copy(places)
    return "the copy vault.json.bak is whole" if whole else "there is no whole copy beside it"


def write_header(places: Places, header: Header) -> None:
    """Replace the header so that at every moment one whole header is on disk.

    The old one stays as `.bak` until the new one has been read back. Then `.bak` becomes a copy of
    the new one: a removed slot, or an old passphrase, must not live on in it.
    """
    content = header.to_bytes()
    with typed_errors(places.header):
        if places.header.exists():
            replace_file(places.header_backup, places.header.read_bytes())
        replace_file(places.header, content)
    if read_header(places) != header:
        raise HeaderDamaged(str(places.header), "what was written does not read back")
    with typed_errors(places.header):
        replace_file(places.header_backup, content)


def recover_header(places: Places) -> Path | None:
    """Put the whole `.bak` in place of a damaged or missing header; return where that one is kept.

    Raises HeaderDamaged, and then nothing has changed.
    """
    copy, kept = read_copy(places), places.header.with_name("vault.json.damaged")
    if copy is None:
        raise HeaderDamaged(str(places.header_backup), "the copy is missing or damaged too")
    with typed_errors(places.header), alone(places.folder):
        had_one = places.header.is_file()
        if had_one:
            replace_file(kept, places.header.read_bytes())
        replace_file(places.header, copy.to_bytes())
    return kept if had_one else None


def has_whole_copy(places: Places) -> bool:
    """Whether `vault.json.bak` can be read."""
    return read_copy(places) is not None


def read_copy(places: Places) -> Header | None:
    """Return what `vault.json.bak` holds; None where it is missing or damaged."""
    try:
        return parse_header(places.header_backup.read_bytes())
    except (OSError, VaultError):
        return None
