"""What to change about a request that its provider refused, so that it may be asked again. Pure.

Providers refuse what they took yesterday: a parameter that a new model has no use for, thinking
that is bound to a prefix which has changed (Anthropic, from 2026-08-31 on), a reasoning item whose
neighbour was edited (OpenAI). Each change is made once and named to the user.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from troth.domain.error import ParameterRefused, ProviderError, RequestRefused
from troth.domain.message import LeftOut
from troth.domain.model import ModelInfo
from troth.domain.turn import Turn
from troth.engine.refused import RENAMED

_FIELDS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "seed": "seed",
    "stop": "stop",
    "stop_sequences": "stop",
    "reasoning_effort": "effort",
    "reasoningEffort": "effort",
    "effort": "effort",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "max_output_tokens": "max_output_tokens",
    "num_predict": "max_output_tokens",
    "thinkingLevel": "effort",
}
"""Wire name -> field of Params."""
_THINKING = ("include", "reasoning", "think", "thinking", "thinkingConfig", "output_config")
"""Wire names, with everything below them, that only ask a model to think or to show it."""
_LIMIT_NAMES = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
_NAME_CODES = frozenset({"unsupported_parameter", "unknown_parameter", "extra_forbidden"})
_NAME_WORDS = re.compile("unsupported|not supported|unknown|unrecognized|unexpected|not permitted")


@dataclass(frozen=True, slots=True)
class Amendment:
    """The request to try instead, and what to say about it."""

    turn: Turn
    model: ModelInfo
    lesson: str = ""
    """What to remember of this model: a field of Params that it refuses, or `max_tokens_field=`
    and the name under which it takes its limit of tokens; empty when nothing."""
    wire_name: str = ""
    """What was taken out, for the user; empty when nothing was lost."""
    left_out: tuple[LeftOut, ...] = ()


def amend(error: ProviderError, turn: Turn, model: ModelInfo, wire: str) -> Amendment | None:
    """Return the request to try after `error`; None when nothing can be changed for the better."""
    if isinstance(error, ParameterRefused):
        if wire == "openai-chat" and (renamed := _with_other_limit(error, turn, model)):
            return renamed
        field = _FIELDS.get(error.parameter, "")
        if turn.params.has(field):
            smaller = replace(turn, params=turn.params.without([field]))
            return Amendment(smaller, model, field, error.parameter)
        if error.parameter.partition(".")[0] in _THINKING and model.reasons is not False:
            smaller = replace(turn, params=turn.params.without(["effort"]))
            field = "effort" if turn.params.has("effort") else ""
            return Amendment(smaller, replace(model, reasons=False), field, error.parameter)
    if isinstance(error, ParameterRefused | RequestRefused) and error.status == 400:
        return _without_raw_items(turn, model)
    return None


def _with_other_limit(error: ProviderError, turn: Turn, model: ModelInfo) -> Amendment | None:
    """Ask for the same limit of tokens under its other name, once.

    OpenAI's reasoning models take only `max_completion_tokens`, most compatible servers only
    `max_tokens`; what is refused for its value has no other name.
    """
    other = _LIMIT_NAMES.get(error.parameter, "")
    is_name = error.code in _NAME_CODES or other in error.detail or _NAME_WORDS.search(error.detail)
    if not (other and is_name) or model.max_tokens_field or not turn.params.max_output_tokens:
        return None
    return Amendment(turn, replace(model, max_tokens_field=other), f"{RENAMED}{other}")


def _without_raw_items(turn: Turn, model: ModelInfo) -> Amendment | None:
    count = sum(1 for message in turn.messages if message.raw_items)
    if not count:
        return None
    plain = tuple(
        replace(message, raw_items=()) if message.raw_items else message
        for message in turn.messages
    )
    left_out = (LeftOut("thinking", count, "refused_by_provider"),)
    return Amendment(replace(turn, messages=plain), model, left_out=left_out)
