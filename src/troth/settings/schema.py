"""From a parsed config.toml to Settings: which keys exist, what each may be, and why not.

Unknown wires, models and action ids are not known to be wrong here: those who own them say so.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from troth.domain.error import ConfigError, UsageError
from troth.domain.model import ModelInfo, ModelRef, Params
from troth.settings.reader import SourceFile, TableReader
from troth.settings.values import (
    MAX_BELL_S,
    MAX_CLIPBOARD_S,
    MAX_LOCK_MINUTES,
    SEND_KEYS,
    Persona,
    ProviderSettings,
    Settings,
)

if TYPE_CHECKING:
    from troth.settings.recovery import BrokenStatement

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_HEADERS = {
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "x-goog-api-key",
}
_SECRET_KEYS = ("key", "api_key", "token", "secret")
_MODALITIES = ("text", "image", "pdf", "audio", "video")


def read_settings(
    source: SourceFile, document: dict[str, object], broken: tuple[BrokenStatement, ...] = ()
) -> Settings:
    """Return the settings of `document`; everything odd is reported to `source`."""
    for fault in broken:
        source.report(fault.table, f"is not TOML: {fault.reason}", line=fault.line)
    top = TableReader(source, document)
    defaults = Settings()
    settings = Settings(
        default_model=top.text("default_model", "", _fault_in_model),
        system_prompt=top.text("system_prompt", ""),
        persona=top.text("persona", ""),
        theme=top.text("theme", defaults.theme, _check_filled),
        lock_after_minutes=top.whole(
            "lock_after_minutes", defaults.lock_after_minutes, 0, MAX_LOCK_MINUTES
        ),
        bell_after_s=top.whole("bell_after_s", defaults.bell_after_s, 0, MAX_BELL_S),
        clear_clipboard_after_s=top.whole(
            "clear_clipboard_after_s", defaults.clear_clipboard_after_s, 0, MAX_CLIPBOARD_S
        ),
        send_key=top.text("send_key", defaults.send_key, _check_send_key),
        editor=top.text("editor", ""),
        show_thinking=top.flag("show_thinking", defaults.show_thinking),
        mouse=top.flag("mouse", defaults.mouse),
        proxy=top.text("proxy", "", _check_proxy),
        ca_file=top.text("ca_file", ""),
        params=_read_params(top.table("params")),
        keys=MappingProxyType(_read_keys(top.table("keys"))),
        providers=MappingProxyType(_read_providers(top, broken)),
        personas=MappingProxyType(_read_personas(top)),
        lineups=MappingProxyType(_read_lineups(top.table("lineups"))),
    )
    top.finish()
    if settings.persona and settings.persona not in settings.personas:
        source.report(("persona",), "names no table below [personas]")
    return settings


def check_model(text: str) -> None:
    """Raise UsageError when `text` is not `provider/model`."""
    _refuse("a model", _fault_in_model(text))


def check_url(text: str) -> None:
    """Raise UsageError when `text` is no base URL that a key may be sent to."""
    _refuse("the base URL", _fault_in_url(text))


def check_provider_name(text: str) -> None:
    """Raise UsageError when a provider cannot be called `text`."""
    _refuse("a provider's name", _fault_in_name(text))


def _refuse(what: str, fault: str) -> None:
    if fault:
        raise UsageError(f"{what} {fault}")


def _fault_in_model(text: str) -> str:
    return "" if ModelRef.parse(text) else 'must be "provider/model"'


def _fault_in_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "must be a URL that begins with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "must hold no user name or password; `troth keys set` keeps a key in the vault"
    if parts.query or parts.fragment:
        return "must end with its path: no ? and no #"
    return ""


def _fault_in_name(text: str) -> str:
    if _PROVIDER_NAME.fullmatch(text):
        return ""
    return "must be lower-case letters, digits, dots, dashes and underscores"


def _check_filled(text: str) -> str:
    return "" if text.strip() else "must not be empty"


def _check_send_key(text: str) -> str:
    return "" if text in SEND_KEYS else f"must be one of {', '.join(SEND_KEYS)}"


def _check_proxy(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if text and (parts.scheme not in {"http", "https"} or not host):
        return "must be a URL that begins with http:// or https://"
    return ""


def _check_variable(text: str) -> str:
    if _VARIABLE.fullmatch(text):
        return ""
    return "must be the name of an environment variable, not a key; `troth keys set` keeps keys"


def _read_params(table: TableReader) -> Params:
    params = Params(
        temperature=table.number("temperature", 0, 2),
        top_p=table.number("top_p", 0, 1),
        max_output_tokens=table.whole("max_output_tokens", None, 1, 10_000_000),
        effort=table.text("effort", "", _check_filled) or None,
        seed=table.whole("seed", None, -(2**63), 2**63 - 1),
        stop=table.texts("stop", _check_filled),
    )
    table.finish()
    return params


def _read_keys(table: TableReader) -> dict[str, str]:
    """Read `"model.pick" = "f4"`, and the same without quotes, which is a table to TOML."""
    keys: dict[str, str] = {}
    for action in table.entries():
        if table.is_table(action):
            inner = _read_keys(table.table(action))
            keys |= {f"{action}.{name}": chosen for name, chosen in inner.items()}
            continue
        chosen = table.texts(action)
        if chosen:
            keys[action] = ",".join(chosen)
    return keys


def _read_lineups(table: TableReader) -> dict[str, tuple[str, ...]]:
    read = {name: table.texts(name, _check_filled) for name in table.entries()}
    return {name: columns for name, columns in read.items() if columns}


def _read_personas(top: TableReader) -> dict[str, Persona]:
    personas: dict[str, Persona] = {}
    for name, table in top.tables("personas"):
        prompt = table.text("system_prompt", "", _check_filled)
        model = table.text("model", "", _fault_in_model)
        params = _read_params(table.table("params"))
        table.finish()
        if prompt:
            personas[name] = Persona(name, prompt, model, params)
        elif "system_prompt" not in table:
            top.source.report(("personas", name), "has no system_prompt")
    return personas


def _read_providers(
    top: TableReader, broken: tuple[BrokenStatement, ...]
) -> dict[str, ProviderSettings]:
    providers: dict[str, ProviderSettings] = {}
    source = top.source
    for fault in broken:  # also those whose whole table could not be read
        if fault.table[:1] == ("providers",) and len(fault.table) > 1:
            name = fault.table[1]
            noted = next(item for item in source.problems if item.line == fault.line)
            providers[name] = ProviderSettings(name, fault=noted)
    for name, table in top.tables("providers"):
        if detail := _fault_in_name(name):
            source.report(("providers", name), f"is no name for a provider: it {detail}")
            continue
        seen = len(source.problems)
        provider = _read_provider(name, table)
        if name not in providers:
            grave = _grave(source, seen, name)
            providers[name] = ProviderSettings(name, fault=grave[0]) if grave else provider
    return providers


def _grave(source: SourceFile, seen: int, name: str) -> list[ConfigError]:
    """Problems, noted since `seen`, that change where this provider's requests would go."""
    fatal = {f"providers.{name}.{key}" for key in ("wire", "base_url", "headers", "key_env")}
    return [
        problem
        for problem in source.problems[seen:]
        if problem.key in fatal or problem.key.startswith(f"providers.{name}.headers.")
    ]


def _read_provider(name: str, table: TableReader) -> ProviderSettings:
    for key in _SECRET_KEYS:
        if key in table:
            table.known.append(key)
            table.reject(
                key, f"does not belong in this file: type `troth keys set {name}`, then delete it"
            )
    provider = ProviderSettings(
        name=name,
        wire=table.text("wire", "", _check_filled),
        base_url=table.text("base_url", "", _fault_in_url).rstrip("/"),
        title=table.text("title", ""),
        key_variables=table.texts("key_env", _check_variable),
        headers=_read_headers(table.table("headers")),
        needs_key=table.maybe_flag("needs_key"),
        is_own=table.maybe_flag("own"),
        options=MappingProxyType(table.json("options")),
        models=tuple(
            _read_model(ModelRef(name, model), inner) for model, inner in table.tables("models")
        ),
    )
    table.finish()
    return provider


def _read_headers(table: TableReader) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for name in table.entries():
        value = table.text(name, "", _check_header)
        if name.lower() in _SECRET_HEADERS:
            table.reject(name, "carries a key, and keys belong in the vault: `troth keys set`")
        elif not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            table.reject(name, "is no name for a header")
        else:
            headers.append((name, value))
    return tuple(headers)


def _check_header(text: str) -> str:
    return "" if text.isascii() and text.isprintable() else "must be plain printable ASCII"


def _read_model(ref: ModelRef, table: TableReader) -> ModelInfo:
    def modalities(key: str) -> frozenset[str] | None:
        return frozenset(table.texts(key, _check_modality)) or None

    info = ModelInfo(
        ref,
        title=table.text("title", ""),
        context_tokens=table.whole("context_tokens", None, 1, 10**9),
        max_output_tokens=table.whole("max_output_tokens", None, 1, 10**9),
        input_modalities=modalities("input"),
        output_modalities=modalities("output"),
        reasons=table.maybe_flag("reasons"),
        efforts=table.texts("efforts"),
        takes_temperature=table.maybe_flag("takes_temperature"),
        price_input=table.number("price_input", 0, 1e6),
        price_output=table.number("price_output", 0, 1e6),
        price_cached=table.number("price_cached", 0, 1e6),
        source="config",
    )
    table.finish()
    return info


def _check_modality(text: str) -> str:
    return "" if text in _MODALITIES else f"must be of {', '.join(_MODALITIES)}"
