"""The trust file: readable TOML that belongs to the user, read strictly.

Text in, values out; where the file lies is the engine's affair. What is not understood is an error
with its place, never skipped: a misspelt `[[distrusted]]` must not leave a key trusted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TypeVar, cast

from troth.verifiers.fold import NAMES
from troth.verifiers.snp_report import PRODUCTS
from troth.verifiers.strict_bytes import parse_base64
from troth.verifiers.trust import (
    CollateralSource,
    DistrustedKey,
    Expectation,
    Measurement,
    Minimum,
    PinnedKey,
    Policy,
    RegistrySource,
    Trust,
    TrustedRoot,
    fingerprint_of,
)

FORMAT = 1
_HEX32 = re.compile(r"[0-9a-f]{64}\Z")
_HEX48 = re.compile(r"[0-9a-f]{96}\Z")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}\Z")
_ALSO_MEASURED = ("rtmr0", "rtmr3", "mr_config_id")
_NAME_OF_KEY = re.compile(r"(?:[0-9a-f]{64}|0x[0-9a-f]{64}|0x[0-9a-f]{40})\Z")
_NAME_OF_DISTRUSTED = re.compile(r"(?:[0-9a-f]{64}|[0-9a-f]{96}|0x[0-9a-f]{64}|0x[0-9a-f]{40})\Z")
_LEVELS = ("fmc", "bootloader", "tee", "snp", "microcode")

Table = dict[str, object]
_T = TypeVar("_T")


class TrustInvalid(ValueError):
    """The trust file is wrong; `key` says where, the argument what, `line` is 0 when unknown."""

    def __init__(self, reason: str, *, key: str = "", line: int = 0) -> None:
        super().__init__(reason)
        self.key = key
        self.line = line


class _Entry:
    """One table of the file: every field is taken once, and nothing may be left over."""

    def __init__(self, table: Table, where: str) -> None:
        self._left = dict(table)
        self.where = where

    def fault(self, name: str, reason: str) -> TrustInvalid:
        return TrustInvalid(reason, key=f"{self.where}.{name}" if name else self.where)

    def text(self, name: str, pattern: re.Pattern[str] | None = None, default: str = "") -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            raise self.fault(name, "must be a text")
        if pattern is not None and not pattern.match(value):
            raise self.fault(name, "is missing or malformed")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise self.fault(name, "is missing")
        return value

    def day(self, name: str) -> date | None:
        value = self._left.pop(name, None)
        if value is not None and type(value) is not date:
            raise self.fault(name, "must be a date like 2026-11-22")
        return value

    def number(self, name: str, default: int, largest: int) -> int:
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
            raise self.fault(name, f"must be a whole number from 0 to {largest}")
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        listed = self._left.pop(name, list(default))
        items = cast("list[object]", listed) if isinstance(listed, list) else [None]
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise self.fault(name, "must be a list of texts")
        return texts

    def end(self) -> None:
        if self._left:
            raise self.fault(next(iter(self._left)), "is not known here")


def _key(entry: _Entry) -> PinnedKey:
    try:
        spki = parse_base64(entry.text("spki"))
    except ValueError as error:
        raise entry.fault("spki", "is not base64") from error
    fingerprint = entry.text("fingerprint") or (fingerprint_of(spki) if spki else "")
    if not _NAME_OF_KEY.match(fingerprint):
        raise entry.fault("fingerprint", "is missing or malformed")
    if spki and fingerprint != fingerprint_of(spki):
        raise entry.fault("fingerprint", "is not the fingerprint of spki")
    return PinnedKey(
        name=entry.required("name"),
        fingerprint=fingerprint,
        scheme=entry.text("scheme", default="opengradient"),
        spki=spki,
        providers=entry.texts("providers"),
        since=entry.day("since"),
        source=entry.text("source"),
    )


def _distrusted(entry: _Entry) -> DistrustedKey:
    fingerprint = entry.text("fingerprint", _NAME_OF_DISTRUSTED)
    return DistrustedKey(fingerprint, entry.text("reason"), entry.day("since"))


_PEM = re.compile(
    "-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n"
)


_WITH_CERTIFICATES = frozenset({"c2pa", "c2pa-time"})
"""Platforms whose roots come with Troth whole."""


@cache
def _known_certificates() -> dict[str, bytes]:
    """Return the certificates that come with this version by their digest: trusted for nothing."""
    text = (files("troth.verifiers") / "data" / "c2pa-roots.pem").read_text(encoding="ascii")
    found = [parse_base64(match[1].replace("\n", "")) for match in _PEM.finditer(text)]
    return {sha256(certificate).hexdigest(): certificate for certificate in found}


def _root(entry: _Entry) -> TrustedRoot:
    try:
        certificate = parse_base64(entry.text("certificate"))
    except ValueError as error:
        raise entry.fault("certificate", "is not base64") from error
    digest = entry.text("sha256", _HEX32)
    if certificate and sha256(certificate).hexdigest() != digest:
        raise entry.fault("sha256", "is not that of the certificate")
    platform = entry.required("platform")
    if not certificate and platform in _WITH_CERTIFICATES:
        certificate = _known_certificates().get(digest, b"")
    return TrustedRoot(
        name=entry.required("name"),
        platform=platform,
        sha256=digest,
        source=entry.text("source"),
        read_on=entry.day("read"),
        certificate=certificate,
    )


def _measurement(entry: _Entry) -> Measurement:
    platform = entry.required("platform")
    registers: tuple[tuple[str, str], ...] = ()
    if platform == "intel-tdx":
        registers = _registers(entry)
    elif platform == "amd-sev-snp":
        registers = (("launch", entry.text("launch", _HEX48)),)
    pcr2 = "" if registers else entry.text("pcr2")
    if pcr2 and not _HEX48.match(pcr2):
        raise entry.fault("pcr2", "is malformed")
    return Measurement(
        name=entry.required("name"),
        platform=platform,
        pcr0="" if registers else entry.text("pcr0", _HEX48),
        pcr2=pcr2,
        source=entry.text("source"),
        read_on=entry.day("read"),
        registers=registers,
    )


def _registers(entry: _Entry) -> tuple[tuple[str, str], ...]:
    """Read a TDX machine's measurements: firmware, kernel and its command line, and the program.

    Less would name code that somebody else could run something else beside.
    """
    named = {name: entry.text(name) for name in ("mrtd", "rtmr1", "rtmr2", *_ALSO_MEASURED)}
    given = tuple((name, value) for name, value in named.items() if value)
    for name, value in given:
        if not _HEX48.match(value):
            raise entry.fault(name, "is malformed")
    for name in ("mrtd", "rtmr1", "rtmr2"):
        if not named[name]:
            raise entry.fault(name, "is missing")
    if not named["rtmr3"] and not named["mr_config_id"]:
        raise entry.fault("mr_config_id", "or rtmr3 must say which program it is")
    return given


def _minimum(entry: _Entry) -> Minimum:
    platform, product = entry.required("platform"), entry.required("product")
    if platform != "amd-sev-snp":
        raise entry.fault("platform", "must be amd-sev-snp")
    if product not in PRODUCTS:
        raise entry.fault("product", f"must be one of {', '.join(PRODUCTS)}")
    return Minimum(
        name=entry.required("name"),
        platform=platform,
        product=product,
        levels=tuple((level, entry.number(level, 0, 255)) for level in _LEVELS),
        source=entry.text("source"),
        read_on=entry.day("read"),
    )


def _collateral(entry: _Entry) -> CollateralSource:
    url = entry.required("url")
    if not url.startswith("https://"):
        raise entry.fault("url", "must begin with https://")
    platform = entry.required("platform")
    if platform not in {"intel", "amd"}:
        raise entry.fault("platform", "must be intel or amd")
    return CollateralSource(platform, url)


def _registry(entry: _Entry) -> RegistrySource:
    urls = entry.texts("rpc")
    if not urls or not all(url.startswith(("https://", "http://")) for url in urls):
        raise entry.fault("rpc", "must be a list of URLs")
    return RegistrySource(
        name=entry.required("name"),
        chain_id=entry.number("chain_id", 0, 1 << 53),
        address=entry.text("address", _ADDRESS),
        rpc_urls=urls,
        source=entry.text("source"),
        read_on=entry.day("read"),
    )


def _expectation(entry: _Entry) -> Expectation:
    return Expectation(
        provider=entry.required("provider"),
        model=entry.text("model", default="*"),
        scheme=entry.required("scheme"),
        since=entry.day("since"),
        source=entry.text("source"),
    )


def _policy(entry: _Entry) -> Policy:
    usual = Policy()
    required = frozenset(entry.texts("required", tuple(sorted(usual.required))))
    if not required <= set(NAMES):
        raise entry.fault("required", f"names a check that does not exist: {required - set(NAMES)}")
    if not required >= usual.required:
        raise entry.fault("required", "may add checks, not leave out the usual ones")
    return Policy(
        clock_skew_s=entry.number("clock_skew_s", usual.clock_skew_s, 3600),
        attestation_max_age_s=entry.number(
            "attestation_max_age_s", usual.attestation_max_age_s, 86_400
        ),
        record_max_age_s=entry.number("record_max_age_s", usual.record_max_age_s, 30 * 86_400),
        required=required,
        platform_states=frozenset(
            entry.texts("platform_states", tuple(sorted(usual.platform_states)))
        ),
    )


def _all(tables: Table, name: str, read: Callable[[_Entry], _T]) -> tuple[_T, ...]:
    entries = tables.pop(name, [])
    if not isinstance(entries, list):
        raise TrustInvalid(f"must be written [[{name}]]", key=name)
    values: list[_T] = []
    for place, table in enumerate(cast("list[object]", entries), 1):
        if not isinstance(table, dict):
            raise TrustInvalid(f"must be written [[{name}]]", key=name)
        entry = _Entry(cast("Table", table), f"{name}[{place}]")
        values.append(read(entry))
        entry.end()
    return tuple(values)


def parse_trust(text: str) -> Trust:
    """Read a trust file; raise TrustInvalid for the first thing that is wrong with it."""
    try:
        tables = cast("Table", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise TrustInvalid(str(error), line=int(line[1]) if line else 0) from error
    if tables.pop("version", None) != FORMAT:
        raise TrustInvalid("must be 1: another form is not known here", key="version")
    policy = tables.pop("policy", {})
    if not isinstance(policy, dict):
        raise TrustInvalid("must be written [policy]", key="policy")
    entry = _Entry(cast("Table", policy), "policy")
    trust = Trust(
        keys=_all(tables, "key", _key),
        distrusted=_all(tables, "distrusted", _distrusted),
        roots=_all(tables, "root", _root),
        measurements=_all(tables, "measurement", _measurement),
        minimums=_all(tables, "minimum", _minimum),
        collateral=_all(tables, "collateral", _collateral),
        registries=_all(tables, "registry", _registry),
        expectations=_all(tables, "expect", _expectation),
        policy=_policy(entry),
    )
    entry.end()
    if tables:
        raise TrustInvalid("is not known here", key=next(iter(tables)))
    return trust


@cache
def shipped_text() -> str:
    """Return the defaults that come with this version, each with its source and date."""
    return (files("troth.verifiers") / "data" / "trust.toml").read_text(encoding="utf-8")


@cache
def shipped_trust() -> Trust:
    """Return the defaults that come with this version."""
    return parse_trust(shipped_text())


def combined(own: Trust, shipped: Trust | None = None) -> Trust:
    """Return the user's trust over the shipped one.

    Lists are joined, the user's first, so that their pins and expectations win; the policy is the
    user's; what they distrust is distrusted whoever ships it.
    """
    base = shipped if shipped is not None else shipped_trust()
    return replace(
        own,
        keys=(*own.keys, *base.keys),
        distrusted=(*own.distrusted, *base.distrusted),
        roots=(*own.roots, *(r for r in base.roots if r not in own.roots)),
        measurements=(*own.measurements, *base.measurements),
        minimums=(*own.minimums, *base.minimums),
        collateral=(*own.collateral, *base.collateral),
        registries=_unshadowed(own.registries, base.registries),
        expectations=(*own.expectations, *base.expectations),
    )


def _unshadowed(
    own: tuple[RegistrySource, ...], shipped: tuple[RegistrySource, ...]
) -> tuple[RegistrySource, ...]:
    names = {source.name for source in own}
    return (*own, *(source for source in shipped if source.name not in names))
