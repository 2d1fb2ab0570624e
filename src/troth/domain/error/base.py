"""What every error is, and an error as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class TrothError(Exception):
    """Base of every error that Troth raises on purpose."""

    kind = "error"

    def facts(self) -> dict[str, str]:
        """Return what is known, as strings fit for a vault row; no secret, prompt or reply text."""
        return {
            name: str(value)
            for name, value in vars(self).items()
            if not name.startswith("_") and value is not None and value != ""
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value: what a message or an event keeps of it."""

    kind: str
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, error: TrothError) -> Failure:
        return cls(error.kind, MappingProxyType(error.facts()))
