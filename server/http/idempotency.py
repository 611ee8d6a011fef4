"""Idempotency-Key: the same key and body have one effect and one answer for a day.

With another body the key is InvalidFields; while its first request still runs, Conflict (docs/errors.md).
Answers are kept beside the live state, whose memory they may not fill: what grows with a thing that stands in
PostgreSQL is not kept (`Fleeting`), and what is long besides is kept compressed.
"""

import asyncio
import hashlib
import secrets
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from channels.supervisor import stop
from server.accounts.rules import Caller
from server.errors import BadRequest, Conflict, FieldError, InvalidFields, Unavailable
from server.http.answers import Answer
from server.ops.redis_errors import redis_away

KEPT_SECONDS: Final = 24 * 3600
LEASE_SECONDS: Final = 10
"""How long a key stays taken by a run whose process died; a longer run goes on renewing it."""

RENEW_SECONDS: Final = 3.0
_COMPRESS_FROM: Final = 64 * 1024
_KEEP: Final = Path(__file__).with_name("idempotency.lua").read_text(encoding="utf-8")


class Fleeting(Protocol):
    """What of a route's answers is kept nowhere, though a repeat has it for as long as it is there.

    Refusals are kept whole.
    """

    def without(self, body: bytes) -> bytes:
        """The answer's JSON as it is kept."""

    async def filled(self, kept: bytes) -> Answer:
        """With what is there now, as JSON bytes, and with the headers that differ for it."""


class _Record(msgspec.Struct, array_like=True):
    fingerprint: bytes
    state: Literal["running", "done"]
    run: str
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    compressed: bool = False


def idempotency_key(headers: Headers) -> str | None:
    """The request's key; BadRequest unless it is one of 1 to 255 printable ASCII characters."""
    found = headers.getlist("idempotency-key")
    if not found:
        return None
    key = found[0]
    if len(found) > 1 or not 1 <= len(key) <= 255 or not all(" " <= character <= "~" for character in key):
        raise BadRequest("an Idempotency-Key has 1 to 255 printable ASCII characters")
    return key


def scoped(caller: Caller, key: str) -> str:
    """32 characters that stand for a caller's key, and for nobody else's."""
    return hashlib.sha256(msgspec.msgpack.encode((caller.session, caller.user, key))).hexdigest()[:32]


class Idempotency:
    """The records of what ran under a key, in Redis; raises Unavailable while that is away."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def answer(
        self,
        request: Request,
        caller: Caller,
        key: str,
        body: bytes,
        run: Callable[[], Awaitable[Response]],
        *,
        fleeting: Fleeting | None = None,
    ) -> Response:
        """Run once, or answer as before; `fleeting` is not kept with it.

        Raises InvalidFields for another body and Conflict with `retry_after` while the first is still
        running. An answer of 500 or more, and a run that raised, leave nothing behind.
        """
        name = _name(request, caller, key)
        ours = _Record(hashlib.sha256(body).digest(), "running", secrets.token_hex(8))
        earlier = await self._begin(name, ours)
        if earlier is not None:
            return await _repeat(earlier, ours, fleeting)
        renewing = asyncio.create_task(self._renew(name, ours))
        try:
            response = await run()
        except BaseException:
            await stop(renewing)
            await self._finish(name, ours, b"")
            raise
        await stop(renewing)
        await self._finish(
            name, ours, b"" if response.status_code >= 500 else await _done(ours, response, fleeting)
        )
        return response

    async def _begin(self, name: str, ours: _Record) -> _Record | None:
        with redis_away():
            found = await self._redis.set(
                name, msgspec.msgpack.encode(ours), nx=True, get=True, ex=LEASE_SECONDS
            )
        return None if found is None else msgspec.msgpack.decode(found, type=_Record)

    async def _renew(self, name: str, ours: _Record) -> None:
        """The run goes on."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._keep(name, ours, msgspec.msgpack.encode(ours), LEASE_SECONDS)

    async def _finish(self, name: str, ours: _Record, answer: bytes) -> None:
        """Keep the answer, or, where there is none to keep, forget the run."""
        await self._keep(name, ours, answer, KEPT_SECONDS)

    async def _keep(self, name: str, ours: _Record, kept: bytes, seconds: int) -> None:
        """A Redis that went away meanwhile changes no answer."""
        with suppress(Unavailable), redis_away():
            await self._redis.eval(_KEEP, 1, name, msgspec.msgpack.encode(ours), kept, seconds)


def _name(request: Request, caller: Caller, key: str) -> str:
    scope = msgspec.msgpack.encode((caller.session, caller.user, request.method, request.url.path, key))
    return f"holdfast:idempotency:{hashlib.sha256(scope).hexdigest()}"


async def _done(ours: _Record, response: Response, fleeting: Fleeting | None) -> bytes:
    status, headers, body = response.status_code, tuple(response.raw_headers), bytes(response.body)
    if fleeting is not None and body and not _refuses(status):
        body = fleeting.without(body)
    is_long = len(body) >= _COMPRESS_FROM
    if is_long:
        body = await asyncio.to_thread(zlib.compress, body)
    record = _Record(ours.fingerprint, "done", ours.run, status, headers, body, compressed=is_long)
    return msgspec.msgpack.encode(record)


async def _repeat(earlier: _Record, ours: _Record, fleeting: Fleeting | None) -> Response:
    if earlier.fingerprint != ours.fingerprint:
        said = FieldError("Idempotency-Key", "came with another body before")
        raise InvalidFields("the Idempotency-Key belongs to another request", errors=[said])
    if earlier.state == "running":
        raise Conflict("the first request with this key is still running", retry_after=1)
    body = earlier.body
    if earlier.compressed:
        body = await asyncio.to_thread(zlib.decompress, body)
    response = Response(body, status_code=earlier.status)
    response.raw_headers = list(earlier.headers)
    if fleeting is not None and body and not _refuses(earlier.status):
        now = await fleeting.filled(body)
        response.body = now.content
        response.headers.update({**now.headers, "Content-Length": str(len(now.content))})
    return response


def _refuses(status: int) -> bool:
    return status >= 400
