"""How an endpoint comes about: the providers table, the user's changes, the environment.

The last two functions write config.toml, off the loop; `provider_problems` reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from troth.domain.error import ConfigError, NotFound, UsageError
from troth.domain.model import Endpoint, Json
from troth.domain.nearest import nearest
from troth.providers.registry import WIRES, known_endpoints
from troth.settings import (
    Paths,
    ProviderSettings,
    Settings,
    check_provider_name,
    problem_at,
    remove_value,
    set_value,
)

LOCAL_PROVIDER, DEMO_PROVIDER = "local", "demo"
RESERVED = (LOCAL_PROVIDER, DEMO_PROVIDER)
"""Names that no provider of the user's can have."""


def merge_endpoint(known: Endpoint | None, custom: ProviderSettings) -> Endpoint:
    """Lay the user's changes over a known provider, or make a new one of them.

    A known provider that was pointed elsewhere loses its default key variables: a key must not
    follow a URL that changed unless the user names the variable.
    """
    base = known or Endpoint(custom.name, "openai-chat", "", title=custom.name)
    moved = bool(custom.base_url) and custom.base_url != base.base_url
    variables = custom.key_variables or (() if moved else base.key_variables)
    needs_key = custom.needs_key
    if needs_key is None:
        needs_key = bool(variables) if moved else base.needs_key
    return replace(
        base,
        wire=custom.wire or base.wire,
        base_url=custom.base_url or base.base_url,
        title=custom.title or base.title,
        key_variables=variables,
        headers=base.headers + custom.headers,
        needs_key=needs_key,
        is_own=custom.is_own if custom.is_own is not None else (base.is_own and not moved),
        options={**base.options, **custom.options},
    )


def provider_problems(paths: Paths, settings: Settings) -> list[ConfigError]:
    """Return what config.toml says of wires that nobody speaks and providers that are nowhere."""
    problems = [
        problem_at(paths, ("providers", name, "wire"), f"must be one of {', '.join(WIRES)}")
        for name, provider in settings.providers.items()
        if provider.wire and provider.wire not in WIRES
    ]
    chosen: dict[tuple[str, ...], str] = {("default_model",): settings.default_model}
    for name, persona in settings.personas.items():
        chosen["personas", name, "model"] = persona.model
    known = {*RESERVED, *settings.providers, *(known.name for known in known_endpoints())}
    for path, model in chosen.items():
        provider = model.partition("/")[0]
        if provider and provider not in known:
            near = ", ".join(nearest(provider, known))
            hint = f"; did you mean {near}?" if near else ": `troth providers list` shows them"
            problems.append(problem_at(paths, path, f"names no provider{hint}"))
    return problems


def with_table_options(found: Endpoint, known: Mapping[str, Endpoint]) -> Endpoint:
    """Give a found server the quirks that the providers table knows of its kind."""
    table = known.get(found.name)
    return replace(found, options={**table.options, **found.options}) if table else found


def ollama_url(host: str) -> str:
    """Read OLLAMA_HOST as Ollama does: scheme and port may be missing, 0.0.0.0 means here."""
    scheme, separator, rest = host.strip().rstrip("/").partition("://")
    if not separator:
        scheme, rest = "http", scheme
    name, _, port = rest.partition(":")
    name = "127.0.0.1" if name in {"", "0.0.0.0"} else name  # noqa: S104 - read, never bound
    return f"{scheme}://{name}:{port or ('443' if scheme == 'https' else '11434')}"


def config_row(endpoint: Endpoint) -> dict[str, Json]:
    """Return what config.toml says of a provider of the user's."""
    row: dict[str, Json] = {"wire": endpoint.wire}
    if endpoint.base_url:  # one that is found by a registry or a login has none
        row["base_url"] = endpoint.base_url.rstrip("/")
    if endpoint.title:
        row["title"] = endpoint.title
    if endpoint.key_variables:
        row["key_env"] = [*endpoint.key_variables]
    row["needs_key"] = endpoint.needs_key
    if endpoint.is_own:
        row["own"] = True
    if endpoint.options:
        row["options"] = dict(endpoint.options)
    return row


def wants_login(endpoint: Endpoint) -> bool:
    """Whether this provider is reached with an account instead of a key."""
    return endpoint.options.get("route") == "relay"


async def write_endpoint(paths: Paths, endpoint: Endpoint) -> None:
    """Put a provider of the user's into config.toml; the file keeps its comments."""
    check_provider_name(endpoint.name)
    if endpoint.name in RESERVED:
        raise UsageError(f"{endpoint.name} is Troth's own name for what runs in it")
    row = config_row(endpoint)
    await asyncio.to_thread(set_value, paths, ("providers", endpoint.name), row)


async def erase_endpoint(paths: Paths, name: str, settings: Settings) -> None:
    """Take a provider of the user's out of config.toml; raises NotFound where it is not there."""
    if name not in settings.providers:
        raise NotFound("provider in config.toml", name, settings.providers)
    await asyncio.to_thread(remove_value, paths, ("providers", name))
