"""The user's trust file on disk: read when it changed, edited with its comments, never guessed.

A file that cannot be read trusts nobody: a misspelt line must not quietly trust more than it says.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from troth.domain.error import ConfigError, NotFound, UsageError
from troth.settings import Paths, write_private
from troth.verifiers.trust import (
    CollateralSource,
    DistrustedKey,
    Measurement,
    PinnedKey,
    Trust,
)
from troth.verifiers.trust_edit import (
    with_collateral,
    with_distrust,
    with_measurement,
    with_pin,
    without,
)
from troth.verifiers.trust_text import (
    TrustInvalid,
    combined,
    parse_trust,
    shipped_text,
    shipped_trust,
)

Stamp = tuple[int, int]
_KEY_NAME = re.compile(r"(?:[0-9a-f]{64}|0x[0-9a-f]{64}|0x[0-9a-f]{40})\Z")
_CODE_NAME = re.compile(r"[0-9a-f]{96}\Z")
_MOST_PEM_BYTES = 65_536


class TrustFile:
    """`trust.toml` beside config.toml, over the defaults that come with Troth."""

    def __init__(self, paths: Paths) -> None:
        self.file = paths.config_dir / "trust.toml"
        self._read: tuple[Stamp, Trust] | None = None

    def load(self) -> Trust:
        """Return the trust in force; raise ConfigError with line and key for a broken file."""
        stamp = _stamp(self.file)
        if self._read is None or self._read[0] != stamp:
            own = self._parse(self._text())
            self._read = stamp, combined(own) if own is not None else shipped_trust()
        return self._read[1]

    def own(self) -> Trust:
        """Return only what the user's file says."""
        return self._parse(self._text()) or Trust()

    async def pin(self, key: PinnedKey) -> None:
        """Trust a key from now on; raise UsageError for one that could never count."""
        check_pin(key)
        await self._edit(lambda text: with_pin(text, replace(key, since=key.since or date.today())))

    def pinned_beside(self, key: PinnedKey) -> tuple[PinnedKey, ...]:
        """Return the user's other keys that count where this one was pinned: it replaces none."""
        return tuple(
            other
            for other in self.own().keys
            if other.scheme == key.scheme
            and other.fingerprint != key.fingerprint
            and not set(key.providers).isdisjoint(other.providers)
        )

    async def unpin(self, fingerprint: str) -> None:
        """Take back a pin; raise NotFound."""
        self._find(fingerprint, self.own().keys)
        await self._edit(lambda text: without(text, "key", fingerprint))

    async def distrust(self, fingerprint: str, reason: str = "") -> None:
        """Let a key never count again, whoever vouches for it."""
        key = DistrustedKey(fingerprint, reason, date.today())
        await self._edit(lambda text: with_distrust(text, key))

    async def trust_again(self, fingerprint: str) -> None:
        """Take back a distrust; raise NotFound."""
        self._find(fingerprint, self.own().distrusted)
        await self._edit(lambda text: without(text, "distrusted", fingerprint))

    async def know(self, code: Measurement) -> None:
        """Know what code is, from now on, by its measurement."""
        await self._edit(lambda text: with_measurement(text, code))

    async def forget(self, name: str) -> None:
        """Know code by this name no longer; raise NotFound."""
        if not any(code.name == name for code in self.own().measurements):
            raise NotFound("code in trust.toml", name)
        await self._edit(lambda text: without(text, "measurement", name))

    async def ask(self, source: CollateralSource) -> None:
        """Let a vendor's processors be asked about at this host from now on."""
        await self._edit(lambda text: with_collateral(text, source))

    async def ask_nobody(self, platform: str) -> None:
        """Ask nobody about a vendor's processors any more."""
        await self._edit(lambda text: without(text, "collateral", platform))

    @staticmethod
    def _find(fingerprint: str, keys: tuple[PinnedKey | DistrustedKey, ...]) -> None:
        if not any(key.fingerprint == fingerprint for key in keys):
            raise NotFound("key in trust.toml", fingerprint)

    async def _edit(self, change: Callable[[str], str]) -> None:
        await asyncio.to_thread(self._edit_now, change)

    def _edit_now(self, change: Callable[[str], str]) -> None:
        try:
            changed = change(self._text())
        except TrustInvalid as error:
            raise self._fault(error) from error
        write_private(self.file, changed.encode())
        self._read = None

    def _text(self) -> str:
        try:
            return self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(self.file), str(error)) from error

    def _parse(self, text: str) -> Trust | None:
        if not text:
            return None
        try:
            return parse_trust(text)
        except TrustInvalid as error:
            raise self._fault(error) from error

    def _fault(self, error: TrustInvalid) -> ConfigError:
        return ConfigError(str(self.file), str(error), line=error.line, key=error.key)


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def shipped() -> str:
    """Return the text of the defaults that come with this version."""
    return shipped_text()


def key_name_in(text: str) -> str:
    """Return the fingerprint, Ethereum address or teeId that `text` spells; "" for none.

    People write fingerprints in groups: spaces and colons do not count.
    """
    name = re.sub(r"[\s:]", "", text).lower()
    return name if _KEY_NAME.match(name) else ""


def check_pin(key: PinnedKey) -> None:
    """Raise UsageError for a key that could never have signed a reply of its scheme.

    Pinned all the same it would look like protection and count nowhere.
    """
    name, scheme = key.fingerprint, key.scheme
    if scheme == "opengradient":
        from troth.verifiers.opengradient_keys import load_rsa_key

        if key.spki and load_rsa_key(key.spki) is None:
            raise UsageError(
                "this is not the kind of key that OpenGradient's gateways sign with: RSA of 2048"
                " bits or more"
            )
        if name.startswith("0x"):
            raise UsageError(
                "an address or a teeId cannot be pinned for OpenGradient: give the gateway's key"
                " as a PEM file, or its fingerprint (64 hex digits); --scheme names another scheme"
            )
    elif key.spki:
        raise UsageError(
            f"keys of {scheme} are pinned by what its replies name them: an address (0x and 40"
            " hex digits) or 64 hex digits, not a PEM file"
        )


def code_name_in(text: str) -> str:
    """Return the measurement of code (48 bytes as hex) that `text` spells; "" for none."""
    name = re.sub(r"[\s:]", "", text).lower()
    return name if _CODE_NAME.match(name) else ""


def read_public_key(content: bytes) -> bytes:
    """Return the SPKI DER of a PEM file: a public key or a certificate. Raises UsageError."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY" in content:
        raise UsageError("this file holds a private key; only the public one is wanted here")
    try:
        if len(content) > _MOST_PEM_BYTES:
            raise ValueError("too long")
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        if b"BEGIN CERTIFICATE" in content:
            return x509.load_pem_x509_certificate(content).public_key().public_bytes(*form)
        return serialization.load_pem_public_key(content).public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("this file holds no public key in PEM form") from error
