"""Asks a provider for its models, by the way that prompts take there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from troth.domain.error import TrothError, UsageError
from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.model import Endpoint, ModelInfo
from troth.providers.base import DescribesModels
from troth.providers.errors import error_from
from troth.providers.registry import provider_for

Ask = Callable[[Endpoint, HttpRequest, float], Awaitable[HttpResponse]]
"""Asks a provider, by the way that prompts take there; the last is the limit in seconds."""

GATEWAY_WIRE = "opengradient"
_ASKED_AT_ONCE = 8
_DESCRIBED = 200
"""Models of one list that are asked for apart."""


async def ask_models(ask: Ask, endpoint: Endpoint, key: str | None) -> tuple[ModelInfo, ...]:
    """Return a provider's list; raise UsageError where none can be had, else what it answered."""
    if not endpoint.base_url:
        # Found by a registry or a login: there is no one server whose list would be theirs.
        raise UsageError(f"{endpoint.name} has no model list to ask for; its models are known")
    provider = provider_for(endpoint.wire)
    answer = await ask(endpoint, provider.list_models(endpoint, key), 20)
    if answer.status == 404 and not _has_list(endpoint):
        return ()  # it is there and serves no list; what it carries is known
    if answer.status != 200:
        raise error_from(
            answer.status, answer.headers, answer.body, provider=endpoint.name, model=""
        )
    return provider.parse_models(answer.body, endpoint)


async def ask_described_models(
    ask: Ask, endpoint: Endpoint, key: str | None
) -> tuple[ModelInfo, ...]:
    """Return the list, and of each model what the list does not tell, where the wire can ask."""
    models = await ask_models(ask, endpoint, key)
    provider = provider_for(endpoint.wire)
    if not isinstance(provider, DescribesModels):
        return models
    room = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def describe(listed: ModelInfo) -> ModelInfo:
        """One that does not answer stays as it is listed."""
        request = provider.description_request(endpoint, key, listed.ref)
        async with room:
            try:
                answer = await ask(endpoint, request, 10)
                if answer.status != 200:
                    return listed
                return provider.parse_description(answer.body, listed)
            except TrothError:
                return listed

    described = await asyncio.gather(*map(describe, models[:_DESCRIBED]))
    return (*described, *models[_DESCRIBED:])


def _has_list(endpoint: Endpoint) -> bool:
    return endpoint.wire != GATEWAY_WIRE and endpoint.options.get("lists_models") is not False
