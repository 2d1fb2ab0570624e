"""One parser for every vendor's no: a dict, a list, a string, `detail`, HTML or nothing at all.

Gives facts only; `troth.explain` finds the words for people. The provider's sentence is foreign
text, cut to a sane length and with anything that looks like a key masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from troth.domain.error import (
    ContentRefused,
    ContextTooLong,
    ModelUnknown,
    NoCredit,
    ProviderError,
    RateLimited,
    ReplyMalformed,
    RequestTooLarge,
    ServerFailed,
)
from troth.domain.exchange import Headers, find_header
from troth.domain.model import Json
from troth.providers.framing import title_of_markup
from troth.providers.wirejson import Object, as_list, as_number, as_object, as_text, mend_surrogates

DETAIL_LIMIT = 2000
"""Characters of the provider's sentence that are kept."""

_MESSAGE_KEYS = ("message", "msg", "error_message", "detail", "title", "status_msg", "Message")
_CODE_KEYS = (
    "code",
    "type",
    "status",
    "error_type",
    "reason",
    "__type",
    "error_code",
    "status_code",
)
_INNER_KEYS = ("error", "errors", "detail", "innererror", "inner_error", "base_resp", "fault")
_REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-ds-trace-id", "x-amzn-requestid", "apim-request-id", "cf-ray",
)  # fmt: skip
_LOOKS_LIKE_KEY = re.compile(
    r"\b(?:sk|gsk|xai|pplx|csk|fw|hf|nvapi|tgp|pk|rk|key|AIza|Bearer)[-_ ]?[A-Za-z0-9_\-*]{12,}"
)
_VAGUE = frozenset({"", "provider returned error", "error", "bad request", "upstream error"})
_DURATION = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|h|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?)"
)
_WAIT_WORDS = re.compile(
    r"(?:(?:retry|try again|available|reset\w*)[^.\d]{0,30}?\b(?:in|after):?|please wait)\s+"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|h|min(?:utes?)?|m|sec(?:onds?)?|s)\s*)+)",
    re.IGNORECASE,
)
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(slots=True)
class _Facts:
    """What an error body says, gathered from wherever it says it. The outermost word wins."""

    message: str = ""
    codes: list[str] = field(default_factory=list[str])
    parameter: str = ""
    request_id: str = ""
    status: int | None = None
    vendor_status: int | None = None
    """What the vendor behind a gateway answered, where that says so."""
    retry_after_s: float | None = None


def error_from(
    status: int,
    headers: Headers,
    body: bytes,
    *,
    provider: str,
    model: str,
    now: datetime | None = None,
) -> ProviderError:
    """Return the error that an answer means. Never raises.

    `now` (aware) serves waits that are told as a date where the answer has no Date header.
    """
    if 300 <= status < 400:
        # Redirects are not followed: the key and the words would go to somebody else.
        place = find_header(headers, "location") or ""
        return ReplyMalformed(
            _presentable(f"it points to {place}" if place else ""),
            provider=provider,
            model=model,
            status=status,
            code="redirect",
        )
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    facts = _Facts()
    is_markup = text.startswith("<")
    if is_markup:
        facts.message = title_of_markup(body)
    elif text:
        _gather(_json_or_text(text), facts)
    if 200 <= status < 300 and not facts.codes and facts.status is None and not _has_error(text):
        detail = facts.message if is_markup or not text.startswith(("{", "[")) else ""
        code = "markup" if is_markup else "empty" if not text else "unexpected"
        return ReplyMalformed(
            _presentable(detail), provider=provider, model=model, status=status, code=code
        )
    error = _build(facts, status, provider=provider, model=model)
    if not error.request_id:
        found = (find_header(headers, name) for name in _REQUEST_ID_HEADERS)
        error.request_id = next((value for value in found if value), "")[:200]
    if status in {408, 409, 429} or status >= 500:
        told = wait_told(headers, now=now)
        error.retry_after_s = told if told is not None else error.retry_after_s
    return error


def error_in_stream(
    payload: Json, *, provider: str, model: str, status: int = 200
) -> ProviderError:
    """Return the error that an error object inside a 200 means: a chunk, an event or a document.

    `payload` is the whole object, or what stood under its `error`.
    """
    facts = _Facts()
    _gather(payload, facts)
    return _build(facts, status, provider=provider, model=model)


def is_worth_retrying(error: ProviderError, headers: Headers = ()) -> bool:
    """Whether the same request may succeed a little later. An `x-should-retry` header decides."""
    told = (find_header(headers, "x-should-retry") or "").strip().lower()
    if told in {"true", "false"}:
        return told == "true"
    if isinstance(
        error, NoCredit | ModelUnknown | ContentRefused | ContextTooLong | RequestTooLarge
    ):
        return False  # by their words, whatever the status is: no time heals it
    if isinstance(error, RateLimited | ServerFailed):
        return True
    return error.status in {408, 409, 429} or (error.status or 0) >= 500


def wait_told(headers: Headers, *, now: datetime | None = None) -> float | None:
    """Return how many seconds the headers ask to wait; None where they do not say.

    In this order: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3),
    reset headers of the limits that are used up.
    """
    milliseconds = as_number(find_header(headers, "retry-after-ms"))
    if milliseconds is not None and milliseconds >= 0:
        return milliseconds / 1000
    told = (find_header(headers, "retry-after") or "").strip()
    if told:
        seconds = as_number(told)
        if seconds is None:
            seconds = _until(told, headers, now)
        if seconds is not None:
            return max(seconds, 0.0)
    return _until_reset(headers, now)


def parse_duration(text: str) -> float | None:
    """Return seconds of `34.4s`, `6m0s`, `1h2m`, `120ms`; None where it is no duration."""
    bare = text.strip().lower()
    pieces = list(_DURATION.finditer(bare))
    if not pieces or "".join(bare.split()) != "".join("".join(p[0].split()) for p in pieces):
        return None
    total = 0.0
    for piece in pieces:
        unit = piece[2]
        total += float(piece[1]) * (0.001 if unit.startswith(("ms", "mil")) else _UNIT_S[unit[0]])
    return total


def _build(facts: _Facts, status: int, *, provider: str, model: str) -> ProviderError:
    from troth.providers.error_kinds import kind_of, refused_parameter  # 10 ms of patterns
    from troth.providers.relayed_errors import relayed_error

    told = facts.status if facts.status is not None and 400 <= facts.status < 600 else None
    effective = told if told is not None and not 400 <= status < 600 else status
    behind = None
    if not 400 <= status < 500:  # else it is the server's own no
        behind = relayed_error(facts.message, facts.vendor_status)
    if behind is not None:
        facts.message = behind.message or facts.message
        facts.codes += behind.codes
        effective = effective if behind.is_gateways_own else behind.status
    codes = {code.lower() for code in facts.codes}
    parameter = refused_parameter(facts.parameter, facts.message, codes)
    is_own = behind is not None and behind.is_gateways_own
    kind = ServerFailed if is_own else kind_of(effective, codes, facts.message, parameter)
    return kind(
        _presentable(facts.message),
        provider=provider,
        model=model,
        status=effective,
        code=_presentable(facts.codes[0])[:100] if facts.codes else "",
        request_id=facts.request_id[:200],
        retry_after_s=facts.retry_after_s,
        parameter=parameter[:100] if kind.kind == "parameter-refused" else "",
    )


def _presentable(detail: str) -> str:
    masked = _LOOKS_LIKE_KEY.sub(lambda found: "…" + found[0][-4:], detail)
    return mend_surrogates(" ".join(masked.split()))[:DETAIL_LIMIT]


def _has_error(text: str) -> bool:
    return text.startswith(("{", "[")) and any(f'"{name}"' in text[:400] for name in _INNER_KEYS)


def _json_or_text(text: str) -> Json:
    if not text.startswith(("{", "[", '"')):
        return text
    try:
        return cast(Json, json.loads(text))
    except (ValueError, RecursionError):
        return text


def _gather(value: Json, facts: _Facts, depth: int = 0) -> None:
    """Walk an error body of any shape and keep the first message, every code, the parameter."""
    if depth > 6:
        return
    if isinstance(value, str):
        inner = _json_or_text(value.strip()) if value.strip().startswith(("{", "[")) else value
        if isinstance(inner, str):
            facts.message = facts.message or inner
        else:
            _gather(inner, facts, depth + 1)
    elif isinstance(value, list):
        for item in value[:20]:
            _gather(item, facts, depth + 1)
    elif isinstance(value, dict):
        _gather_object(value, facts, depth)


def _gather_object(value: Object, facts: _Facts, depth: int) -> None:
    for inner in (value.get(key) for key in (*_INNER_KEYS, "message")):
        if isinstance(inner, dict | list):
            _gather(inner, facts, depth + 1)
    _gather_codes(value, facts)
    request_id = as_text(value.get("request_id")) or as_text(value.get("requestId"))
    facts.request_id = facts.request_id or request_id
    facts.parameter = facts.parameter or _parameter_of(value)
    for key in ("error", *_MESSAGE_KEYS):
        words = as_text(value.get(key))
        if words and facts.message.lower().strip(". ") in _VAGUE:
            facts.message = ""
            _gather(words, facts, depth + 1)
    if facts.retry_after_s is None:
        wait = _WAIT_WORDS.search(facts.message)
        facts.retry_after_s = parse_duration(wait[1]) if wait else None
    for detail in as_list(value.get("details")):
        _gather_google(as_object(detail), facts)
    metadata = as_object(value.get("metadata"))
    if metadata:
        _gather_openrouter(metadata, facts, depth)


def _gather_codes(value: Object, facts: _Facts) -> None:
    for key in _CODE_KEYS:
        code = value.get(key)
        number = None if isinstance(code, bool) else as_number(code)
        if number is not None and 100 <= number < 600:
            facts.status = facts.status or int(number)
        elif number is not None:
            facts.codes.append(str(int(number)))
        elif isinstance(code, str) and code.lower() not in {"", "error", "none", "null"}:
            facts.codes.append(code)
    vendors = as_number(value.get("provider_status"))
    if vendors is not None and 400 <= vendors < 600:
        facts.vendor_status = int(vendors)


def _parameter_of(value: Object) -> str:
    """OpenAI names it in `param`, FastAPI in `loc`, with the message beside it."""
    location = [as_text(step) for step in as_list(value.get("loc"))]
    return (
        as_text(value.get("param"))
        or as_text(value.get("parameter"))
        or (location[-1] if location else "")
    )


def _gather_google(detail: Object, facts: _Facts) -> None:
    """google.rpc.RetryInfo and ErrorInfo (https://google.aip.dev/193, read November 2026)."""
    reason = as_text(detail.get("reason"))
    if reason:
        facts.codes.append(reason)
    delay = parse_duration(as_text(detail.get("retryDelay")))
    if delay is not None:
        facts.retry_after_s = delay


def _gather_openrouter(metadata: Object, facts: _Facts, depth: int) -> None:
    """OpenRouter keeps the upstream's own words in `metadata.raw`, a string of JSON or text."""
    raw = metadata.get("raw")
    if raw is not None:
        inner = _Facts()
        _gather(raw, inner, depth + 1)
        facts.codes += inner.codes
        facts.parameter = facts.parameter or inner.parameter
        if inner.message and facts.message.lower().strip(". ") in _VAGUE:
            facts.message = inner.message
        if facts.retry_after_s is None:
            facts.retry_after_s = inner.retry_after_s
    if metadata.get("reasons") is not None and metadata.get("flagged_input") is not None:
        facts.codes.append("content_filter")


def _until(told: str, headers: Headers, now: datetime | None) -> float | None:
    """Return the seconds from the answer's own clock, else ours, until a date of any form."""
    then = _parse_date(told)
    start = _parse_date(find_header(headers, "date") or "") or now
    return None if then is None or start is None else (then - start).total_seconds()


def _parse_date(text: str) -> datetime | None:
    # email.utils imports socket and urllib: late, for the one answer in thousands that has a date.
    from email.utils import parsedate_to_datetime

    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _until_reset(headers: Headers, now: datetime | None) -> float | None:
    """Read `x-ratelimit-reset-requests: 6m0s` and its cousins; only used-up limits count.

    Values are durations (OpenAI, Groq), dates (Anthropic), or epoch seconds or milliseconds
    (OpenRouter), told apart by their size.
    """
    waits = [
        wait
        for name, value in _resets(headers)
        if (find_header(headers, name.replace("reset", "remaining")) or "0").strip() in {"0", "0.0"}
        and (wait := _reset_wait(value, headers, now)) is not None
    ]
    return max(waits, default=None)


def _resets(headers: Headers) -> Iterator[tuple[str, str]]:
    return (
        (name.lower(), value.strip())
        for name, value in headers
        if "ratelimit" in name.lower().replace("-", "") and "reset" in name.lower()
    )


def _reset_wait(value: str, headers: Headers, now: datetime | None) -> float | None:
    number = as_number(value)
    if number is None:
        duration = parse_duration(value)
        wait = duration if duration is not None else _until(value, headers, now)
    elif number < 1e8:
        wait = number
    else:
        start = _parse_date(find_header(headers, "date") or "") or now
        epoch_s = number / 1000 if number > 1e11 else number
        wait = None if start is None else epoch_s - start.timestamp()
    return None if wait is None else max(wait, 0.0)
