"""Let Permit2 draw on a wallet's OPG: one transaction on Base, for an exact amount, asked apart.

An authorisation of `paying` moves nothing until the token's contract lets Permit2 draw. That leave
is a transaction of the user's own: public, it costs a little ETH, and it stays until it is used up
or set to zero. So it is never sent by itself, never for more than was typed, never without limit.
ERC-20 `approve(address,uint256)`; JSON-RPC as in the Ethereum execution API (read November 2026).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from troth.domain.error import PaymentRefused
from troth.domain.exchange import HttpRequest
from troth.domain.model import Endpoint
from troth.engine.opengradient.terms import ASSET, CHAIN_ID, PERMIT2
from troth.engine.opengradient.wallet import Wallet, WalletUnreadable
from troth.engine.payment import OPG, Limits, to_opg, written_opg
from troth.transport import Sight, Transport, is_loopback

_BALANCE_OF, _ALLOWANCE, _APPROVE = "0x70a08231", "0xdd62ed3e", "0x095ea7b3"
_MOST = 100 * OPG
"""More than this is refused: an allowance is what a thief of the wallet's signature could take."""
_MOST_FEE = 10**15
"""0.001 ETH, in wei; an approval costs a thousandth of that. An endpoint may lie about prices."""
_WAIT_S, _TRIES = 2.0, 45


@dataclass(frozen=True, slots=True)
class Standing:
    """What a wallet holds and what Permit2 may draw of it."""

    wallet: str
    balance: Decimal
    """OPG."""
    allowed: Decimal
    """OPG that Permit2 may draw."""
    ether: Decimal
    """ETH on Base, which pays for transactions."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What the user must see before the transaction is signed."""

    provider: str
    standing: Standing
    amount: Decimal
    """OPG that Permit2 may draw from then on, in place of what it may now."""
    fee: Decimal
    """ETH that it costs at most."""
    nonce: int
    gas: int
    gas_price: int


def approval_lines(approval: Approval) -> tuple[tuple[str, str], ...]:
    """Return what a person must see before a yes, as rows of name and value."""
    standing = approval.standing
    return (
        (
            "allow",
            f"{written_opg(approval.amount)} in all, not per reply;"
            f" now {written_opg(standing.allowed)}",
        ),
        ("to", f"Permit2, {PERMIT2}: it draws only what you authorise for a reply"),
        ("from wallet", standing.wallet),
        ("holds", f"{written_opg(standing.balance)}, {standing.ether.normalize():f} ETH"),
        ("token", ASSET),
        ("costs", f"at most {approval.fee.normalize():f} ETH, taken at once"),
        ("network", f"Base (chain {CHAIN_ID}); the transaction is public and stays so"),
        ("take back", f"troth pay approve {approval.provider} --amount 0"),
    )


class Approver:
    """Reads and sets the allowance of one provider's wallet, over one RPC endpoint of Base."""

    def __init__(
        self, endpoint: Endpoint, private_key: str | None, transport: Transport, rpc: str = ""
    ) -> None:
        """`rpc` goes before the provider's option `balance_rpc`. Raises PaymentRefused."""
        self._name = endpoint.name
        self._transport = transport
        self._rpc = rpc or Limits.of(endpoint).balance_rpc
        if not private_key:
            raise self._refused(f"No wallet is set: `troth keys set {endpoint.name}`.")
        if not self._rpc:
            raise self._refused("No endpoint of Base is named: --rpc URL.")
        if not self._rpc.startswith("https://") and not is_loopback(self._rpc):
            raise self._refused("The endpoint of Base must be https.")
        self._key = private_key

    async def standing(self) -> Standing:
        """Ask what the wallet holds; raise PaymentRefused where the answer is no use."""
        return await self._standing(await self._wallet())

    async def propose(self, amount: int) -> Approval:
        """Return what an allowance of `amount` base units would be and cost; sends nothing."""
        if not 0 <= amount <= _MOST:
            raise self._refused(f"An allowance is from 0 to {to_opg(_MOST)} OPG.")
        wallet = await self._wallet()
        call = {"from": wallet.address, "to": ASSET, "data": _approve_call(amount)}
        standing, gas, price, nonce = await asyncio.gather(
            self._standing(wallet),
            self._number("eth_estimateGas", call),
            self._number("eth_gasPrice"),
            self._number("eth_getTransactionCount", wallet.address, "pending"),
        )
        gas, price = gas * 6 // 5, price * 6 // 5
        if gas * price > _MOST_FEE:
            fee = to_opg(gas * price)
            raise self._refused(f"The endpoint says that it costs {fee} ETH, which is absurd.")
        return Approval(
            self._name, standing, to_opg(amount), to_opg(gas * price), nonce, gas, price
        )

    async def approve(self, approval: Approval) -> str:
        """Sign and send what was proposed; return the transaction's hash once it is in a block."""
        wallet = await self._wallet()
        transaction = {
            "to": ASSET,
            "value": 0,
            "data": _approve_call(int(approval.amount * OPG)),
            "nonce": approval.nonce,
            "gas": approval.gas,
            "gasPrice": approval.gas_price,
            "chainId": CHAIN_ID,
        }
        try:
            signed = await asyncio.to_thread(wallet.sign_transaction, transaction)
        except WalletUnreadable as error:
            raise self._refused(str(error)) from error
        sent = await self._ask("eth_sendRawTransaction", "0x" + signed.hex())
        if not isinstance(sent, str):
            raise self._refused("The endpoint of Base did not take the transaction.")
        for _ in range(_TRIES):
            receipt = await self._ask("eth_getTransactionReceipt", sent)
            if isinstance(receipt, dict):
                if cast("dict[str, object]", receipt).get("status") != "0x1":
                    raise self._refused(f"The chain refused the transaction {sent}.")
                return sent
            await asyncio.sleep(_WAIT_S)
        raise self._refused(
            f"The transaction {sent} is sent and in no block yet; look again later."
        )

    async def _wallet(self) -> Wallet:
        try:
            return await asyncio.to_thread(Wallet, self._key)
        except WalletUnreadable as error:
            raise self._refused(str(error)) from error

    async def _standing(self, wallet: Wallet) -> Standing:
        chain = await self._number("eth_chainId")
        if chain != CHAIN_ID:
            raise self._refused(f"The endpoint serves chain {chain}, not Base ({CHAIN_ID}).")
        balance, allowed, ether = await asyncio.gather(
            self._number("eth_call", _token_call(_BALANCE_OF, wallet.address), "latest"),
            self._number("eth_call", _token_call(_ALLOWANCE, wallet.address, PERMIT2), "latest"),
            self._number("eth_getBalance", wallet.address, "latest"),
        )
        return Standing(wallet.address, to_opg(balance), to_opg(allowed), to_opg(ether))

    async def _number(self, method: str, *params: object) -> int:
        answer = await self._ask(method, *params)
        try:
            number = int(answer, 16) if isinstance(answer, str) else -1
        except ValueError:
            number = -1
        if not 0 <= number < 1 << 256:
            raise self._refused(f"The endpoint of Base gave no usable answer to {method}.")
        return number

    async def _ask(self, method: str, *params: object) -> object:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        headers = (("Content-Type", "application/json"),)
        request = HttpRequest("POST", self._rpc, headers, json.dumps(body).encode())
        answer = await self._transport.send(
            request, purpose="wallet", timeout_s=15, limit_bytes=1 << 18, sight=Sight.ADDRESS
        )
        try:
            parsed = cast("dict[str, object]", json.loads(answer.body))
            if isinstance(error := parsed.get("error"), dict):
                said = str(cast("dict[str, object]", error).get("message", ""))[:200]
                raise self._refused(f"The endpoint of Base says: {said}")
            return parsed.get("result")
        except (ValueError, AttributeError, RecursionError) as error:
            raise self._refused("The endpoint of Base gave an answer that is none.") from error

    def _refused(self, reason: str) -> PaymentRefused:
        return PaymentRefused(self._name, reason)


def _address_word(address: str) -> str:
    return address.removeprefix("0x").lower().rjust(64, "0")


def _token_call(selector: str, *addresses: str) -> dict[str, str]:
    return {"to": ASSET, "data": selector + "".join(map(_address_word, addresses))}


def _approve_call(amount: int) -> str:
    return f"{_APPROVE}{_address_word(PERMIT2)}{amount:064x}"
