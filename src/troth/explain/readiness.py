"""What stands between a model in a list and its first message."""

from __future__ import annotations

_LABELS = {"key": "no key", "login": "no login", "server": "not found"}
_SENTENCES = {
    "key": "{} needs a key: Enter adds it.",
    "login": "{} needs a login: Enter begins it.",
    "server": "{} has not answered on this computer yet: ^r asks it.",
}


def lack_words(lack: str) -> str:
    """Return a list's word for `ModelChoice.lack`; "" for nothing."""
    return _LABELS.get(lack, lack)


def lack_sentence(lack: str, provider: str) -> str:
    """Return what to do about it."""
    return _SENTENCES[lack].format(provider)
