"""Whose key signed an OpenGradient reply: our pins, the registry, or the enclave's hardware.

Everything that an answer or a file brings along is a claim. A key counts only through one of our
own anchors: a pin, a registry record that we read, or hardware whose root we know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from troth.domain.verdict import Outcome, State
from troth.verifiers.base import Evidence, Facts
from troth.verifiers.fold import Finding, cannot_check, failed, passed, strongest
from troth.verifiers.keccak import keccak256
from troth.verifiers.opengradient_hardware import Hardware
from troth.verifiers.opengradient_names import SCHEME, SIGNING_KEY
from troth.verifiers.opengradient_records import known_records
from troth.verifiers.opengradient_registry import ohttp_config_hash
from troth.verifiers.strict_bytes import parse_base64
from troth.verifiers.strict_json import NotStrict, as_text, parse_object
from troth.verifiers.trust import (
    OhttpConfig,
    PinnedKey,
    RegistryRecord,
    Trust,
    fingerprint_of,
    short,
)

MIN_KEY_BITS = 2048
_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that an answer names, and who of ours vouches for it."""

    spki: bytes
    pin: PinnedKey | None = None
    record: RegistryRecord | None = None
    is_served: bool = False
    """The gateway itself handed it out: worth nothing alone."""
    is_unlisted: bool = False
    """A registry was read when the reply came, and names others."""

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.spki)

    @property
    def tee_id(self) -> str:
        return tee_id_of(self.spki)


@lru_cache(maxsize=256)
def tee_id_of(spki: bytes) -> str:
    """Return the name that OpenGradient gives a key: `0x` and Keccak-256 of its SPKI DER."""
    return "0x" + keccak256(spki).hex()


@lru_cache(maxsize=256)
def load_rsa_key(spki: bytes) -> rsa.RSAPublicKey | None:
    """Return the RSA key of an SPKI, None when it is no key, another kind or too small."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        return None
    return key


def served_key(evidence: Evidence) -> bytes:
    """Return the key in the gateway's answer to `GET /signing-key`, SPKI DER; else nothing."""
    response = evidence.get(SIGNING_KEY)
    if response is None or response.status != 200:
        return b""
    try:
        pem = as_text(parse_object(response.body).get("public_key"))
        key = load_pem_public_key(pem.encode("ascii"))
    except (NotStrict, ValueError, TypeError, UnsupportedAlgorithm):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def candidate_keys(evidence: Evidence, trust: Trust, facts: Facts) -> tuple[SigningKey, ...]:
    """Return every key that might have signed, each once, with all who vouch for it."""
    served = served_key(evidence)
    pins = _pins(trust, facts)
    records = {record.public_key: record for record in known_records(evidence, trust, facts)}
    found: dict[bytes, None] = dict.fromkeys(pin.spki for pin in pins if pin.spki)
    found.update(dict.fromkeys(records))
    if served:
        found[served] = None
    keys: list[SigningKey] = []
    for spki in found:
        fingerprint = fingerprint_of(spki)
        pin = next((p for p in pins if p.fingerprint == fingerprint), None)
        is_unlisted = bool(records) and spki not in records
        keys.append(SigningKey(spki, pin, records.get(spki), spki == served, is_unlisted))
    return tuple(keys)


def _pins(trust: Trust, facts: Facts) -> tuple[PinnedKey, ...]:
    """Return the pins that count. A stranger's file may call its provider what it likes."""
    if facts.is_foreign:
        return tuple(key for key in trust.keys if key.scheme == SCHEME)
    return trust.pins_for(SCHEME, facts.provider)


@dataclass(frozen=True, slots=True)
class KeyJudgement:
    """Who vouches for the key, as findings and as the best state that it allows."""

    findings: tuple[Finding, ...]
    reached: State = State.SIGNED_UNKNOWN_KEY


def judge_key(
    key: SigningKey | None,
    tee_id: str,
    hardware: Hardware,
    trust: Trust,
    facts: Facts,
    received_at: datetime,
) -> KeyJudgement:
    """Judge the key that an answer names as `tee_id`; `key` is None when we do not have it."""
    bad = trust.distrust_of(tee_id, key.fingerprint if key else "")
    if bad is not None:
        why = f": {bad.reason}" if bad.reason else ""
        return KeyJudgement((failed("signing-key", f"You distrust this key{why}."),))
    own_pins = [p for p in _pins(trust, facts) if p.providers and not facts.is_foreign]
    is_pinned = key is not None and key.pin is not None
    if own_pins and not is_pinned and not hardware.knows_code:
        reason = (
            "Replies here must be signed with the key that you pinned"
            f" ({own_pins[0].name}). This one is not: the gateway was restarted with a new key,"
            " or someone else answers in its place."
        )
        return KeyJudgement((failed("signing-key", reason),))
    if key is None:
        reason = "Who holds the signing key is not known: no pin, no registry, no hardware."
        return KeyJudgement((cannot_check("signing-key", reason),))
    return _vouchers(key, hardware, trust, facts.judged_at or received_at)


def _vouchers(key: SigningKey, hardware: Hardware, trust: Trust, moment: datetime) -> KeyJudgement:
    words: list[str] = []
    states: list[State] = []
    findings: list[Finding] = []
    if key.pin is not None:
        since = f" on {key.pin.since:%d %b %Y}" if key.pin.since else ""
        words.append(f"pinned{since} as {key.pin.name}")
        states.append(State.VERIFIED_PINNED)
    if key.record is not None:
        listed = _registry_finding(key.record, trust, moment)
        findings.append(listed)
        if listed.outcome is Outcome.PASSED:
            words.append(f"listed by {key.record.registry}")
            states.append(State.VERIFIED_REGISTRY)
    elif key.is_unlisted and key.pin is not None:
        reason = (
            "The registry that was asked does not list this enclave: it was switched off, is silent"
            " or was never there. Your pin stands for the key alone."
        )
        findings.append(cannot_check("registry", reason))
    if hardware.vouches:
        words.append("held by a sealed computer that was checked here")
        known = hardware.knows_code
        states.append(State.VERIFIED_ATTESTED if known else State.VERIFIED_CODE_UNKNOWN)
    name = short(key.fingerprint)
    if states:
        findings.append(passed("signing-key", f"{name}: {', '.join(words)}."))
        return KeyJudgement(tuple(findings), strongest(states))
    reason = f"Nobody vouches for the key {name}: anyone could have made it."
    if hardware.is_stale:
        reason = f"Only an expired hardware document vouches for the key {name}."
        findings.append(cannot_check("signing-key", reason, State.STALE))
    else:
        findings.append(cannot_check("signing-key", reason))
    return KeyJudgement(tuple(findings))


def _registry_finding(record: RegistryRecord, trust: Trust, moment: datetime) -> Finding:
    """Judge a registry's word. A reading after the reply vouches; one long before does not."""
    limit = timedelta(seconds=trust.policy.record_max_age_s)
    if not record.is_enabled:
        return cannot_check("registry", "The registry has switched this enclave off.")
    if record.disagreeing_urls:
        asked = len(record.rpc_urls) + len(record.disagreeing_urls)
        reason = f"The {asked} registry endpoints that were asked disagree about this enclave."
        return cannot_check("registry", reason)
    if record.read_at is None or record.read_at < moment - limit:
        return cannot_check("registry", "The registry was last read too long before this reply.")
    if record.last_heartbeat_at < (moment - limit).timestamp():
        # The contract lists what gave a sign of life within half an hour: the endpoint is behind.
        last = datetime.fromtimestamp(record.last_heartbeat_at, UTC)
        reason = (
            "The registry's answer is old: by it this enclave last gave a sign of life on"
            f" {last:%d %b %Y}."
        )
        return cannot_check("registry", reason)
    block = f", block {record.block}" if record.block is not None else ""
    count = len(record.rpc_urls)
    endpoints = "one endpoint" if count == 1 else f"{count} endpoints that agree"
    reason = (
        f"{record.registry} lists this key{block}, asked at {endpoints}: an administrator's word,"
        " no proof of hardware."
    )
    return passed("registry", reason)


def verify_pss(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes."""
    key = load_rsa_key(spki)
    if key is None:
        return False
    try:
        key.verify(signature, message, _PSS, SHA256())
    except InvalidSignature:
        return False
    return True


def verify_ohttp_config(spki: bytes, config: OhttpConfig, tee_id: str, signature: str) -> bool:
    """Whether the signing key `spki` vouches for an Oblivious HTTP key. Ask before sealing.

    `signature` is base64. False also when `tee_id` is not the key's own.
    """
    try:
        signed = parse_base64(signature)
    except ValueError:
        return False
    if tee_id_of(spki) != tee_id:
        return False
    return verify_pss(spki, signed, ohttp_config_hash(tee_id, config))
