"""Races at Stripe, each told step by step."""

import asyncio
from contextlib import suppress

import msgspec

from server.payments.closing import LEASE_MS
from server.payments.provider import Intent
from tests.payments.between import around
from tests.payments.faults import Killed
from tests.payments.stripe_house import StripeHouse


async def test_what_is_confirmed_is_not_taken_back_by_a_deadline_that_was_asking(
    stripe_house: StripeHouse,
) -> None:
    """It saw nothing; before its cancel arrives the buyer pays, and another process confirms."""
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    captures, cancelled = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        captures.set()
        await cancelled.wait()

    other = house.opens_office(around("provider", "capture", before=pause))

    async def pays() -> None:
        await ann.pays()
        settling.append(asyncio.create_task(house.hears(house.news(), other)))
        waiting = asyncio.create_task(captures.wait())
        await asyncio.wait([waiting, *settling], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        told.append((await ann.sees()).status)

    settling: list[asyncio.Task[None]] = []
    told: list[str] = []
    closing = house.opens_office(around("provider", "cancel", before=pays))
    house.clock.passes((ann.own.expires_at - house.clock() + 1) / 1000)
    await closing.payments.closing.worker._work()
    cancelled.set()
    await asyncio.gather(*settling)
    for _ in range(4):
        house.clock.passes(20)
        await house.office.loops_run()

    (seen,) = told
    assert (await ann.sees()).status == ("confirmed" if seen == "confirmed" else "cancelled")
    await house.is_whole()


async def test_the_payment_inside_a_page_that_does_not_name_it_yet_is_nobodys_rival(
    stripe_house: StripeHouse,
) -> None:
    """Its event comes before the page's own answer tells of it."""
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.goes_by("checkout")
    await ann.pays()
    page = house.office.payments._providers._by_name["stripe_checkout"]
    fetch = page.fetch

    async def not_yet(session: str) -> Intent:
        page.fetch = fetch  # type: ignore[method-assign]  # once
        return msgspec.structs.replace(await fetch(session), status="open", captured=0, inner=None)

    page.fetch = not_yet  # type: ignore[method-assign,assignment]  # a page of a moment ago
    inner = house._inner(ann.intent)
    await house.office.payments.heard("stripe", inner)
    await house.hears_all()

    assert await house.value("select count(*) from payment where extra") == 0
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_who_dies_while_stopping_a_payment_does_not_keep_it_from_being_accepted(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()

    async def dies() -> None:
        raise Killed

    house.clock.passes((ann.own.expires_at - house.clock() + 1) / 1000)
    with suppress(Killed):
        await house.opens_office(around("provider", "cancel", before=dies)).payments.closing.worker._work()
    await ann.pays()
    await house.hears_all()
    assert await ann.status() == ("pending", "pending")  # for all we know, the call is still on its way

    house.clock.passes(LEASE_MS / 1000 + 0.1)
    await house.office.loops_run()

    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_an_answer_from_before_a_payment_was_stopped_confirms_nothing(
    stripe_house: StripeHouse,
) -> None:
    """A deadline saw nothing; the buyer pays, settle hears it and stalls, and then the cancel arrives."""
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    heard, stopped = asyncio.Event(), asyncio.Event()

    async def stalls() -> None:
        heard.set()
        await stopped.wait()

    slow = house.opens_office(around("provider", "fetch", after=stalls))
    settling: list[asyncio.Task[None]] = []

    async def pays() -> None:
        if not settling:
            await ann.pays()
            settling.append(asyncio.create_task(slow.payments.settle(ann.attempt.id)))
            await heard.wait()

    closing = house.opens_office(around("provider", "fetch", after=pays))
    house.clock.passes((ann.own.expires_at - house.clock() + 1) / 1000)
    await closing.payments.closing.worker._work()
    assert await ann.status() == ("cancelled", "failed")
    stopped.set()
    await asyncio.gather(*settling)

    assert await ann.status() == ("cancelled", "failed")
    assert await house.value("select confirmed_by from booking") is None
    await house.is_whole()
