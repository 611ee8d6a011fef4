"""Whoever rebuilds a resource may be killed, or stand still: another finishes it, and no booking suffers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from server.errors import SlotTaken, Unavailable
from server.holds import leases
from server.holds.carts import WAIT_MS
from server.holds.service import Holds
from server.holds.store import Abandoned
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, rows

LOADING, UNFINISHED = "{hall}:loading", "{hall}:unfinished"
PLACES = ["before PostgreSQL's half", "after it"]
SHIPPED_MS = leases.LEASE_MS


@pytest.fixture(autouse=True)
def leases_end_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(leases, "LEASE_MS", 3_600_000)


@pytest.fixture
def nobody_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rebuilds stands still meanwhile."""
    monkeypatch.setattr(leases.Lease, "keep", _nothing)


async def _nothing(*_: object, **__: object) -> bool:
    return False


class Builder:
    """A process that rebuilds the hall, and stops on the way; then it is `killed`, or `goes_on`."""

    def __init__(self, world: World, place: str) -> None:
        self.holds = world.process("builder")
        self._world = world
        self._place = place
        self._stopped, self._may_go_on = asyncio.Event(), asyncio.Event()
        self.holds.loader._booked = self  # type: ignore[assignment]  # as much of one as is asked for
        self.task = asyncio.create_task(self.holds.load("hall"))

    async def stops(self) -> "Builder":
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait([self.task, stopped], return_when=asyncio.FIRST_COMPLETED)
        assert stopped.done(), self.task.exception()
        return self

    async def goes_on(self) -> None:
        self._may_go_on.set()
        await self.task

    async def is_killed(self) -> None:
        """No word of it comes any more."""
        _says_nothing(self.holds)
        self.task.cancel()
        await asyncio.wait([self.task])

    async def bump_epoch_and_read(self, resource: str, require: Callable[[], Awaitable[None]]) -> Any:
        if self._place == "after it":
            booked = await self._world.catalogue.bump_epoch_and_read(resource, require)
            await self._waits()
            return booked
        await self._waits()
        return await self._world.catalogue.bump_epoch_and_read(resource, require)

    async def _waits(self) -> None:
        self._stopped.set()
        await self._may_go_on.wait()


def _says_nothing(holds: Holds) -> None:
    holds.store.renew_lease = _nothing  # type: ignore[method-assign]
    holds.store.release_lease = _nothing  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_killed_process_began_another_one_finishes(world: World, place: str) -> None:
    await world.main.ensure("hall")
    await (await Builder(world, place).stops()).is_killed()
    assert await world.redis.pttl(LOADING) > 0
    keeper = world.keeper(world.main)
    await keeper.sweep()
    assert await world.main.epoch("hall") == "epoch-1"
    await world.redis.delete(LOADING)  # it has run out
    await keeper.sweep()
    assert await world.main.epoch("hall") == f"epoch-{world.catalogue.epochs}" != "epoch-1"
    assert await world.redis.exists(LOADING, UNFINISHED) == 0


@pytest.mark.parametrize("place", PLACES)
async def test_whoever_waits_for_a_rebuild_that_nobody_is_at_does_it(world: World, place: str) -> None:
    held = await world.buyer("ann").holds("A-1")
    await (await Builder(world, place).stops()).is_killed()
    await world.redis.delete(LOADING)
    with pytest.raises(Abandoned):
        await world.main.store.run("pay", "hall", holds=[held.hold.id], booking="booking", until_ms=2**41)
    assert await world.main.begin_paying([held.hold], "booking", 2**41) == []
    assert await world.main.epoch("hall") == f"epoch-{world.catalogue.epochs}" != "epoch-1"
    assert await world.of("A-1") == (0, 1, 0)


@pytest.mark.parametrize("by", ["its deadline", "leaving"])
@pytest.mark.parametrize("place", PLACES)
async def test_no_hold_ends_that_is_being_booked_while_nobody_can_say_so(
    world: World, place: str, by: str
) -> None:
    ann, ben, keeper = world.buyer("ann"), world.buyer("ben"), world.keeper(world.main)
    await holds_until_it_ends(world, by)
    standing = await world.main.cart_to_book("ann")
    await (await Builder(world, place).stops()).is_killed()
    for _ in range(4):
        world.time_passes(WAIT_MS / 1000 + 1)
        await keeper.sweep()
        with pytest.raises(SlotTaken):
            await ben.holds("A-1")
    again = await world.main.cart_to_book("ann")
    assert [hold.id for hold in again.held] == [hold.id for hold in standing.held]
    await world.redis.delete(LOADING)
    world.time_passes(WAIT_MS / 1000 + 1)
    await keeper.sweep()
    await keeper.sweep()
    assert await world.main.epoch("hall") != "epoch-1"
    world.time_passes(WAIT_MS / 1000 - 1)
    await keeper.sweep()
    assert await world.main.begin_paying(standing.held, "booking", 2**41) == []
    assert [hold.status for hold in await ann.has()] == ["paying"]
    assert await world.of("A-1") == (0, 1, 0)


async def holds_until_it_ends(world: World, by: str) -> None:
    """Ann holds A-1, which would end a moment after it is asked to be booked."""
    if by == "its deadline":
        await world.buyer("ann").holds("A-1")
        world.time_passes(900 - WAIT_MS / 1000 - 1)  # so that no deadline has to be put off yet
        return
    keeper = world.keeper(world.main)
    keeper.socket_opened("ann", "tab")
    await world.buyer("ann").holds("A-1", connected=True)
    keeper.socket_closed("ann", "tab")
    await keeper.flush()


async def test_what_nobody_books_ends_on_time_though_its_hall_is_being_rebuilt(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    await ann.holds("A-1")
    await world.main.cart_to_book("ann")  # long before: that word has come, or nothing was booked
    world.time_passes(WAIT_MS / 1000)
    await ben.holds("A-2")
    builder = await Builder(world, "after it").stops()
    world.time_passes(900)
    await world.keeper(world.main).sweep()
    assert (await ann.has(), await ben.has()) == ([], [])
    await world.buyer("cem").holds("A-1", "A-2")
    await builder.goes_on()
    assert await world.of("A-1") == (0, 1, 0)


async def test_whose_booking_was_asked_for_in_vain_has_a_moment_more_and_no_longer(world: World) -> None:
    ann, keeper = world.buyer("ann"), world.keeper(world.main)
    await ann.holds("A-1")
    await world.main.cart_to_book("ann")
    builder = await Builder(world, "after it").stops()
    world.time_passes(901)
    await keeper.sweep()
    await builder.goes_on()
    (hold,) = await ann.has()
    assert hold.expires_at == world.clock.milliseconds + WAIT_MS  # type: ignore[union-attr]
    world.time_passes(WAIT_MS / 1000)
    await keeper.sweep()
    assert await ann.has() == []


async def test_what_would_end_as_a_rebuild_is_done_has_its_time_for_the_word(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.time_passes(900 - WAIT_MS / 1000 - 1)
    await world.main.cart_to_book("ann")
    assert [hold.expires_at for hold in await ann.has()] == [held.hold.expires_at]
    builder = await Builder(world, "after it").stops()
    world.time_passes(WAIT_MS / 1000)
    await builder.goes_on()
    (hold,) = await ann.has()
    assert hold.expires_at == world.clock.milliseconds + WAIT_MS  # type: ignore[union-attr]


@pytest.mark.usefixtures("nobody_renews")
async def test_whoever_stood_still_before_postgresqls_half_begins_nothing(world: World) -> None:
    await world.main.ensure("hall")
    slow = await Builder(world, "before PostgreSQL's half").stops()
    await world.redis.delete(LOADING)
    await world.main.load("hall")
    with pytest.raises(Unavailable, match="Another process"):
        await slow.goes_on()
    assert (await world.main.epoch("hall"), world.catalogue.epochs) == ("epoch-2", 2)
    assert await world.redis.exists(LOADING, UNFINISHED) == 0


@pytest.mark.usefixtures("nobody_renews")
async def test_whoever_stood_still_after_postgresqls_half_writes_nothing(world: World) -> None:
    await world.main.ensure("hall")
    slow = await Builder(world, "after it").stops()
    await world.redis.delete(LOADING)
    await world.main.load("hall")
    with pytest.raises(Unavailable, match="Another process"):
        await slow.goes_on()
    assert (await world.main.epoch("hall"), world.catalogue.epochs) == ("epoch-3", 3)
    assert await world.redis.exists(LOADING, UNFINISHED) == 0


@pytest.mark.usefixtures("nobody_renews")
async def test_whoever_stood_still_while_somebody_is_at_it_leaves_it_to_them(world: World) -> None:
    await world.main.ensure("hall")
    slow = await Builder(world, "after it").stops()
    await world.redis.delete(LOADING)
    other = await Builder(world, "after it").stops()
    with pytest.raises(Unavailable, match="Another process"):
        await slow.goes_on()
    assert await world.main.epoch("hall") == "epoch-1"
    await other.goes_on()
    assert await world.main.epoch("hall") == "epoch-3"


@pytest.mark.usefixtures("nobody_renews")
@pytest.mark.parametrize("place", PLACES)
async def test_whoever_stood_still_and_was_missed_by_nobody_goes_on(world: World, place: str) -> None:
    await world.main.ensure("hall")
    slow = await Builder(world, place).stops()
    await world.redis.delete(LOADING)
    await slow.goes_on()
    assert (await world.main.epoch("hall"), world.catalogue.epochs) == ("epoch-2", 2)


async def test_where_all_stand_still_each_has_longer_than_the_one_before(world: World) -> None:
    """So they do not take it from each other for ever."""
    store, lengths = world.main.store, []
    await world.main.ensure("hall")
    for number in range(6):
        taken = await store.take_lease("hall", f"token-{number}", SHIPPED_MS, leases.MOST_MS)
        assert taken is not None
        lengths.append(taken.milliseconds)
        await world.redis.delete(LOADING)
    assert lengths == [2_000, 4_000, 8_000, 16_000, 16_000, 16_000]
    await world.main.load("hall")
    taken = await store.take_lease("hall", "token", SHIPPED_MS, leases.MOST_MS)
    assert taken == (2_000, 1)


async def test_a_lease_is_renewed_for_as_long_as_its_builder_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_MS", 40)
    await world.main.ensure("hall")
    builder = await Builder(world, "after it").stops()
    store, renewed = builder.holds.store, asyncio.Event()
    renew, times = store.renew_lease, 0

    async def counts(resource: str, token: str, milliseconds: int) -> bool:
        nonlocal times
        times += 1
        if times == 2:
            raise Unavailable("Redis is away")
        if times > 4:
            renewed.set()
        return await renew(resource, token, milliseconds)

    store.renew_lease = counts  # type: ignore[method-assign]
    await renewed.wait()
    await builder.goes_on()
    assert await world.main.epoch("hall") == "epoch-2"


async def test_a_rebuild_that_postgresql_never_began_is_as_if_it_had_not_been(world: World) -> None:
    held = await world.buyer("ann").holds("A-1")
    world.catalogue.failure = Unavailable("PostgreSQL is away")
    with pytest.raises(Unavailable):
        await world.main.load("hall")
    assert await world.redis.exists(LOADING, UNFINISHED) == 0
    assert await world.main.begin_paying([held.hold], "booking", 2**41) == []


async def test_a_rebuild_that_failed_half_way_is_done_by_the_next_sweep(world: World) -> None:
    """PostgreSQL has another epoch by then, and may have noted that Redis heard what it has not."""
    held = await world.buyer("ann").holds("A-1")
    get = world.catalogue.get

    async def fails(*_: object) -> Any:
        raise Unavailable("PostgreSQL is away")

    bump = world.catalogue.bump_epoch_and_read

    async def then_fails(*given: Any) -> Any:
        booked = await bump(*given)
        world.catalogue.get = fails  # type: ignore[method-assign,assignment]
        return booked

    world.catalogue.bump_epoch_and_read = then_fails  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        await world.main.load("hall")
    world.catalogue.get, world.catalogue.bump_epoch_and_read = get, bump  # type: ignore[method-assign]
    assert (await world.main.epoch("hall"), world.catalogue.epochs) == ("epoch-1", 2)
    world.hall.pending.append(
        msgspec.structs.replace(held.hold, status="paying", booking="booking", expires_at=2**41)
    )
    await world.keeper(world.main).sweep()
    assert (await world.main.epoch("hall"), world.catalogue.epochs) == ("epoch-3", 3)
    assert [hold.status for hold in await world.buyer("ann").has()] == ["paying"]


async def test_nothing_is_left_unfinished_of_what_is_not_there(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=1)))
    world.catalogue.failure = Unavailable("PostgreSQL is away")
    with pytest.raises(Unavailable):
        await world.main.load("nobody's")
    assert await world.redis.keys("{nobody's}:*") == []
