"""No prompt leaves for a key that the policy does not allow."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from troth.domain.exchange import HttpResponse
from troth.domain.verdict import State
from troth.verifiers.base import Evidence
from troth.verifiers.opengradient_before import SignedOhttp, check_before_send
from troth.verifiers.trust import (
    DistrustedKey,
    Measurement,
    OhttpConfig,
    RegistryRecord,
    Trust,
    TrustedRoot,
)
from verifiers.enclave import ISSUED_AT, Machine, binding
from verifiers.setting import FACTS, pin
from verifiers.signer import Gateway, keccak, make_key
from verifiers.test_registry_records import encode_record, read

GATEWAY = Gateway(make_key("pinned"))
NONCE = bytes(range(20))
SEALING = OhttpConfig(1, 0x20, 1, 3, b"\x31" * 32)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


def listed() -> RegistryRecord:
    return replace(read(encode_record(GATEWAY.spki)).records[0], ohttp=SEALING)


def attested(machine: Machine, key: bytes = GATEWAY.spki) -> Evidence:
    document = machine.sign(machine.payload(user_data=binding(b"", key), nonce=NONCE))
    return {f"attestation:{NONCE.hex()}": HttpResponse(200, (), document)}


def allowed(trust: Trust, policy: str, evidence: Evidence | None = None) -> bool:
    before = check_before_send(
        GATEWAY.spki, evidence or {}, trust, ISSUED_AT, facts=FACTS, policy=policy
    )
    assert before.is_allowed or before.reason
    return before.is_allowed


def test_a_pinned_or_listed_key_is_signed_but_not_attested() -> None:
    for trust in (Trust(keys=(pin(GATEWAY.spki),)), Trust(records=(listed(),))):
        assert [allowed(trust, policy) for policy in ("any", "signed", "attested", "device")] == [
            True,
            True,
            False,
            False,
        ]


def test_an_unknown_key_is_allowed_only_where_anything_is() -> None:
    assert allowed(Trust(), "any")
    assert not allowed(Trust(), "signed")
    assert not allowed(Trust(), "a policy of the future")


def test_attested_means_hardware_with_known_code(machine: Machine) -> None:
    root = TrustedRoot("test", "aws-nitro", machine.root_sha256)
    trust = Trust(roots=(root,))
    known = replace(trust, measurements=(Measurement("gateway", "aws-nitro", "9b" * 48),))
    assert allowed(known, "attested", attested(machine))
    assert not allowed(trust, "attested", attested(machine))
    assert allowed(trust, "signed", attested(machine))
    other = Gateway(make_key("other")).spki
    assert not allowed(known, "any", attested(machine, other))


def test_a_distrusted_key_is_refused_even_where_anything_goes() -> None:
    trust = Trust(records=(listed(),), distrusted=(DistrustedKey(GATEWAY.tee_id),))
    assert not allowed(trust, "any")


def test_endpoints_that_disagree_do_not_vouch() -> None:
    lying = replace(listed(), disagreeing_urls=("https://b.example",))
    assert not allowed(Trust(records=(lying,)), "signed")
    assert allowed(Trust(records=(lying,)), "any")


def signed_config(config: OhttpConfig, gateway: Gateway = GATEWAY) -> SignedOhttp:
    words = (config.key_id, config.kem_id, config.kdf_id, config.aead_id)
    digest = keccak(
        keccak(b"OPENGRADIENT_TEE_OHTTP_CONFIG_V1")
        + bytes.fromhex(gateway.tee_id[2:])
        + b"".join(word.to_bytes(32, "big") for word in words)
        + keccak(config.public_key)
        + keccak(config.key_config)
    )
    signature = base64.b64encode(gateway.sign(digest)).decode()
    return SignedOhttp(config, gateway.tee_id, signature)


def test_the_sealing_key_needs_someone_who_vouches() -> None:
    trust = Trust(records=(listed(),))

    def reached(sealing: OhttpConfig, signed: SignedOhttp | None = None) -> State:
        return check_before_send(
            GATEWAY.spki, {}, trust, ISSUED_AT, facts=FACTS, policy="signed",
            sealing=sealing, signed_sealing=signed,
        ).reached  # fmt: skip

    other = replace(SEALING, public_key=b"\x66" * 32)
    stranger = Gateway(make_key("other"))
    assert reached(SEALING) is State.VERIFIED_REGISTRY
    assert reached(other) is State.FAILED
    assert reached(SEALING, signed_config(SEALING)) is State.VERIFIED_REGISTRY
    assert reached(SEALING, signed_config(other)) is State.FAILED
    assert reached(SEALING, signed_config(SEALING, stranger)) is State.FAILED
    assert reached(replace(SEALING, key_config=b"garbage")) is State.FAILED


def test_a_sealing_key_needs_more_than_a_registry_where_the_chat_wants_hardware(
    machine: Machine,
) -> None:
    root = TrustedRoot("test", "aws-nitro", machine.root_sha256)
    code = Measurement("gateway", "aws-nitro", "9b" * 48)
    trust = Trust(roots=(root,), measurements=(code,), records=(listed(),))

    def may_leave(signed: SignedOhttp | None) -> bool:
        return check_before_send(
            GATEWAY.spki, attested(machine), trust, ISSUED_AT, facts=FACTS, policy="attested",
            sealing=SEALING, signed_sealing=signed,
        ).is_allowed  # fmt: skip

    assert may_leave(signed_config(SEALING))
    assert not may_leave(None)


@pytest.mark.parametrize("policy", ["any", "signed"])
@pytest.mark.parametrize(
    "worthless",
    [
        {"disagreeing_urls": ("https://b.example",)},
        {"is_enabled": False},
        {"last_heartbeat_at": int(ISSUED_AT.timestamp()) - 2 * 86_400},
        {"read_at": None},
    ],
    ids=["disputed", "switched off", "silent", "not read"],
)
def test_a_word_of_the_registry_that_does_not_count_is_no_key_to_seal_to(
    policy: str, worthless: dict[str, object]
) -> None:
    record = replace(listed(), **worthless)  # type: ignore[arg-type]
    before = check_before_send(
        GATEWAY.spki, {}, Trust(keys=(pin(GATEWAY.spki),), records=(record,)), ISSUED_AT,
        facts=FACTS, policy=policy, sealing=SEALING,
    )  # fmt: skip
    assert not before.is_allowed
    assert "sealed on the registry's word, which" in before.reason
