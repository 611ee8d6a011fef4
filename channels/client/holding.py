"""Holding: what a session has taken, until its deadline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from channels.client.http import Http
from channels.client.identity import Identity
from channels.client.models import Answered, Cart, Held, Hold

Items = Sequence[str | tuple[str, int]]
"""Slot ids, or (slot id, quantity)."""


class _Cart(Answered, frozen=True, kw_only=True):
    cart: Cart | None


class _Hold(Answered, frozen=True, kw_only=True):
    hold: Hold


class Holding:
    """The session's holds and its cart. A session is opened where there is none.

    What cannot be had raises SlotTaken with the slots; everything is taken, or nothing.
    """

    def __init__(self, http: Http, identity: Identity) -> None:
        self._http = http
        self._identity = identity

    async def hold(self, resource: str, items: Items, *, op: str | None = None) -> Held:
        """Take these slots."""
        pairs = [(item, 1) if isinstance(item, str) else item for item in items]
        return await self._take({"resource": resource, "items": pairs}, op)

    async def hold_range(
        self, resource: str, start: datetime, end: datetime, *, op: str | None = None
    ) -> Held:
        """Take this time of a grid; both with their zone, on the boundaries of its steps."""
        return await self._take({"resource": resource, "range": (_aware(start), _aware(end))}, op)

    async def hold_best(
        self,
        resource: str,
        quantity: int,
        *,
        category: str | None = None,
        adjacent: bool = True,
        op: str | None = None,
    ) -> Held:
        """Take the best places there are."""
        best = {"quantity": quantity, "category": category, "adjacent": adjacent}
        return await self._take({"resource": resource, "best": best}, op)

    async def _take(self, request: Mapping[str, Any], op: str | None) -> Held:
        return msgspec.json.decode(await self._change("POST", "/api/holds", request, op), type=Held)

    async def get(self, hold: str) -> Hold:
        """One of the session's own; one that has ended is known for ten minutes more."""
        await self._identity.require_session(self._http)
        return msgspec.json.decode(await self._http.read(_path(hold)), type=_Hold).hold

    async def release(self, hold: str, *, op: str | None = None) -> Hold:
        """Give it back."""
        return msgspec.json.decode(await self._change("DELETE", _path(hold), None, op), type=_Hold).hold

    async def cart(self) -> Cart | None:
        """The cart with its holds; None without one."""
        await self._identity.require_session(self._http)
        return msgspec.json.decode(await self._http.read("/api/cart"), type=_Cart).cart

    async def extend(self, *, op: str | None = None) -> Cart | None:
        """Move the cart's deadline as far as its rules allow."""
        return msgspec.json.decode(await self._change("POST", "/api/cart/extend", None, op), type=_Cart).cart

    async def release_all(self, *, op: str | None = None) -> None:
        """Give the whole cart back at once."""
        await self._change("POST", "/api/cart/release", None, op)

    async def leave(self) -> None:
        """Go away: the grace starts, unless a socket of the session is open."""
        await self._change("POST", "/api/cart/leave", None, None)

    async def _change(self, method: str, path: str, body: Any, op: str | None) -> bytes:
        await self._identity.require_session(self._http)
        return await self._http.change(method, path, body, op=op)


def _path(hold: str) -> str:
    return f"/api/holds/{quote(hold, safe='')}"


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError("a time without its zone means nothing")
    return when
