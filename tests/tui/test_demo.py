"""The simulated enclave on the screen: offered, started, and never without its name."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from textual.widgets import Static

from embedded import place_embedded
from troth.domain.exchange import HttpRequest
from troth.domain.model import ModelRef
from troth.transport import Transport
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


async def test_a_login_that_failed_leaves_no_address_to_open(tmp_path: Path) -> None:
    async with run_app(tmp_path, size=(80, 24)) as stage:
        await stage.type("/login opengradient")
        await stage.pilot.press("enter")
        await stage.until(lambda: "cli-auth" in stage.text and "--paste" in stage.text)
        address = str(stage.app.screen.query_one("#address", Static).content)
        page = "".join(address.partition("https://")[2].split()).partition("With")[0]
        redirect = parse_qs(urlsplit(f"https://{page}").query)["redirect_uri"][0]
        config = {
            "chat_api_base_url": "https://relay.example",
            "tee_registry_rpc_url": "https://rpc.example",
            "tee_registry_address": "0x" + "66" * 20,
        }
        bundle = {"type": "opengradient-cli-auth", "access_token": "t", "config": config}
        request = HttpRequest("POST", redirect, (), json.dumps(bundle).encode())
        page_s_own = Transport(use_environment=False)
        await page_s_own.send(request, purpose="test")
        await page_s_own.close()
        await stage.until(lambda: "your trust file does not" in stage.text)
        assert "cli-auth" not in stage.text
        assert "open it here" not in stage.text


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
