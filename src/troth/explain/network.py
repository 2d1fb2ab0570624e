"""The network ledger in words: why a host was contacted, and what it could learn from it."""

from __future__ import annotations

_PURPOSES = {
    "chat": "your message and its reply",
    "chat, sealed": "your message and its reply, both locked to the enclave",
    "demo": "the simulated enclave",
    "wallet": "what your wallet holds and may spend",
    "attestation": "which machine is there, before your words leave",
    "evidence": "checking who signed",
    "processor": "whether a machine's processor is genuine",
    "registry": "which enclaves are listed",
    "image": "an image of a reply",
    "model download": "the small model that runs here, fetched by pip",
    "model list": "which models it has",
    "looking for local servers": "looking for servers here",
    "proxy": "the proxy on the way",
    "relay": "a sealed message",
    "payment": "paying for a reply",
    "login": "logging in",
}

_SIGHTS = {
    "address": "your address, not your words",
    "prompt": "your words, not your address",
    "both": "your words and your address",
    "neither": "nothing: it is on this computer",
}


def purpose_words(purpose: str) -> str:
    """Return why a host was contacted; unknown slugs as they are."""
    return _PURPOSES.get(purpose, purpose)


def sight_words(sight: str, *, is_encrypted: bool, is_here: bool = False) -> str:
    """Return what a host could see; without TLS everyone on the way saw as much.

    `is_here`: it is a program on this computer, with nobody on the way.
    """
    words = _SIGHTS.get(sight, sight)
    if is_here and sight != "neither":
        return "it runs on this computer: what it does with your words is its own affair"
    if is_encrypted or sight == "neither":
        return words
    return f"{words}; not encrypted, so others on the way too"
