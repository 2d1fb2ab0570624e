"""Reading and replacing `vault.json` on disk."""

from __future__ import annotations

from troth.domain.error import HeaderDamaged, VaultError, VaultMissing
from troth.vault.errors import typed_errors
from troth.vault.files import replace_file
from troth.vault.keyfile import MAX_HEADER_BYTES, Header, parse_header
from troth.vault.places import Places


def read_header(places: Places) -> Header:
    """Raises VaultMissing, HeaderDamaged (its detail says if the copy beside it is whole)."""
    path = places.header
    try:
        with typed_errors(path), path.open("rb") as file:
            content = file.read(MAX_HEADER_BYTES + 1)
    except VaultError as error:
        if not path.exists():
            detail = "vault.json is missing, vault.db is there" if places.database.exists() else ""
            raise VaultMissing(str(path), detail) from error
        raise
    try:
        return parse_header(content, str(path))
    except HeaderDamaged as error:
        if has_whole_copy(places):
            raise HeaderDamaged(
                str(path), f"{error.detail}; the copy vault.json.bak is whole"
            ) from error
        raise


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


def recover_header(places: Places) -> None:
    """Put the whole `.bak` in place of a damaged or missing header. Raises HeaderDamaged."""
    with typed_errors(places.header_backup):
        content = places.header_backup.read_bytes()
    parse_header(content, str(places.header_backup))
    with typed_errors(places.header):
        replace_file(places.header, content)


def has_whole_copy(places: Places) -> bool:
    """Whether `vault.json.bak` can be read."""
    try:
        parse_header(places.header_backup.read_bytes())
    except (OSError, VaultError):
        return False
    return True
