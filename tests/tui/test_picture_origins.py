"""Where pictures came from, as the chat tells it: in the pane, the head, beside the picture, and
when one is attached or opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.test_pictures import changed, trust_root
from signed_gateway import gateway_script, pin_gateway, with_image
from troth.domain.model import ModelRef
from tui.app_stage import Stage, run_app
from tui.pictures import image_reply
from tui.signed_stage import ask, open_pane, pane_text, verdicts
from verifiers import credentials as make
from verifiers.picture_authority import Authority
from verifiers.signer import Gateway

VALID = (datetime.now(UTC) - timedelta(days=3), datetime.now(UTC) + timedelta(days=90))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def picture(authority: Authority) -> bytes:
    return make.signed(make.plain(size=(64, 64)), authority.signer(valid=VALID))


async def drawn(stage: Stage) -> None:
    await stage.say("draw")
    await stage.until(lambda: "64 x 64" in stage.text, "the picture is drawn")


async def test_a_signed_picture_is_told_and_nothing_turns_green(
    tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(tmp_path / "config" / "trust.toml", authority)
    async with run_app(tmp_path, image_reply("Here.", picture), size=(120, 40)) as stage:
        await drawn(stage)
        await stage.until(lambda: "- unsigned words, signed picture" in stage.text)
        assert "signed, and as it was signed" in stage.text
        assert "✓" not in stage.text, "the head and the picture's line bear no mark of good"
        await open_pane(stage)
        said = " ".join(pane_text(stage).split())
        assert "Nobody signed the words. The picture carries a signature of its own" in said
        assert "Image signed by Example AI: where it came from, not whether it is true." in said
        assert "That the picture belongs to this reply" in said
        pane = stage.desk.verifying.pane
        assert pane is not None
        assert pane.words is not None
        assert pane.words.badge.tone == "plain"


async def test_an_altered_picture_is_loud(
    tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(tmp_path / "config" / "trust.toml", authority)
    async with run_app(tmp_path, image_reply("Here.", changed(picture)), size=(120, 40)) as stage:
        await stage.say("draw")
        await stage.until(lambda: "FAILED" in stage.text)
        await open_pane(stage)
        said = " ".join(pane_text(stage).split())
        assert "The picture is NOT the one that was signed" in said
        assert "ALTERED after it was signed: its bytes are not those that were signed." in said


async def test_attaching_tells_where_a_picture_came_from(
    tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(tmp_path / "home" / "config" / "trust.toml", authority)
    files = {"signed.png": picture, "bare.png": make.plain(), "edited.png": changed(picture)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    async with run_app(tmp_path / "home", size=(120, 40)) as stage:
        await stage.desk.visits.attach(str(tmp_path / "signed.png"))
        await stage.until(lambda: "signed.png: Image signed by Example AI" in stage.text)
        await stage.desk.visits.attach(str(tmp_path / "edited.png"))
        await stage.until(lambda: "edited.png: ALTERED after it was signed" in stage.text)
        await stage.desk.visits.attach(str(tmp_path / "bare.png"))
        await stage.pilot.pause()
        assert "bare.png: Image" not in stage.text, "most are unsigned: that is no news"


async def test_where_a_picture_came_from_hides_not_what_keeps_it_from_being_sent(
    tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    trust_root(tmp_path / "home" / "config" / "trust.toml", authority)
    edited, signed = tmp_path / "edited.png", tmp_path / "signed.png"
    edited.write_bytes(changed(picture))
    signed.write_bytes(picture)
    async with run_app(tmp_path / "home", environ={"ANTHROPIC_API_KEY": ""}) as stage:
        await stage.desk.talking.use_model(ModelRef("anthropic", "claude-opus-4-5"))
        for file, origin in ((edited, "ALTERED after it was signed"), (signed, "Example AI")):
            await stage.desk.visits.attach(str(file))
            await stage.until(lambda origin=origin: origin in stage.text, origin)
            assert "ctrl+o picks another model" in stage.text


WORDS = {
    "signed": ("partly covered", "that the two belong together, nobody signed"),
    "bare": ("partly covered", "The signature leaves out what is shown beside it: images"),
    "altered": ("FAILED", "The picture is NOT the one that was signed"),
}


@pytest.mark.parametrize("what", WORDS)
async def test_signed_words_stay_partly_covered_beside_a_picture_whoever_signed_it(
    what: str, tmp_path: Path, authority: Authority, picture: bytes
) -> None:
    image = {"signed": picture, "bare": make.plain(), "altered": changed(picture)}[what]
    gateway = Gateway()
    pin_gateway(tmp_path, gateway)
    trust_root(tmp_path / "config" / "trust.toml", authority)
    script = gateway_script(gateway, with_image(image))
    async with run_app(tmp_path, script, size=(120, 40)) as stage:
        await ask(stage, "draw")
        await open_pane(stage)
        short, sentence = WORDS[what]
        said = " ".join(pane_text(stage).split())
        assert short in said.split("via")[0]
        assert sentence in said
        assert not verdicts(stage)[0].is_verified
