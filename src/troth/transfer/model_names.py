"""Whose model a bare name is. Used where a source keeps names without their provider."""

from __future__ import annotations

import re

from troth.domain.model import ModelRef

_MAKERS = (
    (re.compile(r"(?:gpt-|chatgpt|o\d(?:-|$)|text-davinci|codex)"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"(?:gemini|gemma-\d+-.*-it$|learnlm)"), "google"),
    (re.compile(r"grok"), "xai"),
    (re.compile(r"(?:mistral|magistral|codestral|devstral|ministral|pixtral|open-mi)"), "mistral"),
    (re.compile(r"deepseek"), "deepseek"),
)
_PREFIXES = {"gemini": "google", "google": "google", "anthropic": "anthropic", "openai": "openai"}
UNKNOWN = "unknown"


def model_from(written: str) -> ModelRef | None:
    """Return the model that a name means; None for no name.

    `provider/model` is taken at its word; a bare name is looked up by how makers name their
    models, and its provider is `unknown` where that says nothing.
    """
    if not written:
        return None
    provider, slash, model = written.partition("/")
    if slash and provider and model:
        return ModelRef(_PREFIXES.get(provider, provider), model)
    low = written.lower()
    maker = next((maker for pattern, maker in _MAKERS if pattern.match(low)), UNKNOWN)
    return ModelRef(maker, written)
