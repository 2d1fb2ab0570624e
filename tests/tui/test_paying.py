"""The payment dialog: all that will be signed is on it, and Enter is no yes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from servers import openai_chat_stream
from troth.engine.payment import SETTLEMENTS, PaymentRequest, payment_lines
from troth.tui.screens.paying import PaymentDialog
from tui.app_stage import run_app

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
                 "0.3 authorised", "not known", REQUEST.network, "5 minutes"):  # fmt: skip
        assert part in shown


@pytest.mark.parametrize(("key", "is_yes"), [("y", True), ("n", False), ("escape", False)])
async def test_only_y_authorises(tmp_path: Path, key: str, is_yes: bool) -> None:
    async with run_app(tmp_path, openai_chat_stream(["hi"])) as stage:
        engine = await stage.app.engine_ready()
        assert engine.enclaves.payments.ask is not None
        asking = asyncio.ensure_future(engine.enclaves.payments.ask(REQUEST))
        await stage.until(lambda: isinstance(stage.app.screen, PaymentDialog), "the dialog")
        await stage.pilot.press("enter")
        assert isinstance(stage.app.screen, PaymentDialog)
        await stage.pilot.press(key)
        assert await asking is is_yes
