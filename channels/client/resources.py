"""What can be booked."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from channels.client.http import Http
from channels.client.models import Answered, Availability, Length, Resource


class _Page(Answered, frozen=True, kw_only=True):
    items: tuple[Resource, ...]
    next: str | None


class _Lengths(Answered, frozen=True, kw_only=True):
    lengths: tuple[Length, ...]


class Resources:
    """Everybody may read them. Days are those of a grid; without them it is today and the next six."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def all(
        self,
        *,
        kind: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        date: date | None = None,
    ) -> AsyncIterator[Resource]:
        """All of them, page by page, without their slots."""
        async for found in self._pages(kind=kind, owner=owner, q=q, date=date):
            yield found

    async def find(self, start: datetime, end: datetime, *, q: str | None = None) -> AsyncIterator[Resource]:
        """Grids that are free for the whole of it, by live state, each with its price for that."""
        async for found in self._pages(kind="grid", q=q, **{"from": start, "to": end}):
            yield found

    async def _pages(self, **query: object) -> AsyncIterator[Resource]:
        after: str | None = None
        while True:
            answer = await self._http.read("/api/resources", after=after, **query)
            page = msgspec.json.decode(answer, type=_Page)
            for found in page.items:
                yield found
            after = page.next
            if after is None:
                return

    async def get(self, resource: str, first: date | None = None, last: date | None = None) -> Resource:
        """One with its slots."""
        answer = await self._http.read(_path(resource), **{"from": first, "to": last})
        return _resource(answer)

    async def availability(
        self, resource: str, first: date | None = None, last: date | None = None
    ) -> Availability:
        """Its numbers, as they are now."""
        answer = await self._http.read(f"{_path(resource)}/availability", **{"from": first, "to": last})
        return msgspec.json.decode(answer, type=Availability)

    async def lengths(self, resource: str, start: datetime) -> tuple[Length, ...]:
        """The usual lengths from a start, each with its price and whether it is free."""
        answer = await self._http.read(f"{_path(resource)}/lengths", start=start)
        return msgspec.json.decode(answer, type=_Lengths).lengths

    async def create(self, *, op: str | None = None, **fields: Any) -> Resource:
        """A new one: `kind`, `title`, `time_zone`, `currency`, `slots` or `grid`, and more."""
        return _resource(await self._http.change("POST", "/api/resources", fields, op=op))

    async def change(self, resource: str, *, op: str | None = None, **fields: Any) -> Resource:
        """Fields as they shall be, slots to change or append, `remove_slots` to take off sale."""
        return _resource(await self._http.change("PATCH", _path(resource), fields, op=op))

    async def remove(self, resource: str, *, op: str | None = None) -> None:
        """Take it off sale for good."""
        await self._http.change("DELETE", _path(resource), op=op)

    async def look_up(self, resource: str, sections: Sequence[str]) -> tuple[int, list[int]]:
        """The layout, and the indices of these sections' slots; a grid's sections are its days."""
        days = [day for day in map(_day, sections) if day is not None]
        found = await self.get(resource)
        if found.kind == "grid" and days:
            found = await self.get(resource, min(days), max(days))
        wanted = set(sections)
        return found.layout, [slot.index for slot in found.slots if slot.section in wanted]


def _resource(answer: bytes) -> Resource:
    return msgspec.json.decode(answer, type=Resource)


def _path(resource: str) -> str:
    return f"/api/resources/{quote(resource, safe='')}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
