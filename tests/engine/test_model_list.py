"""The model list says what each row still wants before its first message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.conftest import Opener
from servers import Answer, json_answer
from troth.domain.error import ProviderError
from troth.domain.model import ModelRef
from troth.engine.recent_models import RecentModels
from troth.vault.vault import Vault

PIN = """
version = 1
[[key]]
name = "ours"
scheme = "opengradient"
providers = ["scripted"]
fingerprint = "%s"
since = 2026-11-01
""" % ("ab" * 32)


async def test_each_row_says_what_it_still_wants(open_engine: Opener) -> None:
    engine, _ = await open_engine(
        json_answer({"data": [{"id": "scripted-1"}]}), environ={"OPENAI_API_KEY": "sk-test"}
    )
    await engine.providers.refresh_models("scripted")
    lacks = {choice.endpoint.name: choice.lack for choice in engine.providers.models()}
    assert lacks["scripted"] == ""
    assert lacks["openai"] == ""
    assert lacks["anthropic"] == "key"
    assert lacks["opengradient"] == "login"
    assert lacks["veil"] == "server"  # nobody has seen it run here


async def test_what_is_ready_stands_first(open_engine: Opener) -> None:
    engine, _ = await open_engine(
        json_answer({"data": [{"id": "scripted-1"}]}), environ={"OPENAI_API_KEY": "sk-test"}
    )
    await engine.providers.refresh_models("scripted")
    ready = [choice.is_ready for choice in engine.providers.models()]
    assert ready == sorted(ready, reverse=True)
    assert ready.count(True) > 1


async def test_models_whose_replies_are_signed_are_known_before_they_are_asked(
    open_engine: Opener,
) -> None:
    engine, _ = await open_engine(json_answer({"data": [{"id": "scripted-1"}]}))
    await engine.providers.refresh_models("scripted")
    signers = await engine.proofs.signers(engine.providers.models())
    assert {"opengradient", "nearai"} <= {ref.provider for ref in signers}
    assert not {"openai", "anthropic", "scripted", "local"} & {ref.provider for ref in signers}


async def test_a_pinned_key_says_that_its_provider_signs(open_engine: Opener) -> None:
    engine, _ = await open_engine(json_answer({"data": [{"id": "scripted-1"}]}))
    await engine.providers.refresh_models("scripted")
    engine.proofs.trust_file.file.parent.mkdir(parents=True, exist_ok=True)
    engine.proofs.trust_file.file.write_text(PIN, encoding="utf-8")
    assert ModelRef("scripted", "scripted-1") in await engine.proofs.signers(
        engine.providers.models()
    )


async def test_a_broken_trust_file_leaves_the_list_standing(open_engine: Opener) -> None:
    engine, _ = await open_engine(json_answer({}))
    engine.proofs.trust_file.file.parent.mkdir(parents=True, exist_ok=True)
    engine.proofs.trust_file.file.write_text("version = ", encoding="utf-8")
    assert await engine.proofs.signers(engine.providers.models()) == frozenset()


async def test_the_models_chosen_last_are_kept_newest_first_and_once() -> None:
    vault = await Vault.in_memory()
    await vault.set_state(RecentModels.KEY, "openai/gpt-5.5")  # as it was kept at first
    recent = RecentModels()
    await recent.load(vault)
    for name in ("a/1", "b/2", "openai/gpt-5.5", "c/3", "d/4", "e/5", "demo/x"):
        await recent.remember(vault, ModelRef.parse(name))
    read_again = RecentModels()
    await read_again.load(vault)
    expected = ["e/5", "d/4", "c/3", "openai/gpt-5.5", "b/2"]
    assert [str(ref) for ref in read_again.refs] == expected
    assert str(read_again.last) == "e/5"
    await vault.close()


async def test_a_provider_that_is_known_to_list_nothing_is_believed(open_engine: Opener) -> None:
    engine, _ = await open_engine(Answer(status=404))
    with pytest.raises(ProviderError):
        await engine.providers.refresh_models("scripted")
    quiet = replace(
        engine.providers.endpoint("scripted"), name="quiet", options={"lists_models": False}
    )
    await engine.providers.add_endpoint(quiet)
    assert await engine.providers.refresh_models("quiet") == ()
