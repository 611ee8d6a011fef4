"""What is written where it happens: each happening once, whatever is retried."""

import pytest

from server.errors import SlotTaken
from tests.payments.house import House


async def told(house: House) -> list[tuple[str, str | None]]:
    """(kind, reason) of all that is to be told, in order."""
    async with house.database.connection() as connection:
        rows = await connection.fetch(
            "select kind, facts->'data'->>'reason' as reason from outbox order by position"
        )
    return [(row["kind"], row["reason"]) for row in rows]


async def kinds(house: House) -> list[str]:
    return [kind for kind, _ in await told(house)]


async def test_a_booking_its_confirmation_and_its_money(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    await ann.books()
    assert await kinds(house) == ["booking_created"]
    await ann.pays()
    for _ in range(3):
        await house.office.payments.settle(ann.attempt.id)
    await house.office.loops_run()
    assert sorted(await kinds(house)) == ["booking_confirmed", "booking_created", "payment_succeeded"]
    facts = await house.value("select facts from outbox where kind = 'payment_succeeded'")
    assert (facts["total"], facts["data"], facts["owner"]) == (5_000, {"amount": 5_000}, "owner")
    assert [thing["label"] for thing in facts["things"]] == ["A-1", "A-2"]


async def test_a_decline_is_told_once_and_a_second_try_succeeds(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("decline")
    await house.office.money_moves()
    await house.office.payments.settle(ann.attempt.id)
    assert await kinds(house) == ["booking_created", "payment_failed"]
    await ann.books()
    await ann.pays()
    assert (await kinds(house)).count("payment_failed") == 1
    assert (await kinds(house)).count("payment_succeeded") == 1


async def test_a_booking_that_is_called_off(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.cancels()
    await house.office.loops_run()
    assert await told(house) == [("booking_created", None), ("booking_cancelled", "returned")]


async def test_a_booking_that_nobody_paid(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await house.expires(ann)
    await house.office.loops_run()
    assert await told(house) == [("booking_created", None), ("booking_cancelled", "expired")]


async def test_money_that_goes_back_is_told_once_it_is_back(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await ann.cancels()
    await house.office.loops_run(3)
    for _ in range(2):
        await house.office.payments.settle(ann.attempt.id)
    heard = await kinds(house)
    assert heard.count("booking_cancelled") == 1
    assert heard.count("payment_refunded") == 1
    facts = await house.value("select facts from outbox where kind = 'payment_refunded'")
    assert facts["data"] == {"amount": 2_500}


async def test_money_that_came_too_late_is_no_success(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=4_000)
    await house.expires(ann)
    await ben.holds("A-1")
    await ben.books()
    house.clock.passes(4_000)
    await house.office.loops_run(4)
    for_ann = await house.value(
        "select array_agg(kind order by position) from outbox where booking_id = $1", ann.own.id
    )
    assert for_ann == ["booking_created", "booking_cancelled", "payment_refunded"]


async def test_what_is_told_wakes_whoever_tells_it(house: House) -> None:
    woken: list[str] = []
    house.office.bookings.on_commit(lambda: woken.append("now"))
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    assert woken
    woken.clear()
    await ann.pays()
    assert woken


async def test_a_booking_that_could_not_be_made_is_not_told_of(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await house.execute("update slot set taken = capacity where resource_id = 'hall'")
    with pytest.raises(SlotTaken):
        await ann.books()
    assert await kinds(house) == []
