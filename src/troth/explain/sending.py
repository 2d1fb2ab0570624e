"""What was left out of a request, what a reply was told on its way, and what a policy allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troth.domain.error import Failure
from troth.domain.message import LeftOut
from troth.explain.failures import explain_failure
from troth.explain.words import ALL

_THINGS = {
    "image": ("image", "images"),
    "document": ("document", "documents"),
    "pdf_without_text": ("PDF without text", "PDFs without text"),
    "pdf_as_text": ("PDF as text only", "PDFs as text only"),
    "thinking": ("thinking block", "thinking blocks"),
    "tool_call": ("tool call", "tool calls"),
    "tool_result": ("tool result", "tool results"),
    "failed_reply": ("failed reply", "failed replies"),
    "short_reply": ("reply below this chat's policy", "replies below this chat's policy"),
    "kept_back": ("message that you keep from it", "messages that you keep from it"),
    "parameter": ("parameter", "parameters"),
}

_REASONS = {
    "no_image_input": "the model reads no images",
    "no_document_input": "the model reads no documents of this kind",
    "no_text_found": "the model reads no PDF, and this one holds no text that could be sent",
    "sent_as_text": "the model reads no PDF: its words were sent, its pictures and layout were not",
    "other_vendor": "another vendor's thinking is never passed on",
    "other_model": "it belongs to another model",
    "unpaired": "its other half is missing",
    "not_verified": "it failed verification",
    "below_policy": "it proves less than this chat asks for",
    "boundary": "you keep it from providers that prove nothing",
    "not_supported": "the model does not take it",
    "refused": "the model does not take it",
    "refused_by_provider": "the provider did not take it back",
    "refused_before": "the model refused it before",
    "not_in_export": "the export that it came from does not hold it",
    "imported": "it was used in another program",
}

_NOTICES = {
    # of a vault that was opened
    "network-folder": "The vault lies on a network disk, so only one program can use it at a time.",
    "sync-folder": "The vault lies in a folder that is synchronised; copies made while it is open "
    "may be broken. Back it up with `troth vault backup` instead.",
    "migrated": "The vault was brought to the newest format; a backup was made first.",
    "never-seen-here": "This vault was not opened here before, so its age cannot be told.",
    "older-accepted": "The vault is older than when it was last used here, as you were told.",
    "changed-outside": "Another program changed the vault's file; it was looked through.",
    "switch-cut": "A rekey or a restore was cut off before its end. Nothing is lost and nothing "
    "changed: the vault is as it was before.",
    "switch-ended": "A rekey or a restore was cut off near its end and was brought to it just now. "
    "Nothing is lost.",
    "further-than-seen": "The vault is further on than this computer last noted, as after a power "
    "cut or a copy from elsewhere; it was looked through.",
    "check-recommended": "It is too large to look through at once: `troth vault check` does.",
    "clock-ahead": "This computer's clock is {} days ahead of when the vault was last used. Set it "
    "right if it is wrong: what is in the trash or past its time is deleted for good in a day.",
    "inbox-unreadable": "A reply that ended while the vault was locked cannot be opened: its file "
    "was damaged, or the vault was rekeyed meanwhile. It stays in vault.inbox.",
    "read-only": "The vault cannot be written here: it is open for reading, nothing new is kept.",
    "damage-accepted": "The vault is damaged and was opened all the same; save what is left.",
    # of a reply
    "paced": "This provider allows only so many requests; the next one leaves in {} s.",
    "not_saved": "The reply is not kept, but it is all here: {}.",
    "not_judged": "The reply is kept, but could not be checked: {}.",
    "authorised": "Up to {} is authorised; what was used of it is settled later.",
    "parameter_dropped": "{} is not taken by this model; it was left out and asked again.",
}


QUIET_NOTICES = frozenset({"never-seen-here"})
"""Vault notices that are true of every vault that was just restored or copied, and ask nothing."""


_SENT = ("left out", "sent")
_TO_SEND = ("leaves out", "sends")


def left_out_words(items: Sequence[LeftOut], *, is_sent: bool = True) -> str:
    """Return one line such as `left out 3 thinking blocks, 1 image; sent 1 PDF as text only`.

    Of what is not sent yet: `leaves out 1 image; sends 1 PDF as text only`. "" when everything
    goes as it is.
    """
    amounts: dict[tuple[str, str], int] = {}
    for item in items:
        thing = (item.kind, item.name)
        amounts[thing] = amounts.get(thing, 0) + item.count
    listed = {
        verb: ", ".join(
            _amount(kind, name, count)
            for (kind, name), count in amounts.items()
            if (kind == "pdf_as_text") is is_as_text
        )
        for verb, is_as_text in zip(_SENT if is_sent else _TO_SEND, (False, True), strict=True)
    }
    return "; ".join(f"{verb} {things}" for verb, things in listed.items() if things)


def too_long_words(model: str, tokens: int, limit: int, *, is_cut: bool) -> tuple[str, str]:
    """Return what to say of a prompt over a model's limit, and what to do; both are estimates."""
    told = f"This is about {tokens:,} tokens and {model} reads {limit:,}"
    if is_cut:
        return (
            f"{told}: its server drops the beginning, and says nothing.",
            "Begin a new chat, or raise `num_ctx` in the provider's options in config.toml.",
        )
    return f"{told}.", "Begin a new chat, or choose a model with a larger context."


def left_out_lines(items: Sequence[LeftOut]) -> Iterator[str]:
    """Yield one line an item with its reason, for the place where there is room."""
    for item in items:
        reason = _REASONS.get(item.reason, item.reason.replace("_", " "))
        yield f"{_amount(item.kind, item.name, item.count)}: {reason}"


def notice_words(kind: str, detail: str = "") -> str:
    """Return the sentence for a Notice or a vault's notice; unknown ones as they are written."""
    words = _NOTICES.get(kind)
    if words is not None and detail in ALL:
        title = explain_failure(Failure(detail)).title
        return words.format(title[:1].lower() + title[1:])
    if words is not None:
        return words.format(detail or "A parameter")
    return ": ".join(filter(None, (kind.replace("_", " "), detail)))


def _amount(kind: str, name: str, count: int) -> str:
    one, many = _THINGS.get(kind, (kind.replace("_", " "), kind.replace("_", " ")))
    if name and kind == "parameter":
        return f"{one} {name}"
    return f"{count} {one if count == 1 else many}"
