"""How remembered model lists lie in the vault: lean JSON, unknown fields ignored when read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

from troth.domain.model import Json, ModelInfo, ModelRef

_PLAIN = (
    "title",
    "context_tokens",
    "max_output_tokens",
    "reasons",
    "takes_temperature",
    "price_input",
    "price_output",
    "price_cached",
    "released",
)


def encode_models(models: Iterable[ModelInfo]) -> str:
    """Write a provider's live list."""
    rows: list[dict[str, Json]] = []
    for info in models:
        row: dict[str, Json] = {"id": info.ref.model}
        row |= {name: value for name in _PLAIN if (value := getattr(info, name)) not in (None, "")}
        if info.efforts:
            row["efforts"] = [*info.efforts]
        if info.input_modalities is not None:
            row["input"] = [*sorted(info.input_modalities)]
        if info.output_modalities is not None:
            row["output"] = [*sorted(info.output_modalities)]
        rows.append(row)
    return json.dumps(rows, separators=(",", ":"))


def decode_models(provider: str, text: str) -> tuple[ModelInfo, ...]:
    """Read what `encode_models` wrote."""
    rows = cast("list[dict[str, object]]", json.loads(text))
    return tuple(_decode(provider, row) for row in rows)


def _decode(provider: str, row: dict[str, object]) -> ModelInfo:
    plain = {name: row[name] for name in _PLAIN if name in row}
    return ModelInfo(
        ModelRef(provider, str(row["id"])),
        input_modalities=_names(row.get("input")),
        output_modalities=_names(row.get("output")),
        efforts=tuple(cast("list[str]", row.get("efforts", []))),
        source="live",
        **plain,  # type: ignore[arg-type]  # written by encode_models from the same fields
    )


def _names(value: object) -> frozenset[str] | None:
    return None if value is None else frozenset(cast("list[str]", value))
