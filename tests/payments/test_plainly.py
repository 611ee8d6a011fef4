"""Many payments settled in one transaction: with the effect of each by itself, and none waits for another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.errors import Unavailable
from server.payments import plainly, store
from tests.payments.house import HALL, Buyer, House
from tests.support.waiting import until

PEOPLE = ("ann", "ben", "cem", "dan")
ROWS = """
select p.status, p.accepted, p.unwanted, p.refunded, p.check_at is null, p.updated_at >= p.created_at,
  b.status, b.payment_status, b.version, b.applied_version, b.confirmed_by = p.id, b.confirmed_at is not null,
  b.cancel_reason, array(select l.state || l.applied from booking_line l where l.booking_id = b.id),
  array(
    select o.kind || (o.facts -> 'data')::text from outbox o where o.booking_id = b.id order by o.position)
from payment p join booking b on b.id = p.booking_id order by b.session
"""


async def open_bookings(house: House, names: tuple[str, ...] = PEOPLE) -> list[Buyer]:
    buyers = [house.buyer(name) for name in names]
    for number, buyer in enumerate(buyers, 1):
        await buyer.holds(f"A-{number}")
        await buyer.books()
    return buyers


async def settled(house: House, buyer: Buyer) -> None:
    await house.office.payments.settle(buyer.attempt.id)


async def rows(house: House) -> list[tuple[Any, ...]]:
    async with house.database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(ROWS)]


@asynccontextmanager
async def locked(house: House, query: str, *arguments: Any) -> AsyncIterator[None]:
    """Somebody else is at it."""
    async with house.database.transaction() as connection:
        await connection.execute(query, *arguments)
        yield


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many payments each transaction of many wrote."""
    sizes: list[int] = []
    write = store.set_statuses

    async def noted(connection: Any, payments: Any, now: int) -> None:
        sizes.append(len(payments))
        await write(connection, payments, now)

    monkeypatch.setattr(store, "set_statuses", noted)
    return sizes


async def test_what_is_paid_at_once_is_settled_in_few_transactions(
    house: House, transactions: list[int]
) -> None:
    buyers = await open_bookings(house)
    await asyncio.gather(*(buyer.acts("succeed") for buyer in buyers))
    await asyncio.gather(*(settled(house, buyer) for buyer in buyers))
    assert sum(transactions) == 2 * len(PEOPLE)  # confirmed, and then taken
    assert len(transactions) < sum(transactions)
    assert {await buyer.status() for buyer in buyers} == {("confirmed", "paid")}
    await house.is_whole()


async def test_together_and_each_by_itself_leave_the_same_behind(
    house: House, transactions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = await open_bookings(house, ("ann", "ben"))
    await ann.pays()
    monkeypatch.setattr(plainly, "settled", lambda _case, _now: None)
    await ben.pays()
    first, second = await rows(house)
    assert first == second
    assert len(transactions) == 2
    await house.is_whole()


async def test_a_booking_that_somebody_has_holds_up_no_other(house: House, transactions: list[int]) -> None:
    ann, *others = await open_bookings(house)
    await asyncio.gather(*(buyer.acts("succeed") for buyer in (ann, *others)))
    async with locked(house, "select from booking where id = $1 for no key update", ann.own.id):
        waiting = asyncio.create_task(settled(house, ann))
        await asyncio.gather(*(settled(house, buyer) for buyer in others))
        assert {await buyer.status() for buyer in others} == {("confirmed", "paid")}
        assert not waiting.done()
    await waiting
    assert await ann.status() == ("confirmed", "paid")
    assert sum(transactions) == 2 * len(others) + 1  # she was confirmed the longer way
    await house.is_whole()


async def test_a_resource_that_is_being_rebuilt_holds_up_no_other(house: House) -> None:
    await house.sells(["B-1"], resource="opera")
    (ann,) = await open_bookings(house, ("ann",))
    ben = house.buyer("ben")
    await ben.holds("B-1", resource="opera")
    await ben.books()
    await asyncio.gather(ann.acts("succeed"), ben.acts("succeed"))
    async with locked(house, "select from resource where id = $1 for update", HALL):
        waiting = asyncio.create_task(settled(house, ann))
        await settled(house, ben)
        assert await ben.status() == ("confirmed", "paid")
        assert not waiting.done()
    await waiting
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole(resources=(HALL, "opera"))


async def test_what_changed_before_the_lock_is_decided_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The booking ends between the reading and the lock: nothing of what was decided is written."""
    (ann,) = await open_bookings(house, ("ann",))
    await ann.acts("succeed")
    lock = store.lock_with_bookings
    ends = iter((True, False, False, False))

    async def late(connection: Any, payments: Any) -> Any:
        if next(ends):
            await house.execute("update payment set unwanted = true where id = $1", ann.attempt.id)
        return await lock(connection, payments)

    monkeypatch.setattr(store, "lock_with_bookings", late)
    await settled(house, ann)
    assert (await ann.status())[0] == "pending"
    assert await house.value("select count(*) from sandbox.movement") == 0


async def test_two_payments_of_one_booking_confirm_it_once(house: House) -> None:
    (ann,) = await open_bookings(house, ("ann",))
    await ann.acts("succeed", twice=True)
    await asyncio.gather(*(settled(house, ann) for _ in range(4)))
    await house.office.loops_run(4)
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from outbox where kind = 'booking_confirmed'") == 1
    await house.is_whole()


async def test_of_two_payments_in_one_transaction_one_confirms_and_the_other_goes_back(house: House) -> None:
    (ann,) = await open_bookings(house, ("ann",))
    await ann.acts("succeed", twice=True)
    second = await house.value("select id from sandbox.intent where id <> $1", ann.attempt.intent)
    extra = await house.office.payments._adoption.adopted("sandbox", second)
    assert extra is not None
    await asyncio.gather(settled(house, ann), house.office.payments.settle(extra))
    await house.office.loops_run(4)
    assert await house.value("select count(*) from payment where accepted") == 1
    assert await house.value("select count(*) from payment where status = 'refunded'") == 1
    await house.is_whole()


async def test_what_is_confirmed_is_told_with_its_money(house: House) -> None:
    """Once: Redis and the listeners follow where the money is written down."""
    (ann,) = await open_bookings(house, ("ann",))
    told: list[tuple[str, str]] = []
    announce = house.office.bookings._applier._announce

    async def noted(booking: Any) -> None:
        told.append((booking.status, booking.payment_status))
        await announce(booking)

    house.office.bookings._applier._announce = noted
    await ann.acts("succeed")
    await settled(house, ann)
    assert told == [("confirmed", "paid")]
    assert await house.value("select applied_version = version from booking")
    assert await is_booked(house, ann)
    await house.is_whole()


async def test_a_provider_that_takes_its_time_keeps_nobody_from_hearing_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = await open_bookings(house, ("ann",))
    await ann.acts("succeed")
    capture, goes_on = house.office.sandbox.capture, asyncio.Event()

    async def slow(*asked: Any) -> Any:
        await goes_on.wait()
        return await capture(*asked)

    monkeypatch.setattr(house.office.sandbox, "capture", slow)
    settling = asyncio.create_task(settled(house, ann))
    await until(lambda: is_booked(house, ann))
    assert await ann.status() == ("confirmed", "authorized")
    goes_on.set()
    await settling
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def is_booked(house: House, buyer: Buyer) -> bool:
    """Redis knows it: there is no hold any more that is being paid."""
    return not await house.office.holds.holds(buyer.caller.session)


async def test_what_redis_can_not_follow_is_written_and_told_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = await open_bookings(house, ("ann",))
    await ann.acts("succeed")

    async def away(*_asked: Any) -> None:
        raise Unavailable("Redis does not answer")

    with monkeypatch.context() as while_away:
        while_away.setattr(house.office.holds, "confirm", away)
        await settled(house, ann)
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select applied_version < version from booking")
    assert not await is_booked(house, ann)
    house.clock.passes(2)
    await house.office.loops_run(1)
    assert await is_booked(house, ann)
    await house.is_whole()
