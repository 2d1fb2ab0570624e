"""config.toml: what is right is in force, what is wrong is named with file, line and key."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.error import ConfigError, UsageError
from troth.domain.model import ModelRef, Params
from troth.settings import (
    Paths,
    Settings,
    check_model,
    check_provider_name,
    check_url,
    find_paths,
    load_settings,
    parse_settings,
    remove_value,
    set_value,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"TROTH_HOME": str(tmp_path / "home")})


def mode_of(path: Path) -> int:
    """Its permission bits; Windows keeps those elsewhere, so there the owner's alone are seen."""
    if os.name == "nt":
        return 0o700 if path.is_dir() else 0o600
    return stat.S_IMODE(path.stat().st_mode)


def write(paths: Paths, text: str) -> None:
    paths.config_dir.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(text, encoding="utf-8")


def test_troth_home_puts_every_folder_below_it_and_creates_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    paths = find_paths({"TROTH_HOME": str(home)})
    folders = (paths.config_dir, paths.data_dir, paths.cache_dir, paths.log_dir)
    assert all(home in folder.parents for folder in folders)
    assert len(set(folders)) == len(folders)
    assert paths.config_file.name == "config.toml"
    assert not home.exists()


def test_without_troth_home_the_platform_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = find_paths({})
    assert paths.config_dir.is_absolute()
    assert "troth" in str(paths.config_dir).lower()


def test_no_file_and_an_empty_file_are_all_defaults(paths: Paths) -> None:
    assert load_settings(paths).settings == Settings()
    write(paths, "\n\n")
    assert load_settings(paths).problems == ()


FULL = """\
default_model = "openai/gpt-5.5"
theme = "troth-light"
lock_after_minutes = 0
send_key = "alt+enter"
show_thinking = true
mouse = false
proxy = "http://proxy.example:3128"
ca_file = "/etc/own-ca.pem"
persona = "editor"

[params]
temperature = 0.7
stop = "END"

[keys]
"chat.model" = "ctrl+o,f2"
chat.stop = ["escape", "f4"]
"app.quit" = ""

[personas.editor]
system_prompt = "You mend prose."
model = "anthropic/claude-opus-4.7"
params.temperature = 0

[providers.mine]
wire = "openai-chat"
base_url = "http://127.0.0.1:8000/v1/"
key_env = ["MINE_API_KEY", "OTHER_KEY"]
own = true
needs_key = false
[providers.mine.headers]
X-Team = "blue"
[providers.mine.options]
max_tokens_field = "max_tokens"
[providers.mine.models."org/model-1.5"]
context_tokens = 32768
input = ["text", "image"]
"""


def test_every_setting_is_read(paths: Paths) -> None:
    write(paths, FULL)
    loaded = load_settings(paths)
    assert loaded.problems == ()
    settings = loaded.settings
    assert settings.default_model == "openai/gpt-5.5"
    assert settings.lock_after_minutes == 0
    assert settings.send_key == "alt+enter"
    assert (settings.show_thinking, settings.mouse) == (True, False)
    assert settings.params == Params(temperature=0.7, stop=("END",))
    assert dict(settings.keys) == {
        "chat.model": "ctrl+o,f2",
        "chat.stop": "escape,f4",
        "app.quit": "",
    }
    assert settings.personas["editor"].params.temperature == 0
    mine = settings.providers["mine"]
    assert mine.base_url == "http://127.0.0.1:8000/v1"
    assert mine.key_variables == ("MINE_API_KEY", "OTHER_KEY")
    assert mine.headers == (("X-Team", "blue"),)
    assert (mine.is_own, mine.needs_key) == (True, False)
    assert mine.models[0].ref == ModelRef("mine", "org/model-1.5")
    assert mine.models[0].input_modalities == {"text", "image"}


WRONG = [
    ('theme = "a"\nlock_after_minutes = "ten"\n', 2, "lock_after_minutes"),
    ('theme = "a"\nlock_after_minutes = true\n', 2, "lock_after_minutes"),
    ('theme = "a"\n\nlock_after_minutes = -1\n', 3, "lock_after_minutes"),
    ('theme = "a"\nsend_key = "q"\n', 2, "send_key"),
    ('theme = "a"\ndefault_model = "gpt"\n', 2, "default_model"),
    ('theme = "a"\npersona = "nobody"\n', 2, "persona"),
    ('theme = "a"\nproxy = "ftp://x"\n', 2, "proxy"),
    ('theme = "a"\n[params]\ntemperature = nan\n', 3, "params.temperature"),
    ('theme = "a"\n[params]\nseed = 1.5\n', 3, "params.seed"),
    ('theme = "a"\n[params]\nstop = [1]\n', 3, "params.stop"),
    ('theme = "a"\nparams = 3\n', 2, "params"),
    ('theme = "a"\n[keys]\n"a.b" = 7\n', 3, "keys.a.b"),
    ('theme = "a"\n[personas]\nx = "text"\n', 3, "personas.x"),
    ('theme = "a"\n[personas.x]\nmodel = "a/b"\n', 2, "personas.x"),
    ('theme = "a"\n[providers.x]\nbase_url = "x.example"\n', 3, "providers.x.base_url"),
    ('theme = "a"\n[providers."X Y"]\nwire = "w"\n', 2, "providers.X Y"),
    ('theme = "a"\n[providers.x.models.m]\ncontext_tokens = 0\n', 3,
     "providers.x.models.m.context_tokens"),
    ('theme = "a"\n[providers.x.headers]\n"X-A" = "b\\nc"\n', 3, "providers.x.headers.X-A"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key"), WRONG)
def test_a_wrong_value_is_named_with_line_and_key_and_the_rest_stays(
    text: str, line: int, key: str
) -> None:
    loaded = parse_settings(text, "config.toml")
    assert [(problem.line, problem.key) for problem in loaded.problems] == [(line, key)]
    assert loaded.problems[0].file == "config.toml"
    assert loaded.settings.theme == "a"


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    loaded = parse_settings('theem = "x"\nmouse = false\n', "config.toml")
    assert loaded.problems[0].detail == "is not a setting; did you mean theme?"
    assert loaded.settings.mouse is False


def test_broken_statements_are_left_out_and_the_others_stay_in_force() -> None:
    loaded = parse_settings(
        'theme = "troth-light"\nlock_after_minutes = = 3\nmouse = false\n'
        '[personas.p]\nsystem_prompt = """\n[not a table]\nmouse = true\n"""\n',
        "config.toml",
    )
    assert [problem.line for problem in loaded.problems] == [2]
    assert (loaded.settings.theme, loaded.settings.mouse) == ("troth-light", False)
    assert loaded.settings.personas["p"].system_prompt == "[not a table]\nmouse = true\n"


def test_a_string_that_is_never_closed_does_not_swallow_the_tables_below() -> None:
    text = 'editor = """vi\nmouse = false\n[params]\nseed = 7\n'
    loaded = parse_settings(text, "config.toml")
    assert loaded.problems[0].line == 1
    assert loaded.settings.params.seed == 7


def test_keys_below_a_broken_header_never_drift_into_the_provider_above() -> None:
    loaded = parse_settings(
        '[providers.a]\nwire = "openai-chat"\nbase_url = "https://a.example"\n'
        '[providers.b\nbase_url = "https://b.example"\ntitle = "B"\n',
        "config.toml",
    )
    assert loaded.settings.providers["a"].base_url == "https://a.example"
    assert loaded.settings.providers["a"].title == ""
    assert loaded.settings.providers["b"].fault is not None
    assert [problem.line for problem in loaded.problems] == [4]


@pytest.mark.parametrize(
    "line",
    ['base_url = "https://my-proxy.example', 'base_url = "my-proxy"', "wire = 3",
     '[providers.openai.headers]\nX-A = "\\u0000"'],
)  # fmt: skip
def test_a_provider_that_is_only_half_understood_carries_its_fault(line: str) -> None:
    """Else a typing error in `base_url` would send the prompt to the default server."""
    loaded = parse_settings(f'[providers.openai]\ntitle = "Mine"\n{line}\n', "config.toml")
    provider = loaded.settings.providers["openai"]
    assert provider.fault is not None
    assert provider.base_url == ""


def test_a_provider_with_a_wrong_title_alone_stays_usable() -> None:
    text = '[providers.a]\nwire = "ollama"\nbase_url = "http://h:1"\ntitle = 3\n'
    loaded = parse_settings(text, "config.toml")
    assert loaded.settings.providers["a"].fault is None
    assert loaded.problems[0].key == "providers.a.title"


@pytest.mark.parametrize("key", ["key", "api_key", "token", "headers.Authorization", "key_env"])
def test_a_key_in_the_file_is_refused_and_never_repeated(key: str) -> None:
    secret = "sk-proj-0123456789abcdef"
    loaded = parse_settings(f'[providers.openai]\n{key} = "{secret}"\n', "config.toml")
    assert loaded.problems
    assert "keys" in loaded.problems[0].detail
    assert secret not in repr(loaded.problems) + repr(loaded.settings.providers)
    assert not any(secret in str(problem.facts()) for problem in loaded.problems)


@pytest.mark.parametrize(
    "url",
    ["https://user:secret@host/v1", "https://host/v1?key=secret", "file:///etc", "https://",
     "http://[::1", "http://host:99999", "javascript:alert(1)"],
)  # fmt: skip
def test_a_base_url_that_is_unfit_for_keys_is_refused(url: str) -> None:
    loaded = parse_settings(f'[providers.a]\nwire = "x"\nbase_url = "{url}"\n', "config.toml")
    assert loaded.settings.providers["a"].fault is not None
    assert "secret" not in repr(loaded.problems)


@pytest.mark.parametrize("content", [b"\xff\xfetheme", b'theme = "\xff"', b"x" * (4 << 20 | 1)])
def test_a_file_that_is_no_text_is_reported_and_defaults_are_used(
    paths: Paths, content: bytes
) -> None:
    paths.config_dir.mkdir(parents=True)
    paths.config_file.write_bytes(content)
    loaded = load_settings(paths)
    assert loaded.settings == Settings()
    assert loaded.problems[0].file == str(paths.config_file)


def test_a_folder_in_place_of_the_file_is_reported(paths: Paths) -> None:
    paths.config_file.mkdir(parents=True)
    assert "cannot be read" in load_settings(paths).problems[0].detail


@given(st.text(alphabet=st.sampled_from("ab=\"'[]{}.,#\n \\3t"), max_size=80))
def test_no_text_whatsoever_makes_loading_raise(text: str) -> None:
    loaded = parse_settings(text, "config.toml")
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert loaded.problems


def test_writing_keeps_comments_order_and_privacy(paths: Paths) -> None:
    write(paths, '# mine\ntheme = "a"  # dark\n\n[params]\n# warm\ntemperature = 0.7\n')
    settings = set_value(paths, "theme", "b")
    set_value(paths, "params.seed", 3)
    set_value(paths, ("providers", "x.y", "models", "m-1.5", "title"), "T")
    text = paths.config_file.read_text()
    assert '# mine\ntheme = "b"  # dark' in text
    assert "# warm\ntemperature = 0.7\nseed = 3" in text
    assert settings.theme == "b"
    assert load_settings(paths).settings.providers["x.y"].models[0].title == "T"
    assert mode_of(paths.config_file) == 0o600
    assert [file.name for file in paths.config_dir.iterdir()] == ["config.toml"]


def test_writing_makes_the_file_and_its_private_folder(paths: Paths) -> None:
    set_value(paths, "default_model", "a/b")
    assert load_settings(paths).settings.default_model == "a/b"
    assert mode_of(paths.config_dir) == 0o700


def test_a_table_is_written_and_removed_as_a_whole(paths: Paths) -> None:
    set_value(paths, "providers.mine", {"wire": "ollama", "base_url": "http://127.0.0.1:1"})
    assert load_settings(paths).settings.providers["mine"].wire == "ollama"
    remove_value(paths, "providers.mine")
    remove_value(paths, "providers.mine")
    assert load_settings(paths).settings.providers == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [("theme", 3), ("thme", "x"), ("params.temperature", 9.0), ("providers.a.base_url", "nope")],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_is_written(
    paths: Paths, key: str, value: object
) -> None:
    write(paths, 'theme = "a"\n')
    with pytest.raises(ConfigError) as caught:
        set_value(paths, key, value)  # type: ignore[arg-type]
    assert caught.value.key == key
    assert paths.config_file.read_text() == 'theme = "a"\n'


def test_a_broken_file_is_not_rewritten(paths: Paths) -> None:
    write(paths, 'theme = "a\nmouse = false\n')
    with pytest.raises(ConfigError) as caught:
        set_value(paths, "mouse", value=True)
    assert caught.value.line == 1
    assert paths.config_file.read_text() == 'theme = "a\nmouse = false\n'


def test_an_old_problem_elsewhere_does_not_stop_a_change(paths: Paths) -> None:
    write(paths, "nonsense = 1\n")
    assert set_value(paths, "mouse", value=False).mouse is False


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_linked_config_file_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    kept_elsewhere = tmp_path / "dotfiles.toml"
    kept_elsewhere.write_text('theme = "a"\n')
    paths.config_dir.mkdir(parents=True)
    paths.config_file.symlink_to(kept_elsewhere)
    set_value(paths, "theme", "b")
    assert paths.config_file.is_symlink()
    assert 'theme = "b"' in kept_elsewhere.read_text()


@pytest.mark.parametrize("key", ["", ".", "a..b", ()])
def test_a_key_that_is_no_name_is_a_usage_error(paths: Paths, key: str) -> None:
    with pytest.raises(UsageError):
        set_value(paths, key, 1)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_model, "openrouter/org/model", "gpt"),
        (check_url, "http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
        (check_provider_name, "my-server.2", "My Server"),
    ],
)
def test_what_is_typed_is_checked_before_it_is_written(
    check: Callable[[str], None], good: str, bad: str
) -> None:
    check(good)
    with pytest.raises(UsageError):
        check(bad)
