"""Pick an enclave of a registry, stay with it, and leave it when it fails or changes its key."""

from __future__ import annotations

from dataclasses import dataclass, field

from troth.domain.error import EnclaveRefused, NetworkError
from troth.engine.opengradient.gateways import (
    Checked,
    Conditions,
    Gateways,
    refuse_unless_allowed,
)
from troth.engine.opengradient.registries import Registries, usable, without_url
from troth.verifiers.trust import RegistryRecord, RegistrySource

_MOST_TRIES = 4


@dataclass(frozen=True, slots=True)
class Picked:
    """The enclave that a prompt goes to, and why it may."""

    record: RegistryRecord
    checked: Checked


def asks_enclave(policy: str) -> bool:
    """Whether a chat's policy can only be met by a hardware document that is made for us now."""
    return policy == "attested"


@dataclass(slots=True)
class Picker:
    """Chooses among the enclaves of one provider."""

    registries: Registries
    gateways: Gateways
    _current: dict[str, str] = field(default_factory=dict[str, str])
    """Provider -> teeId of the enclave that it stays with."""
    _failed: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    async def pick(
        self, source: RegistrySource, conditions: Conditions, *, through_relay: bool
    ) -> Picked:
        """Return an enclave that may read the prompt.

        Over a relay the registry's word is enough unless the policy asks for hardware: then the
        enclave itself is asked, which shows it this computer's address. Tries the one that was
        used last, then others; when all fail, once more with the registry read again. Raises
        RegistryFailed, EnclaveRefused, or the last NetworkError.
        """
        provider, policy = conditions.provider, conditions.policy
        for is_fresh in (False, True):
            listing = await self.registries.read(source, is_fresh=is_fresh)
            needs_sealing = through_relay and not asks_enclave(policy)
            candidates = self._in_order(
                provider, usable(listing, needs_sealing=needs_sealing), forgives=is_fresh
            )
            silent: NetworkError | None = None
            refused: EnclaveRefused | None = None
            for record in candidates[:_MOST_TRIES]:
                try:
                    checked = await self._check(record, conditions, through_relay=through_relay)
                    refuse_unless_allowed(checked.before, conditions)
                except NetworkError as error:
                    silent = error
                    self.leave(provider, record.tee_id)
                    continue
                except EnclaveRefused as error:
                    refused = error  # of more weight than that another one did not answer
                    self.leave(provider, record.tee_id)
                    continue
                self._current[provider] = record.tee_id
                return Picked(record, checked)
            if is_fresh:
                nobody = f"{source.name} lists no enclave that could be used."
                if needs_sealing and usable(listing, needs_sealing=False):
                    nobody = (
                        f"{source.name} lists enclaves without a key to seal a prompt to, and"
                        " through a relay nothing goes unsealed: take the direct route there."
                    )
                raise refused or silent or EnclaveRefused(provider, nobody, policy=policy)
        raise AssertionError("the second round returns or raises")

    def leave(self, provider: str, tee_id: str) -> None:
        """Go elsewhere the next time, and ask this one again who it is before it is used."""
        self._failed.setdefault(provider, set()).add(tee_id)
        if self._current.get(provider) == tee_id:
            del self._current[provider]
        self.gateways.forget()

    async def _check(
        self, record: RegistryRecord, conditions: Conditions, *, through_relay: bool
    ) -> Checked:
        record = without_url(record)
        if through_relay and asks_enclave(conditions.policy):
            return await self.gateways.check_sealed(record.endpoint, conditions, record)
        if through_relay:
            # A question to the enclave itself would show it the address that the relay hides.
            return await self.gateways.check_record(record, conditions)
        return await self.gateways.check(record.endpoint, conditions, record)

    def _in_order(
        self, provider: str, records: list[RegistryRecord], *, forgives: bool
    ) -> list[RegistryRecord]:
        if forgives:
            self._failed.pop(provider, None)
        failed = self._failed.get(provider, set())
        current = self._current.get(provider)
        kept = [record for record in records if record.tee_id not in failed]
        return sorted(kept, key=lambda record: record.tee_id != current)
