"""What each vendor writes when it says no: status and body, by wire and by what is wrong.

Sources: the vendors' error pages and SDKs, read November 2026, and recorded error bodies.
"""

from __future__ import annotations

from typing import Any

Refusal = tuple[int, Any]


def _openai(message: str, kind: str, code: str | None, param: str | None = None) -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _anthropic(kind: str, message: str) -> Any:
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    }


def _gemini(code: int, status: str, message: str, *details: Any) -> Any:
    error = {"code": code, "message": message, "status": status}
    return {"error": {**error, **({"details": list(details)} if details else {})}}


_OPENAI: dict[str, Refusal] = {
    "key-rejected": (
        401,
        _openai("Incorrect API key provided: sk-proj-****.", "invalid_request_error",
                "invalid_api_key"),
    ),
    "access-denied": (
        403,
        _openai("Country, region, or territory not supported", "request_forbidden",
                "unsupported_country_region_territory"),
    ),
    "model-unknown": (
        404,
        _openai("The model `gpt-9` does not exist or you do not have access to it.",
                "invalid_request_error", "model_not_found"),
    ),
    "no-credit": (
        429,
        _openai("You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota", "insufficient_quota"),
    ),
    "context-too-long": (
        400,
        _openai("This model's maximum context length is 128000 tokens. However, your messages "
                "resulted in 140000 tokens.", "invalid_request_error", "context_length_exceeded",
                "messages"),
    ),
    "content-refused": (
        400,
        _openai("Invalid prompt: your prompt was flagged as potentially violating our usage "
                "policy.", "invalid_request_error", "invalid_prompt"),
    ),
    "rate-limited": (
        429,
        _openai("Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): "
                "Limit 30000, Used 29000, Requested 4000. Please try again in 6s.", "tokens",
                "rate_limit_exceeded"),
    ),
    "server-failed": (
        500,
        _openai("The server had an error while processing your request. Sorry about that!",
                "server_error", None),
    ),
}  # fmt: skip

REFUSALS: dict[str, dict[str, Refusal]] = {
    "openai-chat": {
        **_OPENAI,
        # OpenRouter: 402 with a code that is a number
        "no-credit": (402, {"error": {"message": "Insufficient credits", "code": 402}}),
        # vLLM
        "context-too-long": (
            400,
            {"object": "error", "message": "This model's maximum context length is 4096 tokens. "
             "However, you requested 5000 tokens in the messages, Please reduce the length of the "
             "messages.", "type": "BadRequestError", "param": None, "code": 400},
        ),
        # Azure
        "content-refused": (
            400,
            {"error": {"message": "The response was filtered due to the prompt triggering Azure "
             "OpenAI's content management policy.", "type": None, "param": "prompt",
             "code": "content_filter", "status": 400,
             "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        ),
    },
    "openai-responses": {
        **_OPENAI,
        "model-unknown": (
            400,
            _openai("The requested model 'gpt-9' does not exist.", "invalid_request_error",
                    "model_not_found", "model"),
        ),
        "context-too-long": (
            400,
            _openai("Your input exceeds the context window of this model. Please adjust your "
                    "input and try again.", "invalid_request_error", "context_length_exceeded",
                    "input"),
        ),
    },
    "anthropic": {
        "key-rejected": (401, _anthropic("authentication_error", "invalid x-api-key")),
        "access-denied": (
            403,
            _anthropic("permission_error", "Your API key does not have permission to use it."),
        ),
        "model-unknown": (404, _anthropic("not_found_error", "model: claude-9")),
        "no-credit": (
            400,
            _anthropic("invalid_request_error", "Your credit balance is too low to access the "
                       "Anthropic API. Please go to Plans & Billing to upgrade or purchase "
                       "credits."),
        ),
        "context-too-long": (
            400,
            _anthropic("invalid_request_error", "prompt is too long: 214000 tokens > 200000 "
                       "maximum"),
        ),
        "content-refused": (
            400,
            _anthropic("invalid_request_error", "Output blocked by content filtering policy"),
        ),
        "rate-limited": (
            429,
            _anthropic("rate_limit_error", "This request would exceed your organization's rate "
                       "limit of 40,000 input tokens per minute."),
        ),
        "server-failed": (529, _anthropic("overloaded_error", "Overloaded")),
    },
    "gemini": {
        "key-rejected": (
            400,
            _gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                     "reason": "API_KEY_INVALID", "domain": "googleapis.com"}),
        ),
        "access-denied": (
            403,
            _gemini(403, "PERMISSION_DENIED", "The caller does not have permission"),
        ),
        "model-unknown": (
            404,
            _gemini(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta, or is "
                    "not supported for generateContent."),
        ),
        "no-credit": (
            402,
            _gemini(402, "FAILED_PRECONDITION", "Your prepayment credits are depleted."),
        ),
        "context-too-long": (
            400,
            _gemini(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum "
                    "number of tokens allowed (1048576)."),
        ),
        "content-refused": (
            200,
            {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
             "usageMetadata": {"promptTokenCount": 7}, "modelVersion": "gemini"},
        ),
        "rate-limited": (
            429,
            _gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check "
                    "your plan and billing details.",
                    {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6s"}),
        ),
        "server-failed": (
            503,
            _gemini(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        ),
    },
    "ollama": {
        "key-rejected": (401, {"error": "unauthorized", "signin_url": "https://ollama.com/x"}),
        "access-denied": (403, {"error": "this model requires a subscription"}),
        "model-unknown": (404, {"error": "model 'gpt-9' not found"}),
        "no-credit": (402, {"error": "payment required"}),
        "context-too-long": (400, {"error": "the input length exceeds the context length"}),
        "content-refused": (400, {"error": "blocked by the safety policy"}),
        "rate-limited": (429, {"error": "too many requests"}),
        "server-failed": (500, {"error": "llama runner process has terminated: signal: killed"}),
    },
}  # fmt: skip
