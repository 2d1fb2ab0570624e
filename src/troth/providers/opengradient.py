"""OpenGradient's gateways: Chat Completions whose requests and replies an enclave signs.

What leaves here is what the gateway hashes (`verifiers.opengradient_canonical`), so nothing goes in
that it would refuse, rewrite or leave unsigned without need: no `stream_options`, no null, no empty
list. The key of such an endpoint is a wallet or a login and belongs to the route that the request
takes: it never stands in a request that this module builds.

Source: tee-gateway `controllers/chat_controller.py` at 06ed1e2 and d81fbc7, read November 2026.
"""

from __future__ import annotations

from dataclasses import replace

from troth.domain.exchange import HttpRequest
from troth.domain.message import RawItem
from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef
from troth.domain.turn import Turn
from troth.providers.base import Decoder
from troth.providers.openai_chat import ChatProvider

WIRE = "opengradient"
_OPTIONS: dict[str, Json] = {
    "stream_usage": False,  # usage comes unasked, and the field would stand unsigned
    "system_role": "system",  # `developer` crashes the gateway of April 2026
    "max_tokens_field": "max_tokens",  # the one that is signed
}
_ANY_TOKEN = (("authorization", "Bearer troth"),)
"""The gateway refuses a request without the header and looks at nothing in it."""


class OpenGradientProvider:
    """One wire, no state."""

    wire = WIRE

    def __init__(self) -> None:
        self._chat = ChatProvider()

    def encode(
        self, turn: Turn, model: ModelInfo, endpoint: Endpoint, key: str | None
    ) -> HttpRequest:
        """Build the request; `key` is a wallet's or a login's and stays with the route."""
        return _opened(self._chat.encode(turn, model, gateway_endpoint(endpoint), None))

    def decoder(self, endpoint: Endpoint, model: ModelRef, content_type: str) -> Decoder:
        return self._chat.decoder(gateway_endpoint(endpoint), model, content_type)

    def replays(self, item: RawItem, endpoint: Endpoint, model: ModelRef) -> bool:
        """Whether a raw item may go back: none may, the gateway rebuilds every message."""
        return False

    def carries(self, media_type: str, endpoint: Endpoint) -> bool:
        return self._chat.carries(media_type, gateway_endpoint(endpoint))

    def list_models(self, endpoint: Endpoint, key: str | None) -> HttpRequest:
        return _opened(self._chat.list_models(gateway_endpoint(endpoint), None))

    def parse_models(self, body: bytes, endpoint: Endpoint) -> tuple[ModelInfo, ...]:
        return self._chat.parse_models(body, endpoint)


def gateway_endpoint(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint as the chat wire knows it; users write its URL with and without /v1."""
    base_url = endpoint.base_url.rstrip("/").removesuffix("/v1") + "/v1"
    return replace(endpoint, base_url=base_url, options={**endpoint.options, **_OPTIONS})


def _opened(request: HttpRequest) -> HttpRequest:
    return replace(request, secret_headers=_ANY_TOKEN)
