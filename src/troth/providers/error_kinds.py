"""Decide what a provider's no means: from status, codes and the words of its message.

Codes are compared whole and in lower case; words are searched only where codes say too little,
because many servers put everything into one English sentence. Sources: the vendors' error pages
and SDKs, read November 2026, and recorded error bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from troth.domain.error import (
    AccessDenied,
    ContentRefused,
    ContextTooLong,
    KeyRejected,
    ModelUnknown,
    NoCredit,
    ParameterRefused,
    ProviderError,
    RateLimited,
    RequestRefused,
    RequestTooLarge,
    ServerFailed,
)

Kind = type[ProviderError]

_CLEAR_CODES: dict[Kind, frozenset[str]] = {
    ContextTooLong: frozenset({
        "context_length_exceeded", "contextwindowexceedederror", "exceed_context_size_error",
        "input_too_long", "model_context_window_exceeded", "prompt_too_long",
        "string_above_max_length", "tokens_limit_reached",
    }),
    RequestTooLarge: frozenset({"request_too_large"}),  # Anthropic: 32 MB
    NoCredit: frozenset({
        "accountoverdueerror", "allocationquota.freetieronly", "arrearage", "billing_error",
        "billing_hard_limit_reached", "billing_not_active", "budget_exceeded", "credits_exhausted",
        "exceeded_current_quota_error", "insufficient_balance", "insufficient_credits",
        "insufficient_funds", "insufficient_quota", "insufficientbalance", "not_enough_balance",
        "payment_required", "spend_limit_exceeded",
        "1113",  # Z.ai: no balance
        "1008",  # MiniMax: no balance
    }),
    ContentRefused: frozenset({
        "content_filter", "content_policy_violation", "contentpolicyviolationerror",
        "data_inspection_failed", "datainspectionfailed", "moderation_blocked", "moderation_error",
        "prohibited_content", "refusal", "responsibleaipolicyviolation", "safety_error",
        "sensitive_content",
        "1301",  # Z.ai: unsafe or sensitive content
    }),
    ModelUnknown: frozenset({
        "deploymentnotfound", "invalid_model", "invalidendpointormodel.modelidaccessdisabled",
        "invalidendpointormodel.notfound", "model_decommissioned", "model_not_active",
        "model_not_available", "model_not_exist", "model_not_found", "model_not_served_upstream",
        "model_not_supported", "modelnotfound", "modelnotfoundexception", "modelnotopen",
        "unknown_model", "unsupported_model",
        "1211",  # Z.ai: model does not exist
    }),
}  # fmt: skip
"""Codes that mean one thing everywhere, whatever the status and the words are."""

_KEY_CODES = frozenset({
    "api_key_invalid", "authentication_error", "authenticationerror", "expired_api_key",
    "incorrect_api_key", "invalid_api_key", "invalid_authentication_error", "invalid_key",
    "invalid_token", "invalidapikey", "invalidclienttokenid", "missing_api_key", "unauthenticated",
    "unauthorized", "unrecognizedclientexception", "wrong_api_key", "wrongapikeyerror",
})  # fmt: skip
_DENIED_CODES = frozenset({
    "access_denied", "accessdenied", "accessdeniedexception", "country_not_supported", "forbidden",
    "organization_restricted", "permission_denied", "permission_denied_error", "permission_error",
    "unsupported_country_region_territory",
})  # fmt: skip
_RATE_CODES = frozenset({
    "capacity_exceeded", "rate_limit_error", "rate_limit_exceeded", "rate_limit_reached_error",
    "rate_limited", "ratelimitexceeded", "requests", "resource_exhausted", "throttling",
    "throttling.allocationquota", "throttling.ratequota", "throttlingexception", "tokens",
    "too_many_requests",
    "1302", "1303", "1304", "1305",  # Z.ai: concurrency, frequency, daily and plan limits
})  # fmt: skip
_SERVER_CODES = frozenset({
    "api_error", "bad_gateway", "deadline_exceeded", "engine_overloaded_error", "gateway_timeout",
    "internal", "internal_error", "internal_server_error", "internalfailure",
    "internalservererror", "overloaded", "overloaded_error", "provider_error", "server_error",
    "service_unavailable", "serviceunavailable", "timeout_error", "unavailable", "upstream_error",
})  # fmt: skip
_REQUEST_CODES = frozenset({
    "bad_request", "badrequest", "failed_precondition", "invalid_argument",
    "invalid_request_error", "not_found_error", "out_of_range",
})  # fmt: skip
_PARAMETER_CODES = frozenset({
    "decimal_above_max_value", "extra_forbidden", "integer_above_max_value",
    "integer_below_min_value", "invalid_parameter", "invalidparameter", "unknown_parameter",
    "unrecognized_parameter", "unsupported_parameter", "unsupported_value",
    "unsupportedparamserror",
})  # fmt: skip


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CONTEXT_WORDS = _any_of(
    r"maximum context length",
    r"context (?:length|window|size)(?: \w+)? (?:of|exceed|is|limit)",
    r"exceed\w* (?:the )?(?:\w+ ){0,3}context",
    r"(?:prompt|input|request|conversation) (?:is )?too long",
    r"input token count",
    r"exceeds? the maximum number of (?:input )?tokens",
    r"maximum (?:prompt|input|sequence) length",
    r"max_model_len",
    r"reduce the length of",
    r"tokens > \d+ maximum",
    r"range of input length",
    r"token limit exceeded",
    r"too many (?:input |prompt )?tokens",
    r"request too large for model",
    r"larger than the (?:max )?context",
    r"contextwindowexceeded",
    r"requested tokens \(\d+\)",
    r"exceeded model token limit",  # Moonshot
    r"prompt exceeds max length",  # Z.ai
    r"\binputs?`? tokens \+",  # Together, TGI: input and reply are too long together
)
_KEY_NAMES = r"(?:x-)?(?:api[ _-]?key|access token|authentication|authorization|credentials)"
_KEY_WORDS = _any_of(
    rf"(?:invalid|incorrect|wrong|missing|malformed|expired|revoked|no) (?:\w+ )?{_KEY_NAMES}",
    rf"{_KEY_NAMES} (?:\S+ )?(?:is |was )?(?:not valid|invalid|expired|incorrect|required|missing)",
    r"(?:authentication|login) fail",
    r"key was reported as leaked",  # Gemini
    r"did ?n[o']t provide an api key",
)
_CREDIT_WORDS = _any_of(
    r"insufficient (?:\w+ )?(?:balance|credit|fund|quota)",
    r"credit balance is too low",
    r"(?:out of|used all|no remaining|not enough|requires more|more|add) (?:\w+ ){0,2}credits",
    r"monthly spending limit",
    r"payment required",
    r"billing (?:is )?(?:not active|inactive)",
    r"account (?:is )?(?:overdue|in arrears|suspended due)",
    r"negative balance",
    r"balance is (?:too low|insufficient|not enough)",
    r"not enough balance",
    r"have any credits",  # xAI
    r"key limit exceeded",  # OpenRouter: what a key may spend
    r"reached your specified api usage limits",  # Anthropic
    r"exceeded your monthly included credits",
)
_MODEL_WORDS = _any_of(
    r"model[^.\n]{0,120}?(?:not found|does not exist|doesn't exist|not exist\b|no longer)",
    r"model[^.\n]{0,120}?(?:is not available|decommissioned|been deprecated|could not be found)",
    r"(?:invalid|unknown|unsupported|unrecognized) model(?! (?:input|output|parameter))",
    r"model ['\"`][^'\"`]{1,120}['\"`] is (?:not supported|unsupported)",
    r"not a valid model",
    r"no (?:endpoints(?! found (?:that|matching))|allowed providers|such model)",
    r"not found the model",  # Moonshot
    r"function '[^']{1,120}': not found",  # NVIDIA
    r"not found for api version",  # Gemini
    r"^model: \S+$",  # Anthropic: the whole message of its 404
    r"not supported by any provider",
    r"no models? (?:loaded|named)",  # LM Studio
    r"failed to load model",
)
_FILTER_WORDS = _any_of(
    r"content (?:management )?(?:policy|filter)",
    r"content[_ ]filter",
    r"safety system",
    r"flagged (?:as|by|for)",
    r"\bmoderation",
    r"inappropriate content",
    r"sensitive (?:content|information)",
    r"\bnew_sensitive\b",  # MiniMax
    r"usage polic",
    r"violat\w+ (?:\w+ ){0,4}(?:polic|guidelines)",
    r"prohibited content",
    r"blocked by (?:\w+ ){0,2}(?:safety|guardrail)",
)
_RATE_WORDS = _any_of(
    r"rate[ -]?limit",
    r"too many requests",
    r"(?:requests|tokens) per (?:minute|day|second)",
    r"throttl",
)
_BUSY_WORDS = _any_of("overloaded", "temporarily unavailable", "at capacity", "server had an error")

_NAME = r"[A-Za-z_]\w*(?:\.\w+)*"
_KNOWN_NAMES = (
    r"(?:effort|temperature|top_p|top_k|seed|stop|reasoning_effort|thinking|think|max_tokens"
    r"|max_completion_tokens|stream_options)"
)
_REFUSED_NAME = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:unsupported|unknown|unrecognized|unexpected|invalid) (?:request )?"
        r"(?:parameter|argument|field|property|value|keyword argument|name|key)"
        rf"(?: supplied)?(?:\(s\))?:? ['\"`]?({_NAME})",
        r"(?:argument|parameter)s? not supported (?:on|by|with|for) (?:this )?model:? "
        rf"['\"`]?({_NAME})",
        rf"(?<!model )['\"`]({_NAME})['\"`] (?:is |are )?"
        r"(?:not supported|unsupported|deprecated|not allowed|not permitted"
        r"|cannot be (?:set|used))",
        rf"(?:parameter|property|argument|field) ['\"`]({_NAME})['\"`]",
        rf"({_NAME}):? extra (?:inputs|fields) (?:are )?not permitted",
        rf"does not support (?:the )?(?:parameter )?['\"`]?({_KNOWN_NAMES})(?:ing)?\b",
        rf"does not support (?:the )?parameter ['\"`]?({_NAME})",
        rf"\b({_KNOWN_NAMES}) (?:is )?(?:not supported|unsupported|deprecated)",
        r"\b(thinking) (?:level|budget) is not supported",
    )
)
_STRUCTURAL = frozenset({
    "api_key", "body", "content", "contents", "file", "files", "id", "image", "images", "input",
    "inputs", "key", "message", "messages", "model", "name", "prompt", "request_body", "role",
    "the", "this", "tool_choice", "tools", "type",
})  # fmt: skip


def refused_parameter(parameter: str, message: str, codes: AbstractSet[str]) -> str:
    """Return the generation parameter that a 400 refuses, "" where it refuses something else.

    The conversation itself (`messages`, `model`, `input`, ...) is not a parameter: it cannot be
    left out for a second try, and neither can a parameter of a tool.
    """
    if any(code.startswith("tool_") for code in codes):
        return ""
    names = [parameter] if parameter else []
    if not parameter or codes & _PARAMETER_CODES:
        names += _names_refused_in(message)
    return next(
        (name for name in names if re.fullmatch(_NAME, name) and name.lower() not in _STRUCTURAL),
        "",
    )


def _names_refused_in(message: str) -> Iterator[str]:
    return (found[1] for pattern in _REFUSED_NAME for found in pattern.finditer(message[:4000]))


def kind_of(status: int, codes: AbstractSet[str], message: str, parameter: str) -> Kind:
    """Return the error class.

    `status` may be one that stood inside a 200, and is 200 where none did; `codes` are in lower
    case; `parameter` is what `refused_parameter` found.
    """
    return (
        _by_clear_code(codes)
        or _by_words(status, codes, message[:4000], parameter)
        or _by_status(status, codes, message[:4000])
    )


def _by_clear_code(codes: AbstractSet[str]) -> Kind | None:
    for kind, known in _CLEAR_CODES.items():
        if codes & known:
            return kind
    # Ark: InputTextSensitiveContentDetected, OutputImageSensitiveContentDetected.PolicyViolation
    return ContentRefused if any("sensitivecontent" in code for code in codes) else None


def _by_words(status: int, codes: AbstractSet[str], message: str, parameter: str) -> Kind | None:
    if status == 402:
        return NoCredit
    is_long = status != 429 and _CONTEXT_WORDS.search(message) is not None
    if parameter and status in {400, 404, 422} and (codes & _PARAMETER_CODES or not is_long):
        return ParameterRefused
    if is_long:
        return ContextTooLong
    is_pace = status == 429 and message.lower().startswith("rate limit exceeded")
    if status != 401 and not is_pace and _CREDIT_WORDS.search(message):
        return NoCredit
    if "missing_scope" in codes:
        return AccessDenied  # OpenAI: a good key that may not do this
    if status == 401 or codes & _KEY_CODES:
        return KeyRejected
    if status in {200, 400, 403, 422} and _KEY_WORDS.search(message):
        return KeyRejected
    if status in {200, 400, 404, 410, 422, 500, 503} and _MODEL_WORDS.search(message):
        return ModelUnknown
    if status in {200, 400, 403, 422, 451} and _FILTER_WORDS.search(message):
        return ContentRefused
    return None


def _by_status(status: int, codes: AbstractSet[str], message: str) -> Kind:
    if 500 <= status < 600 or status == 408:
        return ServerFailed
    if status == 429 or codes & _RATE_CODES:
        return RateLimited
    if status == 403 or codes & _DENIED_CODES:
        return AccessDenied
    if status == 413:
        return RequestTooLarge
    if status == 451:
        return ContentRefused  # OpenGradient's gateways: what their moderation blocks
    is_busy = _BUSY_WORDS.search(message) is not None
    if not is_busy and _RATE_WORDS.search(message):
        return RateLimited
    if 300 <= status < 500 and not is_busy:
        return RequestRefused
    if codes & _REQUEST_CODES and not (codes & _SERVER_CODES or is_busy):
        return RequestRefused
    # An error inside a 200 that says nothing of its cause: the server's own fault, until told.
    return ServerFailed
