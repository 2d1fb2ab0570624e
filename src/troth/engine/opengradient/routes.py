"""Which way a request to an OpenGradient provider takes; one value an engine.

| `options` of the endpoint | meaning |
|---|---|
| `route` | `direct` (default), `relay` (Oblivious HTTP) or `veil` (og-veil on loopback) |
"""

from __future__ import annotations

from collections.abc import Callable

from troth.domain.error import UsageError
from troth.domain.model import Endpoint
from troth.engine.channel import Channel, PlainChannel
from troth.engine.opengradient.direct import DirectChannel
from troth.engine.opengradient.gateways import Gateways
from troth.transport import Transport
from troth.verifiers.trust import Trust


class Routes:
    """Makes the channels of OpenGradient providers."""

    def __init__(self, transport: Transport, trust: Callable[[Endpoint], Trust]) -> None:
        self._transport = transport
        self._trust = trust
        self._gateways = Gateways(transport)

    def channel(self, endpoint: Endpoint, policy: str) -> Channel:
        """Return the way of one reply; raise UsageError for a route that is none."""
        trust = self._trust(endpoint)
        match endpoint.options.get("route", "direct"):
            case "direct":
                return DirectChannel(endpoint, policy, trust, self._transport, self._gateways)
            case "veil":
                return PlainChannel(self._transport, "veil")
            case _:
                raise UsageError("route is one of direct, relay and veil")

    def doubt(self) -> None:
        """Ask again who is there before the next prompt: a reply was not what it should be."""
        self._gateways.forget()
