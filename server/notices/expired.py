"""Carts of signed-in buyers that ended by their deadline: each written once, by whichever process is first.

Every process hears of each hold that ends, whoever ended it, and each writes it down: the outbox keeps one.
Whoever ended holds knows it by Redis' answer, too: what no message says while pub/sub has a gap.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from server.bookings.outbox import THINGS_AT_MOST, Facts, Thing, tell_of_carts
from server.database.pool import Database
from server.errors import Unavailable, UnknownResource
from server.holds.events import decode_events
from server.holds.rules import Hold
from server.holds.sources import Loaded, Resources
from server.worker import Worker

# The holds of a cart end within this of each other, resource by resource.
GATHER_SECONDS: Final = 0.1
AT_ONCE: Final = 200
KEPT_AT_MOST: Final = 20_000
IDLE_SECONDS: Final = 60.0

UserOf = Callable[[str], Awaitable[str | None]]
Cart = tuple[str, str]

_log = structlog.get_logger(__name__)


class ExpiredCarts:
    """`hear` takes the messages of SESSIONS_CHANNEL, `ended` what this process did; `worker` writes them."""

    def __init__(
        self, database: Database, inventory: Resources, user_of: UserOf, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._user_of = user_of
        self._wake = wake
        self._ended: dict[Cart, dict[str, Hold]] = {}
        self.worker = Worker("notices.expired", self.work, idle=IDLE_SECONDS)

    def hear(self, data: bytes) -> None:
        """Holds have changed, here or on another process."""
        self.ended([event.hold for event in decode_events(data) if event.reason == "deadline"])

    def ended(self, holds: Sequence[Hold]) -> None:
        """Some of them by their deadline. What is being paid is its booking's to tell."""
        for hold in holds:
            if hold.status == "expired" and hold.booking is None:
                self._note(hold)

    def _note(self, hold: Hold) -> None:
        if len(self._ended) >= KEPT_AT_MOST:
            _log.warning("expired_carts_untold", reason="too many end at once")
            return
        if not self._ended:
            self.worker.wake()
        self._ended.setdefault((hold.session, hold.reference), {})[hold.id] = hold

    async def work(self) -> float:
        """Write down some of what ended; seconds until the rest."""
        if not self._ended:
            return IDLE_SECONDS
        await asyncio.sleep(GATHER_SECONDS)
        await self._write()
        return 0.0 if self._ended else IDLE_SECONDS

    async def close(self) -> None:
        """Write down what is left; after the worker has ended."""
        with suppress(Unavailable):
            while self._ended:
                await self._write()

    async def _write(self) -> None:
        carts = list(self._ended)[:AT_ONCE]
        users = await asyncio.gather(*(self._user_of(session) for session, _ in carts))  # one pipeline
        known = [(cart, user) for cart, user in zip(carts, users, strict=True) if user is not None]
        facts = [await self._facts(user, list(self._ended[cart].values())) for cart, user in known]
        rows = [(":".join(cart), each) for (cart, _), each in zip(known, facts, strict=True)]
        if rows:
            async with self._database.transaction() as connection:
                await tell_of_carts(connection, rows)
            self._wake()
        for cart in carts:
            del self._ended[cart]

    async def _facts(self, user: str, holds: Sequence[Hold]) -> Facts:
        things = [thing for hold in holds for thing in await self._things(hold)]
        first = await self._loaded(holds[0].resource)
        return Facts(
            owner="" if first is None else first.resource.owner,
            user=user,
            reference=holds[0].reference,
            total=sum(hold.total for hold in holds),
            currency=holds[0].currency,
            things=tuple(things[:THINGS_AT_MOST]),
            more=max(len(things) - THINGS_AT_MOST, 0),
        )

    async def _things(self, hold: Hold) -> list[Thing]:
        if hold.range is not None:
            return [Thing(resource=hold.resource, range=hold.range)]
        loaded = await self._loaded(hold.resource)
        slots = () if loaded is None else loaded.slots
        return [
            Thing(
                resource=hold.resource,
                label=slots[item.index].label if item.index < len(slots) else "",
                quantity=item.quantity,
            )
            for item in hold.items
        ]

    async def _loaded(self, resource: str) -> Loaded | None:
        try:
            return await self._inventory.get(resource)
        except UnknownResource:
            return None
