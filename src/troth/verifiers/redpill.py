"""RedPill, Phala's gateway, in its form before ACI: NEAR AI's signature without a kind."""

from __future__ import annotations

from troth.verifiers.fetched_signature import FetchedSignature

SCHEME = "redpill"
REDPILL = FetchedSignature(SCHEME, frozenset({"api.redpill.ai"}), words="RedPill")
