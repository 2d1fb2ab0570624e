"""Providers, models, the local model, settings and the doctor, from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_runs import Ran, Troth
from gguf_files import SOUND
from servers import Answer, ScriptedServer, json_answer


def test_a_provider_is_added_tested_asked_and_removed(troth: Troth) -> None:
    models = json_answer({"data": [{"id": "b"}, {"id": "a/x"}]})
    with ScriptedServer(models) as server:
        added = troth("providers", "add", "mine", "--wire", "openai-chat", "--base-url",
                      f"{server.url}/v1/", "--key-env", "MINE_KEY", "--own")  # fmt: skip
        assert added.code == 0, added.err
        env = {"MINE_KEY": "sk-canary-9876"}
        tested = troth("providers", "test", "mine", "--json", env=env)
        assert tested.code == 0, tested.err
        assert tested.json["provider"] == "mine"
        assert set(tested.json["models"]) == {"b", "a/x"}
        assert server.requests[-1].header("authorization") == "Bearer sk-canary-9876"
    row = next(
        row for row in troth("providers", "list", "--json", env=env).json if row["name"] == "mine"
    )
    assert row["base_url"] == f"{server.url}/v1"
    assert row["key"] == {"source": "environment", "variable": "MINE_KEY", "last4": "9876"}
    assert row["is_own"]
    assert row["is_yours"]
    assert troth("providers", "remove", "mine").code == 0
    assert troth("providers", "remove", "mine").code == 2
    assert troth("providers", "test", "mine").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["Mine", "--wire", "openai-chat", "--base-url", "http://h/v1"],
        ["mine", "--wire", "telepathy", "--base-url", "http://h/v1"],
        ["mine", "--wire", "openai-chat", "--base-url", "h/v1"],
        ["mine", "--wire", "openai-chat", "--base-url", "http://me:pw@h/v1"],
        ["local", "--wire", "openai-chat", "--base-url", "http://h/v1"],
    ],
)
def test_a_provider_that_cannot_be_is_refused_and_nothing_is_written(
    troth: Troth, inside: Callable[..., Ran], words: list[str]
) -> None:
    assert inside("providers", "add", *words).code == 2
    assert not (troth.home / "config" / "config.toml").exists()


def test_a_key_from_stdin_needs_a_vault_before_anything_is_written(troth: Troth) -> None:
    ran = troth("providers", "add", "mine", "--wire", "openai-chat", "--base-url", "http://h/v1",
                "--key-stdin", stdin="sk-1")  # fmt: skip
    assert ran.code == 3
    assert not (troth.home / "config" / "config.toml").exists()


def test_a_named_provider_is_asked_for_its_models_live(
    troth: Troth, provider: ScriptedServer
) -> None:
    listed = troth("models", "--provider", "mine", "--json")
    assert listed.code == 0
    assert [row["model"] for row in listed.json] == ["mine/m1", "mine/m2"]
    assert {row["source"] for row in listed.json} == {"live"}
    assert len(provider.requests) == 1
    everything = {row["model"] for row in troth("models", "--json", "--offline").json}
    assert len(provider.requests) == 1
    assert any(model.startswith("openai/") for model in everything)
    assert troth("models", "--provider", "nobody").code == 2


def test_a_provider_that_does_not_answer_is_named(troth: Troth) -> None:
    with ScriptedServer(Answer(500)) as server:
        troth.add_provider(server.url)
        ran = troth("models", "--provider", "mine", "--json")
    assert ran.code == 1
    assert ran.json["error"]["kind"] == "server-failed"


def test_local_models_are_added_listed_and_removed(troth: Troth, tmp_path: Path) -> None:
    assert troth("local", "status", "--json").json["models"] == []
    file = tmp_path / "My Model.gguf"
    file.write_bytes(SOUND)
    added = troth("local", "add", str(file))
    assert (added.code, added.out) == (0, "local/my-model\n"), added.err
    assert [row["model"] for row in troth("local", "status", "--json").json["models"]] == [
        "local/my-model"
    ]
    assert "local/my-model" in troth("models", "--provider", "local").out
    assert troth("local", "remove", "my-model").code == 0
    assert file.exists()
    gone = troth("local", "remove", "my-model")
    assert (gone.code, "no model “local/my-model”" in gone.err) == (2, True)
    missing = troth("local", "add", str(tmp_path / "none.gguf"))
    assert (missing.code, "no file" in missing.err) == (2, True)
    text = tmp_path / "notes.gguf"
    text.write_text("words", "utf-8")
    refused = troth("local", "add", str(text))
    assert (refused.code, "notes.gguf: Not a GGUF file." in refused.err) == (2, True)
    misnamed = troth("local", "add", str(file), "--name", "My Model")
    assert (misnamed.code, "a-z, 0-9" in misnamed.err) == (2, True)


def test_settings_are_shown_set_and_unset(troth: Troth) -> None:
    path = troth("config", "path").out.strip()
    assert path == str(troth.home / "config" / "config.toml")
    assert troth("config", "set", "theme", "troth-light").code == 0
    assert troth("config", "set", "params.temperature", "0.5").code == 0
    assert troth("config", "set", "lock_after_minutes", "0").code == 0
    assert troth("config", "set", "proxy", "http://me:canary@proxy.example:1").code == 0
    shown = troth("config", "show", "--json").json
    assert shown["theme"] == "troth-light"
    assert shown["params"]["temperature"] == 0.5
    assert shown["lock_after_minutes"] == 0
    assert "canary" not in shown["proxy"]
    assert 'theme = "troth-light"' in troth("config", "show").out
    assert troth("config", "unset", "theme").code == 0
    assert troth("config", "show", "--json").json["theme"] == "troth-dark"
    wrong = troth("config", "set", "lock_after_minutes", "soon")
    assert wrong.code == 2
    assert "whole number" in wrong.err


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("theme", "troth-drak", "did you mean troth-dark?"),
        ("default_model", "opnai/gpt-5.5", "did you mean openai?"),
        ("personas.editor.model", "opnai/gpt-5.5", "did you mean openai?"),
        ("providers.mine.wire", "smoke", "must be one of openai-chat"),
        ("keys.model.pik", "f4", "is no action"),
    ],
)
def test_a_setting_that_names_nothing_is_refused_with_what_was_meant(
    troth: Troth, inside: Callable[..., Ran], key: str, value: str, words: str
) -> None:
    troth.write_config("[personas.editor]\nsystem_prompt = 'Mend.'\n")
    ran = inside("config", "set", key, value)
    assert ran.code == 2
    assert words in ran.err
    assert "?." not in ran.err
    assert value not in (troth.home / "config" / "config.toml").read_text()


def test_a_model_that_no_list_names_is_set_and_said(
    troth: Troth, inside: Callable[..., Ran]
) -> None:
    ran = inside("config", "set", "default_model", "openai/gpt-5.55")
    assert ran.code == 0
    assert "Did you mean openai/gpt-5.5" in ran.err
    assert "no list" not in inside("config", "set", "default_model", "openai/gpt-5.5").err


def test_a_name_that_is_taken_or_misspelt_says_what_can_be_done(
    troth: Troth, inside: Callable[..., Ran]
) -> None:
    troth.add_provider("http://127.0.0.1:9", name="work")
    taken = inside("providers", "add", "work", "--wire", "ollama", "--base-url", "http://h/v1")
    assert taken.code == 2
    assert "The name work is taken: it is openai-chat at http://127.0.0.1:9/v1." in taken.err
    assert "`troth config set providers.work.base_url URL` changes it" in taken.err
    assert "ollama" not in (troth.home / "config" / "config.toml").read_text()
    misspelt = inside("providers", "remove", "wrok")
    assert misspelt.code == 2
    assert "Did you mean work?" in misspelt.err
    assert "`troth providers list` shows those that exist." in misspelt.err
    assert "Did you mean openai?" in inside("providers", "test", "opnai").err
    asked = inside("ask", "-m", "opnai/gpt-5.5", "Why?")
    assert "Did you mean openai/gpt-5.5" in asked.err


def test_broken_settings_are_shown_with_their_line(troth: Troth) -> None:
    troth.write_config('theme = "troth-light"\nmouse = maybe\n')
    ran = troth("config", "show", "--json")
    assert ran.code == 2
    assert ran.json["theme"] == "troth-light"
    assert "line 2" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of POSIX")
def test_the_editor_opens_the_file_and_mistakes_are_named_after(troth: Troth) -> None:
    from terminal import Terminal

    script = "import sys; open(sys.argv[1], 'a').write('mouse = 3\\n')"
    env = troth.full_environ({"EDITOR": f"'{sys.executable}' -c \"{script}\""})
    with Terminal(Troth.command("config", "edit"), env) as screen:
        screen.wait_for("mouse must be true or false")
        assert screen.end() == 2
    assert "# theme =" in (troth.home / "config" / "config.toml").read_text()
    assert troth("config", "edit").code == 2


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of POSIX")
@pytest.mark.parametrize(
    ("editor", "words"),
    [("no-such-editor", "Set $EDITOR, or"), ("false", "the editor false ended with code 1")],
)
def test_an_editor_that_fails_is_said(troth: Troth, editor: str, words: str) -> None:
    from terminal import Terminal

    env = troth.full_environ({"EDITOR": editor})
    with Terminal(Troth.command("config", "edit"), env) as screen:
        code = screen.end()
    assert code == 2
    assert words.casefold() in " ".join(screen.text.split()).casefold()


def test_the_doctor_says_what_works_and_what_is_wrong(troth: Troth) -> None:
    assert troth("doctor").code == 0
    troth.write_config(
        "theem = 'x'\ntheme = 'y'\n[keys]\nno.such = 'f4'\n[providers.p]\nwire = 'smoke'\n"
    )
    themes = troth.home / "config" / "themes"
    themes.mkdir()
    (themes / "odd.toml").write_text("[colors\n")
    env = {"OPENAI_API_KEY": "sk-canary", "HTTPS_PROXY": "http://me:canary@p:1"}
    ran = troth("doctor", "--json", env=env)
    assert ran.code == 2
    found = {(row["name"], row["state"]) for row in ran.json}
    assert {("troth", "ok"), ("vault", "note")} < found
    assert {("config.toml", "wrong"), ("theme", "wrong")} < found
    words = " ".join(row["words"] for row in ran.json)
    assert "did you mean theme?" in words
    assert "line 2: theme must be one of ansi" in words
    assert "line 4: keys.no.such is no action" in words
    assert "line 6: providers.p.wire must be one of" in words
    assert "OPENAI_API_KEY" in words
    assert "canary" not in words
    assert "WRONG\tconfig.toml" in troth("doctor").out


def test_the_models_that_sign_their_replies_are_told(troth: Troth) -> None:
    listed = troth("models", "--offline", "--json")
    signs = {model["model"]: model["signs"] for model in listed.json}
    assert signs["opengradient/gpt-5.5"]
    assert not signs["openai/gpt-5.5"]
    rows = troth("models", "--offline").out.splitlines()
    assert [row for row in rows if row.startswith("nearai/") and "\tsigns\t" not in row] == []
