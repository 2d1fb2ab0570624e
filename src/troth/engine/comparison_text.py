"""Columns as people type them: `provider/model?temperature=0.2&seed=1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from troth.domain.error import UsageError
from troth.domain.model import ModelRef, Params
from troth.engine.comparison_state import ColumnSpec

_SHORT = {"max_tokens": "max_output_tokens"}
_READERS: Mapping[str, Callable[[str], object]] = {
    "temperature": float,
    "top_p": float,
    "max_output_tokens": int,
    "effort": str,
    "seed": int,
}


def parse_spec(
    text: str, resolve: Callable[[str], ModelRef], defaults: Params | None = None
) -> ColumnSpec:
    """Read one column; what it does not set itself is taken from `defaults`.

    `resolve` finds the model (and raises NotFound). Raises UsageError for a parameter that does
    not exist or has no such value.
    """
    name, question, settings = text.partition("?")
    params = defaults or Params()
    for setting in settings.split("&") if question else ():
        field, equals, value = setting.partition("=")
        field = _SHORT.get(field, field)
        reader = _READERS.get(field)
        if reader is None or not equals:
            known = ", ".join([*_READERS, *_SHORT])
            raise UsageError(f"{setting!r} is no parameter; after ? there may be {known}")
        try:
            read = reader(value)
        except ValueError as error:
            raise UsageError(f"{field} cannot be {value!r}") from error
        params = replace(params, **{field: read})  # type: ignore[arg-type]  # a field of Params
    return ColumnSpec(resolve(name), params)


def write_spec(spec: ColumnSpec) -> str:
    """Write a column so that `parse_spec` reads it again; stop words have no such form."""
    settings = [
        f"{field}={value}"
        for field in _READERS
        if (value := getattr(spec.params, field)) is not None
    ]
    return str(spec.model) + (f"?{'&'.join(settings)}" if settings else "")
