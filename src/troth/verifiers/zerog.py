"""0G Compute: a provider's broker signs request and reply; whose machine it is stands on a chain.

Its own SDK never compares the two hashes with the bytes; this does. Its brokers have no common
host, only a common path: `/v1/proxy/`. Source: 0glabs serving broker (read 2026-11-22).
"""

from __future__ import annotations

import re

from troth.verifiers.fetched_signature import FetchedSignature

SCHEME = "0g"
ZERO_G = FetchedSignature(
    SCHEME,
    frozenset(),
    path="/v1/proxy/",
    marks=re.compile(r"https?://[^/?#@]+/v1/proxy/chat/completions\b"),
    has_report=False,
    words="The provider",
)
