"""What can be wrong with the vault."""

from __future__ import annotations

from troth.domain.error.base import TrothError


class VaultError(TrothError):
    """Something is wrong with the vault at `path`; `detail` is technical, never contents."""

    kind = "vault"

    def __init__(self, path: str = "", detail: str = "") -> None:
        super().__init__(f"{self.kind}: {path} {detail}".strip())
        self.path = path
        self.detail = detail


class VaultMissing(VaultError):
    kind = "vault-missing"


class DatabaseMissing(VaultMissing):
    """`vault.json` is there, `vault.db` is not."""

    kind = "database-missing"


class VaultExists(VaultError):
    kind = "vault-exists"


class VaultLocked(VaultError):
    kind = "vault-locked"


class PassphraseUnreadable(VaultLocked):
    """What the environment names as the way to the passphrase gives none."""

    kind = "passphrase-unreadable"


class WrongPassphrase(VaultError):
    kind = "wrong-passphrase"


class WrongRecoveryWords(VaultError):
    kind = "wrong-recovery-words"


class HeaderDamaged(VaultError):
    """`vault.json` cannot be trusted: altered, truncated or not ours."""

    kind = "header-damaged"


class HeaderMissing(HeaderDamaged):
    """`vault.db` is there, `vault.json` is not."""

    kind = "header-missing"


class VaultDamaged(VaultError):
    kind = "vault-damaged"


class VaultNewer(VaultError):
    """Written by a newer Troth."""

    kind = "vault-newer"


class VaultOlder(VaultError):
    """The file is older than when it was last used here (rollback, restored copy, lost WAL)."""

    kind = "vault-older"


class VaultBusy(VaultError):
    kind = "vault-busy"


class VaultReadOnly(VaultError):
    kind = "vault-read-only"


class DiskFull(VaultError):
    kind = "disk-full"


class KeyringFailed(VaultError):
    kind = "keyring-failed"
