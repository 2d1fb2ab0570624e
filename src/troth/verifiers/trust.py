"""What the user trusts, as one frozen value: keys, registries, roots, code, policy, expectations.

A verifier is handed this and nothing else: no file, no clock, no global. `trust_text` reads and
writes the part that the user owns; registry records and the memory of seen signatures are put in
by the engine, because they are evidence and history, not decisions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from types import MappingProxyType

from troth.verifiers.keccak import keccak256

DEFAULT_REQUIRED = frozenset(
    {"reply-bytes", "request-bytes", "signature", "signing-key", "freshness", "completeness"}
)


_SPECIAL = re.compile(r"[*?[]")
INTEL_HOST = "https://api.trustedservices.intel.com"
AMD_HOST = "https://kdsintf.amd.com"
"""The makers' own services for questions about their processors."""


def fingerprint_of(spki: bytes) -> str:
    """Return the fingerprint of a key: lower-case hex SHA-256 of its SubjectPublicKeyInfo DER."""
    return sha256(spki).hexdigest()


def signature_id(signature: bytes) -> str:
    """Return the name of a signature in the replay memory: SHA-256 hex of its bytes."""
    return sha256(signature).hexdigest()


def short(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: `9f3c 77d1 .. 5e04`. For sentences, not trust."""
    digits = fingerprint.removeprefix("0x")
    return digits if len(digits) <= 16 else f"{digits[:4]} {digits[4:8]} .. {digits[-4:]}"


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A signing key that the user (or the shipped file) decided to trust.

    `fingerprint` is the SHA-256 of the key's SPKI, or an Ethereum address (`0x` and 40 hex digits)
    for schemes that name their keys so. `providers` limits where it counts; empty means anywhere.
    A pin that names a provider is also a claim: replies there are signed by this key.
    """

    name: str
    fingerprint: str
    scheme: str = "opengradient"
    spki: bytes = b""
    """DER; may be empty for addresses, and where the key itself comes as evidence."""
    providers: tuple[str, ...] = ()
    since: date | None = None
    source: str = ""

    def counts_for(self, provider: str) -> bool:
        return not self.providers or provider in self.providers


@dataclass(frozen=True, slots=True)
class DistrustedKey:
    """A key that never counts again, whatever a registry or a hardware document says."""

    fingerprint: str
    """As in PinnedKey, an OpenGradient teeId, or a code measurement (96 hex digits)."""
    reason: str = ""
    since: date | None = None


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A certificate authority by the SHA-256 of its certificate's DER: the root of a hardware
    vendor, or one that knows who signs pictures."""

    name: str
    platform: str
    """`aws-nitro`, `intel`, `amd`, or `c2pa` for pictures."""
    sha256: str
    source: str = ""
    read_on: date | None = None
    certificate: bytes = b""
    """DER; where what it signed comes without it, as pictures do. May be empty."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Code that somebody published: what a hardware document's PCRs must be to name it."""

    name: str
    platform: str
    pcr0: str = ""
    """Lower-case hex, 48 bytes; AWS Nitro."""
    pcr2: str = ""
    """Empty means any. PCR1 is a stock kernel and identifies nothing."""
    source: str = ""
    read_on: date | None = None
    registers: tuple[tuple[str, str], ...] = ()
    """Instead of PCRs, names with 48 bytes each as hex: `mrtd`, `rtmr1`, ... of Intel TDX, `launch`
    of AMD SEV-SNP."""

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """Return what a machine must have measured, register by register."""
        pcrs = (("pcr0", self.pcr0), ("pcr2", self.pcr2))
        return tuple((name, value) for name, value in (*pcrs, *self.registers) if value)


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least security levels that a kind of processor must have reached."""

    name: str
    """Whose demand it is."""
    platform: str
    """`amd-sev-snp`."""
    product: str
    """`Milan`, `Genoa`, `Turin`."""
    levels: tuple[tuple[str, int], ...]
    """Parts of a TCB by their names (`snp_report.Tcb`); what is not named may be any."""
    source: str = ""
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class CollateralSource:
    """Where to ask how up to date a vendor's processors are. None is shipped: whoever is asked
    learns who asks about which kind of machine, so the user names it."""

    platform: str
    """`intel`, `amd`."""
    url: str
    """The vendor's own service, or a cache of its signed answers."""


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """An on-chain registry and the RPC endpoints that we ask about it."""

    name: str
    chain_id: int
    address: str
    """`0x` and 40 lower-case hex digits."""
    rpc_urls: tuple[str, ...]
    source: str = ""
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class OhttpConfig:
    """An enclave's Oblivious HTTP key as a registry or the gateway states it (RFC 9458, 3)."""

    key_id: int
    kem_id: int
    kdf_id: int
    aead_id: int
    public_key: bytes
    key_config: bytes = b""
    registered_at: int = 0
    """Unix seconds, the chain's clock."""


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """One enclave as a registry lists it: an administrator's word over HTTPS, not hardware."""

    registry: str
    """Name of the RegistrySource that it was read from."""
    endpoint: str
    public_key: bytes
    """SPKI DER of the signing key."""
    tls_certificate: bytes
    """DER."""
    pcr_hash: bytes
    tee_type: int
    is_enabled: bool
    registered_at: int
    last_heartbeat_at: int
    """Unix seconds, the chain's clock."""
    owner: str = ""
    payment_address: str = ""
    ohttp: OhttpConfig | None = None
    block: int | None = None
    rpc_urls: tuple[str, ...] = ()
    """The endpoints that gave exactly this record."""
    disagreeing_urls: tuple[str, ...] = ()
    """The endpoints that were asked as well and said something else."""
    read_at: datetime | None = None

    @property
    def tee_id(self) -> str:
        """Return `0x` and the Keccak-256 of the signing key: the registry's own name for it."""
        return "0x" + keccak256(self.public_key).hex()


@dataclass(frozen=True, slots=True)
class Expectation:
    """This provider and model sign their replies; one that comes unsigned is loud.

    `model` is a shell pattern (`*`). Once learnt it is kept, as HSTS is.
    """

    provider: str
    model: str
    scheme: str
    since: date | None = None
    source: str = ""

    def covers(self, provider: str, model: str) -> bool:
        return self.provider == provider and fnmatchcase(model, self.model)


def pattern_of(model: str) -> str:
    """Return the shell pattern that fits this model's name and no other.

    Names come from servers: one called `*` must not speak for all, nor `m[1]` for itself alone.
    """
    return _SPECIAL.sub(r"[\g<0>]", model)


@dataclass(frozen=True, slots=True)
class Policy:
    """How strict a verdict is. Times are seconds."""

    clock_skew_s: int = 120
    """How far the signer's clock may be from ours before a reply counts as old or as early."""
    attestation_max_age_s: int = 10_800
    """How far a hardware document may lie from the reply that it vouches for (leaves live 3 h)."""
    record_max_age_s: int = 86_400
    """How long a registry record may be used after it was read, and after its last heartbeat."""
    required: frozenset[str] = DEFAULT_REQUIRED
    """Checks without which nothing is verified; a missing one never passes."""
    platform_states: frozenset[str] = frozenset({"UpToDate"})
    """Intel TCB states that pass; others are `platform-outdated`."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything that a verifier may rely on beside the bytes themselves."""

    keys: tuple[PinnedKey, ...] = ()
    distrusted: tuple[DistrustedKey, ...] = ()
    roots: tuple[TrustedRoot, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    minimums: tuple[Minimum, ...] = ()
    collateral: tuple[CollateralSource, ...] = ()
    registries: tuple[RegistrySource, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    policy: Policy = field(default_factory=Policy)
    records: tuple[RegistryRecord, ...] = ()
    """What registries said lately; the engine's, never in the user's file."""
    seen: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Replay memory: SHA-256 hex of each signature accepted before -> id of its message."""
    is_simulated: bool = False
    """The trust of `troth demo`: whatever it verifies is SIMULATED."""

    def distrust_of(self, *names: str) -> DistrustedKey | None:
        """Return the entry that distrusts any of these names: fingerprint, address, teeId, code."""
        wanted = {name.lower() for name in names if name}
        return next((key for key in self.distrusted if key.fingerprint.lower() in wanted), None)

    def pins_for(self, scheme: str, provider: str) -> tuple[PinnedKey, ...]:
        return tuple(key for key in self.keys if key.scheme == scheme and key.counts_for(provider))

    def expectation(self, provider: str, model: str) -> Expectation | None:
        return next((e for e in self.expectations if e.covers(provider, model)), None)

    def code_of(self, measured: Iterable[tuple[str, str]]) -> Measurement | None:
        """Return the code whose measurement this is (`platform` and registers); None for none."""
        values = dict(measured)
        return next(
            (
                code
                for code in self.measurements
                if code.values
                and code.platform == values.get("platform")
                and all(values.get(name) == value for name, value in code.values)
            ),
            None,
        )

    def minimum(self, platform: str, product: str) -> Minimum | None:
        """Return what a kind of processor must have reached; the user's own demand comes first."""
        asked = platform, product
        return next((m for m in self.minimums if (m.platform, m.product) == asked), None)

    def root_hashes(self, platform: str) -> frozenset[str]:
        return frozenset(root.sha256 for root in self.roots if root.platform == platform)

    def with_records(self, records: Iterable[RegistryRecord]) -> Trust:
        """Return a copy that knows these registry records instead of the old ones."""
        return replace(self, records=tuple(records))

    def with_seen(self, seen: Mapping[str, str]) -> Trust:
        """Return a copy with this replay memory."""
        return replace(self, seen=MappingProxyType(dict(seen)))

    def with_key(self, key: PinnedKey) -> Trust:
        """Return a copy that pins `key`; an older pin of the same fingerprint is replaced."""
        kept = tuple(
            k for k in self.keys if (k.scheme, k.fingerprint) != (key.scheme, key.fingerprint)
        )
        return replace(self, keys=(*kept, key))

    def with_expectation(self, expectation: Expectation) -> Trust:
        """Return a copy that expects this from now on; unchanged when it is already covered."""
        if self.expectation(expectation.provider, expectation.model) is not None:
            return self
        return replace(self, expectations=(*self.expectations, expectation))
