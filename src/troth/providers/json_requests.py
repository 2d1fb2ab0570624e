"""The requests that every wire makes alike: JSON there and back, the key apart from the headers."""

from __future__ import annotations

from collections.abc import Mapping

from troth.domain.exchange import Headers, HttpRequest
from troth.domain.model import Endpoint
from troth.providers.options import adapt_body, key_headers
from troth.providers.wirejson import dump_json


def reply_request(
    endpoint: Endpoint,
    key: str | None,
    url: str,
    body: Mapping[str, object],
    *,
    accept: str = "text/event-stream",
    headers: Headers = (),
    key_header: str = "authorization",
) -> HttpRequest:
    """Build the request for a reply; `headers` are the wire's own and go before the endpoint's."""
    return HttpRequest(
        "POST",
        url,
        (("content-type", "application/json"), ("accept", accept), *headers, *endpoint.headers),
        dump_json(adapt_body(body, endpoint)),
        key_headers(endpoint, key, header=key_header),
    )


def list_request(
    endpoint: Endpoint,
    key: str | None,
    url: str,
    *,
    headers: Headers = (),
    key_header: str = "authorization",
) -> HttpRequest:
    """Build the request for a model list; `headers` as in `reply_request`."""
    return HttpRequest(
        "GET",
        url,
        (("accept", "application/json"), *headers, *endpoint.headers),
        secret_headers=key_headers(endpoint, key, header=key_header),
    )
