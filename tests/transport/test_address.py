"""Where a URL leads decides whether a prompt leaves the machine: no spelling may fool it."""

from __future__ import annotations

import pytest

from troth.transport import host_of, is_loopback
from troth.transport.address import Address, load_proxy_rules, parse_address, proxy_address


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/v1",
        "http://127.255.3.9",
        "https://localhost/v1",
        "http://LOCALHOST:11434",
        "http://[::1]:1234/x",
    ],
)
def test_this_machine_is_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.com/",
        "http://localhost.evil.com/",
        "http://127.0.0.1@evil.com/",
        "http://evil.com#@127.0.0.1/",
        "http://evil.com\\@127.0.0.1/",
        "http://127.0.0.1\\.evil.com/",
        "http://evil.com /127.0.0.1",
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0:8080/",
        "http://my.localhost/",
        "http://192.168.1.5/",
        "http://localhost:notaport/",
        "http:/127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "//127.0.0.1/",
        "127.0.0.1",
        "",
    ],
)
def test_what_is_not_certainly_this_machine_is_not_loopback(url: str) -> None:
    assert not is_loopback(url)


def test_the_host_is_lower_case_and_bare() -> None:
    assert host_of("https://API.Example.com:8443/v1?x=1") == "api.example.com"
    assert host_of("http://[::1]:1/") == "::1"
    assert host_of("https://user:pass@example.com/") == ""
    assert parse_address("https://example.com") == Address("https", "example.com", 443)


def choose(url: str, explicit: str | None = None, **environ: str) -> str | None:
    address = parse_address(url)
    assert address is not None
    return load_proxy_rules(explicit, environ).choose(address)


def test_the_environment_chooses_a_proxy_by_scheme() -> None:
    assert choose("https://a.com", HTTPS_PROXY="http://p:3128") == "http://p:3128"
    assert choose("http://a.com", HTTPS_PROXY="http://p:3128") is None
    assert choose("http://a.com", ALL_PROXY="p:3128") == "http://p:3128"
    assert (
        choose("https://a.com", https_proxy="http://low", HTTPS_PROXY="http://up") == "http://low"
    )


def test_the_users_own_proxy_wins_over_the_environment() -> None:
    assert choose("https://a.com", "http://mine:1", HTTPS_PROXY="http://p:2") == "http://mine:1"


def test_this_machine_is_never_reached_through_a_proxy() -> None:
    for url in ("http://127.0.0.1:8080", "http://localhost:1", "https://[::1]:2"):
        assert choose(url, "http://mine:1", ALL_PROXY="http://p:2") is None


@pytest.mark.parametrize(
    ("exceptions", "url", "is_direct"),
    [
        ("*", "https://a.com", True),
        ("a.com", "https://a.com", True),
        ("a.com", "https://sub.a.com", True),
        (".a.com", "https://sub.a.com", True),
        ("*.a.com", "https://sub.a.com", True),
        ("a.com", "https://nota.com", False),
        ("A.COM , b.com", "https://a.com", True),
        ("a.com:8443", "https://a.com:8443", True),
        ("a.com:8443", "https://a.com", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("fe80::/10", "http://[fe80::1]", True),
        ("[2001:db8::1]", "http://[2001:db8::1]:8080", True),
        (",,", "https://a.com", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(exceptions: str, url: str, is_direct: bool) -> None:
    found = choose(url, ALL_PROXY="http://p:1", NO_PROXY=exceptions)
    assert (found is None) == is_direct


def test_a_proxys_password_is_shown_nowhere() -> None:
    rules = load_proxy_rules("http://user:hunter2@proxy.test:3128", {})
    assert "hunter2" not in repr(rules)
    assert proxy_address("http://user:hunter2@proxy.test:3128") == Address(
        "http", "proxy.test", 3128
    )
