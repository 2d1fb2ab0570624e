"""Does a reply give away who wrote it? Names of models and vendors in its own text. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from troth.engine.comparison_state import ColumnSpec

_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("claude", "anthropic", "sonnet", "opus", "haiku"),
    ("chatgpt", "openai", "gpt", "codex"),
    ("gemini", "gemma", "google", "deepmind", "bard"),
    ("grok", "xai", "x.ai"),
    ("mistral", "mixtral", "magistral", "ministral", "le chat"),
    ("deepseek",),
    ("qwen", "alibaba", "tongyi"),
    ("llama", "meta ai", "meta"),
    ("kimi", "moonshot"),
    ("glm", "zhipu", "z.ai", "chatglm"),
    ("phi", "microsoft", "copilot"),
    ("command", "cohere", "aya"),
    ("smollm", "hugging face", "huggingface"),
    ("nemotron", "nvidia"),
    ("nova", "amazon", "titan"),
    ("granite", "ibm"),
    ("yi", "01.ai"),
    ("minimax",),
    ("hunyuan", "tencent"),
    ("doubao", "bytedance"),
    ("sonar", "perplexity"),
    ("jamba", "ai21"),
    ("olmo", "ai2", "allen institute"),
)
"""Names that belong together: a model id with one of them is of that vendor.
From the model lists of the providers in data/providers.toml, November 2026."""

_COMMON = frozenset({"meta", "command", "nova", "titan", "phi", "yi", "opus", "sonar", "bard"})
"""Words of everyday language: they count only where they are written as names."""


def names_in(text: str, spec: ColumnSpec) -> tuple[str, ...]:
    """Return the names in `text` that point to the column's own model or vendor."""
    found = dict.fromkeys(match.group().lower() for match in _pattern(spec).finditer(text))
    return tuple(found)


@lru_cache(maxsize=64)
def _pattern(spec: ColumnSpec) -> re.Pattern[str]:
    model_id = spec.model.model.lower()
    words = set(re.split(r"[^a-z]+", model_id)) | {spec.model.provider.lower()}
    names = {model_id.rpartition("/")[2]}
    for family in _FAMILIES:
        if any(name in words or (len(name) > 3 and name in model_id) for name in family):
            names.update(family)
    alternatives = [
        rf"{re.escape(name.capitalize())}" if name in _COMMON else rf"(?i:{re.escape(name)})"
        for name in sorted(names, key=len, reverse=True)
    ]
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(alternatives)})(?![a-z])")
