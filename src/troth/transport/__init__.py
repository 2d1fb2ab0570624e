"""The one door to the network: bytes out, bytes in, and a ledger of where they went.

Nothing here knows a wire format, keeps a cookie, follows a redirect with a key, or asks for
compression. Secret headers reach the socket and nothing else: no error, log, repr or ledger row.
httpx is imported when the first request leaves, and nowhere else in Troth.
"""

from troth.transport.address import host_of, is_loopback, origin_of
from troth.transport.client import ResponseStream, Transport
from troth.transport.ledger import Ledger, LedgerEntry, LedgerLine, Sight

__all__ = [
    "Ledger",
    "LedgerEntry",
    "LedgerLine",
    "ResponseStream",
    "Sight",
    "Transport",
    "host_of",
    "is_loopback",
    "origin_of",
]
