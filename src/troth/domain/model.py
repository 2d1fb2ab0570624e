"""Models and where they are reached: references, capabilities, endpoints, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, order=True)
class ModelRef:
    """`provider/model`. Model ids may contain slashes; provider names never do."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> ModelRef | None:
        """Split `provider/model` at the first slash; None where a side is empty."""
        provider, slash, model = text.partition("/")
        return cls(provider, model) if slash and provider and model else None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model. None means unknown, never "no".

    Prices are US dollars per million tokens and always estimates.
    """

    ref: ModelRef
    title: str = ""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    input_modalities: frozenset[str] | None = None
    """Of `text`, `image`, `pdf`, `audio`, `video`."""
    output_modalities: frozenset[str] | None = None
    reasons: bool | None = None
    """Whether the model can think before it answers."""
    efforts: tuple[str, ...] = ()
    """Legal values of the reasoning effort, weakest first; empty when unknown."""
    takes_temperature: bool | None = None
    max_tokens_field: str = ""
    """Under which name it takes its limit of tokens, where that is not its endpoint's."""
    price_input: float | None = None
    price_output: float | None = None
    price_cached: float | None = None
    released: str = ""
    """ISO date or empty."""
    source: str = ""
    """`live`, `config`, `overlay` or `snapshot`: who says so."""
    is_local: bool = False

    def accepts(self, modality: str) -> bool | None:
        """Whether the model reads `modality`; None when nobody has said."""
        return None if self.input_modalities is None else modality in self.input_modalities


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One configured provider: a name, the wire that it speaks and where."""

    name: str
    wire: str
    base_url: str
    """Without a trailing slash."""
    title: str = ""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold its key, first match wins."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with each request; never secret."""
    needs_key: bool = True
    is_own: bool = False
    """The user's own device or machine: replies are `local`."""
    options: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    """Wire-specific quirks from the providers table (`max_tokens_field`, `num_ctx`, ...)."""

    def runs(self, model: str) -> bool:
        """Whether the user's own machine itself computes what `model` says.

        Ollama passes questions for models whose tag ends in `cloud` on to its makers.
        """
        return self.is_own and not model.endswith(("-cloud", ":cloud"))


@dataclass(frozen=True, slots=True)
class Params:
    """Generation parameters that the user set. None means: do not send."""

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    effort: str | None = None
    """Reasoning effort, in the provider's own words."""
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def without(self, names: Iterable[str]) -> Params:
        """Return the same parameters with those fields not set."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in set(names)}
        return Params(**kept)

    def has(self, name: str) -> bool:
        """Whether the user set this field."""
        return getattr(self, name, None) not in (None, ())
