"""Which addresses users may have us call: public ones over https, decided by the address, never by its name.

An address that a user gives could name what only we can reach: this machine, its neighbours, the cloud's
metadata service (server-side request forgery). `read_url` refuses what is no plain https address, `is_public`
whatever a name leads to that is not on the internet. Both are pure; outgoing.py connects to the very address
that was judged.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

import httpx

Address: TypeAlias = IPv4Address | IPv6Address

URL_LENGTH: Final = 2000
HTTPS_PORT: Final = 443
FIRST_FREE_PORT: Final = 1024
# Of IPv6 only this is handed out to be reached by all; it leaves out mapped and translated IPv4 (NAT64) too.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # Teredo, benchmarks, ORCHID: protocols' own
        "2001:db8::/32",  # examples
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # examples
    )
)
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(block)
    for block in (
        "192.0.0.0/24",  # protocols' own, and a cloud's metadata
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # a cloud's own agent, which only its machines reach
    )
)
LAST_PORT: Final = 65535
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")


class AddressRefused(Exception):
    """The address is none that we call; the message says what would be right, to the one who gave it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `host` is an ASCII name or an address without brackets, `path` has the query."""

    scheme: str
    host: str
    port: int
    path: bytes

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Whether the address belongs to somebody on the internet: no private, local, shared or reserved one."""
    if isinstance(address, IPv6Address):
        inside = address in _GLOBAL_UNICAST and not any(address in block for block in _NOT_PUBLIC_6)
        return inside and address.is_global and address.scope_id is None
    if address.is_multicast or address.is_reserved or any(address in block for block in _NOT_PUBLIC_4):
        return False
    return address.is_global


def may_call(address: Address, *, loopback: bool) -> bool:
    """`is_public`, or this very machine where `loopback` says that it may be."""
    return is_public(address) or (loopback and address.is_loopback)


def read_url(url: str, *, loopback: bool = False) -> Target:
    """The target of a user's URL; AddressRefused for anything but a plain https address that may be public.

    With `loopback`, for tests and development, plain http and any port are taken too; to where they lead is
    judged by `may_call` as ever. A name is not resolved here.
    """
    parsed = _parse(url)
    schemes = ("https", "http") if loopback else ("https",)
    if parsed.scheme not in schemes:
        raise AddressRefused("is an address that starts with https://")
    if parsed.userinfo:
        raise AddressRefused("has no name and password in it")
    if parsed.fragment:
        raise AddressRefused("has no #fragment")
    host = parsed.raw_host.decode("ascii").strip("[]").removesuffix(".").lower()
    port = {"https": 443, "http": 80}[parsed.scheme] if parsed.port is None else parsed.port
    if not (port == HTTPS_PORT or (1 if loopback else FIRST_FREE_PORT) <= port <= LAST_PORT):
        raise AddressRefused(f"names port {HTTPS_PORT}, none, or one of {FIRST_FREE_PORT} to {LAST_PORT}")
    _require_host(host, loopback=loopback)
    return Target(parsed.scheme, host, port, parsed.raw_path)


def literal(host: str) -> Address | None:
    """The address that a host is, in its one usual form; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parse(url: str) -> httpx.URL:
    if not 1 <= len(url) <= URL_LENGTH:
        raise AddressRefused(f"has 1 to {URL_LENGTH} characters")
    if any(character <= " " or character in '\\"<>\x7f' for character in url):
        raise AddressRefused("has no spaces, quotes or backslashes in it")
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise AddressRefused("is an address that starts with https://") from None


def _require_host(host: str, *, loopback: bool) -> None:
    address = literal(host)
    if address is not None:
        if not may_call(address, loopback=loopback):
            raise AddressRefused("is reachable from the internet")
        return
    if len(host) > 253 or not _NAME.fullmatch(host) or _ENDS_IN_A_NUMBER.search(host):
        raise AddressRefused("names a host")  # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses in disguise
    if not loopback and "." not in host:
        raise AddressRefused("names a host with its domain")
