"""From a reply and its verdict to what the verification pane says. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from troth.domain.exchange import Exchange
from troth.domain.message import Message
from troth.domain.verdict import Outcome, State, Verdict
from troth.explain import check_title, outcome_words, verdict_sentence
from troth.tui.glyph import badge
from troth.tui.screens.entries import verdict_badge, written_bytes
from troth.tui.widgets.verification_lines import PaneCheck, PaneSight, PaneWords

if TYPE_CHECKING:
    from troth.engine.proofs import Meaning

_ARRIVING = (
    "The reply is still arriving. A signature comes with its last bytes; until it has been checked "
    "nothing is proven."
)
_CHECKING = "The reply is here; its proof is being fetched and checked."
_UNCHECKED = "Nothing was checked about this reply. r checks it now, where its bytes are kept."
_SIMULATED = (
    "This is a demonstration: Troth made the sealed computer, its key and its signature here. "
    "Nothing of it says anything about a real service."
)
_WOULD_BE = "Were the service real and the checks below the same, this would read: ✓ verified."
_WHOSE_KEY = "p shows the key. If its owner tells you the same number, trust (“pin”) it there."
_WHICH_CODE = "p shows the measurement of its code. If you know it from elsewhere, name it there."
BELOW = "It proves less than this chat asks for."
KEPT_OUT = "This reply is kept out of what later models are given. a lets it in; nothing else will."
LET_IN = "You let later models see this reply although it is not proven. a keeps it out again."


def arriving_words(model: str) -> PaneWords:
    """Return what is said while a reply arrives."""
    return PaneWords(badge("live"), model, _ARRIVING)


def checking_words(model: str) -> PaneWords:
    """Return what is said between a reply's last byte and its verdict."""
    return PaneWords(badge("live", "checking"), model, _CHECKING)


def nothing_words() -> PaneWords:
    """Return what is said in a chat without a reply."""
    text = "There is no reply yet. What is proven about one will stand here."
    return PaneWords(badge("plain", "no reply yet"), "", text)


def pane_words(
    message: Message,
    verdict: Verdict | None,
    meaning: Meaning | None,
    exchange: Exchange | None,
    *,
    is_allowed: bool,
    is_short: bool = False,
    now: datetime,
    zone: tzinfo | None = None,
) -> PaneWords:
    """Put everything that is known of one reply into words.

    `is_short`: it failed, or proves less than its chat asks for.
    """
    who = _who(message)
    found = verdict_badge(verdict)
    if verdict is None or found is None:
        return PaneWords(badge("plain", "not checked"), who, _UNCHECKED)
    return PaneWords(
        badge=found,
        who=who,
        sentence=verdict_sentence(verdict),
        checks=tuple(_check_words(verdict)),
        sights=tuple(
            PaneSight(seen.who, seen.words, seen.address, seen.note)
            for seen in (meaning.who_saw_what if meaning else ())
        ),
        condition=meaning.condition if meaning else "",
        not_proven=meaning.not_proven if meaning else (),
        facts=tuple(_facts(verdict, exchange, now, zone)),
        asides=tuple(_asides(verdict, is_allowed=is_allowed, is_short=is_short)),
    )


def _who(message: Message) -> str:
    if message.model is None:
        return "imported reply" if message.is_imported else "reply"
    return f"{message.model.model} via {message.model.provider}"


def _check_words(verdict: Verdict) -> list[PaneCheck]:
    listed: list[PaneCheck] = []
    # What failed stands first: a small screen shows three lines of this list.
    for check in sorted(verdict.checks, key=lambda check: check.outcome is not Outcome.FAILED):
        words = outcome_words(check.outcome)
        name = check_title(check.name)
        listed.append(PaneCheck(words.glyph, words.tone, name, words.short, check.detail))
    return listed


def _asides(verdict: Verdict, *, is_allowed: bool, is_short: bool) -> list[str]:
    asides: list[str] = []
    if verdict.is_simulated:
        asides.append(_WOULD_BE if verdict.state is State.SIMULATED else _SIMULATED)
    if verdict.state is State.SIGNED_UNKNOWN_KEY:
        asides.append(_WHOSE_KEY)
    if verdict.state is State.VERIFIED_CODE_UNKNOWN:
        asides.append(_WHICH_CODE)
    if is_short and not verdict.is_loud:
        asides.append(BELOW)
    if is_short or verdict.is_loud:
        asides.append(LET_IN if is_allowed else KEPT_OUT)
    return asides


def _facts(
    verdict: Verdict, exchange: Exchange | None, now: datetime, zone: tzinfo | None
) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if verdict.scheme not in {"", "none", "unknown"}:
        facts.append(("Scheme", verdict.scheme))
    if verdict.signed_at is not None:
        facts.append(("Signed", f"{_utc(verdict.signed_at)}, by the signer's clock"))
    if exchange is not None:
        facts.append(("Came", f"{_local(exchange.received_at, zone)}, by this computer's clock"))
    kept = ""
    if exchange is not None:
        size = len(exchange.request_body) + len(exchange.response_body)
        kept = f", from {written_bytes(size)} that are kept"
    facts.append(("Checked", f"{_when(verdict.checked_at, now, zone)}, here{kept}"))
    if verdict.key_fingerprint:
        facts.append(("Key", written_fingerprint(verdict.key_fingerprint)))
    if verdict.verifier:
        facts.append(("Verifier", verdict.verifier))
    return facts


def written_fingerprint(fingerprint: str) -> str:
    """Write a fingerprint in groups of four, as people compare it: all of it."""
    prefix, digits = ("0x ", fingerprint[2:]) if fingerprint.startswith("0x") else ("", fingerprint)
    return prefix + " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _utc(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y %H:%M:%S} UTC"


def _local(moment: datetime, zone: tzinfo | None) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y %H:%M:%S}"


def _when(moment: datetime, now: datetime, zone: tzinfo | None) -> str:
    return "just now" if 0 <= (now - moment).total_seconds() < 60 else _local(moment, zone)
