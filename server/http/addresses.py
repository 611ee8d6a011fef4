"""Where a request comes from: the peer itself, never what a header says."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope


def address_of(scope: Scope) -> str:
    """The peer's address to count by; of IPv6 the first 64 bits, which one household or machine owns."""
    client = scope.get("client")
    return counted(client[0] if client else None)


@lru_cache(4096)
def counted(host: str | None) -> str:
    """The same of a peer's bare address."""
    if not host:
        return "unknown"
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
