"""What a verdict means on a route: who saw what, and what is not proven. Tables, no logic.

The sentences are for people who have never heard of enclaves; faces show them as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from troth.domain.verdict import Outcome, State, Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """What one party on the way could see."""

    who: str
    words: str
    """`yes`, `no` or `sealed`: whether it could read your words."""
    address: str
    """`yes` or `no`: whether it could see your internet address."""
    note: str = ""


_VENDOR = Seen("The model's maker", "yes", "no", "It gets your words from the enclave, not you.")
_ENCLAVE = Seen("The enclave", "yes", "yes", "A sealed computer; it passes your words on.")
_BEHIND_RELAY = Seen(
    "The enclave", "yes", "no", "A sealed computer; it passes your words on, not your address."
)
_NETWORK = Seen("Your network", "no", "yes", "It sees which host you talk to, and how much.")

WHO_SAW_WHAT: dict[tuple[str, str], tuple[Seen, ...]] = {
    ("opengradient", "direct"): (
        _NETWORK,
        _ENCLAVE,
        _VENDOR,
    ),
    ("opengradient", "relay"): (
        _NETWORK,
        Seen("The relay", "sealed", "yes", "It knows your account and carries sealed bytes."),
        _BEHIND_RELAY,
        Seen("The model's maker", "yes", "no", "It gets your words, not your address or account."),
    ),
    ("opengradient", "veil"): (
        Seen("og-veil on this computer", "yes", "yes", "A program of yours; it seals your words."),
        Seen("The relay", "sealed", "yes", "It knows your account and carries sealed bytes."),
        _BEHIND_RELAY,
        _VENDOR,
    ),
    ("opengradient", "device"): (
        Seen("A gateway on this computer", "yes", "yes", "It passes your words on to the maker."),
        _VENDOR,
    ),
    ("near", "direct"): (
        _NETWORK,
        Seen(
            "NEAR AI's gateway",
            "yes",
            "yes",
            "It picks the machine. It says that it is sealed itself.",
        ),
        Seen(
            "The model's machine",
            "yes",
            "no",
            "A sealed computer with a graphics card, as far as the list above says so.",
        ),
    ),
    ("aci", "direct"): (
        _NETWORK,
        Seen("The gateway", "yes", "yes", "A sealed computer; it may pass your words on."),
        Seen(
            "Whoever it picked",
            "yes",
            "no",
            "Another sealed computer, or a vendor that proves nothing.",
        ),
    ),
    ("redpill", "direct"): (
        _NETWORK,
        Seen("RedPill's gateway", "yes", "yes", "A sealed computer; it picks who answers."),
        Seen(
            "Whoever it picked",
            "yes",
            "no",
            "Another sealed computer, or a vendor that proves nothing.",
        ),
    ),
    ("0g", "direct"): (
        _NETWORK,
        Seen("The provider's broker", "yes", "yes", "Whose machine it is stands on a chain."),
    ),
    ("tinfoil", "direct"): (
        _NETWORK,
        Seen("The machine there", "yes", "yes", "A sealed computer: the connection ends in it."),
        Seen("A machine behind it", "yes", "no", "Tinfoil's router picks one and vouches for it."),
    ),
    ("none", "direct"): (
        _NETWORK,
        Seen("The provider", "yes", "yes", "Your words, your address and your account."),
    ),
    ("none", "loopback"): (
        Seen("A program here", "yes", "yes", "Whether it asks somebody else is not known."),
    ),
    ("none", "device"): (
        Seen("This computer", "yes", "yes", "Nothing left your own machines for this reply."),
    ),
    ("none", "import"): (Seen("Not known", "yes", "yes", "It came from a file."),),
}
"""(scheme, route) -> the parties in the order in which your words pass them."""

_ASKED_ENCLAVE = Seen(
    "The enclave",
    "yes",
    "yes",
    "Troth asked it for its hardware proof, from your address and without your words.",
)
_REGISTRY = Seen(
    "The registry",
    "no",
    "yes",
    "It was asked which enclaves there are, and learnt nothing of what you said.",
)
_UNKNOWN_ROUTE = (Seen("The provider", "yes", "yes", "Take it that it saw all of it."),)

_PICTURE = (
    "That the picture belongs to this reply, or that it is true: any other of the same signer would"
    " pass as well."
)
_ALWAYS = "That the answer is right. A signature says who sent it, not that it is true."
_NOT_PROVEN: dict[str, tuple[str, ...]] = {
    "opengradient": (
        "Which model really answered. Whoever signed asked the model's maker for it by name; the"
        " maker could use another.",
        "That the maker's answer was whole: one that broke off on its way to the signer is signed"
        " like any other.",
        "Token counts, images, thinking and sources: the signature is over the words alone.",
    ),
    "near": ("That the machine kept nothing. What its code does is known only from its makers.",),
    "aci": (
        "Which model answered, where the gateway passed your words on.",
        "That the machine kept nothing. What its code does is known only from its makers.",
    ),
    "redpill": (
        "Which model answered, where the gateway passed your words on.",
        "That the machine kept nothing. What its code does is known only from its makers.",
    ),
    "eigenai": (
        "Where the question ends and the answer begins: they are signed as one text.",
        "When it was made: an old answer to the same question looks the same.",
    ),
    "galadriel": (
        "When it was made: an old answer to the same question looks the same.",
        "Where the signing key lives: its enclave was not checked here.",
    ),
    "0g": ("Where the signing key lives: the chain that lists it was not asked.",),
    "tinfoil": (
        "Anything to somebody else: there is no signature that you could show.",
        "Which model answered: that is the word of the machine that was checked, and so is what it"
        " found of the machines and graphics cards behind it.",
        "What it tells Tinfoil of you: your key names an account, and what that uses is counted.",
        "That the machine kept nothing. What its code does is known only from its makers.",
    ),
    "none": (
        "Which model answered, or that the provider sent you what the model wrote.",
        "Anything to someone else: there is no signature that you could show.",
    ),
}
_BY_STATE: dict[State, str] = {
    State.VERIFIED_CODE_UNKNOWN: "What the sealed computer does with your words: which"
    " program runs in it is not known here.",
    State.VERIFIED_REGISTRY: "That the key lies in a sealed computer: the provider's list says so,"
    " and it was not checked here.",
    State.VERIFIED_PINNED: "Who holds the key. You decided to trust it; no hardware was checked.",
    State.PLATFORM_OUTDATED: "That nobody got into the computer through a hole that is known.",
}
"""What one state leaves open beside what its scheme always does."""

_OLD = "That it was made now, for this question: an old reply may have been sent again."
_BACKDATED = (
    "That it is as old as it says. What proved it has expired since, and whoever came by the key"
    " later could have dated a reply back."
)
_EXPIRED = "Who holds the key now: the proof of that is past its time."

_CONDITION = (
    "Only if the other end is the sealed computer that it says it is, which was not proven here:"
)
_TRUTH = "That the answer is right."
_ALONE: dict[State, tuple[str, ...]] = {
    State.FAILED: (
        "Anything about this reply. Treat it as if a stranger had written it.",
        "That it was meant to deceive: a fault in the service or on the way looks the same.",
    ),
    State.UNSIGNED_EXPECTED: (
        "Anything about this reply. Treat it as if a stranger had written it.",
        "That it was meant to deceive: a fault in the service or on the way looks the same.",
    ),
    State.LOCAL: (
        f"{_TRUTH} Small models make things up.",
        "Anything to somebody else: they have your word that it came from here.",
    ),
    State.IMPORTED: (
        "That it is what the model wrote: a file can be changed by anyone.",
        _TRUTH,
    ),
    State.INCOMPLETE: (
        "Anything: the part that carries the signature never came.",
        "That what did come is what the model wrote.",
    ),
    State.SIGNED_UNKNOWN_KEY: (
        "Who signed. Anyone can make a key and sign with it.",
        "That a sealed computer took part, or which model answered.",
        _TRUTH,
    ),
    State.CANNOT_CHECK: ("Anything, until the check can be made.", _TRUTH),
    State.SIMULATED: (
        "Anything real: Troth signed this itself, with a key that it made a moment ago.",
        _TRUTH,
    ),
}
"""States of which this is all that there is to say, whatever the scheme."""


def who_saw_what(
    scheme: str, route: str, *, asked_enclave: bool = False, asked_registry: bool = False
) -> tuple[Seen, ...]:
    """Return the parties that your words passed; `scheme` as in Verdict, with or without profile.

    `asked_enclave`: behind a relay the enclave was asked for its hardware proof from here.
    `asked_registry`: an endpoint of a registry was asked, which is last in the list. For what is
    not in the table it says the worst.
    """
    listed = WHO_SAW_WHAT.get((scheme.partition("/")[0], route), _UNKNOWN_ROUTE)
    if asked_registry:
        listed = (*listed, _REGISTRY)
    if route != "relay" or not asked_enclave:
        return listed
    return tuple(_ASKED_ENCLAVE if seen.who == _ASKED_ENCLAVE.who else seen for seen in listed)


def condition(verdict: Verdict) -> str:
    """Return what `who_saw_what` hangs on, where the hardware was asked for and not proven."""
    hardware = next((check for check in verdict.checks if check.name == "hardware"), None)
    return _CONDITION if hardware is not None and hardware.outcome is not Outcome.PASSED else ""


def _is_open(verdict: Verdict, name: str) -> bool:
    found = (check.outcome for check in verdict.checks if check.name == name)
    return Outcome.CANNOT_CHECK in found


def not_proven(verdict: Verdict, *, has_expired: bool = False) -> tuple[str, ...]:
    """Return what this verdict does not prove, the most pressing first.

    `has_expired`: it was good when the reply came, and what it rested on has expired since.
    """
    if verdict.state is State.INCOMPLETE and verdict.scheme == "none":
        return ("Anything: its end never came.", "That what did come is what the model wrote.")
    if (alone := _ALONE.get(verdict.state)) is not None:
        return alone
    own = (_BY_STATE[verdict.state],) if verdict.state in _BY_STATE else ()
    if verdict.state is State.STALE:
        own = (_OLD if _is_open(verdict, "freshness") else _EXPIRED,)
    if any(c.name == "picture" and c.outcome is Outcome.PASSED for c in verdict.checks):
        own = (_PICTURE, *own)
    if has_expired:
        own = (_BACKDATED, *own)
    scheme = verdict.scheme.partition("/")[0]
    listed = (*own, *_NOT_PROVEN.get(scheme, _NOT_PROVEN["none"]))
    if verdict.state is State.PRIVATE_CHANNEL:
        is_code_known = any(
            c.name == "code" and c.outcome is Outcome.PASSED for c in verdict.checks
        )
        unknown = () if is_code_known else (_BY_STATE[State.VERIFIED_CODE_UNKNOWN],)
        return (*unknown, *listed, _TRUTH)
    return (*listed, _ALWAYS)
