"""Requests that are made until they are answered: each change under one name, so that it has one effect."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import httpx
import msgspec

from channels.client.errors import HoldfastError, NotSignedIn, Unreachable, refusal
from channels.client.names import ulid
from channels.client.patience import Patience, may_go_well_later

_READS: Final = frozenset({"GET", "HEAD"})

Headers = Mapping[str, str]


class Shown(Protocol):
    """channels.client.identity.Identity."""

    @property
    def headers(self) -> Headers:
        """What a request shows."""
        ...

    async def get_token(self) -> None:
        """Have a token, where there is somebody to get one from."""

    async def renew(self, shown: Headers) -> bool:
        """The server wants another than was `shown`; whether there is one."""
        ...


class Http:
    """`identity` says who asks, and is told when the server wants another token."""

    def __init__(
        self,
        base_url: str,
        *,
        identity: Shown,
        timeout: float,
        patience: Patience,
        transport: httpx.AsyncBaseTransport | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=timeout, transport=transport, follow_redirects=False
        )
        self._identity = identity
        self._patience = patience
        self._chance = chance

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def read(self, path: str, **query: Any) -> bytes:
        """`GET`; what is None is left out of the query."""
        return await self._ask("GET", path, None, query, None)

    async def change(
        self, method: str, path: str, body: Any = None, *, op: str | None = None, **query: Any
    ) -> bytes:
        """A change under the name `op`, or one of its own: however often it is asked, it has one effect."""
        return await self._ask(method, path, body, query, op or ulid())

    async def _ask(
        self, method: str, path: str, body: Any, query: Mapping[str, Any], op: str | None
    ) -> bytes:
        until = time.monotonic() + self._patience.seconds
        attempt, renewed = 0, False
        while True:
            await self._identity.get_token()
            shown = self._identity.headers
            try:
                return await self._once(method, path, body, query, {**shown, **_named(op)})
            except NotSignedIn:
                if renewed or not await self._identity.renew(shown):
                    raise
                renewed = True
                continue
            except HoldfastError as error:
                attempt += 1
                wait = self._patience.wait(attempt, error, self._chance)
                if not may_go_well_later(error) or time.monotonic() + wait > until:
                    raise
            await asyncio.sleep(wait)

    async def _once(
        self, method: str, path: str, body: Any, query: Mapping[str, Any], headers: Headers
    ) -> bytes:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        content = None if method in _READS else msgspec.json.encode({} if body is None else body)
        try:
            answer = await self._client.request(
                method,
                path,
                params=given,
                content=content,
                headers={"Content-Type": "application/json", **headers} if content else headers,
            )
        except httpx.TransportError as error:
            raise Unreachable(f"{method} {path}: {str(error) or type(error).__name__}") from error
        if answer.is_success:
            return answer.content
        raise refusal(answer.status_code, _problem(answer), _retry_after(answer))


def _named(op: str | None) -> Headers:
    return {} if op is None else {"Idempotency-Key": op}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem document; whoever stands between may answer something else."""
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds; a date, which ours never sends, is not waited for."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
