"""The names of Tinfoil's scheme and evidence, for those who check nothing themselves."""

from __future__ import annotations

SCHEME = "tinfoil"
CHANNEL_SCHEMES = frozenset({SCHEME})
"""Schemes that prove where the words went and sign nothing of what came back."""
DOCUMENT = "tinfoil-attestation:"
"""Prefix of the evidence name; the nonce that we asked with follows, in hex."""
