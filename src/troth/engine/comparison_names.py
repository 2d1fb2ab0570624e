"""Does a reply give away who wrote it? Names of models and vendors in its own text. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

from troth.engine.comparison_state import ColumnSpec

_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("claude", "anthropic", "sonnet", "opus", "haiku", "克劳德", "クロード", "클로드", "клод"),
    ("chatgpt", "openai", "gpt", "codex"),
    ("gemini", "gemma", "google", "deepmind", "bard", "谷歌", "グーグル", "ジェミニ", "구글",
     "제미나이", "гугл"),
    ("grok", "xai", "x.ai"),
    ("mistral", "mixtral", "magistral", "ministral", "le chat", "мистраль"),
    ("deepseek", "深度求索", "дипсик"),
    ("qwen", "alibaba", "tongyi", "通义", "千问", "阿里巴巴", "阿里云"),
    ("llama", "meta ai", "meta"),
    ("kimi", "moonshot", "月之暗面"),
    ("glm", "zhipu", "z.ai", "chatglm", "智谱", "智譜"),
    ("phi", "microsoft", "copilot", "微软", "マイクロソフト"),
    ("command", "cohere", "aya"),
    ("smollm", "hugging face", "huggingface"),
    ("nemotron", "nvidia"),
    ("nova", "amazon", "titan"),
    ("granite", "ibm"),
    ("yi", "01.ai"),
    ("minimax",),
    ("hunyuan", "tencent", "混元", "腾讯"),
    ("doubao", "bytedance", "豆包", "字节跳动"),
    ("ernie", "baidu", "wenxin", "文心", "百度"),
    ("sonar", "perplexity"),
    ("jamba", "ai21"),
    ("olmo", "ai2", "allen institute"),
)  # fmt: skip
"""Names that belong together: a model id with one of them is of that vendor.
From the model lists of the providers in data/providers.toml, November 2026."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_HYPHENS = re.compile("[\u2010-\u2015\u2212]")

_COMMON = frozenset({"meta", "command", "nova", "titan", "phi", "yi", "opus", "sonar", "bard"})
"""Words of everyday language: they count only where they are written as names."""


def names_in(text: str, spec: ColumnSpec) -> tuple[str, ...]:
    """Return the names in `text` that point to the column's own model or vendor.

    Wide letters, unusual hyphens and invisible characters hide no name.
    """
    plain = _HYPHENS.sub("-", normalize("NFKC", _INVISIBLE.sub("", text)))
    found = dict.fromkeys(match.group(1).lower() for match in _pattern(spec).finditer(plain))
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
    # Only Latin letters run on into a name: other scripts set none apart by spaces, and an
    # underscore is an emphasis.
    return re.compile(rf"(?<![A-Za-z0-9.-])({'|'.join(alternatives)})(?![a-z])")
