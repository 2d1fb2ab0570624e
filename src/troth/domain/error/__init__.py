"""One tree of errors. They carry facts, never screen text: `troth.explain` finds the words.

TrothError
├── ProviderError         the provider answered, and the answer is a no
│   ├── KeyRejected       401, or 400 that says the key is bad
│   ├── AccessDenied      403
│   ├── NoCredit          402, insufficient_quota, billing
│   ├── ModelUnknown      the provider does not know the model
│   ├── RateLimited       429; retry_after_s when it was told
│   ├── ContextTooLong    the conversation does not fit
│   ├── RequestTooLarge   413: too many bytes for the server
│   ├── ContentRefused    a filter refused the prompt or the reply
│   ├── ParameterRefused  a 400 that names a parameter; `parameter` holds it
│   ├── RequestRefused    any other 4xx
│   ├── ServerFailed      5xx, overloaded, an error event after text
│   ├── ReplyMalformed    HTML instead of JSON, an empty 200, bytes that are not the wire
│   ├── ReplyCut          the stream ended without its wire's own end mark
│   ├── ReplyEmpty        a whole reply without a word; TokensSpent: thinking used up its tokens
│   └── SealBroken        a sealed answer was changed, cut, or came unsealed
├── NetworkError          nothing usable came back
│   ├── HostUnknown       DNS
│   ├── ConnectFailed     refused, reset, unreachable
│   ├── TlsFailed         certificate or handshake
│   │   └── OtherKey      not the pinned one
│   ├── ProxyFailed
│   └── TimedOut
├── KeyMissing            no key for this provider
├── PolicyRefused         the chat's policy forbids this send
│   └── BoundaryUnasked   what never left an enclave or this computer would go to a plain provider
├── EnclaveRefused        who would read the prompt is not who may; nothing was sent
├── RegistryFailed        no registry endpoint said which enclaves there are
├── PaymentRefused        the asked payment is not one that may be made
├── PaymentNotTaken       an authorisation left, and the gateway did not accept it
├── LoginMissing          no login for this provider, or it has ended; LoginFailed: it did not work
├── LoginElsewhere        a program on this computer that holds its own login has none
├── ExtraMissing          a part of Troth that is installed apart
├── VaultError
│   ├── VaultMissing  VaultExists  VaultLocked  WrongPassphrase  WrongRecoveryWords
│   │   └── DatabaseMissing  PassphraseUnreadable
│   ├── HeaderDamaged  VaultDamaged  VaultNewer  VaultOlder  VaultBusy
│   │   └── HeaderMissing
│   └── VaultReadOnly  DiskFull  KeyringFailed
├── LocalModelError
│   ├── LocalModelMissing  PlatformUnsupported  DownloadFailed  HashMismatch  ChildDied
│   └── ModelFileRefused   a file of the user's that is no model
├── ConfigError           file, line, key
├── ImportRefused         a file that cannot be taken in; `detail` says why
├── NotWritten            a file could not be written; `detail` is the system's reason
├── NotFound              a chat, message, provider or file that does not exist
├── OutputFailed          stdout cannot be written
├── ReceiptRefused        not a receipt, or one that was changed
└── UsageError            what was asked makes no sense; `detail` says why
"""

from __future__ import annotations

from troth.domain.error.answers import (
    AccessDenied,
    AnswerTooLarge,
    ConnectFailed,
    ContentRefused,
    ContextTooLong,
    HostUnknown,
    KeyRejected,
    ModelUnknown,
    NetworkError,
    NoCredit,
    OtherKey,
    ParameterRefused,
    ProviderError,
    ProxyFailed,
    RateLimited,
    ReplyCut,
    ReplyEmpty,
    ReplyMalformed,
    RequestRefused,
    RequestTooLarge,
    SealBroken,
    ServerFailed,
    TimedOut,
    TlsFailed,
    TokensSpent,
)
from troth.domain.error.base import (
    Failure,
    TrothError,
)
from troth.domain.error.own import (
    BoundaryUnasked,
    ChildDied,
    ConfigError,
    DownloadFailed,
    EnclaveRefused,
    ExtraMissing,
    HashMismatch,
    ImportRefused,
    KeyMissing,
    LocalModelError,
    LocalModelMissing,
    LoginElsewhere,
    LoginFailed,
    LoginMissing,
    ModelFileRefused,
    NotFound,
    NotWritten,
    OutputFailed,
    PaymentNotTaken,
    PaymentRefused,
    PlatformUnsupported,
    PolicyRefused,
    ReceiptRefused,
    RegistryFailed,
    UsageError,
)
from troth.domain.error.storage import (
    DatabaseMissing,
    DiskFull,
    HeaderDamaged,
    HeaderMissing,
    KeyringFailed,
    PassphraseUnreadable,
    VaultBusy,
    VaultDamaged,
    VaultError,
    VaultExists,
    VaultLocked,
    VaultMissing,
    VaultNewer,
    VaultOlder,
    VaultReadOnly,
    WrongPassphrase,
    WrongRecoveryWords,
)

__all__ = [
    "AccessDenied",
    "AnswerTooLarge",
    "BoundaryUnasked",
    "ChildDied",
    "ConfigError",
    "ConnectFailed",
    "ContentRefused",
    "ContextTooLong",
    "DatabaseMissing",
    "DiskFull",
    "DownloadFailed",
    "EnclaveRefused",
    "ExtraMissing",
    "Failure",
    "HashMismatch",
    "HeaderDamaged",
    "HeaderMissing",
    "HostUnknown",
    "ImportRefused",
    "KeyMissing",
    "KeyRejected",
    "KeyringFailed",
    "LocalModelError",
    "LocalModelMissing",
    "LoginElsewhere",
    "LoginFailed",
    "LoginMissing",
    "ModelFileRefused",
    "ModelUnknown",
    "NetworkError",
    "NoCredit",
    "NotFound",
    "NotWritten",
    "OtherKey",
    "OutputFailed",
    "ParameterRefused",
    "PassphraseUnreadable",
    "PaymentNotTaken",
    "PaymentRefused",
    "PlatformUnsupported",
    "PolicyRefused",
    "ProviderError",
    "ProxyFailed",
    "RateLimited",
    "ReceiptRefused",
    "RegistryFailed",
    "ReplyCut",
    "ReplyEmpty",
    "ReplyMalformed",
    "RequestRefused",
    "RequestTooLarge",
    "SealBroken",
    "ServerFailed",
    "TimedOut",
    "TlsFailed",
    "TokensSpent",
    "TrothError",
    "UsageError",
    "VaultBusy",
    "VaultDamaged",
    "VaultError",
    "VaultExists",
    "VaultLocked",
    "VaultMissing",
    "VaultNewer",
    "VaultOlder",
    "VaultReadOnly",
    "WrongPassphrase",
    "WrongRecoveryWords",
]
