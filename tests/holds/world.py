"""A house of halls, buyers and a clock, so that tests read as sentences: `await ann.holds("A-1", "A-2")`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from redis.asyncio import Redis

from channels.replica import State
from channels.upkeep import changes_channel
from server.accounts.rules import Caller
from server.errors import UnknownResource
from server.holds.events import SESSIONS_CHANNEL, decode_events
from server.holds.keeper import Keeper
from server.holds.packing import FIELDS, numbers
from server.holds.places import Held
from server.holds.rules import Best, Cart, Hold, HoldEvent, HoldRequest
from server.holds.scripts import Scripts
from server.holds.service import Holds
from server.holds.sources import Booked
from server.inventory.blocks import Block, blocks_of
from server.inventory.grid.calendar import Calendar
from server.inventory.rules import HoldPolicy, Kind, Money, Resource, Slot
from server.settings import Settings

START = 1_800_000_000_000_000  # µs
MARK = "holdfast:test:mark"

Require = Callable[[], Awaitable[None]]


class Clock:
    """Redis' time, the wall's, and the processes', moved by hand."""

    def __init__(self) -> None:
        self.micros = START

    def __call__(self) -> int:
        """The scripts' clock, in µs."""
        return self.micros

    @property
    def milliseconds(self) -> int:
        return self.micros // 1000

    def monotonic(self) -> float:
        return self.micros / 1_000_000

    def passes(self, seconds: float) -> None:
        self.micros += round(seconds * 1_000_000)


@dataclass
class Hall:
    """A resource as the inventory would give it, and what PostgreSQL has booked of it."""

    resource: Resource
    slots: tuple[Slot, ...]
    confirmed: dict[int, int] = field(default_factory=dict)
    pending: list[Hold] = field(default_factory=list)
    calendar: Calendar | None = None

    @property
    def by_id(self) -> dict[str, int]:
        return {slot.id: slot.index for slot in self.slots}

    @property
    def blocks(self) -> tuple[Block, ...]:
        return blocks_of(self.slots)

    def changes(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots
        self.resource = msgspec.structs.replace(self.resource, layout=self.resource.layout + 1)


def rows(**lengths: int) -> tuple[Slot, ...]:
    """`rows(A=3)` has the seats A-1, A-2 and A-3, side by side, at 50.00 each."""
    names = [(row, number) for row, length in lengths.items() for number in range(1, length + 1)]
    return tuple(slot(index, f"{row}-{number}", row=row) for index, (row, number) in enumerate(names))


def places(**capacities: int) -> tuple[Slot, ...]:
    """`places(morning=10)` has one slot for ten."""
    return tuple(slot(index, name, capacity=size) for index, (name, size) in enumerate(capacities.items()))


def slot(index: int, name: str, *, price: int = 5000, category: str = "stalls", **more: Any) -> Slot:
    return Slot(index=index, id=name, label=name, price=Money(price, "eur"), category=category, **more)


def hall(
    name: str,
    slots: tuple[Slot, ...],
    *,
    owner: str = "olga",
    currency: str = "eur",
    kind: Kind = "seats",
    policy: HoldPolicy | None = None,
) -> Hall:
    resource = Resource(
        id=name, kind=kind, title=name, owner=owner, time_zone="Europe/Berlin", currency=currency,
        layout=1, epoch="", policy=policy or HoldPolicy(),
    )  # fmt: skip
    return Hall(resource, slots)


async def nothing() -> None:
    """Is required."""


class Catalogue:
    """The inventory and PostgreSQL's lines, in memory. `before_read` runs between a rebuild's two halves."""

    def __init__(self, halls: Iterable[Hall]) -> None:
        self.halls = {each.resource.id: each for each in halls}
        self.epochs = 0
        self.failure: Exception | None = None

    async def get(self, resource_id: str, layout: int | None = None) -> Hall:
        if resource_id not in self.halls:
            raise UnknownResource
        found = self.halls[resource_id]
        assert layout is None or found.resource.layout >= layout
        return found

    def at_hand(self, resource_id: str, layout: int | None = None) -> Hall | None:
        found = self.halls.get(resource_id)
        return None if found is None or found.resource.layout < (layout or 0) else found

    async def bump_epoch_and_read(self, resource_id: str, require: Require = nothing) -> Booked:
        if self.failure is not None:
            raise self.failure
        found = await self.get(resource_id)
        await require()
        self.epochs += 1
        return Booked(
            f"epoch-{self.epochs}", found.resource.layout, dict(found.confirmed), list(found.pending)
        )


@dataclass
class Heard:
    """What the channels carried: changes as (resource, epoch, from, to, changes), and events."""

    changes: list[tuple[str, str, int, int, list[int] | None]] = field(default_factory=list)
    events: list[HoldEvent] = field(default_factory=list)
    batches: int = 0


class Listener:
    """Hears everything that is published; `so_far` waits for what was published before it was called."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()
        self._marks = 0

    async def start(self, halls: Iterable[str]) -> None:
        channels = {changes_channel(each): each for each in halls}
        self._names = {name.encode(): hall for name, hall in channels.items()}
        await self._pubsub.subscribe(MARK, SESSIONS_CHANNEL)
        await self._pubsub.ssubscribe(*channels)
        confirmed = 0
        while confirmed < 2 + len(channels):
            confirmed += await self._pubsub.get_message(timeout=5) is not None

    async def so_far(self) -> Heard:
        heard = Heard()
        self._marks += 1
        mark = str(self._marks).encode()
        await self._redis.publish(MARK, mark)
        while True:
            message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
            if message is None:
                continue
            if message["data"] == mark:
                return heard
            self._take(message["channel"], message["data"], heard)

    def _take(self, channel: bytes, data: bytes, heard: Heard) -> None:
        if channel == SESSIONS_CHANNEL.encode():
            heard.events += decode_events(data)
            heard.batches += 1
        elif channel in self._names:
            epoch, start, end, changes = msgspec.msgpack.decode(data)
            heard.changes.append((self._names[channel], epoch, start, end, changes))

    async def close(self) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


class World:
    """One Redis, one catalogue and one process, `main`; `process()` makes more. No clock: the real one."""

    def __init__(
        self, redis: Redis, halls: Iterable[Hall], settings: Settings, clock: Clock | None = None
    ) -> None:
        self.redis = redis
        self.catalogue = Catalogue(halls)
        self.settings = settings
        self.clock = clock
        self.main = self.process("one")

    def process(self, name: str) -> Holds:
        clock = self.clock
        if clock is None:
            return Holds(self.redis, self.catalogue, self.catalogue, self.settings, process=name)
        made = Holds(
            self.redis,
            self.catalogue,
            self.catalogue,
            self.settings,
            process=name,
            clock=lambda: clock.milliseconds,
            scripts=Scripts(self.redis, clock),
        )
        made.trust._clock = clock.monotonic
        made.trust._from = 0
        return made

    def keeper(self, holds: Holds) -> Keeper:
        assert self.clock is not None
        clock = self.clock
        return Keeper(holds, hears=lambda: True, clock=lambda: clock.milliseconds)

    def buyer(self, name: str, *, process: Holds | None = None, hall: str = "hall") -> "Buyer":
        return Buyer(self, Caller(session=name), process or self.main, hall)

    @property
    def hall(self) -> Hall:
        return self.catalogue.halls["hall"]

    async def records(self, hall: str = "hall") -> list[tuple[int, int, int, int]]:
        """(available, held, booked, capacity) of each slot."""
        await self.main.ensure(hall)
        found = await self.main.store.slots(hall)
        assert found is not None
        meta, packed = found
        flat = numbers(packed, meta.width)
        return [tuple(flat[start : start + FIELDS]) for start in range(0, len(flat), FIELDS)]  # type: ignore[misc]  # four each

    async def of(self, slot: str, hall: str = "hall") -> tuple[int, int, int]:
        """(available, held, booked) of one slot."""
        return (await self.records(hall))[self.catalogue.halls[hall].by_id[slot]][:3]

    async def available(self, hall: str = "hall") -> list[int]:
        state = await self.main.read(hall)
        return numbers(state.available, state.width)

    async def state(self, hall: str = "hall") -> State:
        return await self.main.read(hall)

    def time_passes(self, seconds: float) -> None:
        assert self.clock is not None
        self.clock.passes(seconds)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        listener = Listener(self.redis)
        await listener.start(self.catalogue.halls)
        try:
            yield listener
        finally:
            await listener.close()


@dataclass
class Buyer:
    """One session: what it does, in the words of the domain. A slot `morning*2` means two of it."""

    world: World
    caller: Caller
    process: Holds
    hall: str

    @property
    def session(self) -> str:
        return self.caller.session

    async def holds(
        self, *slots: str, hall: str | None = None, op: str | None = None, connected: bool = False
    ) -> Held:
        request = HoldRequest(resource=hall or self.hall, items=tuple(map(_item, slots)))
        return await self.process.hold(self.caller, request, op=op, connected=connected)

    async def takes_best(
        self,
        quantity: int,
        *,
        category: str | None = None,
        adjacent: bool = True,
        hall: str | None = None,
        op: str | None = None,
    ) -> Held:
        best = Best(quantity=quantity, category=category, adjacent=adjacent)
        request = HoldRequest(resource=hall or self.hall, best=best)
        return await self.process.hold(self.caller, request, op=op, connected=False)

    async def releases(self, hold: Hold | Held, *slots: str, op: str | None = None) -> Hold:
        items = [_item(slot) for slot in slots] or None
        known = _hold(hold)
        done = await self.process.release(self.caller, known.id, items, op=op, resource=known.resource)
        return done.hold

    async def releases_all(self, *, op: str | None = None) -> None:
        await self.process.release_cart(self.caller, op=op)

    async def extends(self, *, op: str | None = None) -> Cart:
        return await self.process.extend(self.caller, op=op)

    async def leaves(self) -> None:
        await self.process.leave(self.caller)

    async def cart(self) -> Cart | None:
        return await self.process.cart(self.session)

    async def has(self) -> list[Hold]:
        return await self.process.holds(self.session)

    async def finds(self, hold: Hold | Held) -> Hold:
        return await self.process.find(self.session, _hold(hold).id)

    async def pays(self, booking: str, *, seconds: int = 1800) -> list[Hold]:
        """Begin to pay for the cart; answers its holds as they were."""
        cart = await self.cart()
        assert cart is not None
        until = (await self.process.index.read(self.session)).now + seconds * 1000
        assert await self.process.begin_paying(cart.holds, booking, until) == []
        return list(cart.holds)


def _hold(hold: Hold | Held) -> Hold:
    return hold.hold if isinstance(hold, Held) else hold


def _item(text: str) -> tuple[str, int]:
    name, _, quantity = text.partition("*")
    return name, int(quantity or 1)


def slots_of(held: Held | Hold, hall: Hall) -> list[str]:
    return [hall.slots[item.index].id for item in _hold(held).items]
