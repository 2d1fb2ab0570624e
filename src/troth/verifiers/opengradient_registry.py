"""OpenGradient's on-chain registry: the calls to ask it with, and its records, read strictly.

What a record means: an administrator of the contract says, over the HTTPS of one RPC endpoint,
that this key belongs to an enclave whose hardware they checked. It is no hardware proof of ours.
Contract interface: SDK 1.1.4 `abi/TEERegistry.abi` (read 2026-11-22). All calls are `eth_call`
over JSON-RPC; the engine sends them, with the user's second endpoint beside the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from troth.domain.exchange import HttpRequest
from troth.domain.model import Json
from troth.verifiers.eth_abi import (
    ADDRESS,
    BOOL,
    BYTES,
    BYTES32,
    STRING,
    Abi,
    AbiInvalid,
    array_of,
    decode,
    selector,
    tuple_of,
    uint,
    word,
)
from troth.verifiers.keccak import keccak256
from troth.verifiers.strict_bytes import parse_base64, parse_hex
from troth.verifiers.strict_json import NotStrict, as_object, as_text, parse_object
from troth.verifiers.trust import OhttpConfig, RegistryRecord, RegistrySource

LLM_PROXY = 0
"""The registry's type for enclaves that carry chats to model vendors."""

MAX_ANSWER_BYTES = 4 << 20

_OHTTP = tuple_of(uint(8), uint(16), uint(16), uint(16), BYTES, BYTES, uint(256))
_FIELDS = (
    ADDRESS, ADDRESS, STRING, BYTES, BYTES, BYTES32, uint(8), BOOL, uint(256), uint(256),
)  # fmt: skip
_RECORD = tuple_of(*_FIELDS, _OHTTP)
_PLAIN_RECORD = tuple_of(*_FIELDS)
"""As the published contract has it, without a sealing key: og-evm `TEERegistry.sol` at 0235532."""


class RegistryFailed(ValueError):
    """An RPC endpoint gave no usable answer; the argument is a sentence for people."""


@dataclass(frozen=True, slots=True)
class RegistryAnswer:
    """All records that one endpoint gave, with the block that it spoke of."""

    rpc_url: str
    records: tuple[RegistryRecord, ...]
    block: int | None = None


def _call(rpc_url: str, method: str, params: list[Json]) -> HttpRequest:
    body: dict[str, Json] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    encoded = json.dumps(body, separators=(",", ":")).encode("ascii")
    return HttpRequest("POST", rpc_url, headers, encoded)


def _eth_call(source: RegistrySource, rpc_url: str, call: bytes, block: int | None) -> HttpRequest:
    target: dict[str, Json] = {"to": source.address, "data": "0x" + call.hex()}
    tag = "latest" if block is None else hex(block)
    return _call(rpc_url, "eth_call", [target, tag])


def _tee_word(tee_id: str) -> bytes:
    digits = tee_id.removeprefix("0x")
    try:
        encoded = bytes.fromhex(digits)
    except ValueError as error:
        raise RegistryFailed("This is not the id of an enclave.") from error
    if len(encoded) != 32 or len(digits) != 64:
        raise RegistryFailed("This is not the id of an enclave.")
    return encoded


def chain_id_request(rpc_url: str) -> HttpRequest:
    """Ask which chain an endpoint serves: another one's answers would mean nothing."""
    return _call(rpc_url, "eth_chainId", [])


def block_number_request(rpc_url: str) -> HttpRequest:
    """Ask for the newest block, so that all further calls can speak of one and the same."""
    return _call(rpc_url, "eth_blockNumber", [])


def active_tees_request(
    source: RegistrySource, rpc_url: str, *, tee_type: int = LLM_PROXY, block: int | None = None
) -> HttpRequest:
    """Ask for all records that are enabled, not revoked and alive."""
    call = selector("getActiveTEEs(uint8)") + word(tee_type)
    return _eth_call(source, rpc_url, call, block)


def tee_request(
    source: RegistrySource, rpc_url: str, tee_id: str, *, block: int | None = None
) -> HttpRequest:
    """Ask for one record, whatever its state."""
    return _eth_call(source, rpc_url, selector("getTEE(bytes32)") + _tee_word(tee_id), block)


def is_active_request(
    source: RegistrySource, rpc_url: str, tee_id: str, *, block: int | None = None
) -> HttpRequest:
    call = selector("isTEEActive(bytes32)") + _tee_word(tee_id)
    return _eth_call(source, rpc_url, call, block)


def is_enabled_request(
    source: RegistrySource, rpc_url: str, tee_id: str, *, block: int | None = None
) -> HttpRequest:
    call = selector("isTEEEnabled(bytes32)") + _tee_word(tee_id)
    return _eth_call(source, rpc_url, call, block)


def _result(body: bytes) -> str:
    if len(body) > MAX_ANSWER_BYTES:
        raise RegistryFailed("The registry's answer is far too large.")
    try:
        answer = parse_object(body)
    except NotStrict as error:
        raise RegistryFailed(f"The registry's answer cannot be read: {error}.") from error
    if "error" in answer:
        reason = as_text(as_object(answer["error"]).get("message"))[:200]
        raise RegistryFailed(f"The registry refused the question: {reason or 'no reason given'}.")
    result = answer.get("result")
    if answer.get("id") != 1 or not isinstance(result, str) or not result.startswith("0x"):
        raise RegistryFailed("The registry's answer is not an answer to the question.")
    return result


def parse_quantity(body: bytes) -> int:
    """Read the answer to `eth_chainId` or `eth_blockNumber`; raise RegistryFailed."""
    result = _result(body)
    try:
        return int(result, 16)
    except ValueError as error:
        raise RegistryFailed("The registry's answer is not a number.") from error


def _decoded(body: bytes, kind_name: str) -> Abi:
    kinds = {
        "bool": (BOOL,),
        "record": (_RECORD, _PLAIN_RECORD),
        "records": (array_of(_RECORD), array_of(_PLAIN_RECORD)),
    }
    *newer, oldest = kinds[kind_name]
    try:
        encoded = bytes.fromhex(_result(body)[2:])
        for kind in newer:
            with suppress(AbiInvalid):
                return decode(kind, encoded)
        return decode(oldest, encoded)
    except AbiInvalid as error:
        raise RegistryFailed(f"The registry's record cannot be read: {error}.") from error
    except RegistryFailed:
        raise
    except ValueError as error:
        raise RegistryFailed("The registry's answer is not hexadecimal.") from error


def parse_flag(body: bytes) -> bool:
    """Read the answer to `isTEEActive` or `isTEEEnabled`; raise RegistryFailed."""
    return _decoded(body, "bool") is True


def parse_records(
    body: bytes, source: RegistrySource, rpc_url: str, read_at: datetime, block: int | None = None
) -> RegistryAnswer:
    """Read the answer to `getActiveTEEs`; raise RegistryFailed."""
    listed = cast("list[list[Abi]]", _decoded(body, "records"))
    records = tuple(_record(fields, source, rpc_url, read_at, block) for fields in listed)
    return RegistryAnswer(rpc_url, records, block)


def parse_record(
    body: bytes,
    source: RegistrySource,
    rpc_url: str,
    tee_id: str,
    read_at: datetime,
    block: int | None = None,
) -> RegistryRecord:
    """Read the answer to `getTEE`; raise RegistryFailed, also when the key is not `tee_id`'s."""
    fields = cast("list[Abi]", _decoded(body, "record"))
    record = _record(fields, source, rpc_url, read_at, block)
    if record.tee_id != tee_id.lower():
        raise RegistryFailed("The registry's record holds a key that is not this enclave's.")
    return record


def _record(
    fields: list[Abi], source: RegistrySource, rpc_url: str, read_at: datetime, block: int | None
) -> RegistryRecord:
    ohttp = _ohttp(cast("list[Abi]", fields[10])) if len(fields) > len(_FIELDS) else None
    return RegistryRecord(
        registry=source.name,
        owner=cast("str", fields[0]),
        payment_address=cast("str", fields[1]),
        endpoint=cast("str", fields[2]),
        public_key=cast("bytes", fields[3]),
        tls_certificate=cast("bytes", fields[4]),
        pcr_hash=cast("bytes", fields[5]),
        tee_type=cast("int", fields[6]),
        is_enabled=cast("bool", fields[7]),
        registered_at=cast("int", fields[8]),
        last_heartbeat_at=cast("int", fields[9]),
        ohttp=ohttp,
        block=block,
        rpc_urls=(rpc_url,),
        read_at=read_at,
    )


def _ohttp(fields: list[Abi]) -> OhttpConfig | None:
    config = OhttpConfig(
        key_id=cast("int", fields[0]),
        kem_id=cast("int", fields[1]),
        kdf_id=cast("int", fields[2]),
        aead_id=cast("int", fields[3]),
        public_key=cast("bytes", fields[4]),
        key_config=cast("bytes", fields[5]),
        registered_at=cast("int", fields[6]),
    )
    return config if config.public_key else None


def _stated(record: RegistryRecord) -> RegistryRecord:
    """Return what the contract says of an enclave, without who told us and when it last beat."""
    return replace(
        record, last_heartbeat_at=0, block=None, rpc_urls=(), disagreeing_urls=(), read_at=None
    )


def cross_check(answers: Sequence[RegistryAnswer]) -> tuple[RegistryRecord, ...]:
    """Join what several endpoints said: each record names who agrees and who does not.

    An endpoint that leaves an enclave out disagrees about it, as does one that tells another key,
    certificate, endpoint or payment address. Records keep the order in which they were first told.
    """
    told: dict[str, dict[str, RegistryRecord]] = {}
    for answer in answers:
        for record in answer.records:
            told.setdefault(record.tee_id, {})[answer.rpc_url] = record
    joined: list[RegistryRecord] = []
    for by_url in told.values():
        first = next(iter(by_url.values()))
        agreeing = tuple(url for url, r in by_url.items() if _stated(r) == _stated(first))
        others = tuple(a.rpc_url for a in answers if a.rpc_url not in agreeing)
        joined.append(replace(first, rpc_urls=agreeing, disagreeing_urls=others))
    return tuple(joined)


OHTTP_DOMAIN = b"OPENGRADIENT_TEE_OHTTP_CONFIG_V1"


def ohttp_config_hash(tee_id: str, config: OhttpConfig) -> bytes:
    """Return the digest that the enclave's signing key signs over its OHTTP key.

    Source: tee-gateway `examples/verify_ohttp_config.py` at 45acdf5 (read 2026-11-22).
    """
    numbers = (config.key_id, config.kem_id, config.kdf_id, config.aead_id)
    return keccak256(
        keccak256(OHTTP_DOMAIN)
        + _tee_word(tee_id)
        + b"".join(map(word, numbers))
        + keccak256(config.public_key)
        + keccak256(config.key_config)
    )


def parse_ohttp_config(answer: Mapping[str, Json]) -> tuple[str, OhttpConfig, str]:
    """Read `GET /v1/ohttp/config` (or `hpke` of `/signing-key`): teeId, key, base64 signature.

    Raises RegistryFailed. Nothing is verified here: see `opengradient.verify_ohttp_config`.
    """
    key, blob = as_text(answer.get("public_key")), as_text(answer.get("key_config"))
    try:
        config = OhttpConfig(
            key_id=_small_number(answer, "key_id"),
            kem_id=_small_number(answer, "kem_id"),
            kdf_id=_small_number(answer, "kdf_id"),
            aead_id=_small_number(answer, "aead_id"),
            public_key=parse_hex(key.removeprefix("0x").lower()),
            key_config=parse_base64(blob),
        )
    except ValueError as error:
        raise RegistryFailed("The gateway's Oblivious HTTP key cannot be read.") from error
    return as_text(answer.get("tee_id")).lower(), config, as_text(answer.get("signature"))


def _small_number(answer: Mapping[str, Json], name: str) -> int:
    value = answer.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 16:
        raise ValueError(f"{name} is not a small number")
    return value
