"""Requests to addresses that users gave: public_addresses.py judges, and what was judged is what is called.

The name is resolved here, each of its addresses judged, and the connection made to one that passed, so that
a name which leads elsewhere a moment later (DNS rebinding) gains nothing; the certificate is still checked
against the name. Redirects are answers like any other, proxies of the environment are not asked, and time and
bytes are bounded.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Final

import httpx

from server.http.public_addresses import AddressRefused, Target, literal, may_call, read_url
from server.http.resolver import Resolver

CONNECT_SECONDS: Final = 5.0
RESOLVE_SECONDS: Final = 5.0
SECONDS: Final = 15.0
ANSWER_LIMIT: Final = 16 * 1024
ADDRESSES_TRIED: Final = 3
# Threads that ask for names: who is dead slow holds up neither deliveries by what is asked of routes, nor the
# other way round.
_FOR_CALLS: Final = 32
_FOR_CHECKS: Final = 8
_TIMEOUT: Final = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS).as_dict()

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NoAnswer(Exception):
    """Nobody answered, or not in time, or not as themselves; another try may fare better."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; its body is cut off after ANSWER_LIMIT bytes, and as it came (nothing is unpacked)."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the other side took it."""
        return 200 <= self.status < 300


class Outgoing:
    """The guarded way out. `loopback`, for development, lets this very machine be called, by http too."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.loopback = loopback
        self._trust = trust
        self._seconds = seconds
        self._calls, self._checks = Resolver(_FOR_CALLS), Resolver(_FOR_CHECKS)
        self._resolve: Resolve = resolve or self._calls
        self._resolve_checked: Resolve = resolve or self._checks

    def close(self) -> None:
        """Resolve no more names."""
        self._calls.close()
        self._checks.close()

    async def require(self, url: str) -> None:
        """AddressRefused for a URL that would not be called: by its form, or by where its name leads now.

        A name that leads nowhere yet is let pass; it is judged anew at each call.
        """
        await self._addresses(read_url(url, loopback=self.loopback), self._resolve_checked)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send `body`; AddressRefused if the URL or where its name leads is none that we call, NoAnswer."""
        target = read_url(url, loopback=self.loopback)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(target, body, headers)
        except TimeoutError:
            raise NoAnswer("no answer in time") from None

    async def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Reply:
        trouble = NoAnswer("the name leads nowhere")
        for address in (await self._addresses(target, self._resolve))[:ADDRESSES_TRIED]:
            try:
                return await self._send(_request(target, address, body, headers))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble = NoAnswer(f"no connection: {_reason(error)}")  # nothing was sent yet
            except httpx.HTTPError as error:
                raise NoAnswer(f"no answer: {_reason(error)}") from error
        raise trouble

    async def _addresses(self, target: Target, resolve: Resolve) -> list[str]:
        """Those of the host's addresses that may be called; AddressRefused if it has others alone.

        None where the name leads nowhere, or nobody says where within RESOLVE_SECONDS.
        """
        if literal(target.host) is not None:
            return [target.host]
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await resolve(target.host, target.port)
        except OSError:  # a TimeoutError is one
            return []
        allowed = [each for each in found if may_call(ip_address(each), loopback=self.loopback)]
        if found and not allowed:
            raise AddressRefused("is reachable from the internet")
        return allowed

    async def _send(self, request: httpx.Request) -> Reply:
        # One connection for one request: none is shared by two names that live at one address. A transport
        # follows no redirect and knows of no proxy.
        trust = self._trust or authorities()
        async with httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                return Reply(response.status_code, response.headers, await _read(response))
            finally:
                await response.aclose()


def _request(target: Target, address: str, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
    url = httpx.URL(scheme=target.scheme, host=address, port=target.port, raw_path=target.path)
    return httpx.Request(
        "POST",
        url,
        headers={
            "Host": target.authority,
            "User-Agent": "Holdfast",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        },
        content=body,
        extensions={"sni_hostname": target.host, "timeout": _TIMEOUT},
    )


async def _read(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size >= ANSWER_LIMIT:
            break
    return b"".join(parts)[:ANSWER_LIMIT]


def _reason(error: Exception) -> str:
    """The kind of trouble; what the library says of it may quote the address, which may hold secrets."""
    return type(error).__name__


@cache
def authorities() -> ssl.SSLContext:
    """Whom we trust to say who is who; read once, since it is a large file."""
    return httpx.create_ssl_context()
