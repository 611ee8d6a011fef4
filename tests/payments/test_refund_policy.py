"""Who cancels a confirmed booking has back what its policy says: exactly that, and once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from server.accounts.rules import Caller
from server.errors import Conflict, InvalidFields, NotFound, Unavailable
from server.inventory.rules import HoldPolicy, RefundTier, ResourceDraft, SlotDraft
from server.payments.provider import Intent, ProviderUnavailable, Refund
from server.payments.refund_store import OwedRefund
from server.payments.rules import Step
from tests.payments.bank import Bank
from tests.payments.house import PRICE, Buyer, House

SHOW = "show"
OWNER = Caller(session="", user="owner")
HALF = (RefundTier(hours=24, percent=100), RefundTier(hours=1, percent=50))


def _in_hours(hours: float) -> str:
    moment = datetime.now(UTC) + timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _sells(house: House, tiers: tuple[RefundTier, ...] | None = HALF, *, hours: float = 10) -> None:
    """Two places of a show that begins in so many hours."""
    slots = tuple(SlotDraft(id=slot, label=slot, price=PRICE) for slot in ("S-1", "S-2"))
    await house.office.inventory.create(
        ResourceDraft(
            id=SHOW,
            kind="seats",
            title="Show",
            owner="owner",
            time_zone="Europe/Berlin",
            currency="eur",
            starts_at=_in_hours(hours),
            ends_at=_in_hours(hours + 2),
            policy=HoldPolicy(refund=tiers),
            slots=slots,
        )
    )


async def _sold(house: House, *slots: str) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds(*slots or ("S-1",), resource=SHOW)
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    return ann


async def _is_whole(house: House) -> None:
    await house.office.loops_run()
    await house.is_whole(resources=[SHOW])


async def _says(house: House, caller: Caller, ann: Buyer) -> tuple[int, int]:
    refund, _ = await house.office.payments.cancellation(caller, str(ann.own.id))
    return refund.amount, refund.percent


async def test_half_goes_back_and_half_stays_as_was_shown_before(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    assert await _says(house, ann.caller, ann) == (PRICE // 2, 50)
    await ann.cancels()
    await _is_whole(house)
    booking = await ann.sees()
    assert (booking.status, booking.cancel_reason, booking.refunded) == ("cancelled", "by_buyer", PRICE // 2)
    assert await ann.status() == ("cancelled", "partially_refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE // 2)]
    assert await house.booked_and_free("S-1", SHOW) == (0, 1)
    assert await house.office.payments._settle_one(ann.attempt.id) is Step.DONE


async def test_all_goes_back_in_time_and_nothing_too_late(house: House) -> None:
    await _sells(house, hours=30)
    ann = await _sold(house)
    assert await _says(house, ann.caller, ann) == (PRICE, 100)
    house.clock.passes(29.5 * 3600)
    assert await _says(house, ann.caller, ann) == (0, 0)
    await ann.cancels()
    await _is_whole(house)
    assert await ann.status() == ("cancelled", "paid")
    assert await house.refunds() == []
    assert await house.booked_and_free("S-1", SHOW) == (0, 1)


async def test_what_was_sold_goes_back_as_it_was_sold_whatever_the_policy_says_since(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await house.execute("""update resource set policy = policy || '{"refund": []}', layout = layout + 1""")
    await house.office.inventory.get(SHOW, (await house.office.inventory.get(SHOW)).resource.layout + 1)
    assert (await house.office.inventory.get(SHOW)).resource.policy.refund == ()
    assert await _says(house, ann.caller, ann) == (PRICE // 2, 50)
    await house.execute("update booking set refund_policies = null")  # booked before they were kept
    assert await _says(house, ann.caller, ann) == (0, 0)
    await house.execute("""update booking set refund_policies = '{"show": null}'""")
    assert await _says(house, ann.caller, ann) == (PRICE, 100)


async def test_an_owner_who_cancels_gives_all_of_it_back(house: House) -> None:
    await _sells(house, (RefundTier(hours=0, percent=0),))
    ann = await _sold(house)
    assert await _says(house, OWNER, ann) == (PRICE, 100)
    assert await _says(house, ann.caller, ann) == (0, 0)
    await house.office.payments.cancel(OWNER, str(ann.own.id), release=False)
    await _is_whole(house)
    assert (await ann.sees()).cancel_reason == "by_owner"
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE)]


async def test_cancelled_by_many_at_once_it_is_cancelled_once(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await asyncio.gather(*(ann.cancels() for _ in range(5)))
    await asyncio.gather(*(house.office.payments.settle(ann.attempt.id) for _ in range(3)))
    await _is_whole(house)
    assert await house.refunds() == [("booking_cancelled", PRICE // 2)]


async def test_a_refund_that_succeeds_while_another_looks_is_not_made_twice(house: House) -> None:
    """Who asked the provider before the refund, and writes after it, owes nothing more."""
    await _sells(house)
    ann = await _sold(house)
    sandbox = house.office.sandbox
    intent = (await house.office.payments.find(ann.caller, str(ann.attempt.id)))[0].intent
    before: Intent = await sandbox.fetch(intent or "")
    await house.execute("update payment set check_at = null")
    await ann.cancels()
    await house.execute("update refund set status = 'succeeded', done_at = now()")  # made, and not noted yet

    async def as_it_was(_intent: str) -> Intent:
        return before

    fetch, sandbox.fetch = sandbox.fetch, as_it_was  # type: ignore[method-assign,assignment]  # an old answer
    await house.office.payments.settle(ann.attempt.id)
    assert await house.value("select count(*) from refund") == 1
    sandbox.fetch = fetch  # type: ignore[method-assign]  # as it was
    await house.execute("update refund set status = 'requested', done_at = null")
    await _is_whole(house)


async def test_what_an_owner_gave_back_before_is_not_counted_twice(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), 500, "sorry")
    assert await _says(house, ann.caller, ann) == (1_000, 50)  # half of what is left, made or not
    await ann.cancels()
    await _is_whole(house)
    assert sorted(await house.refunds()) == [("booking_cancelled", 1_000), ("by_owner", 500)]
    assert (await ann.sees()).refunded == 1_500


@pytest.mark.parametrize(("percent", "back"), [(50, 500), (0, 0)])
async def test_a_refund_that_is_under_way_at_its_provider_is_counted_once(
    house: House, percent: int, back: int
) -> None:
    """The provider counts it already, we do not know yet that it ended."""
    await _sells(house, (RefundTier(hours=1, percent=percent),))
    ann = await _sold(house)
    await _is_made_unheard(house, ann, 1_500)
    assert (await ann.sees()).refunded == 1_500
    assert await _says(house, ann.caller, ann) == (back, percent)
    with pytest.raises(InvalidFields):
        await house.office.payments.refund(OWNER, str(ann.own.id), 1_001, "")
    await ann.cancels()
    house.clock.passes(60)
    await _is_whole(house)
    booking = await ann.sees()
    assert (booking.status, booking.refunded) == ("cancelled", 1_500 + back)


async def test_what_went_back_by_hand_is_counted_beside_what_is_owed_and_not_begun(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await house.office.sandbox.refund(ann.attempt.intent or "", 1_000, "by hand")
    await house.office.payments.settle(ann.attempt.id)
    await house.office.payments.refund(OWNER, str(ann.own.id), 500, "sorry")
    with pytest.raises(InvalidFields):
        await house.office.payments.refund(OWNER, str(ann.own.id), 1_001, "")
    assert await _says(house, ann.caller, ann) == (500, 50)  # of the 1,000 that are left
    await ann.cancels()
    await _is_whole(house)
    assert sorted(await house.refunds()) == [("booking_cancelled", 500), ("by_owner", 500)]
    assert (await ann.sees()).refunded == 2_000


async def test_what_stays_stays_though_more_is_under_way_than_the_policy_gives(house: House) -> None:
    await _sells(house, (RefundTier(hours=100, percent=100),))
    ann = await _sold(house)
    await _is_made_unheard(house, ann, 2_400)
    await house.office.payments.refund(OWNER, str(ann.own.id), 100, "all of it after all")
    assert await _says(house, ann.caller, ann) == (0, 0)
    await ann.cancels()
    house.clock.passes(60)
    await _is_whole(house)
    assert sorted(await house.refunds()) == [("by_owner", 100), ("by_owner", 2_400)]


async def _is_made_unheard(house: House, ann: Buyer, amount: int) -> None:
    """A part is given back, and its answer is lost; then the provider is asked after the payment."""
    providers = house.office.payments.refunds._providers
    refund = providers.refund

    async def unheard(owed: OwedRefund) -> Refund:
        await refund(owed)
        raise Unavailable("the answer was lost", retry_after=1)

    await house.office.payments.refund(OWNER, str(ann.own.id), amount, "sorry")
    providers.refund = unheard  # type: ignore[method-assign,assignment]  # a fault
    await house.office.payments.refunds.work()
    providers.refund = refund  # type: ignore[method-assign]  # as it was
    await house.office.payments.settle(ann.attempt.id)


async def test_each_of_several_payers_has_the_same_part_back(house: House) -> None:
    await _sells(house)
    ann = house.buyer("ann")
    await ann.holds("S-1", "S-2", resource=SHOW)
    await ann.books()
    ben = await ann.splits(1_001)
    await ben.pays()
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await ann.cancels()
    await _is_whole(house)
    amounts = sorted(amount for _, amount in await house.refunds())
    assert sum(amounts) == PRICE
    assert amounts[0] in {500, 501}


async def test_while_the_money_is_being_taken_no_part_of_it_goes_back(house: House) -> None:
    await _sells(house)
    sandbox = house.office.sandbox
    capture = sandbox.capture

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    sandbox.capture = away  # type: ignore[method-assign,assignment]  # a fault
    ann = house.buyer("ann")
    await ann.holds("S-1", resource=SHOW)
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("confirmed", "authorized")
    with pytest.raises(Conflict, match="being taken"):
        await ann.cancels()
    sandbox.capture = capture  # type: ignore[method-assign]  # it is back
    await house.office.payments.settle(ann.attempt.id)
    await ann.cancels()
    await _is_whole(house)
    assert await house.refunds() == [("booking_cancelled", PRICE // 2)]


async def test_a_disputed_booking_is_the_banks_to_end(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await house.execute("update booking set payment_status = 'disputed'")
    for call in (ann.cancels, lambda: _says(house, ann.caller, ann)):
        with pytest.raises(Conflict, match="dispute"):
            await call()
    with pytest.raises(Conflict, match="dispute"):
        await house.office.payments.cancel(OWNER, str(ann.own.id), release=False)


async def test_what_stays_is_lost_to_a_bank_and_nothing_goes_back_besides(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await ann.cancels()
    await house.office.loops_run()
    bank = Bank(house)
    await bank.asks_back(ann.attempt.id)
    assert await ann.status() == ("cancelled", "disputed")
    await bank.decides(ann.attempt.id, "lost")
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE // 2)]


async def test_before_it_is_paid_nothing_was_taken_and_all_of_it_goes_back(house: House) -> None:
    await _sells(house)
    ann = house.buyer("ann")
    await ann.holds("S-1", resource=SHOW)
    await ann.books()
    assert await _says(house, ann.caller, ann) == (0, 100)
    with pytest.raises(Conflict):
        await _says(house, OWNER, ann)
    with pytest.raises(NotFound):
        await _says(house, Caller(session="session-ben"), ann)
    await ann.cancels()
    with pytest.raises(Conflict, match="cancelled"):
        await _says(house, ann.caller, ann)


async def test_what_is_completed_stays(house: House) -> None:
    await _sells(house)
    ann = await _sold(house)
    await house.execute("update booking set status = 'completed'")
    for caller in (ann.caller, OWNER):
        with pytest.raises(Conflict, match="completed"):
            await house.office.payments.cancel(caller, str(ann.own.id), release=False)
        with pytest.raises(Conflict, match="completed"):
            await _says(house, caller, ann)
