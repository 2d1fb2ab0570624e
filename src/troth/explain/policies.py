"""A chat's policy, and the line that it draws, in words."""

from __future__ import annotations

_POLICIES = {
    "any": ("any model", "Whoever answers; what is proven about each reply is shown beside it."),
    "signed": (
        "signed replies only",
        "Only providers that sign their replies are asked; to all others nothing is sent.",
    ),
    "attested": (
        "attested models only",
        "Only enclaves whose hardware and code are proven, and who sign their replies, are asked.",
    ),
    "device": ("this device only", "Nothing leaves your own machines."),
}


def policy_words(policy: str) -> str:
    """Return what a chat's policy is called."""
    return _POLICIES[policy][0] if policy in _POLICIES else policy


def policy_detail(policy: str) -> str:
    """Return what a chat's policy means, in a sentence."""
    return _POLICIES[policy][1] if policy in _POLICIES else "Nothing is allowed by it."


def crossing_words(attested: str | int, local: str | int) -> str:
    """Say how many messages would leave a protected place, and which."""
    pieces: list[str] = []
    for count, where in (
        (int(attested or 0), "were only ever read by a provider that proves what it is"),
        (int(local or 0), "never left your own machines"),
    ):
        if count:
            noun = "message" if count == 1 else "messages"
            verb = where.replace("were", "was", 1) if count == 1 else where
            pieces.append(f"{count} {noun} of this chat {verb}")
    return " and ".join(pieces) or "Some messages of this chat were protected so far"
