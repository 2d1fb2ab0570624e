"""When to ask again, and which redirects to follow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from troth.domain.exchange import Headers, HttpRequest, HttpResponse
from troth.transport.retry import redirected_request, retry_delay_s

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529, None])
def test_what_may_pass_is_tried_again_after_half_a_second_doubling_to_eight(
    status: int | None,
) -> None:
    assert [retry_delay_s(status, (), attempt, NOW) for attempt in range(1, 7)] == [
        0.5,
        1,
        2,
        4,
        8,
        8,
    ]


@pytest.mark.parametrize("status", [200, 301, 400, 401, 402, 403, 404, 422])
def test_a_plain_no_is_not_asked_again(status: int) -> None:
    assert retry_delay_s(status, (("retry-after", "1"),), 1, NOW) is None


@pytest.mark.parametrize(
    ("headers", "delay_s"),
    [
        ((("Retry-After", "7"),), 7),
        ((("retry-after-ms", "250"), ("retry-after", "7")), 0.25),
        ((("retry-after", "Fri, 20 Nov 2026 12:00:30 GMT"),), 30),
        ((("retry-after", "Fri, 20 Nov 2026 11:00:00 GMT"),), 0),
        ((("retry-after", "121"),), None),
        ((("retry-after", "soon"),), 0.5),
        ((("retry-after", "²"),), 0.5),
        ((("retry-after", "1e9"),), 0.5),
        ((("x-should-retry", "false"),), None),
    ],
)
def test_the_servers_word_comes_first(headers: Headers, delay_s: float | None) -> None:
    assert retry_delay_s(429, headers, 1, NOW) == delay_s


def redirect(
    location: str,
    url: str = "https://a.com/x",
    *,
    status: int = 302,
    method: str = "GET",
    body: bytes = b"",
    secret: Headers = (),
) -> str | None:
    answer = HttpResponse(status, (("Location", location),), b"")
    found = redirected_request(HttpRequest(method, url, (), body, secret), answer)
    return found.url if found else None


def test_a_redirect_of_a_bare_get_is_followed() -> None:
    assert redirect("/y#part") == "https://a.com/y"
    assert redirect("https://cdn.b.com/y") == "https://cdn.b.com/y"
    assert redirect("https://a.com/y", "http://a.com/x") == "https://a.com/y"


@pytest.mark.parametrize(
    "location",
    [
        "http://a.com/y",
        "https://127.0.0.1/y",
        "https://localhost/y",
        "https://x.localhost/y",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://user@b.com/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_a_worse_place_is_not_followed(location: str) -> None:
    assert redirect(location) is None


def test_a_request_that_carries_something_is_not_redirected() -> None:
    assert redirect("/y", secret=(("authorization", "Bearer k"),)) is None
    assert redirect("/y", method="POST") is None
    assert redirect("/y", body=b"prompt") is None
    assert redirect("/y", status=200) is None
