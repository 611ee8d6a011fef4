"""The providers themselves: the sandbox believes nobody, and what is free takes no money."""

import asyncio

import pytest

from server.database.pool import Database
from server.errors import Conflict, NotFound, Unavailable
from server.payments.free import Free
from server.payments.provider import Order, ProviderRefused, ProviderUnavailable
from server.payments.sandbox import Outcome, Sandbox
from server.payments.service import Payments
from tests.payments.house import HALL, House


def order(amount: int = 500, payment: str = "p") -> Order:
    return Order(payment=payment, booking="b", reference="BK-1", amount=amount, currency="eur")


async def test_the_same_key_is_the_same_order_and_never_another(house: House) -> None:
    sandbox = house.office.sandbox
    first = await sandbox.create(order(), "k")
    assert await sandbox.create(order(), "k") == first
    with pytest.raises(ProviderRefused):
        await sandbox.create(order(501), "k")
    with pytest.raises(ProviderRefused):
        await sandbox.create(order(0), "l")
    assert (await sandbox.create(order(), "m")).id != first.id


async def test_money_is_taken_once_and_given_back_once_and_never_more_than_there_is(house: House) -> None:
    sandbox = house.office.sandbox
    made = await sandbox.create(order(), "k")
    assert (await sandbox.capture(made.id, 500, "c")).status == "open"
    await sandbox.act(made.id, "succeed")
    with pytest.raises(ProviderRefused):
        await sandbox.capture(made.id, 501, "c")
    for _ in range(2):
        taken = await sandbox.capture(made.id, 500, "c")
        assert (taken.status, taken.captured) == ("captured", 500)
    refund = await sandbox.refund(made.id, 200, "r")
    assert await sandbox.refund(made.id, 200, "r") == refund
    with pytest.raises(ProviderRefused):
        await sandbox.refund(made.id, 100, "r")
    with pytest.raises(ProviderRefused):
        await sandbox.refund(made.id, 301, "s")
    await sandbox.refund(made.id, 300, "s")
    assert (await sandbox.fetch(made.id)).refunded == 500
    assert (await sandbox.cancel(made.id, "x")).status == "captured"


@pytest.mark.parametrize("outcome", ["succeed", "decline"])
async def test_what_was_cancelled_can_not_be_paid_on_its_page(house: House, outcome: Outcome) -> None:
    sandbox = house.office.sandbox
    made = await sandbox.create(order(), "k")
    for _ in range(2):
        assert (await sandbox.act(made.id, "cancel")).status == "cancelled"
    with pytest.raises(ProviderRefused):
        await sandbox.act(made.id, outcome)


@pytest.mark.parametrize(("outcome", "status"), [("decline", "declined"), ("cancel", "cancelled")])
async def test_other_outcomes_may_come_late_too(house: House, outcome: Outcome, status: str) -> None:
    sandbox = house.office.sandbox
    made = await sandbox.create(order(), "k")
    assert (await sandbox.act(made.id, outcome, delay_ms=1000)).status == "processing"
    await sandbox.work()
    assert (await sandbox.fetch(made.id)).status == "processing"
    house.clock.passes(1)
    await sandbox.work()
    assert (await sandbox.fetch(made.id)).status == status


async def test_a_late_decline_of_what_was_cancelled_changes_nothing(house: House) -> None:
    sandbox = house.office.sandbox
    made = await sandbox.create(order(), "k")
    await sandbox.act(made.id, "decline", delay_ms=1000)
    await sandbox.cancel(made.id, "x")
    house.clock.passes(1)
    await sandbox.work()
    assert (await sandbox.fetch(made.id)).status == "cancelled"


async def test_it_tells_when_it_is_needed_next(house: House) -> None:
    sandbox = house.office.sandbox
    made = await sandbox.create(order(), "k")
    assert await sandbox.work() == 1.0
    await sandbox.act(made.id, "succeed", delay_ms=60_000)
    assert 50 < await sandbox.work() <= 60


async def test_without_its_database_it_can_not_be_reached(house: House, database_url: str) -> None:
    gone = await Database.connect(database_url)
    await gone.close()
    sandbox = Sandbox(gone, house.office.payments._deliver, house.clock)
    for call in (
        sandbox.create(order(), "k"),
        sandbox.fetch("i"),
        sandbox.capture("i", 1, "k"),
        sandbox.cancel("i", "k"),
        sandbox.refund("i", 1, "k"),
        sandbox.recent(0),
    ):
        with pytest.raises(ProviderUnavailable):
            await call


async def test_the_page_says_so_too(house: House, database_url: str) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    gone = await Database.connect(database_url)
    await gone.close()
    house.office.sandbox._database = gone
    with pytest.raises(Unavailable):
        await ann.acts("succeed")


async def test_only_the_sandboxes_payments_have_its_page(house: House) -> None:
    await house.sells(["F-1"], resource="free", price=0)
    ann = house.buyer("ann")
    await ann.holds("F-1", resource="free")
    await ann.books()
    with pytest.raises(NotFound):
        await ann.acts("succeed")


async def test_what_is_free_takes_and_gives_nothing() -> None:
    free = Free()
    made = await free.create(order(0), "k")
    assert made.is_free
    assert made.has_money
    assert await free.fetch(made.id) == await free.capture(made.id, 0, "k") == await free.cancel(made.id, "k")
    assert await free.recent(0) == []
    with pytest.raises(ProviderRefused):
        await free.create(order(1), "k")
    with pytest.raises(ProviderRefused):
        await free.refund(made.id, 1, "k")


async def test_a_provider_that_is_not_served_takes_no_booking(house: House) -> None:
    payments = Payments(house.database, house.office.bookings, default="stripe", clock=house.clock)
    assert [worker.name for worker in payments.workers()] == [
        "payments.deadlines",
        "payments.inbox",
        "payments.refunds",
        "payments.listing",
        "payments.reconcile",
        "payments.changes",
    ]
    house.office.payments = payments
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(Unavailable):
        await ann.books()
    assert await house.value("select count(*) from booking") == 0
    assert await ann.cart() is not None
    await house.is_whole()


async def test_a_provider_that_is_away_at_the_first_call_leaves_a_booking_to_go_on_with(house: House) -> None:
    sandbox = house.office.sandbox
    create = sandbox.create

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    sandbox.create = away  # type: ignore[method-assign,assignment]  # a fault
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(Unavailable):
        await ann.books()
    sandbox.create = create  # type: ignore[method-assign]  # the fault's end
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from payment") == 1
    await house.is_whole()


@pytest.mark.parametrize("reached", [False, True])
async def test_a_deadline_after_a_first_call_without_an_answer_closes_what_may_have_been_made(
    house: House, reached: bool
) -> None:
    sandbox = house.office.sandbox
    create = sandbox.create

    async def lost(what: Order, key: str) -> None:
        if reached:
            await create(what, key)
        raise ProviderUnavailable

    sandbox.create = lost  # type: ignore[method-assign,assignment]  # a fault
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(Unavailable):
        await ann.books()
    sandbox.create = create  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(house.settings.payment_seconds + 1)
    await house.office.loops_run()
    assert await house.value("select status from sandbox.intent") == "cancelled"
    assert await house.value("select cancel_reason from booking") == "expired"
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole(resources=[HALL])


async def test_an_attempt_is_not_begun_once_its_booking_is_over(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await house.expires(ann)
    with pytest.raises(Conflict):
        await house.office.payments.attempt(ann.caller, str(ann.own.id))
    with pytest.raises(Conflict):
        await house.office.payments.attempts.own(ann.own)


async def test_a_payment_that_stays_under_way_keeps_its_places_below_the_ceiling(house: House) -> None:
    """A provider that will not cancel what it is working on."""
    sandbox = house.office.sandbox

    async def will_not(intent: str, _key: str) -> None:
        raise ProviderRefused(intent)

    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    cancel = sandbox.cancel
    sandbox.cancel = will_not  # type: ignore[method-assign,assignment]  # a fault
    await house.expires(ann)
    assert await ann.status() == ("pending", "pending")
    house.clock.passes(130)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    await house.office.payments.settle(ann.attempt.id)
    sandbox.cancel = cancel  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(3_000)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")  # nobody had taken it
    await house.is_whole()


@pytest.mark.usefixtures("unhurried")
async def test_one_booking_whose_release_fails_does_not_keep_the_others_waiting(house: House) -> None:
    sandbox = house.office.sandbox
    fetch = sandbox.fetch
    ann, ben = house.buyer("ann"), house.buyer("ben")
    for buyer, slot in ((ann, "A-1"), (ben, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    poor = await house.value(
        "select id from sandbox.intent where metadata->>'payment' = $1", str(ann.attempt.id)
    )

    async def fails(intent: str) -> object:
        if intent == poor:
            raise ValueError("a bug")
        return await fetch(intent)

    sandbox.fetch = fails  # type: ignore[method-assign,assignment]  # a fault
    await house.expires(ben)
    assert await ben.status() == ("cancelled", "failed")
    assert await ann.status() == ("pending", "pending")
    house.clock.passes(60)
    await house.office.loops_run()
    sandbox.fetch = fetch  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(60)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    await house.is_whole()


async def test_a_settle_of_nothing_and_a_page_of_nothing(house: House) -> None:
    with pytest.raises(NotFound):
        await house.office.payments.find(house.buyer("ann").caller, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(NotFound):
        await house.office.payments.find(house.buyer("ann").caller, "nothing")


async def test_a_lost_reply_while_the_event_is_lost_too_is_learnt_by_asking_again(house: House) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await house.execute("update payment set provider_id = null")
    await house.office.sandbox.act(str(await house.value("select id from sandbox.intent")), "succeed")
    house.clock.passes(20)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_capture_that_is_refused_is_asked_for_again_later(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    sandbox = house.office.sandbox
    capture = sandbox.capture

    async def refused(*_: object) -> None:
        raise ProviderRefused("not now")

    sandbox.capture = refused  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays()
    assert await ann.status() == ("confirmed", "authorized")
    sandbox.capture = capture  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(60)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_an_event_goes_from_who_wrote_it_and_else_a_second_later_from_anybody(house: House) -> None:
    """The process that wrote it dies before it is delivered."""
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed")
    assert [event.kind for event in house.office.sandbox._fresh] == ["intent.authorised"]
    another = house.opens_office()
    await another.money_moves()
    assert await ann.status() == ("pending", "pending")
    house.clock.passes(1.1)
    await another.money_moves()
    assert await ann.status() == ("confirmed", "paid")
    await house.office.money_moves()  # it was only slow, and delivers it once more
    await house.is_whole()


async def test_a_payment_that_somebody_has_keeps_no_other_from_what_its_provider_made(house: House) -> None:
    """Neither what was made is written late, nor that it is about to be asked for."""
    ann, ben = house.buyer("ann"), house.buyer("ben")
    for slot, buyer in (("A-1", ann), ("A-2", ben)):
        await buyer.holds(slot)
        await buyer.books()
    providers = house.office.payments._providers
    for forget, ask in (("provider_id = null", providers.learn), ("requested_at = null", providers.create)):
        await house.execute(f"update payment set {forget}")
        async with house.database.transaction() as connection:
            await connection.execute("select from payment where id = $1 for update", ann.attempt.id)
            hers = asyncio.create_task(ask(ann.attempt, ann.own))
            assert await ask(ben.attempt, ben.own) is not None
            assert not hers.done()
        assert await hers is not None
        left = "select count(*) from payment where provider_id is null or requested_at is null"
        assert await house.value(left) == 0
