"""What config.toml can say, as values. A setting that is not here does not exist.

Frozen dataclasses and not pydantic models, on purpose: these are read before `troth ask` may send
its request, and pydantic alone costs 0.11 s CPU of the 0.25 s that it has (measured, 2 cores,
Python 3.11). `schema` reads them one key at a time, so that one bad key spoils no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from troth.domain.error import ConfigError
from troth.domain.model import Json, ModelInfo, Params

SEND_KEYS = ("enter", "alt+enter", "ctrl+j")
"""Keys that may send. Where Enter does not send, it makes a line."""

MAX_LOCK_MINUTES = 7 * 24 * 60
MAX_CLIPBOARD_S = 24 * 3600
MAX_BELL_S = 3600


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One `[providers.NAME]`: a server of the user's, or changes to one that Troth knows.

    Empty fields leave what the providers table says. A key never stands here: only the name of an
    environment variable that holds it, else it lies in the vault.
    """

    name: str
    wire: str = ""
    base_url: str = ""
    """`http` or `https`, without a trailing slash, user name or query."""
    title: str = ""
    key_variables: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    needs_key: bool | None = None
    is_own: bool | None = None
    """The user's own machine: replies are `local`."""
    options: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    models: tuple[ModelInfo, ...] = ()
    """What the user knows of this provider's models; it goes before the catalogue."""
    fault: ConfigError | None = None
    """The table could not be read in full. The provider must not be used then: what is missing may
    be the very line that keeps prompts and keys away from a server that the user avoids."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A named system prompt, with the model and parameters that go with it."""

    name: str
    system_prompt: str
    model: str = ""
    """`provider/model`; empty keeps the chat's."""
    params: Params = field(default_factory=Params)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of config.toml; what the file does not say has its default here."""

    default_model: str = ""
    """`provider/model`; empty means the model that was used last."""
    system_prompt: str = ""
    """For new chats that have no persona."""
    persona: str = ""
    """Name of the persona that new chats begin with."""
    theme: str = "troth-dark"
    lock_after_minutes: int = 15
    """Idle minutes until the vault locks itself; 0 never does."""
    bell_after_s: int = 20
    """A reply that took as long rings the terminal's bell, where nobody looks; 0 is never."""
    clear_clipboard_after_s: int = 0
    """Seconds after which a copied message is cleared from the clipboard; 0 leaves it there. What
    was said in an incognito chat is cleared after 30 s all the same."""
    send_key: str = "enter"
    editor: str = ""
    """Command for long prompts; empty means $VISUAL, then $EDITOR."""
    show_thinking: bool = False
    """Whether a model's thinking is unfolded when it arrives."""
    mouse: bool = True
    proxy: str = ""
    """URL for all providers; empty means what the environment says."""
    ca_file: str = ""
    """PEM file of certificates to trust beside the system's."""
    params: Params = field(default_factory=Params)
    """For new chats."""
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Action id -> keys, as Textual writes them, separated by commas; "" takes the key away."""
    providers: Mapping[str, ProviderSettings] = field(default_factory=lambda: MappingProxyType({}))
    personas: Mapping[str, Persona] = field(default_factory=lambda: MappingProxyType({}))
    lineups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Name -> columns of a comparison, each `provider/model` with `?temperature=0.2` after it."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings in force and what could not be taken from the file, in the file's order."""

    settings: Settings
    problems: tuple[ConfigError, ...] = ()
