"""Sign with the user's wallet: one authorisation (EIP-712 over Permit2), or one transaction.

A transaction is signed for `approval` alone, which asks the user apart from any payment.

`eth-account` comes with the extra `troth[pay]` and takes half a second to import: only here, only
when a payment is due. The packages `x402` and `og-x402` are not used: they collide with each other
and can sign an unlimited approval.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, cast

from troth.domain.error import ExtraMissing
from troth.engine.opengradient.terms import CHAIN_ID, PERMIT2, SPENDER, Offer, Terms
from troth.verifiers.keccak import keccak256

_BEFORE_S = 600
"""How far back an authorisation begins: the chain's clock may be behind ours."""

_TYPES: dict[str, list[dict[str, str]]] = {
    "PermitWitnessTransferFrom": [
        {"name": "permitted", "type": "TokenPermissions"},
        {"name": "spender", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
        {"name": "witness", "type": "Witness"},
    ],
    "TokenPermissions": [
        {"name": "token", "type": "address"},
        {"name": "amount", "type": "uint256"},
    ],
    "Witness": [
        {"name": "to", "type": "address"},
        {"name": "facilitator", "type": "address"},
        {"name": "validAfter", "type": "uint256"},
    ],
}
_DOMAIN = {"name": "Permit2", "chainId": CHAIN_ID, "verifyingContract": PERMIT2}


class WalletUnreadable(ValueError):
    """The wallet's key is none, or does not sign. The message never holds it."""


_NOT_SIGNED = "The wallet's library could not sign this."


@contextmanager
def _errors_without_key(words: str) -> Generator[None]:
    """Put `words` in place of an error of the foreign library, which may quote the key."""
    try:
        yield
    except Exception:  # noqa: BLE001 - a foreign library
        raise WalletUnreadable(words) from None


class _Signed(Protocol):
    signature: bytes


class _SignedTransaction(Protocol):
    raw_transaction: bytes


class _Account(Protocol):
    address: str

    def sign_typed_data(
        self,
        *,
        domain_data: Mapping[str, object],
        message_types: Mapping[str, object],
        message_data: Mapping[str, object],
    ) -> _Signed: ...

    def sign_transaction(self, transaction_dict: Mapping[str, object]) -> _SignedTransaction: ...


class _Accounts(Protocol):
    def from_key(self, private_key: bytes) -> _Account: ...


def load_eth_account() -> ModuleType:
    """Import the wallet library; raise ExtraMissing where it is not installed.

    One of its own dependencies (py_ecc) raises the interpreter's recursion limit to 100,000 when it
    is imported: then a hostile JSON of many brackets overflows the C stack and kills the process,
    where it should raise RecursionError. The limit is put back.
    """
    limit = sys.getrecursionlimit()
    try:
        return import_module("eth_account")
    except ImportError as error:
        raise ExtraMissing("pay") from error
    finally:
        sys.setrecursionlimit(limit)


class Wallet:
    """A wallet whose key is in memory for one payment."""

    def __init__(self, private_key: str) -> None:
        """Raises ExtraMissing, or WalletUnreadable for what is no key of 32 bytes in hex."""
        accounts = cast(_Accounts, getattr(load_eth_account(), "Account"))  # noqa: B009
        with _errors_without_key("The wallet's key is not 32 bytes in hexadecimal."):
            self._account = accounts.from_key(bytes.fromhex(private_key.strip().removeprefix("0x")))

    @property
    def address(self) -> str:
        return self._account.address

    def sign_transaction(self, transaction: Mapping[str, object]) -> bytes:
        """Return a signed transaction, ready to be sent."""
        to = checksum_address(str(transaction["to"]))
        with _errors_without_key(_NOT_SIGNED):
            return bytes(self._account.sign_transaction({**transaction, "to": to}).raw_transaction)

    def authorise(
        self, terms: Terms, offer: Offer, raw_offer: dict[str, Any], now: datetime
    ) -> str:
        """Return the header `PAYMENT-SIGNATURE` for an offer that the rules let pass."""
        seconds = int(now.timestamp())
        authorisation = {
            "from": self.address,
            "permitted": {"token": checksum_address(offer.asset), "amount": offer.amount},
            "spender": SPENDER,
            "nonce": str(secrets.randbits(256)),
            "deadline": str(seconds + offer.maxTimeoutSeconds),
            "witness": {
                "to": checksum_address(offer.payTo),
                "facilitator": checksum_address(offer.extra.facilitatorAddress),
                "validAfter": str(seconds - _BEFORE_S),
            },
        }
        with _errors_without_key(_NOT_SIGNED):
            signed = self._account.sign_typed_data(
                domain_data=_DOMAIN, message_types=_TYPES, message_data=message_of(authorisation)
            )
        payload: dict[str, object] = {
            "x402Version": terms.x402Version,
            "payload": {
                "permit2Authorization": authorisation,
                "signature": "0x" + bytes(signed.signature).hex(),
            },
            "accepted": raw_offer,
        }
        echoed = {"resource": terms.resource, "extensions": terms.extensions}
        payload |= {name: value for name, value in echoed.items() if value is not None}
        encoded = json.dumps(payload, separators=(",", ":")).encode()
        return base64.b64encode(encoded).decode("ascii")


def checksum_address(address: str) -> str:
    """Return an address in the mixed case that carries its checksum (EIP-55)."""
    digits = address.removeprefix("0x").lower()
    digest = keccak256(digits.encode("ascii")).hex()
    mixed = (d.upper() if int(c, 16) > 7 else d for d, c in zip(digits, digest, strict=False))
    return "0x" + "".join(mixed)


def message_of(authorisation: Mapping[str, Any]) -> dict[str, object]:
    """Return what EIP-712 signs of an authorisation: numbers as numbers, without `from`."""
    permitted, witness = authorisation["permitted"], authorisation["witness"]
    return {
        "permitted": {"token": permitted["token"], "amount": int(permitted["amount"])},
        "spender": authorisation["spender"],
        "nonce": int(authorisation["nonce"]),
        "deadline": int(authorisation["deadline"]),
        "witness": {
            "to": witness["to"],
            "facilitator": witness["facilitator"],
            "validAfter": int(witness["validAfter"]),
        },
    }


def typed_data() -> tuple[dict[str, object], dict[str, list[dict[str, str]]]]:
    """Return EIP-712's domain and types, for those who check a signature."""
    return dict(_DOMAIN), _TYPES
