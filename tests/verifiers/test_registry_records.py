"""The on-chain registry: calls as its contract wants them, records read strictly, lies noticed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.verdict import State
from troth.verifiers.base import Facts
from troth.verifiers.eth_abi import BYTES, AbiInvalid, array_of, decode, selector, word
from troth.verifiers.opengradient_keys import verify_ohttp_config
from troth.verifiers.opengradient_records import RECORDS, RecordsInvalid, write_records
from troth.verifiers.opengradient_records import parse_records as parse_stored
from troth.verifiers.opengradient_registry import (
    RegistryAnswer,
    RegistryFailed,
    active_tees_request,
    block_number_request,
    cross_check,
    is_active_request,
    parse_flag,
    parse_ohttp_config,
    parse_quantity,
    parse_record,
    parse_records,
    tee_request,
)
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import DistrustedKey, RegistryRecord, RegistrySource, Trust
from verifiers.setting import ASKED_AT, FACTS, REQUEST, STAMP, exchange_of, pin
from verifiers.signer import Gateway, keccak, make_key

SOURCE = RegistrySource("the registry", 10740, "0x" + "70" * 20, ("https://a.example",))
URL, SECOND = "https://a.example", "https://b.example"


def _dynamic(content: bytes) -> bytes:
    return word(len(content)) + content + bytes(-len(content) % 32)


def _tuple(*members: bytes | tuple[bytes]) -> bytes:
    """Encode a tuple: bytes stand in the head, a 1-tuple of bytes is dynamic."""
    size = 32 * len(members)
    head, tail = b"", b""
    for member in members:
        if isinstance(member, tuple):
            head += word(size + len(tail))
            tail += member[0]
        else:
            head += member
    return head + tail


def encode_record(public_key: bytes, **changes: Any) -> bytes:
    ohttp = _tuple(
        word(1),
        word(0x20),
        word(1),
        word(3),
        (_dynamic(b"\x31" * 32),),
        (_dynamic(b"cfg"),),
        word(1795000000),
    )
    fields = {
        "owner": word(0xA), "payment": word(0xB), "endpoint": (_dynamic(b"https://1.2.3.4"),),
        "key": (_dynamic(public_key),), "tls": (_dynamic(b"certificate"),), "pcr": b"\x05" * 32,
        "type": word(0), "enabled": word(1), "registered": word(1795000000),
        "heartbeat": word(1795331000), "ohttp": (ohttp,),
    }  # fmt: skip
    return _tuple(*(fields | changes).values())


def answer(encoded: bytes) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x" + encoded.hex()}).encode()


def listing(*records: bytes) -> bytes:
    heads, tails = b"", b""
    for record in records:
        heads += word(32 * len(records) + len(tails))
        tails += record
    return answer(word(32) + word(len(records)) + heads + tails)


def read(*records: bytes, url: str = URL) -> RegistryAnswer:
    return parse_records(listing(*records), SOURCE, url, ASKED_AT, 77)


KEY = Gateway(make_key("pinned")).spki
OTHER = Gateway(make_key("other")).spki


def test_selectors_are_the_contracts() -> None:
    assert selector("transfer(address,uint256)").hex() == "a9059cbb"
    assert selector("getTEE(bytes32)") == keccak(b"getTEE(bytes32)")[:4]


def test_records_of_the_published_contract_are_read_without_a_sealing_key() -> None:
    plain = _tuple(
        word(0xA), word(0xB), (_dynamic(b"https://1.2.3.4"),), (_dynamic(KEY),),
        (_dynamic(b"certificate"),), b"\x05" * 32, word(0), word(1), word(1795000000),
        word(1795331000),
    )  # fmt: skip
    for records in ((plain,), (plain, plain)):
        for record in read(*records).records:
            assert record.public_key == KEY
            assert record.endpoint == "https://1.2.3.4"
            assert (record.is_enabled, record.ohttp) == (True, None)
    with pytest.raises(RegistryFailed):
        read(plain[:-32])


def test_calls_are_json_rpc() -> None:
    request = active_tees_request(SOURCE, URL, block=77)
    body = json.loads(request.body)
    assert (request.method, request.url, body["method"]) == ("POST", URL, "eth_call")
    call = keccak(b"getActiveTEEs(uint8)")[:4] + bytes(32)
    assert body["params"] == [{"to": SOURCE.address, "data": "0x" + call.hex()}, hex(77)]
    one = json.loads(is_active_request(SOURCE, URL, "0x" + "ab" * 32).body)["params"]
    assert one == [
        {"to": SOURCE.address, "data": f"0x{selector('isTEEActive(bytes32)').hex()}{'ab' * 32}"},
        "latest",
    ]
    assert json.loads(block_number_request(URL).body)["params"] == []
    with pytest.raises(RegistryFailed):
        tee_request(SOURCE, URL, "0x12")


def test_records_are_read_whole() -> None:
    first, second = read(encode_record(KEY), encode_record(OTHER, enabled=word(0))).records
    assert first.public_key == KEY
    assert first.tee_id == "0x" + keccak(KEY).hex()
    assert first.endpoint == "https://1.2.3.4"
    assert first.payment_address == f"0x{0xB:040x}"
    assert (first.pcr_hash, first.is_enabled, first.block) == (b"\x05" * 32, True, 77)
    assert first.ohttp is not None
    assert (first.ohttp.aead_id, first.ohttp.public_key) == (3, b"\x31" * 32)
    assert not second.is_enabled


def test_one_record_must_be_the_one_that_was_asked_for() -> None:
    body = answer(word(32) + encode_record(KEY))
    record = parse_record(body, SOURCE, URL, "0x" + keccak(KEY).hex(), ASKED_AT)
    assert record.public_key == KEY
    with pytest.raises(RegistryFailed):
        parse_record(body, SOURCE, URL, "0x" + keccak(OTHER).hex(), ASKED_AT)


def test_flags_and_numbers() -> None:
    assert parse_flag(answer(word(1)))
    assert not parse_flag(answer(word(0)))
    assert parse_quantity(b'{"id": 1, "result": "0x29f4"}') == 10740
    for wrong in (answer(word(2)), answer(b""), b'{"id": 1, "result": "0xzz"}'):
        with pytest.raises(RegistryFailed):
            parse_flag(wrong)


MALFORMED = {
    "nothing": b"",
    "list": b"[]",
    "html": b"<html>",
    "no-result": b'{"id": 1}',
    "other-question": b'{"id": 2, "result": "0x"}',
    "key-twice": b'{"id": 1, "result": "0x", "result": "0x"}',
    "reverted": b'{"id": 1, "error": {"message": "execution reverted"}}',
    "half-byte": b'{"id": 1, "result": "0x123"}',
    "cut": answer(word(32) + encode_record(KEY)[:-64]),
    "offset-huge": answer(word(1 << 200)),
    "list-huge": answer(word(32) + word(1 << 40)),
    "address-too-long": listing(encode_record(KEY, owner=word(1 << 200))),
    "flag-not-a-flag": listing(encode_record(KEY, enabled=word(2))),
    "padding": listing(encode_record(KEY, key=(word(5) + b"short" + b"\x01" * 27,))),
    "not-utf8": listing(encode_record(KEY, endpoint=(_dynamic(b"\xff\xfe"),))),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_refused(body: bytes) -> None:
    with pytest.raises(RegistryFailed):
        parse_records(body, SOURCE, URL, ASKED_AT)


def test_a_small_answer_cannot_become_large() -> None:
    content = _dynamic(bytes(30_000))
    count = 500
    bomb = word(32) + word(count) + word(32 * count) * count + content
    with pytest.raises(AbiInvalid, match="overlap"):
        decode(array_of(BYTES), bomb)


@given(st.binary(max_size=600))
def test_random_bytes_never_crash(encoded: bytes) -> None:
    for body in (answer(encoded), encoded):
        with pytest.raises(RegistryFailed):
            parse_records(body + b"x" * (body == listing()), SOURCE, URL, ASKED_AT)


def test_two_endpoints_that_agree_are_counted_and_others_named() -> None:
    same = cross_check([read(encode_record(KEY)), read(encode_record(KEY), url=SECOND)])
    assert [(r.rpc_urls, r.disagreeing_urls) for r in same] == [((URL, SECOND), ())]
    beat = read(encode_record(KEY, heartbeat=word(9)), url=SECOND)
    assert not cross_check([read(encode_record(KEY)), beat])[0].disagreeing_urls
    moved = read(encode_record(KEY, endpoint=(_dynamic(b"https://6.6.6.6"),)), url=SECOND)
    assert cross_check([read(encode_record(KEY)), moved])[0].disagreeing_urls == (SECOND,)
    silent = RegistryAnswer(SECOND, ())
    assert cross_check([read(encode_record(KEY)), silent])[0].disagreeing_urls == (SECOND,)


# What a record does to the verdict on a reply.


def _state(record: RegistryRecord, trust: Trust | None = None) -> State:
    gateway = Gateway(make_key("pinned"))
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["hi"], STAMP))
    trust = (trust or Trust()).with_records([record])
    return verdict_for(exchange, {}, trust, exchange.received_at, facts=FACTS).state


def test_a_listed_key_is_verified_by_the_registry() -> None:
    record = read(encode_record(KEY)).records[0]
    assert _state(record) is State.VERIFIED_REGISTRY
    later = replace(record, read_at=ASKED_AT + timedelta(days=400))
    assert _state(later) is State.VERIFIED_REGISTRY


def test_records_kept_with_a_reply_verify_it_again_but_not_for_a_stranger() -> None:
    record = read(encode_record(KEY)).records[0]
    assert parse_stored(write_records((record,)).body) == (record,)
    gateway = Gateway(make_key("pinned"))
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["hi"], STAMP))
    evidence = {RECORDS: write_records((record,))}

    def state(facts: Facts) -> State:
        return verdict_for(exchange, evidence, Trust(), ASKED_AT, facts=facts).state

    assert state(FACTS) is State.VERIFIED_REGISTRY
    assert state(replace(FACTS, is_foreign=True)) is State.CANNOT_CHECK
    for body in (b"", b"{}", b'{"format": 1, "records": [{}]}'):
        with pytest.raises(RecordsInvalid):
            parse_stored(body)


def test_a_record_counts_only_while_it_is_sound() -> None:
    record = read(encode_record(KEY)).records[0]
    assert _state(replace(record, is_enabled=False)) is State.SIGNED_UNKNOWN_KEY
    assert _state(replace(record, disagreeing_urls=(SECOND,))) is State.SIGNED_UNKNOWN_KEY
    old = datetime(2026, 11, 1, tzinfo=UTC)
    assert _state(replace(record, read_at=old)) is State.SIGNED_UNKNOWN_KEY
    assert _state(read(encode_record(OTHER)).records[0]) is State.CANNOT_CHECK


def test_a_pin_or_distrust_overrules_the_registry() -> None:
    record = read(encode_record(KEY)).records[0]
    assert _state(record, Trust(keys=(pin(OTHER),))) is State.FAILED
    distrusted = Trust(distrusted=(DistrustedKey(record.tee_id),))
    assert _state(record, distrusted) is State.FAILED


def test_an_ohttp_key_must_be_signed_by_the_enclave() -> None:
    gateway = Gateway(make_key("pinned"))
    public_key, blob = b"\x31" * 32, b"configuration"
    numbers = (1, 0x20, 1, 3)
    digest = keccak(
        keccak(b"OPENGRADIENT_TEE_OHTTP_CONFIG_V1") + bytes.fromhex(gateway.tee_id[2:])
        + b"".join(n.to_bytes(32, "big") for n in numbers) + keccak(public_key) + keccak(blob)
    )  # fmt: skip
    served: dict[str, Any] = {
        "tee_id": gateway.tee_id, "key_id": 1, "kem_id": 0x20, "kdf_id": 1, "aead_id": 3,
        "public_key": public_key.hex(), "key_config": base64.b64encode(blob).decode(),
        "signature": base64.b64encode(gateway.sign(digest)).decode(),
    }  # fmt: skip
    tee_id, config, signature = parse_ohttp_config(served)
    assert verify_ohttp_config(gateway.spki, config, tee_id, signature)
    assert not verify_ohttp_config(OTHER, config, tee_id, signature)
    assert not verify_ohttp_config(gateway.spki, config, "0x" + "0" * 64, signature)
    assert not verify_ohttp_config(gateway.spki, config, tee_id, "")
    for changed in (
        replace(config, public_key=b"\x32" * 32), replace(config, key_id=2),
        replace(config, key_config=b""),
    ):  # fmt: skip
        assert not verify_ohttp_config(gateway.spki, changed, tee_id, signature)
    for name, value in (
        ("key_id", -1),
        ("key_id", True),
        ("public_key", "zz"),
        ("key_config", "!"),
    ):
        with pytest.raises(RegistryFailed):
            parse_ohttp_config(served | {name: value})
