"""The options of an endpoint that mean the same on every wire.

| option | default | meaning |
|---|---|---|
| `channel` | none | how its machine proves itself before anything is sent: `tinfoil` |
| `key_header` | the wire's own | header of the key; `authorization` carries it as a bearer |
| `extra` | {} | fields that this endpoint needs in each body |
| `lists_models` | true | whether there is a model list: its absence is then no fault |
| `omit` | [] | fields that this endpoint refuses; `a.b` names one inside another |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from troth.domain.exchange import Headers
from troth.domain.model import Endpoint
from troth.providers.wirejson import as_list, as_object, as_text


def key_headers(endpoint: Endpoint, key: str | None, *, header: str) -> Headers:
    """Return the header that carries the key, `header` unless the endpoint names another."""
    if not key:
        return ()
    name = (as_text(endpoint.options.get("key_header")) or header).lower()
    return ((name, f"Bearer {key}" if name == "authorization" else key),)


def adapt_body(body: Mapping[str, object], endpoint: Endpoint) -> dict[str, object]:
    """Return the body with the endpoint's `extra` fields and without those that it refuses."""
    adapted: dict[str, object] = {**body, **as_object(endpoint.options.get("extra"))}
    for path in map(as_text, as_list(endpoint.options.get("omit"))):
        name, dot, inner = path.partition(".")
        if not dot:
            adapted.pop(name, None)
            continue
        held = adapted.get(name)
        if isinstance(held, dict):
            rest = {**cast(dict[str, object], held)}
            rest.pop(inner, None)
            adapted[name] = rest
            if not rest:
                del adapted[name]
    return adapted
