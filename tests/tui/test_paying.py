"""The payment dialog: all that will be signed is on it, and Enter is no yes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from servers import openai_chat_stream
from troth.domain.error import PaymentRefused
from troth.engine.payment import SETTLEMENTS, PaymentRequest, payment_lines
from troth.tui.screens.paying import PaymentDialog
from tui.app_stage import Stage, run_app

REQUEST = PaymentRequest(
    provider="og",
    wallet="0x" + "aa" * 20,
    balance=None,
    amount=Decimal("0.1"),
    pay_to="0x" + "bb" * 20,
    facilitator="0x" + "cc" * 20,
    network="eip155:8453",
    valid_s=300,
    settlement="individual",
    publishes=SETTLEMENTS["individual"],
    max_per_session=Decimal(1),
    max_per_day=Decimal(2),
    authorised_today=Decimal("0.3"),
)


def test_everything_that_counts_is_shown() -> None:
    shown = " ".join(value for _, value in payment_lines(REQUEST))
    for part in (REQUEST.wallet, REQUEST.pay_to, REQUEST.facilitator, "0.1 OPG", "whole prompt",
                 "0.3 OPG authorised", "not known", REQUEST.network, "5 minutes"):  # fmt: skip
        assert part in shown


@pytest.mark.parametrize(("key", "is_yes"), [("y", True), ("n", False), ("escape", False)])
async def test_only_y_authorises(tmp_path: Path, key: str, is_yes: bool) -> None:
    async with run_app(tmp_path, openai_chat_stream(["hi"])) as stage:
        asking, dialog = await asked(stage)
        await stage.until(lambda: dialog.takes_yes, "a yes counts")
        await stage.pilot.press("enter")
        assert stage.app.screen is dialog
        await stage.pilot.press(key)
        assert await asking is is_yes


async def test_a_y_in_the_middle_of_a_word_is_no_yes(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(["hi"])) as stage:
        asking, dialog = await asked(stage)
        await stage.type("yes say")
        assert not asking.done()
        await stage.until(lambda: dialog.takes_yes, "a yes counts")
        await stage.type("any")  # its n is a no
        assert await asking is False


async def test_a_question_that_goes_away_unanswered_moves_no_money(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(["hi"])) as stage:
        asking, dialog = await asked(stage)
        await stage.app.pop_screen()  # as the lock does with every screen
        with pytest.raises(PaymentRefused, match="not answered"):
            await asking
        assert not dialog.is_attached


async def test_a_reply_that_is_stopped_takes_its_question_along(tmp_path: Path) -> None:
    async with run_app(tmp_path, openai_chat_stream(["hi"])) as stage:
        asking, dialog = await asked(stage)
        asking.cancel()
        await stage.until(lambda: not dialog.is_attached, "the dialog is gone")


async def asked(stage: Stage) -> tuple[asyncio.Future[bool], PaymentDialog]:
    """Let a gateway ask for money, and return the question."""
    engine = await stage.app.engine_ready()
    assert engine.enclaves.payments.ask is not None
    asking = asyncio.ensure_future(engine.enclaves.payments.ask(REQUEST))
    await stage.until(lambda: isinstance(stage.app.screen, PaymentDialog), "the dialog")
    dialog = stage.app.screen
    assert isinstance(dialog, PaymentDialog)
    return asking, dialog
