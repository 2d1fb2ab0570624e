"""An allowance for Permit2: shown whole, for an exact amount, and never by the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli_runs import Troth
from engine.opengradient_home import Home
from servers import Answer, RecordedRequest, ScriptedServer, json_answer
from troth.domain.error import ExtraMissing, PaymentRefused
from troth.engine.opengradient.approval import Approver, approval_lines
from troth.engine.opengradient.terms import ASSET, CHAIN_ID, PERMIT2
from troth.engine.opengradient.wallet import checksum_address, load_eth_account

try:
    load_eth_account()
except ExtraMissing:
    pytest.skip("needs troth[pay]", allow_module_level=True)

WALLET = "0x" + "4c" * 32
OPG = 10**18


@dataclass
class Chain:
    """Base as far as an approval needs it; it may lie."""

    chain_id: int = CHAIN_ID
    allowed: int = 0
    gas_price: int = 10**7
    reverts: bool = False
    sent: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: RecordedRequest) -> Answer:
        call = request.json()
        self.asked.append(call["method"])
        return json_answer({"jsonrpc": "2.0", "id": 1, "result": self._result(call)})

    def _result(self, call: dict[str, Any]) -> object:
        match call["method"]:
            case "eth_chainId":
                return hex(self.chain_id)
            case "eth_call":
                is_balance = call["params"][0]["data"].startswith("0x70a08231")
                return hex(5 * OPG if is_balance else self.allowed)
            case "eth_getBalance":
                return hex(10**16)
            case "eth_estimateGas":
                return hex(46_000)
            case "eth_gasPrice":
                return hex(self.gas_price)
            case "eth_getTransactionCount":
                return "0x3"
            case "eth_sendRawTransaction":
                self.sent.append(bytes.fromhex(call["params"][0][2:]))
                return "0x" + "ab" * 32
            case "eth_getTransactionReceipt":
                return {"status": "0x0" if self.reverts else "0x1"}
            case _:
                return None


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        yield Home(tmp_path, stack)


async def approver_of(home: Home, chain: Chain) -> Approver:
    server: ScriptedServer = await home.serve(chain)
    engine = await home.open("http://127.0.0.1:9", wallet=WALLET)
    return engine.enclaves.approver("og", server.url)


async def test_what_is_sent_is_what_was_shown(home: Home) -> None:
    from eth_account import Account
    from eth_account._utils.legacy_transactions import Transaction

    chain = Chain(allowed=OPG // 10)
    approver = await approver_of(home, chain)
    approval = await approver.propose(2 * OPG)
    assert "eth_sendRawTransaction" not in chain.asked
    shown = " ".join(value for _, value in approval_lines(approval))
    for part in ("2 OPG", "now 0.1 OPG", PERMIT2, "5 OPG, 0.01 ETH", ASSET, "at most"):
        assert part in shown
    await approver.approve(approval)
    (raw,) = chain.sent
    assert Account.recover_transaction(raw) == approval.standing.wallet
    sent = Transaction.from_bytes(raw)
    assert sent["to"].hex() == ASSET[2:]
    assert sent["value"] == 0
    assert sent["nonce"] == 3
    wanted = "095ea7b3" + PERMIT2[2:].lower().rjust(64, "0") + f"{2 * OPG:064x}"
    assert sent["data"].hex() == wanted
    assert Decimal(sent["gas"] * sent["gasPrice"]) / OPG == approval.fee
    assert (sent["v"] - 35) // 2 == CHAIN_ID


@pytest.mark.parametrize(
    ("chain", "amount", "words"),
    [
        (Chain(chain_id=1), OPG, "chain 1, not Base"),
        (Chain(), 101 * OPG, "from 0 to 100"),
        (Chain(), 2**256 - 1, "from 0 to 100"),
        (Chain(gas_price=10**12), OPG, "absurd"),
    ],
)
async def test_what_is_out_of_bounds_is_refused_before_the_question(
    home: Home, chain: Chain, amount: int, words: str
) -> None:
    approver = await approver_of(home, chain)
    with pytest.raises(PaymentRefused, match=words):
        await approver.propose(amount)
    assert chain.sent == []


async def test_a_transaction_that_the_chain_refused_is_said_to_be_refused(home: Home) -> None:
    approver = await approver_of(home, Chain(reverts=True))
    approval = await approver.propose(OPG)
    with pytest.raises(PaymentRefused, match="refused the transaction"):
        await approver.approve(approval)


async def test_an_endpoint_in_the_clear_is_refused(home: Home) -> None:
    engine = await home.open("http://127.0.0.1:9", wallet=WALLET)
    with pytest.raises(PaymentRefused, match="https"):
        engine.enclaves.approver("og", "http://base.example")


def test_addresses_carry_their_checksum() -> None:
    for address in (  # EIP-55's own examples
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ):
        assert checksum_address(address.lower()) == address


@pytest.mark.parametrize(("agreed", "code"), [("2", 0), ("3", 2), (None, 2)])
def test_the_command_signs_only_the_amount_that_was_typed_twice(
    tmp_path: Path, agreed: str | None, code: int
) -> None:
    chain = Chain()
    troth = Troth(tmp_path / "home", {"TROTH_OG_PRIVATE_KEY": WALLET})
    with ScriptedServer(chain) as server:
        troth.write_config(
            '[providers.og]\nwire = "opengradient"\nbase_url = "http://127.0.0.1:9"\n'
            'key_env = "TROTH_OG_PRIVATE_KEY"\n'
            f'[providers.og.options]\nbalance_rpc = "{server.url}"\n'
        )
        given = ("--yes", agreed) if agreed else ()
        ended = troth("pay", "approve", "og", "--amount", "2", *given)
        assert ended.code == code, ended.err
        assert "allow: 2 OPG in all" in ended.err
        assert len(chain.sent) == (1 if code == 0 else 0)
        status = troth("pay", "status", "og", "--json")
        assert status.code == 0, status.out + status.err
        assert status.json["balance_opg"] == "5"
        assert status.json["authorised_today_opg"] == "0"
