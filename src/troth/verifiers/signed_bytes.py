"""What all schemes check that sign the bytes themselves, framing included: shared findings.

Such a signature covers everything that came, so what is left to ask is whether the bytes are those
that were signed, whether they are whole, and whether the chat shows what they say.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from troth.domain.exchange import Exchange, find_header
from troth.domain.model import Json
from troth.verifiers.base import Facts
from troth.verifiers.fold import Finding, cannot_check, failed, passed
from troth.verifiers.opengradient_frames import ReplyRead, read_reply
from troth.verifiers.strict_json import NotStrict, as_text, parse_object
from troth.verifiers.trust import Trust, short, signature_id

_DATA = re.compile(rb"^data: ?(\{.*\})\r?$", re.M)
_THINKING = re.compile(r"\s*<think>.*?</think>\s*", re.S)


def read(exchange: Exchange) -> ReplyRead:
    """Take the answer apart, as a strict reader of OpenAI-style answers."""
    kind = find_header(exchange.response_headers, "content-type") or ""
    return read_reply(exchange.response_body, kind)


def first_object(exchange: Exchange) -> dict[str, Json]:
    """Return the JSON body, or the first frame's JSON of a stream; empty when there is none."""
    body = exchange.response_body
    if (frame := _DATA.search(body)) is not None and not body.lstrip().startswith(b"{"):
        body = frame[1]
    try:
        return parse_object(body)
    except NotStrict:
        return {}


def check_end(reply: ReplyRead, exchange: Exchange) -> Finding:
    """Say whether the answer is whole, and one answer."""
    if reply.faults:
        return failed("completeness", " ".join(reply.faults))
    if reply.error:
        return cannot_check("completeness", f"The provider broke off: {reply.error}")
    if not reply.is_ended or not exchange.is_complete:
        return cannot_check("completeness", "The stream was cut before its end mark.")
    return passed("completeness", "The reply came to its own end.")


def check_request(exchange: Exchange, facts: Facts, signed_digest: str, digest: str) -> Finding:
    """Compare the digest of the request as sent, and the model that it names, with ours."""
    if digest != signed_digest:
        return failed("request-bytes", "The signature is for another request than yours.")
    try:
        request = parse_object(exchange.request_body)
    except NotStrict as error:
        return failed("request-bytes", f"The request as sent cannot be read: {error}.")
    asked = as_text(request.get("model"))
    if facts.model and asked != facts.model:
        reason = f"The signed request asks the model {asked[:80]!r}, not {facts.model[:80]!r}."
        return failed("request-bytes", reason)
    reason = f"The signed request is the one that was sent: digest {short(digest)}."
    return passed("request-bytes", reason)


def check_reply(
    reply: ReplyRead, exchange: Exchange, facts: Facts, signed_digest: str, digest: str
) -> tuple[Finding, ...]:
    """Compare the digest of the bytes received, and the text in the chat, with what was signed.

    Where both are the same the signature covers every byte, which is a finding of its own.
    """
    if digest != signed_digest and not exchange.is_complete:
        reason = "The reply was cut off on the way; the signature is over the whole of it."
        return (cannot_check("reply-bytes", reason),)
    if digest != signed_digest:
        reason = (
            f"The reply differs from what was signed: signed {short(signed_digest)},"
            f" received {short(digest)}."
        )
        return (failed("reply-bytes", reason),)
    if not is_shown(reply.text, facts.shown_text):
        reason = "The text in the chat is not the text in the received bytes."
        return (failed("reply-bytes", reason),)
    same = f"The bytes received are what was signed: digest {short(digest)}."
    whole = "Every byte of the reply is under the signature."
    return passed("reply-bytes", same), passed("coverage", whole)


def is_shown(text: str, shown: str | None) -> bool:
    """Whether the chat shows `text`, perhaps with the thinking at its beginning set apart."""
    if shown is None or shown == text:
        return True
    thinking = _THINKING.match(text)
    return thinking is not None and text[thinking.end() :] == shown


def check_created(exchange: Exchange, trust: Trust) -> Finding:
    """Take the answer's own `created`, which is among the signed bytes, for its time."""
    created = first_object(exchange).get("created")
    if not isinstance(created, int) or isinstance(created, bool) or not 0 < created < 1 << 33:
        return cannot_check("freshness", "The signed bytes hold no time of their own.")
    return check_time(datetime.fromtimestamp(created, UTC), exchange, trust)


def check_time(made: datetime, exchange: Exchange, trust: Trust) -> Finding:
    """Compare the signer's time with ours, on both sides of the exchange."""
    margin = timedelta(seconds=trust.policy.clock_skew_s)
    when = f"{made:%d %b %Y %H:%M:%S} UTC"
    if made < exchange.sent_at - margin:
        return cannot_check("freshness", f"Made {when}, before you asked: an old reply, perhaps.")
    if made > exchange.received_at + margin:
        return cannot_check("clock", f"Made {when}, after it came: a clock is wrong.")
    return passed("freshness", f"Made {when}, between your question and the reply's end.")


def check_replay(signature: bytes, trust: Trust, facts: Facts) -> Finding:
    """Ask the memory of signatures whether this one came before, with another reply."""
    first = trust.seen.get(signature_id(signature))
    if first is not None and first != facts.message_id:
        reason = "This very signature came before, with another reply: it was replayed."
        return failed("replay", reason)
    return passed("replay", "This signature was not seen with any other reply.")
