"""A desk that tells people: the real core on a real PostgreSQL, with senders that tests look into."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from server.bookings import outbox
from server.bookings.outbox import Facts, NoticeKind, Thing
from server.database.pool import Database
from server.notices.channel import CHANNELS, Channel, Message, Permanent, Sender, Temporary
from server.notices.deliveries import Deliveries
from server.notices.dispatcher import Dispatcher
from tests.payments.conftest import house
from tests.payments.house import Clock

__all__ = ["house"]


@dataclass
class FakeSender:
    """A provider that keeps what it took. `fails` are raised first, one a try."""

    name: str = "post"
    fails: list[Exception] = field(default_factory=list)
    took: list[Message] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.tries.append(message.key)
        if self.fails:
            raise self.fails.pop(0)
        self.took.append(message)


def away(reason: str = "away", **more: Any) -> Temporary:
    return Temporary(reason, **more)


def refused(reason: str = "no such mailbox", *, gone: bool = False) -> Permanent:
    return Permanent(reason, gone=gone)


@dataclass
class Desk:
    """`await desk.happens("booking_confirmed")`, `await desk.tells()`; the clock is the test's."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    senders: dict[Channel, Sequence[Sender]] = field(default_factory=dict)
    news: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.stands_at(1_795_000_000_000)
        self.post = FakeSender()
        if not self.senders:
            self.senders = {name: [self.post] for name in CHANNELS}
        self.opens()

    def opens(self) -> None:
        """A process of its own, or the same after a restart."""
        self.deliveries = Deliveries(self.database, self.senders, self.clock)
        self.dispatcher = self.dispatcher_of()

    def dispatcher_of(self) -> Dispatcher:
        return Dispatcher(
            self.database,
            channels=frozenset(self.senders),
            clock=self.clock,
            tell_users=self._hear,
            wake_channels=lambda: None,
        )

    async def _hear(self, users: Collection[str]) -> None:
        self.news.append(list(users))

    async def happens(
        self, kind: NoticeKind, *, count: int = 1, owner: str = "olga", user: str | None = None, **data: Any
    ) -> list[UUID]:
        """In one transaction, as it happens with a booking."""
        ids = [uuid4() for _ in range(count)]
        facts = [
            Facts(
                owner=owner,
                user=user,
                reference=f"BK-{place}",
                customer={"name": "Ann Example", "email": "ann@example.org"},
                total=2_500,
                currency="eur",
                things=(Thing(resource="hall", label="A-1"),),
                data=data,
            )
            for place in range(count)
        ]
        async with self.database.transaction() as connection:
            rows = [(name, kind, None, fact) for name, fact in zip(ids, facts, strict=True)]
            await outbox._write(connection, rows)
        return ids

    async def tells(self) -> int:
        """Rounds until nothing is left; how much was told."""
        told = 0
        while taken := await self.dispatcher.round():
            told += taken
        return told

    async def sends(self) -> None:
        """All that is due by the clock."""
        for loop in self.deliveries._loops:
            await loop.work()

    async def passes(self, seconds: float) -> None:
        """Time goes by, and what is due then is sent."""
        assert self.clock.frozen is not None
        self.clock.frozen += round(seconds * 1000)
        await self.sends()

    async def prefers(self, user: str, **columns: Any) -> None:
        names = ", ".join(columns)
        marks = ", ".join(f"${place}" for place in range(2, len(columns) + 2))
        await self.execute(
            f"insert into preference (user_id, {names}, updated_at) values ($1, {marks}, now())",
            user,
            *columns.values(),
        )

    async def subscribes(self, user: str, name: str = "phone") -> str:
        """A browser that takes pushes; the delivery's address."""
        subscription = uuid4()
        await self.execute(
            "insert into push_subscription (id, user_id, endpoint, p256dh, auth, created_at) "
            "values ($1, $2, $3, '', '', now())",
            subscription,
            user,
            f"https://push.example/{name}",
        )
        return str(subscription)

    async def hooks(self, user: str, kinds: list[str] | None = None) -> str:
        """A webhook; the delivery's address."""
        endpoint = uuid4()
        await self.execute(
            "insert into webhook_endpoint (id, user_id, url, secret, kinds, created_at) "
            "values ($1, $2, 'https://olga.example', '', $3, now())",
            endpoint,
            user,
            kinds,
        )
        return str(endpoint)

    async def execute(self, query: str, *arguments: Any) -> None:
        async with self.database.connection() as connection:
            await connection.execute(query, *arguments)

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]

    async def notices(self, user: str) -> list[tuple[Any, ...]]:
        """(kind, reference) of what a user was told, in order."""
        return await self.rows(
            "select kind, data->>'reference' from notice where user_id = $1 order by position", user
        )

    async def deliveries_of(self, channel: str) -> list[tuple[Any, ...]]:
        """(address, state) of one channel's, in order."""
        return await self.rows(
            "select address, state from delivery where channel = $1 order by position", channel
        )


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A desk before anything has happened."""
    return Desk(database)
