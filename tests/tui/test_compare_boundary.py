"""A comparison that would hand protected words to a plain provider asks first, once for all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signed_gateway import honest
from troth.tui.screens.compare import CompareScreen
from troth.tui.screens.crossing import CrossingScreen
from tui.app_stage import Stage
from tui.compare_stage import is_quiet
from tui.signed_stage import ask, run_signed

PLAIN = '\n[providers.{name}]\nwire = "openai-chat"\nbase_url = "{url}/v1"\nneeds_key = false\n'
LIMIT_S = 30.0


def add_plain_providers(stage: Stage, home: Path) -> None:
    config = home / "config" / "config.toml"
    more = "".join(PLAIN.format(name=n, url=stage.server.url) for n in ("plain", "other"))
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    stage.desk.engine.reload_settings()


async def put(stage: Stage, text: str) -> None:
    await stage.type(text)
    await stage.pilot.press("enter")


def is_asked(stage: Stage) -> bool:
    return isinstance(stage.app.screen, CrossingScreen)


@pytest.mark.parametrize(
    ("keys", "words"),
    [(("down", "enter"), {"now": True, "secret": False}),
     (("down", "down", "enter"), {"now": True, "secret": True})],
)  # fmt: skip
async def test_a_new_prompt_crosses_once_for_all_columns(
    tmp_path: Path, keys: tuple[str, ...], words: dict[str, bool]
) -> None:
    seen: list[dict[str, object]] = []
    async with run_signed(tmp_path, honest(), seen=seen, size=(160, 40)) as stage:
        add_plain_providers(stage, tmp_path)
        await ask(stage, "a secret")
        await stage.type("and now")
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: "Columns" in stage.text)
        await stage.pilot.press("ctrl+x")
        for name in ("plain/beta", "other/gamma"):
            await put(stage, name)
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: is_asked(stage), "the question", LIMIT_S)
        said = " ".join(stage.text.replace("│", " ").split())
        assert "2 messages of this chat" in said
        assert "beta and gamma" in said
        assert len(seen) == 1, "nothing left before the answer"
        await stage.pilot.press(*keys)
        await stage.until(lambda: isinstance(stage.app.screen, CompareScreen), "", LIMIT_S)
        screen = stage.app.screen
        assert isinstance(screen, CompareScreen)
        await stage.until(lambda: len(seen) == 3 and is_quiet(screen.comparison), "", LIMIT_S)
        for request in seen[1:]:
            found = {word: word in json.dumps(request) for word in words}
            assert found == words


async def test_the_prompt_itself_counts_where_only_an_enclave_was_asked_it(tmp_path: Path) -> None:
    seen: list[dict[str, object]] = []
    async with run_signed(tmp_path, honest(), seen=seen, size=(160, 40)) as stage:
        add_plain_providers(stage, tmp_path)
        await ask(stage, "a secret")
        model = stage.desk.talking.chat.conversation.model  # type: ignore[union-attr]
        await put(stage, f"/compare {model} plain/beta")
        await stage.until(lambda: is_asked(stage), "the question", LIMIT_S)
        assert "1 message of this chat" in " ".join(stage.text.replace("│", " ").split())
        assert "without" not in stage.text, "there is nothing to send without the question"
        await stage.pilot.press("escape")
        await stage.until(lambda: "Nothing was sent" in stage.text)
        assert len(seen) == 1
        assert stage.app.screen is stage.screen
