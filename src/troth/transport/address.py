"""Where a URL leads: its host and port, whether that is this machine, and through which proxy.

Pure. Strict on purpose: a URL that two parsers could read in two ways leads nowhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

# Userinfo, backslashes, spaces and controls are where URL parsers disagree about the host.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]|^[^/]*//[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """One origin. `host` is lower case and without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether this is certainly this machine: 127.0.0.0/8, ::1 or the name localhost.

        Short and numeric spellings (`127.1`, `0x7f000001`), mapped addresses and names that only
        resolve to it do not count: what they mean is up to a resolver.
        """
        if self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return address == ipaddress.IPv6Address("::1") or (
            isinstance(address, ipaddress.IPv4Address) and address.is_loopback
        )


def parse_address(url: str) -> Address | None:
    """Read the origin of an absolute http or https URL; None when it is not plainly one."""
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0:
        return None
    return Address(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme])


def host_of(url: str) -> str:
    """Return the host that `url` leads to, lower case, without port; "" when it leads nowhere."""
    address = parse_address(url)
    return address.host if address else ""


def origin_of(url: str) -> str:
    """Return `scheme://host:port` of where `url` leads; "" when it leads nowhere."""
    address = parse_address(url)
    if address is None:
        return ""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{address.scheme}://{host}:{address.port}"


def is_loopback(url: str) -> bool:
    """Return whether `url` certainly leads to this machine and nowhere else."""
    address = parse_address(url)
    return address is not None and address.is_loopback


def proxy_address(url: str) -> Address | None:
    """Return where a proxy's URL leads, its user name and password left out; None when nowhere."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
    except ValueError:
        return None
    return Address(parts.scheme, parts.hostname, port) if parts.hostname else None


@dataclass(frozen=True, slots=True, repr=False)
class ProxyRules:
    """Which proxy serves which origin. Proxy URLs may hold a password, so there is no repr."""

    by_scheme: Mapping[str, str]
    """Keys `http`, `https` and `all`."""
    exceptions: tuple[str, ...] = ()
    """Of NO_PROXY: `*`, a host with its subdomains, `host:port`, an address or a network."""

    def choose(self, address: Address) -> str | None:
        """Return the proxy's URL for `address`; None for a direct connection.

        This machine is always reached directly: a proxy would be sent what must not leave it.
        """
        if address.is_loopback or any(_covers(entry, address) for entry in self.exceptions):
            return None
        return self.by_scheme.get(address.scheme) or self.by_scheme.get("all")


def load_proxy_rules(explicit: str | None, environ: Mapping[str, str]) -> ProxyRules:
    """Combine the user's own proxy (which wins) with HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.

    As in curl, the lower-case spelling wins and NO_PROXY holds for the user's own proxy too.
    """

    def variable(name: str) -> str:
        return (environ.get(name) or environ.get(name.upper()) or "").strip()

    if explicit:
        found = {"all": explicit}
    else:
        found = {scheme: variable(f"{scheme}_proxy") for scheme in ("http", "https", "all")}
    proxies = {
        scheme: value if "://" in value else f"http://{value}"
        for scheme, value in found.items()
        if value
    }
    entries = (entry.strip().lower() for entry in variable("no_proxy").split(","))
    return ProxyRules(proxies, tuple(entry for entry in entries if entry))


def _covers(entry: str, address: Address) -> bool:
    if entry == "*":
        return True
    host, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return int(port) == address.port and _covers(host, address)
    try:
        return ipaddress.ip_address(address.host) in ipaddress.ip_network(
            entry.strip("[]"), strict=False
        )
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return address.host == name or address.host.endswith(f".{name}")
