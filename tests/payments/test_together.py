"""Several settle at once: events, the return page, deadlines and the reconciler never wait for each other."""

import asyncio

from server.payments.provider import Intent
from tests.payments.house import House


async def test_eight_at_once_settle_one_payment_as_one_would(house: House) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    payment = await ann.books()
    await ann.acts("succeed")
    offices = [house.office, house.opens_office()]
    await asyncio.gather(*(offices[number % 2].payments.settle(payment.id) for number in range(8)))
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from sandbox.movement") == 1
    await house.is_whole()


async def test_a_payment_and_its_double_are_settled_at_once_and_one_of_them_stays(house: House) -> None:
    await house.office.hears_nothing()
    for slot in ("A-1", "A-2", "A-3", "A-4"):
        ann = house.buyer(slot)
        await ann.holds(slot)
        await ann.books()
        await ann.acts("succeed", twice=True)
    intents = [intent.id for intent in await house.office.sandbox.recent(0)]
    offices = [house.office, house.opens_office()]
    await asyncio.gather(*(office.payments.heard("sandbox", each) for each in intents for office in offices))
    await house.office.loops_run()
    assert await house.value("select count(*) from booking where status = 'confirmed'") == 4
    await house.is_whole()


async def test_an_answer_that_grew_old_on_its_way_changes_nothing(house: House) -> None:
    """Declined, says the provider; and before that is written down, it was paid after all."""
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    payment = await ann.books()
    await ann.acts("decline")
    slow, asked, go_on = house.opens_office(), asyncio.Event(), asyncio.Event()
    fetch = slow.sandbox.fetch

    async def slowly(intent: str) -> Intent:
        found = await fetch(intent)
        asked.set()
        await go_on.wait()
        return found

    slow.sandbox.fetch = slowly  # type: ignore[method-assign,assignment]  # a slow line
    settling = asyncio.create_task(slow.payments.settle(payment.id))
    await asked.wait()
    await ann.acts("succeed")
    await house.office.payments.settle(payment.id)
    assert await ann.status() == ("confirmed", "paid")
    go_on.set()
    await settling
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_deadline_and_a_late_success_in_two_processes_end_as_one_of_two(house: House) -> None:
    other = house.opens_office()
    for slot in ("A-1", "A-2", "A-3", "A-4"):
        ann = house.buyer(slot)
        await ann.holds(slot)
        payment = await ann.books()
        await ann.acts("succeed", delay=house.settings.payment_seconds)
        house.clock.stands_at(ann.own.expires_at)
        await asyncio.gather(
            house.office.payments.closing.worker._work(),
            other.payments.closing.worker._work(),
            other.sandbox.worker._work(),
            other.payments.settle(payment.id),
        )
        house.clock.stands_at(None)
        house.clock.passes(house.settings.payment_seconds + 1)
        await house.office.loops_run()
        assert await ann.status() in {("confirmed", "paid"), ("cancelled", "failed")}
    house.clock.passes(60)
    await house.office.loops_run()
    await house.is_whole()
