"""The trust file: readable TOML that belongs to the user, read strictly, edited with its comments.

Text in, values out; where the file lies is the engine's affair. What is not understood is an error
with its place, never skipped: a misspelt `[[distrusted]]` must not leave a key trusted.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TypeVar, cast

from troth.verifiers.fold import NAMES
from troth.verifiers.strict_bytes import parse_base64
from troth.verifiers.trust import (
    DistrustedKey,
    Expectation,
    Measurement,
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
_NAME_OF_KEY = re.compile(r"(?:[0-9a-f]{64}|0x[0-9a-f]{64}|0x[0-9a-f]{40})\Z")

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
    fingerprint = entry.text("fingerprint", _NAME_OF_KEY)
    return DistrustedKey(fingerprint, entry.text("reason"), entry.day("since"))


def _root(entry: _Entry) -> TrustedRoot:
    return TrustedRoot(
        name=entry.required("name"),
        platform=entry.required("platform"),
        sha256=entry.text("sha256", _HEX32),
        source=entry.text("source"),
        read_on=entry.day("read"),
    )


def _measurement(entry: _Entry) -> Measurement:
    pcr2 = entry.text("pcr2")
    if pcr2 and not _HEX48.match(pcr2):
        raise entry.fault("pcr2", "is malformed")
    return Measurement(
        name=entry.required("name"),
        platform=entry.required("platform"),
        pcr0=entry.text("pcr0", _HEX48),
        pcr2=pcr2,
        source=entry.text("source"),
        read_on=entry.day("read"),
    )


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
        registries=_unshadowed(own.registries, base.registries),
        expectations=(*own.expectations, *base.expectations),
    )


def _unshadowed(
    own: tuple[RegistrySource, ...], shipped: tuple[RegistrySource, ...]
) -> tuple[RegistrySource, ...]:
    names = {source.name for source in own}
    return (*own, *(source for source in shipped if source.name not in names))


EMPTY = """\
# Whom Troth trusts. This file is yours: edit it, keep it, or delete it to go back to the defaults
# that come with Troth. What stands here is added to them and wins over them.
#
# [[key]]          a signing key that you pin: replies of its providers must be signed with it
# [[distrusted]]   a key that never counts again
# [[measurement]]  code that you know: PCR0 (and PCR2) of an enclave
# [[root]]         the root certificate of a hardware vendor
# [[registry]]     an on-chain list of enclaves and where to ask for it
# [[expect]]       a provider and model that sign; an unsigned reply of theirs is loud
# [policy]         how strict the checks are

version = 1
"""
"""What a new trust file holds."""


def _written(value: object) -> str:
    """Write a value as TOML; JSON's escapes are TOML's, but for DEL (TOML 1.0, "String")."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"[{', '.join(_written(item) for item in cast('tuple[object, ...]', value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _append(text: str, name: str, fields: dict[str, object]) -> str:
    """Add one entry at the end: tables of an array may stand anywhere, so no comment moves."""
    lines = [f"{field} = {_written(value)}" for field, value in fields.items() if value]
    changed = f"{(text or EMPTY).rstrip()}\n\n[[{name}]]\n" + "\n".join(lines) + "\n"
    parse_trust(changed)
    return changed


def with_pin(text: str, key: PinnedKey) -> str:
    """Return the file with `key` pinned in place of older pins of the same fingerprint.

    What those pinned it for stays pinned: one key may answer for several providers, and a second
    one must not take the first one's pin away. A pin for every provider keeps an entry of its own.
    """
    older = [k for k in parse_trust(text or EMPTY).keys if k.fingerprint == key.fingerprint]
    named = [name for pin in (*older, key) for name in pin.providers]
    changed = without(text, "key", key.fingerprint)
    if named:
        changed = _pinned(changed, replace(key, providers=tuple(dict.fromkeys(named))))
    if not all(pin.providers for pin in (*older, key)):
        changed = _pinned(changed, replace(key, providers=()))
    return changed


def _pinned(text: str, key: PinnedKey) -> str:
    fields: dict[str, object] = {
        "name": key.name,
        "scheme": key.scheme,
        "fingerprint": key.fingerprint,
        "spki": base64.b64encode(key.spki).decode("ascii"),
        "providers": key.providers,
        "since": key.since,
        "source": key.source,
    }
    return _append(text, "key", fields)


def with_distrust(text: str, key: DistrustedKey) -> str:
    """Return the file with a key distrusted."""
    fields: dict[str, object] = {
        "fingerprint": key.fingerprint,
        "reason": key.reason,
        "since": key.since,
    }
    return _append(without(text, "distrusted", key.fingerprint), "distrusted", fields)


def with_expectation(text: str, expectation: Expectation) -> str:
    """Return the file with an expectation added."""
    fields: dict[str, object] = {
        "provider": expectation.provider,
        "model": expectation.model,
        "scheme": expectation.scheme,
        "since": expectation.since,
        "source": expectation.source,
    }
    return _append(text, "expect", fields)


_HEADER = re.compile(r"^[ \t]*\[", re.M)


def _named(trust: Trust, name: str) -> tuple[PinnedKey | DistrustedKey, ...]:
    return trust.keys if name == "key" else trust.distrusted


def without(text: str, name: str, fingerprint: str) -> str:
    """Return the file without the `[[key]]` or `[[distrusted]]` entries of a fingerprint.

    Everything else stays as it was written. Raises TrustInvalid when the file is wrong, or written
    so that an entry cannot be cut out by its lines.
    """
    text = text or EMPTY
    before = parse_trust(text)
    listed = _named(before, name)
    starts = [m.start() for m in re.finditer(rf"^[ \t]*\[\[[ \t]*{name}[ \t]*\]\]", text, re.M)]
    if len(starts) != len(listed):
        raise TrustInvalid("cannot be edited here; please edit the file", key=name)
    changed = text
    for start, key in reversed(list(zip(starts, listed, strict=True))):
        if key.fingerprint != fingerprint:
            continue
        following = _HEADER.search(changed, changed.index("]]", start))
        block = changed[start : following.start() if following else len(changed)]
        # Comments just above the next table belong to that table.
        block = re.sub(r"(?:^[ \t]*(?:#[^\n]*)?\n)*\Z", "", block, flags=re.M)
        changed = changed[:start] + changed[start + len(block) :]
    after = parse_trust(changed)
    if _named(after, name) != tuple(key for key in listed if key.fingerprint != fingerprint):
        raise TrustInvalid("cannot be edited here; please edit the file", key=name)
    return changed
