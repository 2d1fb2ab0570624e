"""`troth trust`: whose signatures count. The file is yours; this only edits it."""

from __future__ import annotations

import asyncio
import os
import string
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from troth.cli.command import Arguments, Parser, add_json_flag, add_subcommand
from troth.cli.output import Console, ExitCode
from troth.cli.trust_code import code_json, code_row, run_code, run_forget
from troth.domain.error import UsageError
from troth.domain.model import Json
from troth.engine.trusting import TrustFile, code_name_in, key_name_in, read_public_key, shipped
from troth.settings import check_provider_name, find_paths
from troth.verifiers.registry import SCHEMES
from troth.verifiers.trust import (
    AMD_HOST,
    INTEL_HOST,
    CollateralSource,
    DistrustedKey,
    Minimum,
    PinnedKey,
    RegistrySource,
    TrustedRoot,
    fingerprint_of,
)


def configure(parser: Parser) -> None:
    group = parser.add_subparsers(metavar="ACTION")
    listed = add_subcommand(group, "list", "list what is trusted: keys, code, roots, registries")
    add_json_flag(listed)
    listed.set_defaults(run=run_list)
    shown = add_subcommand(group, "show", "print the defaults and your own file")
    shown.add_argument("--own", action="store_true", help="only your own file")
    shown.set_defaults(run=run_show)
    pin = add_subcommand(group, "pin", "trust a signing key from now on")
    pin.add_argument("key", metavar="KEY", help="a PEM file, or a fingerprint (64 hex digits)")
    pin.add_argument("--name", metavar="NAME", help="what to call it")
    pin.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAME",
        help="count it only there, and expect signatures there; repeatable",
    )
    pin.add_argument("--scheme", default="opengradient", choices=SCHEMES)
    pin.set_defaults(run=run_pin)
    unpin = add_subcommand(group, "unpin", "take a pin back")
    unpin.add_argument("key", metavar="KEY", help="its fingerprint, its name or its PEM file")
    unpin.set_defaults(run=run_unpin)
    distrust = add_subcommand(group, "distrust", "let a key, or code, never count again")
    distrust.add_argument(
        "key", metavar="KEY", help="a PEM file, a fingerprint, a teeId or a measurement of code"
    )
    distrust.add_argument("--reason", default="", metavar="WORDS", help="why, for your own file")
    distrust.set_defaults(run=run_distrust)
    again = add_subcommand(group, "undistrust", "take a distrust back")
    again.add_argument("key", metavar="KEY", help="its fingerprint, measurement or PEM file")
    again.set_defaults(run=run_undistrust)

    code = add_subcommand(group, "code", "know the code of an enclave by its measurement")
    code.add_argument(
        "file", metavar="FILE", help="what nitro-cli printed of the build, or a receipt"
    )
    code.add_argument("--name", metavar="NAME", help="what to call it")
    code.add_argument("--source", metavar="WORDS", help="where you have it from, for your own file")
    code.set_defaults(run=run_code)
    forget = add_subcommand(group, "forget", "know code no longer")
    forget.add_argument("name", metavar="NAME", help="what you called it")
    forget.set_defaults(run=run_forget)

    asked = add_subcommand(
        group, "collateral", "let Troth ask Intel or AMD about a provider's processors"
    )
    asked.add_argument(
        "host", metavar="HOST", help="intel, amd, the URL of a cache of their answers, or off"
    )
    asked.add_argument(
        "--of", choices=tuple(_MAKERS), help="whose answers a URL has, intel if absent; with off"
    )
    asked.set_defaults(run=run_collateral)


def _file() -> TrustFile:
    return TrustFile(find_paths(os.environ))


async def run_list(arguments: Arguments, console: Console) -> int:
    del arguments
    trust_file = _file()
    own, whole = trust_file.own(), trust_file.load()
    own_pins = {key.fingerprint for key in own.keys}
    codes = whole.measurements
    if console.is_json:
        console.json(
            {
                "file": str(trust_file.file),
                "keys": [_key_json(key, is_own=key.fingerprint in own_pins) for key in whole.keys],
                "distrusted": [_distrusted_json(key) for key in whole.distrusted],
                "code": [code_json(code, is_own=code in own.measurements) for code in codes],
                "roots": [_root_json(root) for root in whole.roots],
                "registries": [_registry_json(source) for source in whole.registries],
                "minimums": [_minimum_json(minimum) for minimum in whole.minimums],
                "asked": [{"platform": s.platform, "url": s.url} for s in whole.collateral],
            }
        )
        return ExitCode.OK
    rows = [
        (
            "pinned",
            key.fingerprint,
            key.name,
            ", ".join(key.providers) or "anywhere",
            "yours" if key.fingerprint in own_pins else "comes with Troth",
        )
        for key in whole.keys
    ]
    rows += [("distrusted", key.fingerprint, key.reason, "", "") for key in whole.distrusted]
    has_keys = bool(rows)
    rows += [code_row(code, is_own=code in own.measurements) for code in codes]
    for root in whole.roots:
        rows.append(("root", root.sha256, root.name, root.platform, _dated(root.read_on)))
    for minimum in whole.minimums:
        levels = ", ".join(f"{part} {svn}" for part, svn in minimum.levels if svn)
        rows.append(("minimum", minimum.product, minimum.name, levels, _dated(minimum.read_on)))
    for source in whole.registries:
        rows.append(("registry", source.address, source.name, "", _dated(source.read_on)))
    for host in whole.collateral:
        rows.append(("asked", host.url, "about its processors", host.platform, "yours"))
    console.rows(rows)
    if not has_keys:
        console.note("No key is pinned. `troth trust pin FILE.pem` pins one.")
    return ExitCode.OK


async def run_show(arguments: Arguments, console: Console) -> int:
    trust_file = _file()
    trust_file.own()  # a broken file is said, not printed as if it counted
    if not arguments.flag("own"):
        console.write(f"# ---- what comes with this version of Troth\n\n{shipped()}\n")
    exists = await asyncio.to_thread(trust_file.file.exists)
    if exists:
        own = await asyncio.to_thread(trust_file.file.read_text, "utf-8")
        console.write(f"# ---- your own file, {trust_file.file}\n\n{own}")
    else:
        console.write(f"# ---- you have no file of your own yet; it would be {trust_file.file}\n")
    console.end_text()
    return ExitCode.OK


async def run_pin(arguments: Arguments, console: Console) -> int:
    fingerprint, spki = await _read_key(arguments.text("key"))
    providers = tuple(arguments.texts("provider"))
    for provider in providers:
        check_provider_name(provider)
    name = arguments.text("name") or (providers[0] if providers else "")
    if not name:
        name = Path(arguments.text("key")).stem if spki else fingerprint[:8]
    trust_file = _file()
    key = PinnedKey(
        name=name,
        fingerprint=fingerprint,
        scheme=arguments.text("scheme"),
        spki=spki,
        providers=providers,
        since=date.today(),
        source="pinned by hand",
    )
    await trust_file.pin(key)
    console.line(fingerprint)
    where = f"for {', '.join(providers)}" if providers else "for every provider"
    console.note(f"Pinned as {name}, {where}. It stands in {trust_file.file}.")
    for other in trust_file.pinned_beside(key):
        console.note(
            f"{other.name} counts there still. If this key came in its place:"
            f" `troth trust unpin {other.fingerprint}`."
        )
    return ExitCode.OK


async def run_unpin(arguments: Arguments, console: Console) -> int:
    trust_file = _file()
    wanted = arguments.text("key")
    named = [key for key in trust_file.own().keys if key.name == wanted]
    if len({key.fingerprint for key in named}) > 1:
        raise UsageError(f"{len(named)} keys are called {wanted!r}: give the fingerprint")
    fingerprint = named[0].fingerprint if named else (await _read_key(wanted))[0]
    await trust_file.unpin(fingerprint)
    console.note("The pin is gone; replies that it signed are checked without it from now on.")
    return ExitCode.OK


async def run_distrust(arguments: Arguments, console: Console) -> int:
    given = arguments.text("key")
    name = code_name_in(given) or (await _read_key(given))[0]
    await _file().distrust(name, arguments.text("reason"))
    what = "This code" if code_name_in(given) else "This key"
    console.note(f"{what} never counts again, whoever vouches for it.")
    return ExitCode.OK


async def run_undistrust(arguments: Arguments, console: Console) -> int:
    given = arguments.text("key")
    await _file().trust_again(code_name_in(given) or (await _read_key(given))[0])
    console.note("It is no longer distrusted; that alone does not make it trusted.")
    return ExitCode.OK


async def run_collateral(arguments: Arguments, console: Console) -> int:
    """Name whom to ask about the processors of a maker, or nobody."""
    host, maker, trust_file = arguments.text("host"), arguments.text("of"), _file()
    if host == "off":
        for platform in (maker,) if maker else tuple(_MAKERS):
            await trust_file.ask_nobody(platform)
            console.note(f"Nobody is asked about {_MAKERS[platform].name}'s processors any more.")
        return ExitCode.OK
    platform = host if host in _MAKERS else maker or "intel"
    if maker and maker != platform:
        raise UsageError(f"--of {maker} does not go with {host}")
    url = _MAKERS[host].url if host in _MAKERS else host
    if not url.startswith("https://"):
        raise UsageError("give intel, amd, off, or a URL that begins with https://")
    await trust_file.ask(CollateralSource(platform, url))
    console.note(_MAKERS[platform].asked.format(url=url))
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Maker:
    """A maker of processors as this command speaks of it."""

    name: str
    url: str
    asked: str


_MAKERS = {
    "intel": _Maker(
        "Intel",
        INTEL_HOST,
        "About an Intel TDX machine that answers you, Troth asks {url} for its processor's updates."
        " It learns your address and the kind of processor, never your words.",
    ),
    "amd": _Maker(
        "AMD",
        AMD_HOST,
        "About an AMD SEV-SNP machine that answers you, Troth asks {url} for its processor's"
        " certificate. It learns your address and which chip that is, never your words.",
    ),
}


def _dated(day: date | None) -> str:
    return f"read {day.isoformat()}" if day else ""


def _root_json(root: TrustedRoot) -> Json:
    return {
        "name": root.name,
        "platform": root.platform,
        "sha256": root.sha256,
        "source": root.source,
        "read": root.read_on.isoformat() if root.read_on else None,
    }


def _minimum_json(minimum: Minimum) -> Json:
    return {
        "name": minimum.name,
        "platform": minimum.platform,
        "product": minimum.product,
        "levels": dict(minimum.levels),
        "source": minimum.source,
        "read": minimum.read_on.isoformat() if minimum.read_on else None,
    }


def _registry_json(source: RegistrySource) -> Json:
    return {
        "name": source.name,
        "chain_id": source.chain_id,
        "address": source.address,
        "rpc": list(source.rpc_urls),
        "source": source.source,
        "read": source.read_on.isoformat() if source.read_on else None,
    }


async def _read_key(text: str) -> tuple[str, bytes]:
    """Return a key's name and, where a file gave it, its SPKI; raise UsageError."""
    if name := key_name_in(text):
        return name, b""
    try:
        content = await asyncio.to_thread(Path(text).read_bytes)
    except FileNotFoundError as error:
        raise UsageError(
            f"{text!r} is no file here, and no fingerprint either: that has 64 hex digits"
            f" ({_digits_in(text)} are given)"
        ) from error
    except OSError as error:
        raise UsageError(f"{text!r} cannot be read: {error.strerror}") from error
    spki = read_public_key(content)
    return fingerprint_of(spki), spki


def _digits_in(text: str) -> int:
    return sum(letter in string.hexdigits for letter in text.removeprefix("0x"))


def _key_json(key: PinnedKey, *, is_own: bool) -> Json:
    return {
        "name": key.name,
        "fingerprint": key.fingerprint,
        "scheme": key.scheme,
        "providers": list(key.providers),
        "since": key.since.isoformat() if key.since else None,
        "source": key.source,
        "is_own": is_own,
    }


def _distrusted_json(key: DistrustedKey) -> Json:
    return {
        "fingerprint": key.fingerprint,
        "reason": key.reason,
        "since": key.since.isoformat() if key.since else None,
    }
