"""`troth ask --require-verified`: the reply's text leaves only once it is verified."""

from __future__ import annotations

from troth.cli.follow import Outcome
from troth.cli.output import Console, error_json
from troth.cli.reply_json import verdict_json
from troth.domain.model import ModelRef
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
    words = verdict_words(verdict.state if verdict else None)
    sentence = verdict_sentence(verdict) if verdict else words.sentence
    explanation = Explanation(
        "not-verified",
        f"The reply is not verified: {words.short}",
        f"{sentence} None of it was printed.",
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
