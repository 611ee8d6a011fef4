"""Holdfast for programs: what a buyer or an owner does over HTTP, and what is live over one socket.

    async with Client("https://tickets.example", token=jwt) as holdfast:
        held = await holdfast.holding.hold_range("elm-street-4", start, end)
        booked = await holdfast.bookings.book({"name": "Dora", "email": "dora@example.org"})

Every change has a name of its own (`op`), under which it is asked for again as long as there is patience: it
has one effect. Give `op` yourself where a change must stay the same one over a restart of your program.
"""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import httpx

from channels.client.bookings import Bookings
from channels.client.connection import Connection
from channels.client.holding import Holding
from channels.client.http import Http
from channels.client.identity import Identity, Token
from channels.client.models import Session
from channels.client.news import News
from channels.client.notices import Notices
from channels.client.patience import Patience
from channels.client.payments import Payments
from channels.client.resources import Resources
from channels.client.watch import View, Watch

SECONDS: Final = 10.0


class Client:
    """One caller. `token` is a user's JWT, or what gets one, asked again when it is over; None: nobody's.

    `session` is the token of a session to go on with; otherwise one is opened when it is needed. `timeout` is
    for one answer, `patience` for all tries of it together; both in seconds.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Token | None = None,
        session: str | None = None,
        timeout: float = SECONDS,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        base_url = base_url.rstrip("/")
        self._patience = patience or Patience()
        self._identity = Identity(token, session)
        self._watched: set[str] = set()
        self._http = Http(
            base_url,
            identity=self._identity,
            timeout=timeout,
            patience=self._patience,
            transport=transport,
            chance=chance,
        )
        self._connection = Connection(
            f"ws{base_url.removeprefix('http')}/ws", self._hello, patience=self._patience, chance=chance
        )
        self.resources = Resources(self._http)
        self.holding = Holding(self._http, self._identity)
        self.bookings = Bookings(self._http, self._identity)
        self.payments = Payments(self._http)
        self.notices = Notices(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the socket and all connections. Holds outlive them by the grace, or to their deadline."""
        await self._connection.close()
        await self._http.close()

    async def session(self) -> Session:
        """The session of this program, new or renewed: keep its token to go on with it later."""
        return await self._identity.open(self._http)

    @asynccontextmanager
    async def watch(self, resource: str, view: View = None) -> AsyncIterator[Watch]:
        """Follow a resource: all of it, `view` of its sections (of a grid: days), or "totals" by section.

        Inside, the numbers are there, and stay true over lost connections. One view of a resource at a time.
        """
        if resource in self._watched:
            raise ValueError(f"{resource} is watched already; a client has one view of each")

        async def look_up(sections: Sequence[str]) -> tuple[int, list[int]]:
            return await self.resources.look_up(resource, sections)

        self._watched.add(resource)
        try:
            async with Watch(
                self._connection, resource, view, look_up=look_up, seconds=self._patience.seconds
            ) as watch:
                yield watch
        finally:
            self._watched.discard(resource)

    def news(self) -> News:
        """What happens to one's own holds, cart and bookings, and a user's notices: a context with events."""
        return News(self._connection)

    async def _hello(self, renew: bool) -> Mapping[str, Any] | None:
        """What the socket shows; None where another token is wanted and there is none."""
        if renew and not await self._identity.renew(self._identity.headers):
            return None
        await self._identity.require_session(self._http)
        return self._identity.hello
