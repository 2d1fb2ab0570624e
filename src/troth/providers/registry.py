"""Which wires and which providers there are. A new provider is a row of `data/providers.toml`;
a new wire is a file and a row here.

Wires are imported when they are first used: one chat needs one of them.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType
from typing import cast

from troth.domain.error import UsageError
from troth.domain.model import Endpoint, Json
from troth.providers.base import Provider
from troth.providers.wirejson import Object, as_list, as_object, as_text

_WIRES = {
    "openai-chat": ("troth.providers.openai_chat", "ChatProvider"),
    "openai-responses": ("troth.providers.openai_responses", "ResponsesProvider"),
    "anthropic": ("troth.providers.anthropic", "AnthropicProvider"),
    "gemini": ("troth.providers.gemini", "GeminiProvider"),
    "ollama": ("troth.providers.ollama", "OllamaProvider"),
    "opengradient": ("troth.providers.opengradient", "OpenGradientProvider"),
}

WIRES = tuple(_WIRES)
"""The names that a provider's `wire` may have."""


@lru_cache
def provider_for(wire: str) -> Provider:
    """Return the one provider of a wire; raise UsageError for a name that is none."""
    if wire not in _WIRES:
        raise UsageError(f"no wire is called {wire!r}: it is one of {', '.join(WIRES)}")
    module, name = _WIRES[wire]
    make = cast("type[Provider]", getattr(import_module(module), name))
    return make()


@lru_cache
def known_endpoints() -> tuple[Endpoint, ...]:
    """Return the providers that Troth ships with, in the order of the table."""
    text = files("troth.providers").joinpath("data/providers.toml").read_text("utf-8")
    table = cast(Object, tomllib.loads(text))
    return tuple(_endpoint(name, as_object(row)) for name, row in table.items())


def _endpoint(name: str, row: Object) -> Endpoint:
    headers = as_object(row.get("headers"))
    options: dict[str, Json] = dict(as_object(row.get("options")))
    return Endpoint(
        name=name,
        wire=as_text(row.get("wire")),
        base_url=as_text(row.get("base_url")).rstrip("/"),
        title=as_text(row.get("title")) or name,
        key_variables=tuple(as_text(variable) for variable in as_list(row.get("keys"))),
        headers=tuple((header.lower(), as_text(value)) for header, value in headers.items()),
        needs_key=row.get("needs_key") is not False,
        is_own=row.get("is_own") is True,
        options=MappingProxyType(options),
    )
