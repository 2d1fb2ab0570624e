"""Editing the trust file: entries come and go, the user's own words and comments stay.

Text in, text out; every result is read back before it is returned.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import date
from typing import cast

from troth.verifiers.trust import (
    CollateralSource,
    DistrustedKey,
    Expectation,
    Measurement,
    PinnedKey,
    Trust,
)
from troth.verifiers.trust_text import TrustInvalid, parse_trust

EMPTY = """\
# Whom Troth trusts. This file is yours: edit it, keep it, or delete it to go back to the defaults
# that come with Troth. What stands here is added to them and wins over them.
#
# [[key]]          a signing key that you pin: replies of its providers must be signed with it
# [[distrusted]]   a key, or code, that never counts again
# [[measurement]]  code that you know: PCR0 (and PCR2) of an enclave, a TDX machine's registers, or
#                  the launch measurement of an AMD machine
# [[root]]         the root certificate of a hardware vendor
# [[minimum]]      how up to date an AMD processor must be
# [[collateral]]   where to ask a hardware vendor about its processors; nobody is asked without it
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


def with_measurement(text: str, code: Measurement) -> str:
    """Return the file with code known by this name, in place of what had the name before."""
    fields: dict[str, object] = {
        "name": code.name,
        "platform": code.platform,
        **dict(code.values),
        "source": code.source,
        "read": code.read_on,
    }
    return _append(without(text, "measurement", code.name), "measurement", fields)


def with_collateral(text: str, source: CollateralSource) -> str:
    """Return the file with a host to ask about a vendor's processors, instead of any other."""
    fields: dict[str, object] = {"platform": source.platform, "url": source.url}
    return _append(without(text, "collateral", source.platform), "collateral", fields)


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


_Entry = PinnedKey | DistrustedKey | CollateralSource | Measurement


def _named(trust: Trust, name: str) -> tuple[_Entry, ...]:
    listed: dict[str, tuple[_Entry, ...]] = {
        "key": trust.keys,
        "distrusted": trust.distrusted,
        "collateral": trust.collateral,
        "measurement": trust.measurements,
    }
    return listed[name]


def _id(entry: _Entry) -> str:
    match entry:
        case CollateralSource():
            return entry.platform
        case Measurement():
            return entry.name
        case _:
            return entry.fingerprint


def without(text: str, name: str, entry_id: str) -> str:
    """Return the file without the `[[key]]` or `[[distrusted]]` entries of a fingerprint, the
    `[[collateral]]` entries of a platform, or the `[[measurement]]` entries of a name.

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
        if _id(key) != entry_id:
            continue
        following = _HEADER.search(changed, changed.index("]]", start))
        block = changed[start : following.start() if following else len(changed)]
        # Comments just above the next table belong to that table.
        block = re.sub(r"(?:^[ \t]*(?:#[^\n]*)?\n)*\Z", "", block, flags=re.M)
        changed = changed[:start] + changed[start + len(block) :]
    after = parse_trust(changed)
    if _named(after, name) != tuple(key for key in listed if _id(key) != entry_id):
        raise TrustInvalid("cannot be edited here; please edit the file", key=name)
    return changed
