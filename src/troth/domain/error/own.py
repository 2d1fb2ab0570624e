"""What is missing, forbidden or makes no sense on this side, before anybody is asked."""

from __future__ import annotations

from collections.abc import Iterable

from troth.domain.error.base import TrothError
from troth.domain.nearest import nearest


class KeyMissing(TrothError):
    kind = "key-missing"

    def __init__(self, provider: str, variables: tuple[str, ...] = ()) -> None:
        super().__init__(f"no key for {provider}")
        self.provider = provider
        self.variables = ", ".join(variables)


class PolicyRefused(TrothError):
    kind = "policy-refused"

    def __init__(self, policy: str, reason: str) -> None:
        super().__init__(f"policy {policy}: {reason}")
        self.policy = policy
        self.reason = reason


class EnclaveRefused(TrothError):
    """The check before sending said no. `reason` is a sentence of the verifier's."""

    kind = "enclave-refused"

    def __init__(self, provider: str, reason: str, *, policy: str = "") -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason
        self.policy = policy


class RegistryFailed(TrothError):
    """`detail` says what each endpoint answered."""

    kind = "registry-failed"

    def __init__(self, registry: str, detail: str) -> None:
        super().__init__(f"{registry}: {detail}")
        self.registry = registry
        self.detail = detail


class PaymentRefused(TrothError):
    """No money moves: `reason` is a sentence; amounts in it are OPG."""

    kind = "payment-refused"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class PaymentNotTaken(TrothError):
    """The gateway did not accept an authorisation, which left this computer: `reason` says why."""

    kind = "payment-not-taken"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class LoginMissing(TrothError):
    kind = "login-missing"

    def __init__(self, provider: str) -> None:
        super().__init__(f"no login for {provider}")
        self.provider = provider


class LoginElsewhere(TrothError):
    """A program on this computer that holds a login of its own has none, or its login ended."""

    kind = "login-elsewhere"

    def __init__(self, provider: str, program: str) -> None:
        super().__init__(f"{program} has no login")
        self.provider = provider
        self.program = program


class LoginFailed(TrothError):
    kind = "login-failed"

    def __init__(self, provider: str, detail: str) -> None:
        super().__init__(f"{provider}: {detail}")
        self.provider = provider
        self.detail = detail


class ExtraMissing(TrothError):
    """Install `troth[extra]` for this."""

    kind = "extra-missing"

    def __init__(self, extra: str) -> None:
        super().__init__(f"troth[{extra}] is not installed")
        self.extra = extra


class BoundaryUnasked(PolicyRefused):
    """The user has to say first what becomes of messages that were protected so far."""

    kind = "boundary"

    def __init__(self, provider: str, *, attested: int, local: int) -> None:
        super().__init__("boundary", "unasked")
        self.provider = provider
        self.attested = attested
        self.local = local


class LocalModelError(TrothError):
    kind = "local-model"

    def __init__(self, detail: str = "", *, name: str = "") -> None:
        super().__init__(f"{self.kind}: {detail}")
        self.detail = detail
        self.name = name


class LocalModelMissing(LocalModelError):
    kind = "local-model-missing"


class ModelFileRefused(LocalModelError):
    """A file of the user's is no model that can run here; `detail` says why."""

    kind = "model-file-refused"


class PlatformUnsupported(LocalModelError):
    kind = "platform-unsupported"


class DownloadFailed(LocalModelError):
    kind = "download-failed"


class HashMismatch(LocalModelError):
    kind = "hash-mismatch"


class ChildDied(LocalModelError):
    kind = "child-died"


class ConfigError(TrothError):
    """A file of the user's is wrong at `line` (1-based, 0 when unknown), `key`."""

    kind = "config"

    def __init__(self, file: str, detail: str, *, line: int = 0, key: str = "") -> None:
        super().__init__(f"{file}:{line}: {key} {detail}")
        self.file = file
        self.detail = detail
        self.line = line
        self.key = key


class ImportRefused(TrothError):
    """A file of another program (or of ours) cannot be taken in, as a whole or from here on."""

    kind = "import-refused"

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(detail)
        self.file = file
        self.detail = detail


class NotWritten(TrothError):
    """A file could not be written; `detail` is the system's reason."""

    kind = "not-written"

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(detail)
        self.file = file
        self.detail = detail


class NotFound(TrothError):
    """`known` are the names that exist: those nearest to `name` are told."""

    kind = "not-found"

    def __init__(self, what: str, name: str, known: Iterable[str] = ()) -> None:
        super().__init__(f"{what} not found")
        self.what = what
        self.name = name
        self.near = ", ".join(nearest(name, known))


class ReceiptRefused(TrothError):
    """A file is no receipt, or was changed after it was written; `detail` says which."""

    kind = "receipt-refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OutputFailed(TrothError):
    """stdout cannot be written: its disk is full, for instance. `reason` is the system's."""

    kind = "output-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UsageError(TrothError):
    """`step` says what to do instead, where that is more than to look into the help."""

    kind = "usage"

    def __init__(self, detail: str, *, step: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.step = step
