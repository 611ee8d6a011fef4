"""The public keys of JWT_JWKS_URL: kept, fetched again as they rotate, and used only for what they were made.

A token chooses among the keys by its `kid` and nothing else: what it says of its algorithm and of keys in
other places (`jku x5u jwk x5c`) is never read (RFC 8725, sections 3.1 and 3.10). While the provider is away
the keys known so far go on.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import httpx
import jwt
import structlog

from channels.supervisor import stop
from server.accounts.keys import KeySetError, VerifyingKey, read_keys
from server.errors import Unauthorized, Unavailable

FRESH_SECONDS: Final = 600
"""Keys older than that are fetched again, beside the requests, which go on with the old ones."""

AGAIN_SECONDS: Final = 10
"""No provider is asked more often, however many tokens with unknown keys come."""

FETCH_SECONDS: Final = 5
BODY_LIMIT: Final = 256 * 1024

_log = structlog.get_logger("holdfast.accounts")


class KeySet:
    """The provider's keys by their `kid`. `clock` is monotonic, in seconds; `client` is closed by `close`."""

    def __init__(
        self,
        url: str,
        *,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client or httpx.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS)
        self._clock = clock
        self._keys: Mapping[str | None, VerifyingKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._well = True
        self._fetching: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop fetching."""
        await stop(self._fetching)
        await self._client.aclose()

    async def key(self, token: str) -> VerifyingKey:
        """The key that `token` names; Unauthorized for one of nobody's, Unavailable while none can be had."""
        kid = _kid(token)
        found = self._find(kid)
        if found is None and self._may_fetch():
            await asyncio.shield(self._fetch_once())
            found = self._find(kid)
        elif self._is_old() and self._may_fetch():
            self._fetch_once()
        if found is not None:
            return found
        if not self._well:
            raise Unavailable("the keys of users' tokens cannot be fetched now", retry_after=AGAIN_SECONDS)
        raise Unauthorized("the token is signed with a key that nobody knows")

    def _find(self, kid: str | None) -> VerifyingKey | None:
        """Without a `kid` the only key there is; of several, none."""
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return None if kid is None else self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= FRESH_SECONDS

    def _may_fetch(self) -> bool:
        """Who comes while somebody fetches waits for the same answer."""
        if self._fetching is not None:
            return True
        return self._tried_at is None or self._clock() - self._tried_at >= AGAIN_SECONDS

    def _fetch_once(self) -> "asyncio.Task[None]":
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                keys = read_keys(await self._download())
        except (httpx.HTTPError, KeySetError, TimeoutError) as error:
            self._well = False
            _log.warning("keys_not_fetched", url=self._url, why=str(error) or type(error).__name__)
        else:
            self._keys, self._fetched_at, self._well = keys, self._clock(), True
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        """The answer's bytes, never more than BODY_LIMIT; compressed ones are not asked for and not taken."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != 200:
                raise KeySetError(f"the provider answered {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise KeySetError("the provider's answer is compressed")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > BODY_LIMIT:
                    raise KeySetError(f"the provider's answer is longer than {BODY_LIMIT} bytes")
        return bytes(body)


def _kid(token: str) -> str | None:
    """The `kid` of a token's header; all else in there is left alone."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthorized from None
    return kid if isinstance(kid, str) else None
