"""Bookings at the last moment, and processes that die just then: between the commit and the word to Redis.

Most of them are rebuilding the hall, too; nothing else goes wrong. While a booking stands, its hold ends by
no deadline and by nobody's leaving (I2).
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

from server.errors import HoldfastError
from server.holds.leases import LEASE_MS
from server.holds.rules import HoldRequest
from tests.simulation.determinism import Troubles
from tests.simulation.live import Turn
from tests.simulation.money import MoneyProperties
from tests.simulation.people import Buyer
from tests.simulation.process import Gone, Process
from tests.simulation.properties import Broken
from tests.simulation.shopping import FORM
from tests.simulation.world import POLICY, PROCESSES, SETTINGS, World

AT_MOST_BEFORE: Final = 0.4
"""Seconds from asking for the booking until its hold would end."""
WATCHED: Final = 14.0


class GivenAway:
    """Hears each turn of Redis before the world does: what ends there, and still stands in PostgreSQL."""

    def __init__(self, money: MoneyProperties, then: Callable[[Turn], None]) -> None:
        self._money = money
        self._then = then
        self.broken: Broken | None = None

    def __call__(self, turn: Turn) -> None:
        for event in turn.events:
            if event["reason"] in ("deadline", "left") and self._money.stands(event["hold"]["id"]):
                how = f"{event['hold']['status']} by {turn.name}"
                self.broken = self.broken or Broken(f"I2: {event['hold']['id']} is booked, and was {how}")
        self._then(turn)


async def books_as_its_process_dies(world: World, _: Troubles) -> None:
    """One buyer, whose process dies, and one who tries for the same seat."""
    chance = random.Random(f"waiting {world.seed}")
    ann, ben = (Buyer(world, name, chance, 0.1) for name in ("ann", "ben"))
    seen = world.redis.on_turn = GivenAway(world.money, world.redis.on_turn)
    lease_ms = chance.choice((LEASE_MS, 8_000))  # a killed builder's may be the second one
    shipped = patch("server.bookings.applier.IDLE_SECONDS", 1.0)
    with shipped, patch("server.holds.leases.LEASE_MS", lease_ms):
        for name in PROCESSES:
            world.starts(name)
        deadline = await _holds(ann, world.processes["one"], by_leaving=chance.random() < 0.5)
        trying = asyncio.ensure_future(_tries(ben, world.processes["two"]))
        await asyncio.sleep(deadline - chance.random() * AT_MOST_BEFORE - world.loop.time())
        one = world.processes["one"]
        building = one.begin(_rebuilds(one, chance.uniform(0, 0.08))) if chance.random() < 0.7 else None
        await _dies_as_it_books(world, one, ann, in_flight=chance.random() < 0.5)
        await asyncio.gather(*filter(None, [building]), return_exceptions=True)
        await trying
        if seen.broken is not None:
            raise seen.broken
        world.starts("one")
        await world.settles(100)


async def _holds(buyer: Buyer, at: Process, *, by_leaving: bool) -> float:
    """When, in the loop's seconds, the hold ends: by its deadline, or because its buyer left."""
    if by_leaving:
        at.keeper.socket_opened(buyer.name, buyer.name)
        await asyncio.sleep(5)
    request = HoldRequest(resource="hall", items=(("s0", 1),))
    await at.run(at.holds.hold(buyer.caller, request, op="hold", connected=by_leaving))
    now, grace, length = buyer.world.loop.time(), SETTINGS.disconnect_grace_seconds, POLICY.hold_seconds
    assert length is not None
    if not by_leaving:
        return now + length
    at.keeper.socket_left(buyer.name, buyer.name)
    return now + grace


async def _rebuilds(at: Process, after: float) -> None:
    """The hall, which somebody has changed just now; it may die on the way, or before it begins."""
    await asyncio.sleep(after)
    await at.holds.load("hall")


async def _tries(buyer: Buyer, at: Process) -> None:
    """Until the seat is somebody's who asks for it again and again."""
    request = HoldRequest(resource="hall", items=(("s0", 1),))
    until = buyer.world.loop.time() + float(POLICY.hold_seconds or 0) + WATCHED
    while buyer.world.loop.time() < until:
        try:
            await at.run(at.holds.hold(buyer.caller, request, op=None, connected=False))
        except HoldfastError:
            await asyncio.sleep(0.1)
        else:
            return


async def _dies_as_it_books(world: World, at: Process, buyer: Buyer, *, in_flight: bool) -> None:
    """All that makes the booking is done, and not a word of it said."""

    async def dies(*_: Any) -> None:
        world.kills("one", in_flight=in_flight)
        await asyncio.sleep(0)

    with patch.object(at.bookings._making, "_require_holds", dies):
        try:
            await at.run(at.payments.begin(buyer.caller, FORM))
        except (Gone, HoldfastError) as error:
            world.says(f"{buyer.name} hears nothing: {type(error).__name__}")
