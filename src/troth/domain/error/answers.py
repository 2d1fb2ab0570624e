"""What other machines answer, or do not: providers and the network."""

from __future__ import annotations

from troth.domain.error.base import TrothError


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


class RequestTooLarge(ProviderError):
    """The request has too many bytes for the server, whatever the model could read."""

    kind = "request-too-large"


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


class ReplyEmpty(ProviderError):
    """The reply came to its end without a word; `detail` is the wire's reason, if any."""

    kind = "reply-empty"


class TokensSpent(ProviderError):
    """The limit of tokens was reached before the answer began: thinking used them up."""

    kind = "tokens-spent"


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


class OtherKey(TlsFailed):
    """Somebody is there, and it is not the key or certificate that was pinned."""


class ProxyFailed(NetworkError):
    kind = "proxy-failed"


class TimedOut(NetworkError):
    kind = "timed-out"


class AnswerTooLarge(NetworkError):
    kind = "answer-too-large"

    def __init__(self, host: str, detail: str = "", *, limit_bytes: int) -> None:
        super().__init__(host, detail)
        self.limit_bytes = limit_bytes
