"""One tree of errors. They carry facts, never screen text: `troth.explain` finds the words.

TrothError
├── ProviderError         the provider answered, and the answer is a no
│   ├── KeyRejected       401, or 400 that says the key is bad
│   ├── AccessDenied      403
│   ├── NoCredit          402, insufficient_quota, billing
│   ├── ModelUnknown      the provider does not know the model
│   ├── RateLimited       429; retry_after_s when it was told
│   ├── ContextTooLong    the conversation does not fit
│   ├── ContentRefused    a filter refused the prompt or the reply
│   ├── ParameterRefused  a 400 that names a parameter; `parameter` holds it
│   ├── RequestRefused    any other 4xx
│   ├── ServerFailed      5xx, overloaded, an error event after text
│   ├── ReplyMalformed    HTML instead of JSON, an empty 200, bytes that are not the wire
│   ├── ReplyCut          the stream ended without its wire's own end mark
│   └── SealBroken        a sealed answer was changed, cut, or came unsealed
├── NetworkError          nothing usable came back
│   ├── HostUnknown       DNS
│   ├── ConnectFailed     refused, reset, unreachable
│   ├── TlsFailed         certificate or handshake
│   ├── ProxyFailed
│   └── TimedOut
├── KeyMissing            no key for this provider
├── PolicyRefused         the chat's policy forbids this send
│   └── BoundaryUnasked   what never left an enclave or this computer would go to a plain provider
├── EnclaveRefused        who would read the prompt is not who may; nothing was sent
├── RegistryFailed        no registry endpoint said which enclaves there are
├── PaymentRefused        the asked payment is not one that may be made
├── LoginMissing          no login for this provider, or it has ended; LoginFailed: it did not work
├── ExtraMissing          a part of Troth that is installed apart
├── VaultError
│   ├── VaultMissing  VaultExists  VaultLocked  WrongPassphrase  WrongRecoveryWords
│   │   └── DatabaseMissing
│   ├── HeaderDamaged  VaultDamaged  VaultNewer  VaultOlder  VaultBusy
│   │   └── HeaderMissing
│   └── VaultReadOnly  DiskFull  KeyringFailed
├── LocalModelError
│   ├── LocalModelMissing  PlatformUnsupported  DownloadFailed  HashMismatch  ChildDied
├── ConfigError           file, line, key
├── ImportRefused         a file that cannot be taken in; `detail` says why
├── NotFound              a chat, message, provider or file that does not exist
├── ReceiptRefused        not a receipt, or one that was changed
└── UsageError            what was asked makes no sense; `detail` says why
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class TrothError(Exception):
    """Base of every error that Troth raises on purpose."""

    kind = "error"

    def facts(self) -> dict[str, str]:
        """Return what is known, as strings fit for a vault row; no secret, prompt or reply text."""
        return {
            name: str(value)
            for name, value in vars(self).items()
            if not name.startswith("_") and value is not None and value != ""
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value: what a message or an event keeps of it."""

    kind: str
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, error: TrothError) -> Failure:
        return cls(error.kind, MappingProxyType(error.facts()))


class ProviderError(TrothError):
    """The provider said no. `detail` is the provider's own sentence: foreign text."""

    kind = "provider"

    def __init__(
        self,
        detail: str = "",
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
        parameter: str = "",
    ) -> None:
        super().__init__(f"{self.kind}: {provider} {status or ''}".strip())
        self.detail = detail
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.parameter = parameter


class KeyRejected(ProviderError):
    kind = "key-rejected"


class AccessDenied(ProviderError):
    kind = "access-denied"


class NoCredit(ProviderError):
    kind = "no-credit"


class ModelUnknown(ProviderError):
    kind = "model-unknown"


class RateLimited(ProviderError):
    kind = "rate-limited"


class ContextTooLong(ProviderError):
    kind = "context-too-long"


class ContentRefused(ProviderError):
    kind = "content-refused"


class ParameterRefused(ProviderError):
    kind = "parameter-refused"


class RequestRefused(ProviderError):
    kind = "request-refused"


class ServerFailed(ProviderError):
    kind = "server-failed"


class ReplyMalformed(ProviderError):
    kind = "reply-malformed"


class ReplyCut(ProviderError):
    kind = "reply-cut"


class SealBroken(ProviderError):
    kind = "seal-broken"


class NetworkError(TrothError):
    """No usable answer. `host` is where we tried; `detail` is the system's word for it."""

    kind = "network"

    def __init__(self, host: str, detail: str = "", *, limit_s: float | None = None) -> None:
        super().__init__(f"{self.kind}: {host}")
        self.host = host
        self.detail = detail
        self.limit_s = limit_s


class HostUnknown(NetworkError):
    kind = "host-unknown"


class ConnectFailed(NetworkError):
    kind = "connect-failed"


class TlsFailed(NetworkError):
    kind = "tls-failed"


class ProxyFailed(NetworkError):
    kind = "proxy-failed"


class TimedOut(NetworkError):
    kind = "timed-out"


class AnswerTooLarge(NetworkError):
    kind = "answer-too-large"

    def __init__(self, host: str, detail: str = "", *, limit_bytes: int) -> None:
        super().__init__(host, detail)
        self.limit_bytes = limit_bytes


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


class LoginMissing(TrothError):
    kind = "login-missing"

    def __init__(self, provider: str) -> None:
        super().__init__(f"no login for {provider}")
        self.provider = provider


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


class VaultError(TrothError):
    """Something is wrong with the vault at `path`; `detail` is technical, never contents."""

    kind = "vault"

    def __init__(self, path: str = "", detail: str = "") -> None:
        super().__init__(f"{self.kind}: {path} {detail}".strip())
        self.path = path
        self.detail = detail


class VaultMissing(VaultError):
    kind = "vault-missing"


class DatabaseMissing(VaultMissing):
    """`vault.json` is there, `vault.db` is not."""

    kind = "database-missing"


class VaultExists(VaultError):
    kind = "vault-exists"


class VaultLocked(VaultError):
    kind = "vault-locked"


class WrongPassphrase(VaultError):
    kind = "wrong-passphrase"


class WrongRecoveryWords(VaultError):
    kind = "wrong-recovery-words"


class HeaderDamaged(VaultError):
    """`vault.json` cannot be trusted: altered, truncated or not ours."""

    kind = "header-damaged"


class HeaderMissing(HeaderDamaged):
    """`vault.db` is there, `vault.json` is not."""

    kind = "header-missing"


class VaultDamaged(VaultError):
    kind = "vault-damaged"


class VaultNewer(VaultError):
    """Written by a newer Troth."""

    kind = "vault-newer"


class VaultOlder(VaultError):
    """The file is older than when it was last used here (rollback, restored copy, lost WAL)."""

    kind = "vault-older"


class VaultBusy(VaultError):
    kind = "vault-busy"


class VaultReadOnly(VaultError):
    kind = "vault-read-only"


class DiskFull(VaultError):
    kind = "disk-full"


class KeyringFailed(VaultError):
    kind = "keyring-failed"


class LocalModelError(TrothError):
    kind = "local-model"

    def __init__(self, detail: str = "", *, name: str = "") -> None:
        super().__init__(f"{self.kind}: {detail}")
        self.detail = detail
        self.name = name


class LocalModelMissing(LocalModelError):
    kind = "local-model-missing"


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


class NotFound(TrothError):
    kind = "not-found"

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{what} not found")
        self.what = what
        self.name = name


class ReceiptRefused(TrothError):
    """A file is no receipt, or was changed after it was written; `detail` says which."""

    kind = "receipt-refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UsageError(TrothError):
    kind = "usage"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
