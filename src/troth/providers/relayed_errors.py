"""What a gateway tells of the vendor behind it: that one's no, in a sentence of the gateway's own.

The answer's status is then the gateway's (500 or 502, or 200 where the stream had begun), and the
vendor's stands in the words, as the vendor's SDK puts it. Pure; gives facts only.
Source: tee-gateway `controllers/chat_controller.py` at 1a727d1 and `errors.py` at 47df44d; texts of
the exceptions of the Python SDKs of OpenAI, Anthropic and Google, and of httpx (read 2026-11-29).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"Error code: ([45]\d\d)(?: - (.*))?",  # OpenAI, Anthropic
        r"(?:Error calling model '[^']*' \([^)]*\): )?"  # Google
        r"([45]\d\d) (?:None|[A-Z_]+)\. (\{.*)",
        r"(?:Client|Server) error '([45]\d\d)[^']*' for url '[^']*'"
        r"(?:[^:]{0,9}provider response: (.*)|\s.*)?",  # httpx
    )
)
_MESSAGE = re.compile(r"""['"]message['"]: (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_CODE = re.compile(r"""['"](?:code|type|status)['"]: ['"]([\w.]{1,100})['"]""")
_OWN_ACCOUNT = frozenset({401, 402, 403, 407})
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class RelayedError:
    """The vendor's answer. `message` is empty where no words of its own are told."""

    status: int
    message: str = ""
    codes: tuple[str, ...] = ()

    @property
    def is_gateways_own(self) -> bool:
        """Whether the vendor refused the gateway's account: the user's key has no part in it."""
        return self.status in _OWN_ACCOUNT


def relayed_error(message: str, told_status: int | None) -> RelayedError | None:
    """Take the vendor's answer out of a gateway's words; None where they tell of none.

    `told_status` is the vendor's status where the gateway names it beside its words.
    """
    if len(message) > _LONGEST:
        message = message[:_LONGEST]
    found = next(filter(None, (form.fullmatch(message) for form in _FORMS)), None)
    if found is None:
        return RelayedError(told_status) if told_status is not None else None
    told = found[2] or ""
    words = _MESSAGE.search(told)
    codes = tuple(match[1] for match in _CODE.finditer(told))
    if words is not None:
        told = words[1] if words[1] is not None else words[2]
    elif told.startswith(("{", "[")):
        told = ""
    return RelayedError(told_status or int(found[1]), told, codes)
