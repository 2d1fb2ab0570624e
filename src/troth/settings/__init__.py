"""config.toml as types, and where files lie. Bad content is reported, never fatal."""

from troth.settings.editor import editor_command
from troth.settings.files import (
    load_settings,
    parse_settings,
    problem_at,
    read_config_text,
    remove_value,
    set_value,
    write_private,
)
from troth.settings.paths import Paths, find_paths, typed_path
from troth.settings.schema import check_model, check_provider_name, check_url
from troth.settings.values import (
    SEND_KEYS,
    LoadedSettings,
    Persona,
    ProviderSettings,
    Settings,
)

__all__ = [
    "SEND_KEYS",
    "LoadedSettings",
    "Paths",
    "Persona",
    "ProviderSettings",
    "Settings",
    "check_model",
    "check_provider_name",
    "check_url",
    "editor_command",
    "find_paths",
    "load_settings",
    "parse_settings",
    "problem_at",
    "read_config_text",
    "remove_value",
    "set_value",
    "typed_path",
    "write_private",
]
