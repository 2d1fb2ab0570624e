"""What is done with one column of a comparison, while the others stay as they are."""

from __future__ import annotations

import json
import random
from pathlib import Path

from servers import Answer, RecordedRequest, cut_after, json_answer, openai_chat_stream
from troth.domain.message import Finish
from troth.tui.screens.compare_proof import ProofScreen
from tui.app_stage import Stage, run_app
from tui.compare_stage import asked, by_model, compare, is_quiet

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


async def next_turn(stage: Stage, text: str) -> None:
    await stage.pilot.press("i")
    await stage.type(text)
    await stage.pilot.press("enter")


async def choose_model(stage: Stage, name: str) -> None:
    """Type a model into the list that is open, and take it."""
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


async def test_another_model_goes_on_in_a_column_or_takes_all_turns_afresh(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 1, "beta")
        await stage.pilot.press("2", "m")
        await choose_model(stage, "scripted/gamma")
        await stage.until(lambda: "Ask it all turns afresh" in stage.text)
        await stage.pilot.press("down", "enter")
        second = screen.comparison.columns[1]
        await stage.until(lambda: second.spec.model.model == "gamma")
        await next_turn(stage, "Go on")
        await settled(stage, screen, 1, "gamma")
        assert asked(stage, "gamma")[-1][1] == ("assistant", "beta says hello.")
        await stage.pilot.press("2", "m")
        await choose_model(stage, "scripted/delta")
        await stage.until(lambda: "Ask it all turns afresh" in stage.text)
        await stage.pilot.press("enter")
        await settled(stage, screen, 2, "delta")
        assert asked(stage, "delta")[-1][1] == ("assistant", "delta says hello.")
        assert len(asked(stage, "beta")) == 1, "the old model is asked no more"


async def test_asking_again_keeps_the_old_answer_as_a_variant(tmp_path: Path) -> None:
    said = iter(["first words", "other words"])

    def answer(request: RecordedRequest) -> Answer:
        if request.json()["model"] == "beta":
            return openai_chat_stream([next(said)])
        return openai_chat_stream(["alpha says hello."])

    async with run_app(tmp_path, answer, size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 1, "beta")
        await stage.pilot.press("2", "r")
        await settled(stage, screen, 2, "beta")
        await stage.until(lambda: "other words" in stage.text)
        assert "first words" not in stage.text
        tree = screen.comparison.chat.tree
        texts = {tree[id].text for id in tree.siblings(screen.comparison.columns[1].head_id or "")}
        assert {"first words", "other words", "alpha says hello."} <= texts
        assert len(asked(stage, "alpha")) == 2, "the other column was not asked again"


async def test_a_cut_answer_says_so_and_goes_on(tmp_path: Path) -> None:
    whole = openai_chat_stream(["begun ", "and ", "ended"])
    bodies = iter([cut_after(whole, sum(len(s) for s in whole.steps[:2])),  # type: ignore[arg-type]
                   openai_chat_stream(["and ended."])])  # fmt: skip

    def answer(request: RecordedRequest) -> Answer:
        if request.json()["model"] == "beta":
            return next(bodies)
        return openai_chat_stream(["alpha says hello."])

    async with run_app(tmp_path, answer, size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await stage.until(lambda: is_quiet(screen.comparison) and "cut off" in stage.text, "", 30)
        column = screen.comparison.columns[1]
        assert screen.comparison.metrics(column).finish is Finish.CUT
        assert "alpha says hello." in stage.text
        await stage.pilot.press("2", "full_stop")
        await stage.until(lambda: "and ended." in stage.text, "", LIMIT_S)
        await stage.until(lambda: is_quiet(screen.comparison))
        assert screen.comparison.answers(column)[0].text == "begun and ended."


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


async def test_the_whole_verification_pane_opens_over_a_column(tmp_path: Path) -> None:
    async with run_app(tmp_path, by_model({}), size=WIDE) as stage:
        screen = await compare(stage, TWO)
        await settled(stage, screen, 1, "beta")
        await stage.until(lambda: len(screen.comparison.chat.verdicts) == 3, "verdicts", LIMIT_S)
        await stage.pilot.press("2", "ctrl+t")
        await stage.until(lambda: isinstance(stage.app.screen, ProofScreen))
        await stage.until(lambda: "scripted/beta" in stage.text or "beta" in stage.text)
        await stage.until(lambda: "unsigned" in stage.text)
        await stage.pilot.press("r")
        await stage.until(lambda: "Checked again" in stage.text)
        await stage.pilot.press("b")
        await stage.until(lambda: "As sent and received" in stage.text)
        await stage.pilot.press("escape", "escape")
        await stage.until(lambda: stage.app.screen is screen)


async def test_a_model_that_says_nothing_holds_nobody_up(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {}
    async with run_app(tmp_path, by_model(answers), size=WIDE) as stage:
        screen = await compare(
            stage,
            f"{TWO} scripted/gamma",
            answers,
            beta=openai_chat_stream([""]),
            gamma=json_answer({"error": {"message": "overloaded"}}, status=400),
        )
        await stage.until(lambda: is_quiet(screen.comparison), "", LIMIT_S)
        await stage.until(lambda: "alpha says hello." in stage.text)
        await stage.until(lambda: "overloaded" in stage.text)
        await next_turn(stage, "Again")
        await settled(stage, screen, 3, "alpha")
        assert len(asked(stage, "beta")) == 2
        assert len(asked(stage, "gamma")) == 1, "a failed column waits to be asked again"
        assert "waits" in stage.text


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
