"""What is done with one column of a comparison, while the others stay as they are."""

from __future__ import annotations

import json
import random
from pathlib import Path

from servers import Answer, RecordedRequest, openai_chat_stream
from troth.tui.screens.model_picker import ModelScreen
from troth.tui.widgets.transcript_picture import SIZES, USUAL_SIZE
from tui.app_stage import Stage, run_app
from tui.compare_stage import asked, by_model, compare, is_quiet, next_turn
from tui.pictures import image_reply, quarters

TWO = "scripted/alpha scripted/beta"
WIDE = (200, 40)
LIMIT_S = 30.0


async def settled(stage: Stage, screen: object, count: int, model: str) -> None:
    """Wait until `model` was asked `count` times and nothing arrives any more."""
    comparison = screen.comparison  # type: ignore[attr-defined]
    await stage.until(
        lambda: len(asked(stage, model)) == count and is_quiet(comparison),
        f"{model} was asked {count} times",
        LIMIT_S,
    )


async def choose_model(stage: Stage, name: str) -> None:
    """Type a model into the list that is open, and take it."""
    await stage.until(lambda: isinstance(stage.app.screen, ModelScreen) and stage.app.focused)
    await stage.type(name)
    await stage.pilot.press("enter")


async def test_a_column_added_later_is_asked_the_same_turns(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 2, "alpha")
        await next_turn(stage, "And then?")
        await settled(stage, screen, 3, "alpha")
        await stage.pilot.press("plus")
        await choose_model(stage, "scripted/gamma")
        await settled(stage, screen, 2, "gamma")
        assert asked(stage, "gamma")[-1] == [
            ("user", "Why?"),
            ("assistant", "gamma says hello."),
            ("user", "And then?"),
        ]
        await stage.until(lambda: stage.text.count("gamma says hello.") == 2)
        assert len(screen.comparison.columns) == 3
        await stage.pilot.press("minus")
        await stage.until(lambda: len(screen.comparison.columns) == 2, "it is taken away again")


async def test_every_server_sees_only_what_it_said_itself(tmp_path: Path) -> None:
    """Each column says a number that nobody else could say, over four turns."""
    source = random.Random(5)
    said: dict[str, list[str]] = {}

    def answer(request: RecordedRequest) -> Answer:
        model = str(request.json()["model"])
        number = f"{source.getrandbits(96):x}"
        said.setdefault(model, []).append(number)
        return openai_chat_stream([number[:9], number[9:]])

    models = ("alpha", "beta", "gamma", "delta")
    async with run_app(tmp_path, answer, size=WIDE) as stage:
        screen = await compare(stage, " ".join(f"scripted/{name}" for name in models))
        for turn in range(1, 4):
            await stage.until(lambda: is_quiet(screen.comparison), "", LIMIT_S)
            await next_turn(stage, f"Turn {turn}")
            await settled(stage, screen, turn + 1, "delta")
        await stage.until(lambda: is_quiet(screen.comparison), "", LIMIT_S)
    for request in stage.server.requests:
        if not request.body or request.method != "POST":
            continue
        body = json.loads(request.body)
        foreign = {n for model, own in said.items() if model != body["model"] for n in own}
        assert not [number for number in foreign if number in request.body.decode()]
        own = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
        assert own == said[body["model"]][-4:][: len(own)]


async def test_copy_and_export_take_what_stands_there(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 1, "beta")
        await stage.pilot.press("2", "c")
        await stage.until(lambda: "beta says hello." in stage.app.clipboard)
        for name in ("all.md", "rows.csv", "rows.jsonl"):
            await stage.pilot.press("w", "ctrl+u")
            await stage.type(str(tmp_path / name))
            await stage.pilot.press("enter")
            await stage.until((tmp_path / name).exists, name)
        assert "alpha says hello." in (tmp_path / "all.md").read_text("utf-8")
        table = (tmp_path / "rows.csv").read_text("utf-8").splitlines()
        assert len(table) == 3
        assert table[2].split(",")[3] == "scripted/beta"
        rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert [row["text"] for row in rows] == ["alpha says hello.", "beta says hello."]


async def test_keys_of_the_columns_can_be_others(tmp_path: Path) -> None:
    config = '\n[keys]\n"compare.zoom" = "v"\n'
    async with run_app(tmp_path, by_model({}), size=WIDE, config=config) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 1, "beta")
        await stage.pilot.press("z")
        assert not screen.is_zoomed
        await stage.pilot.press("v")
        assert screen.is_zoomed
        await stage.until(lambda: "v zoom" in stage.text, "the footer tells the key in force")


async def test_pictures_are_drawn_in_their_columns(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    pictures = {
        "alpha": image_reply("Here.", quarters()),
        "beta": image_reply("There.", quarters(32, 32)),
    }
    async with run_app(tmp_path, by_model(answers), size=(200, 50)) as stage:
        screen = await compare(stage, "scripted/alpha scripted/beta", answers, **pictures)
        await stage.until(lambda: stage.text.count("64 x 64") == 1, "alpha's is drawn")
        await stage.until(lambda: stage.text.count("32 x 32") == 1, "beta's is drawn")
        drawn = [line for line in stage.text.split("\n") if "▀" in line]
        assert len(drawn) == SIZES[USUAL_SIZE], "side by side, and no higher than in a chat"
        assert len(screen.places) == 2
