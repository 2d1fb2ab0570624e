"""What a reply that is not verified does to `troth ask`.

With `--require-verified` none of its text leaves. Without, one that FAILED, or that is unsigned
though its provider signs, is told on stderr and by the exit code: a script must not miss it.
"""

from __future__ import annotations

from troth.cli.follow import Outcome
from troth.cli.output import Console, error_json
from troth.cli.reply_json import verdict_json
from troth.domain.model import ModelRef
from troth.domain.verdict import Verdict
from troth.engine.chat import Chat
from troth.explain import Explanation, verdict_sentence, verdict_words


def finish_held(console: Console, chat: Chat, model: ModelRef, outcome: Outcome) -> bool:
    """Print the text of a verified reply and return True; else say why not and print none of it."""
    verdict = outcome.verdict
    if verdict is not None and verdict.is_verified and not verdict.is_simulated:
        if not console.is_json:
            console.write(outcome.message.text)
            console.end_text()
        return True
    explanation = _unverified(
        verdict,
        "None of it was printed.",
        "Ask without --require-verified to see it, or choose a provider that signs.",
    )
    if console.is_json:
        console.json(
            {
                "chat": chat.id,
                "message": outcome.message.id,
                "provider": model.provider,
                "model": model.model,
                "error": error_json(explanation),
                "verdict": verdict_json(verdict),
            }
        )
    else:
        console.explain(explanation)
    return False


def tell_loud(console: Console, verdict: Verdict) -> None:
    """Say on stderr what is wrong with a reply whose text is out already."""
    step = "`troth ask --require-verified` prints no such reply."
    console.explain(_unverified(verdict, "Its text stands on stdout.", step))


def _unverified(verdict: Verdict | None, where: str, step: str) -> Explanation:
    words = verdict_words(verdict.state if verdict else None)
    sentence = verdict_sentence(verdict) if verdict else words.sentence
    title = f"The reply is not verified: {words.short}"
    return Explanation("not-verified", title, f"{sentence} {where}", step)
