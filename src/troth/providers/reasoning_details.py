"""OpenRouter's `reasoning_details`: they come in pieces and go back whole, signatures included.

Source: https://openrouter.ai/docs/use-cases/reasoning-tokens, read November 2026.
"""

from __future__ import annotations

from troth.domain.model import Json
from troth.providers.wirejson import Object, as_list, as_object, as_text, dump_json

_GROWING = frozenset({"text", "summary"})


class ReasoningDetails:
    """Joins the pieces of one reply, in the order in which they came."""

    __slots__ = ("_details",)

    def __init__(self) -> None:
        self._details: list[Object] = []

    def add(self, pieces: Json) -> str:
        """Take the pieces of one delta; return what of them is for people."""
        shown = ""
        for piece in as_list(pieces):
            detail = dict(as_object(piece))
            if not detail:
                continue
            shown += as_text(detail.get("text")) or as_text(detail.get("summary"))
            last = self._details[-1] if self._details else None
            if last is None or not _continues(last, detail):
                self._details.append(detail)
            else:
                _extend(last, detail)
        return shown

    def payload(self) -> bytes:
        """Return all of them as JSON; b"" where none came."""
        return dump_json(self._details) if self._details else b""


def _continues(last: Object, detail: Object) -> bool:
    """Whether a detail goes on with the one before. Sealed ones are always whole."""
    return (
        last.get("type") == detail.get("type") != "reasoning.encrypted"
        and last.get("index") == detail.get("index")
        and (detail.get("id") is None or last.get("id") in (None, detail.get("id")))
        and not last.get("signature")
    )


def _extend(last: Object, detail: Object) -> None:
    for key, new in detail.items():
        old = last.get(key)
        if key in _GROWING and isinstance(old, str) and isinstance(new, str):
            last[key] = old + new
        elif new is not None:
            last[key] = new
