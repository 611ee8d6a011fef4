"""Grids on their way to browsers: the real scripts, the real pub/sub and the hub, while virtual time passes.

Whatever happens, holds, bookings, steps that begin, midnight, other hours, a rebuild: what each reader has
put together from its frames is what a fresh reading says (I10), in both codecs and every view.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from channels.codec import Codec, Frame
from channels.descriptor import NO_DESCRIPTOR
from channels.hub import Hub
from channels.protocol import SectionsView
from channels.pubsub import Bus
from server.errors import HoldfastError
from server.holds.client import connect
from server.holds.passing import Passing
from server.inventory.rules import HoldPolicy
from server.live.layouts import InventoryLayouts
from server.settings import Settings
from tests.channels.world import read
from tests.holds.grids import ALWAYS, MORNINGS, Driveway, driveway, shown, takes
from tests.holds.world import Clock, World

if TYPE_CHECKING:
    from server.holds.rules import Hold

DRIVE = "availability:drive"
DAYS = 4


class Screen:
    """A browser by the rules of docs/protocol.md: what it would draw of each step, by index."""

    def __init__(self, drive: Driveway, codec: Codec, view: Any) -> None:
        self.drive = drive
        self.codec = codec
        self.view = view
        self.ready = True
        self.deflates = False
        self.write = None
        self.descriptor = NO_DESCRIPTOR
        self.drawn: dict[int, tuple[int, int]] = {}
        self.sums: dict[str, list[int]] = {}
        self.position: tuple[str, int] = ("", -1)
        self.types: list[str] = []

    def close(self, code: int, *_: object, **_more: object) -> None:
        raise AssertionError(f"a screen broke: {code}")

    def push(self, frame: Frame) -> None:
        message = read(frame.data, self.codec)
        self.types.append(message["type"])
        getattr(self, f"_{message['type']}")(message)

    def _snapshot(self, message: dict[str, Any]) -> None:
        pairs = list(zip(message["available"], message["held"], strict=True))
        assert len(pairs) == message["count"]
        indices = self._indices(message)
        self.drawn = dict(zip(indices, pairs, strict=True))
        assert not indices or message["first"] == indices[0]
        self.position = (message["epoch"], message["version"])

    def _indices(self, message: dict[str, Any]) -> list[int]:
        if "sections" not in message:
            return list(range(message["first"], message["first"] + message["count"]))
        first, count = message["first"], DAYS * self.drive.steps.chunk
        days = zip(range(first, first + count), self.drive.steps.sections(first, count), strict=True)
        return [index for index, day in days if day in message["sections"]][: message["count"]]

    def _delta(self, message: dict[str, Any]) -> None:
        epoch, version = self.position
        assert message["epoch"] == epoch
        if message["to"] <= version:
            return
        assert message["from"] <= version
        flat = message["changes"]
        for place in range(0, len(flat), 3):
            assert flat[place] in self.drawn, "a change outside the view"
            self.drawn[flat[place]] = (flat[place + 1], flat[place + 2])
        self.position = (epoch, message["to"])

    def _totals(self, message: dict[str, Any]) -> None:
        self.sums = message["sections"]
        self.position = (message["epoch"], message["version"])


class Street:
    """One driveway, its time, a hub that shows it, and screens."""

    def __init__(self, redis: Redis, bus: Bus, **rules: Any) -> None:
        self.drive = driveway(horizon_days=12, policy=HoldPolicy(hold_seconds=7200), **rules)
        self.clock = Clock()
        self.world = World(redis, [self.drive], Settings(hold_max_seconds=7200), self.clock)
        holds = self.world.main
        self.hub = Hub(holds, InventoryLayouts(self.world.catalogue), bus, clock=self.clock.monotonic)
        self.passing = Passing(holds.loader, self.world.catalogue, lambda: self.hub.resources)
        self.screens: list[Screen] = []
        self.paying: list[tuple[str, list[Hold]]] = []

    def day(self, number: int) -> str:
        """The number-th day from today."""
        steps = self.drive.steps
        first = steps.today(self.clock.milliseconds)
        return steps.sections(first, (number + 1) * steps.chunk)[-1]

    async def opens(self, codec: Codec, view: Any = None) -> Screen:
        screen = Screen(self.drive, codec, view)
        await self.hub.subscribe(screen, DRIVE, None, view)
        self.screens.append(screen)
        return screen

    async def settles(self) -> None:
        """All that was published has come, and what was lost was noticed."""
        for _ in range(3):
            await asyncio.sleep(0.01)
            await self.hub.staleness.check()
            for upkeep in list(self.hub._upkeeps.values()):
                if upkeep._task is not None:
                    await asyncio.wait([upkeep._task])
            await self.hub.fanout.send_news()

    async def all_screens_are_right(self) -> None:
        await self.settles()
        state = await self.world.main.read("drive")
        fresh, steps = shown(state), self.drive.steps
        days = dict(zip(fresh, steps.sections(state.first, state.count), strict=True))
        for screen in self.screens:
            assert screen.position[0] == state.epoch
            match screen.view:
                case None:
                    window = range(state.first, state.first + steps.window(state.first))
                    assert screen.drawn == {index: fresh[index] for index in window}
                case SectionsView(sections):
                    assert screen.drawn == {index: fresh[index] for index in fresh if days[index] in sections}
                case _:
                    capacities = steps.capacities(state.first, state.count)
                    sums: dict[str, list[int]] = {}
                    for index, capacity in zip(fresh, capacities, strict=True):
                        row = sums.setdefault(days[index], [0, 0, 0])
                        for place, number in enumerate((*fresh[index], capacity)):
                            row[place] += number
                    assert screen.sums == sums


@pytest.fixture
async def bus(redis: Redis, redis_url: str) -> AsyncIterator[Bus]:  # noqa: ARG001  # `redis` empties it
    bus = Bus(redis_url)
    await bus.start()
    yield bus
    await bus.close()


@pytest.fixture
async def street(bus: Bus, redis_url: str) -> AsyncIterator[Street]:
    client = connect(redis_url)
    street = Street(client, bus)
    yield street
    await street.hub.close()
    await client.aclose()


async def test_a_week_is_shown_unasked_and_other_days_to_who_asks(street: Street) -> None:
    week = await street.opens(Codec.MSGPACK)
    tenth = await street.opens(Codec.JSON, SectionsView((street.day(10),)))
    sums = await street.opens(Codec.JSON, "totals")
    steps, first = street.drive.steps, street.drive.step("00:00", 0)
    assert sorted(week.drawn) == list(range(first, first + 7 * steps.chunk))
    assert sorted(tenth.drawn) == list(range(first + 10 * steps.chunk, first + 11 * steps.chunk))
    assert len(sums.sums) == 13
    assert sums.sums[street.day(10)] == [48, 0, 48]
    await takes(street.world.buyer("ann"), street.drive, "09:00", "17:00", days=10)
    await street.all_screens_are_right()
    assert week.types == ["snapshot"]
    assert tenth.types == ["snapshot", "delta"]
    assert sums.sums[street.day(10)] == [32, 16, 48]
    await takes(street.world.buyer("ann"), street.drive, "09:00", "17:00", days=2)
    await street.all_screens_are_right()
    assert week.types == ["snapshot", "delta"]


async def test_midnight_gives_everybody_one_snapshot(street: Street) -> None:
    screens = [await street.opens(codec) for codec in Codec]
    screens.append(await street.opens(Codec.JSON, SectionsView((street.day(0), street.day(1)))))
    await takes(street.world.buyer("ann"), street.drive, "22:00", "02:00", days=0, until=1)
    street.clock.passes(15.9 * 3600)
    await street.passing.pass_due()
    await street.all_screens_are_right()
    for screen in screens:
        screen.types.clear()
    street.clock.passes(600)
    await asyncio.gather(*(street.passing.pass_due() for _ in range(3)))
    await street.all_screens_are_right()
    assert [screen.types for screen in screens] == [["snapshot"]] * 3
    assert min(screens[0].drawn) == street.drive.step("00:00", 1)
    assert len(screens[2].drawn) == 48  # of its two days one is left


async def test_who_was_away_over_midnight_gets_a_snapshot(street: Street) -> None:
    screen = await street.opens(Codec.JSON)
    street.hub.unsubscribe(screen, DRIVE)
    await takes(street.world.buyer("ann"), street.drive, "09:00", "10:00")
    await street.settles()
    await street.hub.subscribe(screen, DRIVE, screen.position)
    assert screen.types == ["snapshot", "delta"]
    street.hub.unsubscribe(screen, DRIVE)
    street.clock.passes(17 * 3600)
    await street.world.main.read("drive")
    await street.settles()
    await street.hub.subscribe(screen, DRIVE, screen.position)
    await street.all_screens_are_right()
    assert screen.types == ["snapshot", "delta", "snapshot"]


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_every_screen_is_right(street: Street, seed: int) -> None:
    chance = random.Random(seed)
    if seed % 2:
        street.drive.changes_rules(buffer_minutes=60, capacity=2)
    for codec in Codec:
        await street.opens(codec)
        await street.opens(codec, "totals")
        await street.opens(codec, SectionsView((street.day(1), street.day(2))))
    for turn in range(60):
        with suppress(HoldfastError):
            await _something(street, chance, turn)
        if turn % 6 == 5:
            await street.passing.pass_due()
            await street.all_screens_are_right()


async def _something(street: Street, chance: random.Random, turn: int) -> None:
    main, buyer = street.world.main, street.world.buyer(f"buyer-{chance.randrange(4)}", hall="drive")
    match chance.randrange(12):
        case 0:
            await buyer.releases_all()
        case 1 if await buyer.cart():
            street.paying.append((f"booking-{turn}", await buyer.pays(f"booking-{turn}")))
        case 2 if street.paying:
            booking, holds = chance.choice(street.paying)
            await main.confirm(holds, booking)
        case 3 if street.paying:
            booking, holds = street.paying.pop()
            await main.end(holds, booking, "expired", "deadline")
        case 4 if street.paying:
            booking, holds = chance.choice(street.paying)
            await main.retake(holds, booking, holds[0].expires_at + 10**8)
        case 5:
            street.clock.passes(chance.choice([60, 1800, 5400, 7200]))
            await main.expire()
        case 6 if turn % 2 == 0:
            street.clock.passes(chance.choice([4, 11, 24, 30]) * 3600)
        case 7 if turn % 3 == 0:
            hours = chance.choice([MORNINGS, ALWAYS])
            street.drive.changes_rules(opening_hours=hours)
            await main.load("drive")
        case _:
            start, days = chance.randrange(47), chance.randrange(5)
            today = (street.clock.milliseconds // 1000 - 1_800_000_000) // 86_400
            clock = f"{start // 2:02}:{start % 2 * 30:02}"
            end = f"{(start + 1) // 2:02}:{(start + 1) % 2 * 30:02}"
            until = today + days + chance.randrange(2)
            await takes(buyer, street.drive, clock, end, days=today + days, until=until)
