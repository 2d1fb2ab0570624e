"""Verdicts in words where a channel was proven and nothing is signed: no signature is spoken of."""

from __future__ import annotations

from troth.domain.verdict import Outcome, State, Verdict

_SCHEMES = frozenset({"tinfoil"})
_DO_NOT = "Do not rely on it, and take your words for told to a stranger."
_FAILURES = {
    "channel": f"You were connected to another machine than the one that proved itself. {_DO_NOT}",
    "hardware": f"The machine's proof of what it is does not hold. {_DO_NOT}",
    "platform": f"The maker of the machine's processor does not vouch for it. {_DO_NOT}",
    "code": f"The machine ran a program that you distrust. {_DO_NOT}",
    "freshness": f"The machine's proof is not for your question: it may be another's. {_DO_NOT}",
}
"""The check that failed -> what that means. The first in this order speaks."""

_STATES = {
    State.STALE: "It came straight out of a sealed computer. What proves that it was one is past "
    "its time, and says nothing about now.",
    State.PLATFORM_OUTDATED: "It came straight out of a sealed computer, which lacks security "
    "updates of its maker: others may have got into it.",
    State.CANNOT_CHECK: "Something that proves the sealed computer, or its security updates, is "
    "missing. The list below says what, and how to come by it.",
    State.INCOMPLETE: "The reply broke off before its end. The list below says what was proven of "
    "the machine that it came from.",
    State.IMPORTED: "The file shows the proof of a sealed computer, and not that this reply came "
    "from there: nothing in it is signed, and its maker could have written anything into it.",
}


def channel_sentence(verdict: Verdict) -> str:
    """Return what a verdict means where a channel is the proof; "" where the usual words hold."""
    if verdict.scheme.partition("/")[0] not in _SCHEMES:
        return ""
    if verdict.state is State.FAILED:
        failed = {check.name for check in verdict.checks if check.outcome is Outcome.FAILED}
        return next((words for name, words in _FAILURES.items() if name in failed), "")
    return _STATES.get(verdict.state, "")
