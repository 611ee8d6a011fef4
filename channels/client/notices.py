"""What a user is told, until it is read."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from channels.client.http import Http
from channels.client.models import Answered, Notice


class _Page(Answered, frozen=True, kw_only=True):
    items: tuple[Notice, ...]
    next: str | None


class _Unread(Answered, frozen=True, kw_only=True):
    unread: int


class Notices:
    """A user's own; `Client.news` has them live."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def all(self, *, unread: bool = False) -> AsyncIterator[Notice]:
        """The latest first, page by page."""
        after: str | None = None
        while True:
            answer = await self._http.read("/api/notifications", after=after, unread=unread)
            page = msgspec.json.decode(answer, type=_Page)
            for notice in page.items:
                yield notice
            after = page.next
            if after is None:
                return

    async def read(self, ids: Sequence[str]) -> int:
        """These are read; how many are not."""
        return await self._read({"ids": ids})

    async def read_until(self, notice: str) -> int:
        """One and all before it are read; how many are not."""
        return await self._read({"until": notice})

    async def _read(self, body: dict[str, Any]) -> int:
        answer = await self._http.change("POST", "/api/notifications/read", body)
        return msgspec.json.decode(answer, type=_Unread).unread

    async def preferences(self) -> dict[str, Any]:
        """How the user wants to be told."""
        answer = await self._http.read("/api/preferences")
        return msgspec.json.decode(answer, type=dict[str, dict[str, Any]])["preferences"]

    async def prefer(self, preferences: dict[str, Any]) -> dict[str, Any]:
        """The whole of it anew."""
        answer = await self._http.change("PUT", "/api/preferences", preferences)
        return msgspec.json.decode(answer, type=dict[str, dict[str, Any]])["preferences"]
