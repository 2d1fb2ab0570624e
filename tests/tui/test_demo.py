"""The simulated enclave on the screen: offered, started, and never without its name."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static

from embedded import place_embedded
from troth.domain.model import ModelRef
from troth.tui.screens.login import LoginScreen
from troth.tui.screens.welcome import WelcomeScreen
from tui.app_stage import Stage, run_app


async def ask_for_the_demo(stage: Stage, line: str = "/demo") -> None:
    await stage.type(line)
    await stage.pilot.press("enter")


async def test_demo_begins_a_chat_that_says_simulated_wherever_it_names_the_model(
    tmp_path: Path,
) -> None:
    place_embedded(tmp_path / "data" / "models")
    async with run_app(tmp_path, size=(120, 30)) as stage:
        await stage.say("a real question")
        before = stage.desk.talking.chat
        await ask_for_the_demo(stage)
        await stage.until(lambda: "SIMULATED" in stage.screen.title_bar.model, "demo", 60)
        assert stage.desk.talking.chat is not before, "nothing of another chat is shown to it"
        assert "made up on this computer" in stage.text
        await stage.type("Hi")
        await stage.pilot.press("enter")
        chat = stage.desk.talking.chat
        assert chat is not None
        await stage.until(lambda: len(chat.verdicts) == 1, "the reply was judged", 120)
        await stage.until(lambda: "~ SIMULATED" in stage.text)
        assert "SIMULATED demo/honest" in stage.text
        assert stage.desk.engine.providers.default_model() == ModelRef("scripted", "alpha")
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: stage.screen.title_bar.model == "alpha")


async def test_without_a_model_the_demo_leads_to_its_row_of_the_setup(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await ask_for_the_demo(stage)
        await stage.until(lambda: isinstance(stage.app.screen, WelcomeScreen))
        screen = stage.app.screen
        assert isinstance(screen, WelcomeScreen)
        row = screen.ways_list.current
        assert row is not None
        assert row.id == "demo"
        assert "SIMULATED" in stage.text


async def test_a_login_shows_its_address_and_escape_ends_the_waiting(tmp_path: Path) -> None:
    async with run_app(tmp_path) as stage:
        await stage.type("/login opengradient")
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, LoginScreen))
        address = stage.app.screen.query_one("#address", Static)
        await stage.until(lambda: "https://" in str(address.content), "the address is shown")
        await stage.pilot.press("escape")
        await stage.until(lambda: not isinstance(stage.app.screen, LoginScreen))


async def test_what_misses_a_login_names_the_way_to_one(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(100, 24)) as stage:
        await stage.type("/model opengradient/gpt-4.1")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.title_bar.model == "gpt-4.1")
        await stage.type("hello")
        await stage.pilot.press("enter")
        await stage.until(lambda: "no login" in stage.text)
        assert "/login opengradient" in stage.text
        assert "troth login opengradient" in stage.text
        assert stage.screen.prompt.text == "hello"
