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


def lack_notice(provider: str, name: str, *, wants_login: bool) -> tuple[str, str]:
    """Say that a chosen provider cannot be asked yet, and what mends it, for a chat's prompt.

    `provider` is what people call it, `name` what commands do.
    """
    if wants_login:
        return f"{provider} needs a login.", f"/login {name} begins it"
    return f"{provider} has no key yet.", "/setup adds one"


def signing_sentence(*, signs: bool, is_own: bool) -> str:
    """Return what a model's replies will be worth: what choosing it decides."""
    if signs:
        return "Its replies are signed: each is checked here when it comes."
    if is_own:
        return "It runs on a machine that you call yours: your words go to nobody else."
    return "Its replies are not signed: nothing proves which model answered."
