"""Where a picture came from, for files that belong to no reply: no vault, no network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from troth.domain.verdict import Check
from troth.engine.trusting import TrustFile
from troth.settings import find_paths
from troth.verifiers.c2pa import PictureProof, verify_picture
from troth.verifiers.picture_file import media_type_of
from troth.verifiers.pictures import check_of
from troth.verifiers.trust import Trust


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture's proof and what it means, for one moment."""

    proof: PictureProof
    check: Check
    at: datetime
    """When certificates had to be valid."""


def is_picture(content: bytes) -> bool:
    """Whether a file is a picture of a kind whose credentials are read."""
    return media_type_of(content) != ""


def verify_picture_file(
    content: bytes, *, trust: Trust | None = None, at: datetime | None = None
) -> CheckedPicture:
    """Check a picture's Content Credentials; raise ConfigError for a broken trust file.

    `trust` is the user's own by default, `at` (aware) is now. Hashes all of it: for a thread.
    """
    if trust is None:
        trust = TrustFile(find_paths(os.environ)).load()
    at = at or datetime.now(UTC)
    proof = verify_picture(content, trust, at)
    return CheckedPicture(proof, check_of(proof, at), at)
