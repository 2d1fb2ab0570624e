"""What Claude models can do: read from the live list where it says so, else from the version.

Sources: https://platform.claude.com/docs/en/api/models-list, .../build-with-claude/thinking, and
`ModelInfo` of the SDK `anthropic` 2.12, read November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from troth.domain.model import Endpoint, Json, ModelInfo, ModelRef, Params
from troth.providers.wirejson import Object, as_count, as_object, as_text, mend_surrogates

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST = (99, 0)
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576}
_MOST_TOKENS = (((3, 5), 4096), ((3, 7), 8192))
"""The most that a model may be asked to write, by the version before which it holds."""
_USUAL_TOKENS = 32_000
_UNKNOWN_TOKENS = 8192


def claude_version(model: str) -> tuple[int, int] | None:
    """Return a Claude model's version from its id, None for models that are no Claude.

    `claude-opus-4-8`, `claude-3-5-sonnet-20241022`, `anthropic/claude-opus-4.6` are known forms.
    A Claude without a number is taken for the newest: new rules only ever took things away.
    """
    found = _VERSION.search(model)
    if found:
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if "claude" in model else None


def default_max_tokens(model: ModelInfo) -> int:
    """Return `max_tokens` for a user who set none: the wire has no default of its own.

    As much as the model can write, but a quarter of its context at most, because older models
    refuse a request whose prompt and `max_tokens` together are larger than the context.
    """
    version = claude_version(model.ref.model)
    if model.max_output_tokens is not None:
        most = model.max_output_tokens
    elif version is None:
        most = _UNKNOWN_TOKENS
    else:
        most = next((tokens for before, tokens in _MOST_TOKENS if version < before), _USUAL_TOKENS)
    return min(most, max(model.context_tokens // 4, 1)) if model.context_tokens else most


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a request says about thinking: the fields to send, None for those left out."""

    config: dict[str, object] | None = None
    """The field `thinking`."""
    effort: str | None = None
    """The field `output_config.effort`."""

    @property
    def is_on(self) -> bool:
        return self.config is not None and self.config["type"] != "disabled"


def thinking_for(params: Params, model: ModelInfo, max_tokens: int) -> Thinking:
    """Return how the model shall think, as far as the user has said so.

    From 4.6 on thinking is adaptive and steered by effort; before that it has a budget. From 5 on
    models think unasked and show nothing of it unless `display` says so: asking for a summary is
    the only thing that is sent without the user's word, and it changes nothing but what is shown.
    """
    effort = params.effort
    if model.efforts and effort not in model.efforts:
        effort = None
    if model.reasons is False:
        return Thinking()
    if effort == "none":
        return Thinking({"type": "disabled"})
    version = claude_version(model.ref.model)
    if version is not None and version >= (4, 6):
        if effort is None and version < (5, 0):
            return Thinking()
        return Thinking({"type": "adaptive", "display": "summarized"}, effort)
    budget = None if effort is None else _budget(effort, max_tokens)
    return Thinking(None if budget is None else {"type": "enabled", "budget_tokens": budget})


def _budget(effort: str, max_tokens: int) -> int | None:
    """Return a thinking budget: at least 1024 and below `max_tokens`; None where neither fits."""
    wanted = int(effort) if effort.isdecimal() else _BUDGETS.get(effort, max_tokens)
    budget = min(wanted, max_tokens * 4 // 5)
    return budget if budget >= 1024 else None


def sampling_for(params: Params, model: ModelInfo, thinking: Thinking) -> dict[str, object]:
    """Return what the user set and the model takes: nothing from 4.7 on, little while it thinks."""
    takes = model.takes_temperature
    if takes is None:
        takes = _takes_temperature(model.ref.model) is not False
    sampling: dict[str, object] = {}
    if takes and params.temperature is not None and (not thinking.is_on or params.temperature == 1):
        sampling["temperature"] = params.temperature
    if takes and params.top_p is not None and (not thinking.is_on or params.top_p >= 0.95):
        sampling["top_p"] = params.top_p
    return sampling


def _takes_temperature(model: str) -> bool | None:
    version = claude_version(model)
    return None if version is None else version < (4, 7)


def parse_model(row: Object, endpoint: Endpoint) -> ModelInfo:
    model = mend_surrogates(as_text(row.get("id")))
    abilities = as_object(row.get("capabilities"))
    return ModelInfo(
        ref=ModelRef(endpoint.name, model),
        title=mend_surrogates(as_text(row.get("display_name"))),
        context_tokens=as_count(row.get("max_input_tokens")) or None,
        max_output_tokens=as_count(row.get("max_tokens")) or None,
        input_modalities=_modalities(abilities),
        reasons=_can(abilities.get("thinking")),
        efforts=_efforts(abilities),
        takes_temperature=_takes_temperature(model),
        released=_day(as_text(row.get("created_at"))),
        source="live",
        is_local=endpoint.runs(model),
    )


def _can(ability: Json) -> bool | None:
    supported = as_object(ability).get("supported")
    return supported if isinstance(supported, bool) else None


def _modalities(abilities: Object) -> frozenset[str] | None:
    image, pdf = _can(abilities.get("image_input")), _can(abilities.get("pdf_input"))
    if image is None and pdf is None:
        return None
    extra = {name for name, can in (("image", image), ("pdf", pdf)) if can}
    return frozenset({"text", *extra})


def _efforts(abilities: Object) -> tuple[str, ...]:
    """Return the legal efforts, weakest first, `none` where thinking can be turned off.

    Models with budgets instead get the three names that `thinking_for` turns into budgets.
    """
    if not _can(abilities.get("thinking")):
        return ()
    types = as_object(as_object(abilities.get("thinking")).get("types"))
    off = ("none",) if _can(types.get("disabled")) else ()
    if _can(types.get("adaptive")):
        levels = as_object(abilities.get("effort"))
        return (*off, *(name for name in _EFFORTS if _can(levels.get(name))))
    return (*off, "low", "medium", "high") if _can(types.get("enabled")) else ()


def _day(moment: str) -> str:
    """Return the date of a release; an unknown one is told as 1970."""
    return "" if moment.startswith("1970") else moment[:10]
