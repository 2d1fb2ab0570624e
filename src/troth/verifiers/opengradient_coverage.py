"""What of an OpenGradient reply is on the screen and not under its signature, said aloud.

A signature that passes says nothing about what it leaves out. Shown things that it leaves out make
the reply `partly-covered`; settings and habits of the gateway are told without lowering it.
"""

from __future__ import annotations

from troth.domain.model import Json
from troth.verifiers.base import Facts
from troth.verifiers.fold import Finding, not_covered, passed
from troth.verifiers.opengradient_frames import ReplyRead
from troth.verifiers.strict_json import as_list, as_object, as_text

_SIGNED_SETTINGS = frozenset(
    {"model", "messages", "prompt", "temperature", "max_tokens", "stop", "tools", "response_format"}
)
_SIGNED_FROM = {
    "v1": frozenset[str](),
    "v3": frozenset({"web_search", "reasoning_effort"}),
}
"""What else a profile signs; those not named sign `web_search`."""
_SIGNED_IN_MESSAGES = {
    "assistant": frozenset({"role", "content", "tool_calls"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "function": frozenset({"role", "content", "name"}),
}
_SIGNED_IN_OTHERS = frozenset({"role", "content"})
_SILENT_SETTINGS = frozenset({"stream", "stream_options"})
"""Not signed either, and of no influence on the words."""
_SHOWN = {"image": "images", "thinking": "reasoning", "source": "sources", "document": "documents"}


def coverage(
    request: dict[str, Json], reply: ReplyRead, profile: str, facts: Facts
) -> tuple[Finding, ...]:
    """Return the findings `coverage`, `settings` and `upstream`."""
    if not reply.has_marks:
        return ()
    return (_shown(request, reply, profile, facts), *_settings(request, profile), _upstream(reply))


def _shown(request: dict[str, Json], reply: ReplyRead, profile: str, facts: Facts) -> Finding:
    left_out: list[str] = sorted(reply.unsigned | {_SHOWN.get(k, k) for k in facts.shown_kinds})
    if reply.is_tool_reply and reply.text:
        left_out.append("the text beside the tool calls")
    elif reply.calls and not reply.is_tool_reply:
        left_out.append("tool calls")
    sentences: list[str] = []
    if left_out:
        sentences.append(f"The signature leaves out what is shown beside it: {_join(left_out)}.")
    if profile != "v1p" and _has_attachments(request):
        sentences.append(
            "The contents of your attachments were not signed: others could have been put there."
            if profile in {"v2", "v3"}
            else "Your attachments were signed as text: the same text without them signs alike."
        )
    if sentences:
        return not_covered("coverage", " ".join(sentences))
    if reply.is_tool_reply:
        reason = "All tool calls shown are signed, though not that they are calls and no text."
        return passed("coverage", reason)
    return passed("coverage", "All text shown is signed. Token counts and names never are.")


def _has_attachments(request: dict[str, Json]) -> bool:
    for message in map(as_object, as_list(request.get("messages"))):
        for part in as_list(message.get("content")):
            if as_object(part).get("type") != "text" and message.get("role") == "user":
                return True
    return False


def _settings(request: dict[str, Json], profile: str) -> list[Finding]:
    signed = _SIGNED_SETTINGS | _SIGNED_FROM.get(profile, frozenset({"web_search"}))
    unsigned = sorted(set(request) - signed - _SILENT_SETTINGS)
    sentences: list[str] = []
    if beside := sorted(_unsigned_in_messages(request)):
        names = _join([name[:40] for name in beside])
        sentences.append(f"What stands in your messages beside their words is not signed: {names}.")
    if unsigned:
        names = _join([name[:40] for name in unsigned])
        sentences.append(f"These settings of yours are not signed: {names}.")
    if request.get("stop"):
        sentences.append("Your stop words are signed, but this gateway does not pass them on.")
    return [not_covered("settings", " ".join(sentences))] if sentences else []


def _unsigned_in_messages(request: dict[str, Json]) -> set[str]:
    found: set[str] = set()
    for message in map(as_object, as_list(request.get("messages"))):
        role = as_text(message.get("role"))
        found |= message.keys() - _SIGNED_IN_MESSAGES.get(role, _SIGNED_IN_OTHERS)
    return found


def _upstream(reply: ReplyRead) -> Finding:
    if reply.has_usage:
        reason = (
            "The signature says that this came from the model's maker, not that the maker ran the"
            " model that it names, nor that the maker's answer was whole."
        )
    else:
        reason = (
            "The gateway reports no token count, as happens when the maker's answer was cut short:"
            " the signature cannot tell a cut answer from a whole one."
        )
    return not_covered("upstream", reason)


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
