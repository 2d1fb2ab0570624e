"""What is known of models without asking anybody: a dated snapshot, and an overlay of our own.

Order of belief, field by field: the provider's live list, the user's config, the overlay, the
snapshot. Every price is an estimate. An id that nobody knows stays usable, with all facts unknown.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import TypeVar, cast

from troth.domain.model import ModelInfo, ModelRef
from troth.providers.wirejson import (
    Object,
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
)

_DATE = re.compile(r"-(?:latest|20\d{6}|20\d\d-\d\d-\d\d)$")

T = TypeVar("T")


def snapshot_date() -> str:
    """Return the day, as an ISO date, that the shipped snapshot was made."""
    return as_text(_snapshot().get("date"))


@lru_cache
def snapshot_models(provider: str) -> tuple[ModelInfo, ...]:
    """Return the snapshot's models of a provider, newest first; none for an unknown provider."""
    rows = as_object(as_object(_snapshot().get("providers")).get(provider))
    return tuple(
        _model(ModelRef(provider, name), as_object(row), "snapshot") for name, row in rows.items()
    )


@lru_cache
def overlay_models(provider: str) -> tuple[ModelInfo, ...]:
    """Return the models that our own overlay adds to a provider, or corrects."""
    rows = as_object(_overlay().get(provider))
    if other := as_text(rows.get("same_as")):
        rows = as_object(_overlay().get(other))
    models: list[ModelInfo] = []
    for name, row in rows.items():
        ref = ModelRef(provider, name)
        model = _model(ref, as_object(row), "overlay")
        like = ModelRef.parse(as_text(as_object(row).get("like")))
        alike = snapshot_models(like.provider) if like else ()
        twin = next((info for info in alike if info.ref == like), None)
        models.append(_with_facts(model, twin) if twin else model)
    return tuple(models)


def models_of(provider: str, *, as_provider: str) -> tuple[ModelInfo, ...]:
    """Return what is known of a provider's models, under the name of another one like it."""
    return tuple(
        replace(info, ref=ModelRef(as_provider, info.ref.model)) for info in merge(provider)
    )


def merge(
    provider: str, *, live: Sequence[ModelInfo] = (), config: Sequence[ModelInfo] = ()
) -> tuple[ModelInfo, ...]:
    """Return a provider's models, each fact from the best source that has it.

    Which models there are is the live list's word where it was ever asked, with those that the
    user's config names; before that, config, overlay and snapshot together.
    """
    overlay, snapshot = overlay_models(provider), snapshot_models(provider)
    listed = [*live, *config] if live else [*config, *overlay, *snapshot]
    sources = [_by_name(source) for source in (live, config, overlay, snapshot)]
    found: dict[ModelRef, ModelInfo] = {}
    for info in listed:
        if info.ref not in found:
            found[info.ref] = _filled(info, _same(info.ref, sources))
    return tuple(found.values())


def describe(ref: ModelRef, live: Sequence[ModelInfo] = ()) -> ModelInfo:
    """Return what is known of one model; for an unknown id, that nothing is known."""
    sources = (live, overlay_models(ref.provider), snapshot_models(ref.provider))
    known = list(_same(ref, map(_by_name, sources)))
    return _filled(replace(known[0], ref=ref), known[1:]) if known else ModelInfo(ref)


def _by_name(models: Iterable[ModelInfo]) -> dict[str, ModelInfo]:
    """Index models by id, and by id without its date where no other model has that name."""
    found = {info.ref.model: info for info in models}
    for info in list(found.values()):
        found.setdefault(_undated(info.ref.model), info)
    return found


def _same(ref: ModelRef, sources: Iterable[dict[str, ModelInfo]]) -> Iterable[ModelInfo]:
    """Yield what each source says of a model, also under its name without a date."""
    for source in sources:
        info = source.get(ref.model) or source.get(_undated(ref.model))
        if info is not None:
            yield info


def _undated(model: str) -> str:
    return _DATE.sub("", model)


def _filled(info: ModelInfo, others: Iterable[ModelInfo]) -> ModelInfo:
    """Return `info` with the facts that it lacks taken from `others`, the first that has one."""
    for other in others:
        info = replace(
            _with_facts(info, other),
            price_input=_known(info.price_input, other.price_input),
            price_output=_known(info.price_output, other.price_output),
            price_cached=_known(info.price_cached, other.price_cached),
            released=info.released or other.released,
        )
    return info


def _with_facts(info: ModelInfo, other: ModelInfo) -> ModelInfo:
    """Return `info` with what it lacks of the facts that are the same at every host."""
    return replace(
        info,
        title=info.title or other.title,
        context_tokens=_known(info.context_tokens, other.context_tokens),
        max_output_tokens=_known(info.max_output_tokens, other.max_output_tokens),
        input_modalities=_known(info.input_modalities, other.input_modalities),
        output_modalities=_known(info.output_modalities, other.output_modalities),
        reasons=_known(info.reasons, other.reasons),
        efforts=info.efforts or other.efforts,
        takes_temperature=_known(info.takes_temperature, other.takes_temperature),
    )


def _known(one: T | None, other: T | None) -> T | None:
    return other if one is None else one


def _model(ref: ModelRef, row: Object, source: str) -> ModelInfo:
    prices = [as_number(price) for price in as_list(row.get("price"))] + [None, None, None]
    reasons, temperature = row.get("reasons"), row.get("temperature")
    return ModelInfo(
        ref=ref,
        title=as_text(row.get("title")),
        context_tokens=as_count(row.get("context")),
        max_output_tokens=as_count(row.get("output")),
        input_modalities=_modalities(row, "input"),
        output_modalities=_modalities(row, "makes"),
        reasons=reasons if isinstance(reasons, bool) else None,
        efforts=tuple(as_text(effort) for effort in as_list(row.get("efforts"))),
        takes_temperature=temperature if isinstance(temperature, bool) else None,
        price_input=prices[0],
        price_output=prices[1],
        price_cached=prices[2],
        source=source,
    )


def _modalities(row: Object, name: str) -> frozenset[str] | None:
    return frozenset(as_text(word) for word in as_list(row.get(name))) if name in row else None


@lru_cache
def _snapshot() -> Object:
    return as_object(json.loads(_read("snapshot.json")))


@lru_cache
def _overlay() -> Object:
    return cast(Object, tomllib.loads(_read("overlay.toml")))


def _read(name: str) -> str:
    return files("troth.providers").joinpath("data", name).read_text("utf-8")
