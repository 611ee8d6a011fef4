"""An owner's word, and a change, with Stripe's own ledger as the oracle."""

from server.bookings.changes import ChangeRequest
from server.inventory.rules import HoldPolicy
from tests.payments.approving import DRIVE, OWNER, SECONDS
from tests.payments.house import PRICE
from tests.payments.stripe_house import StripeBuyer, StripeHouse


async def _books(house: StripeHouse, name: str, slot: str) -> StripeBuyer:
    ann = house.buyer(name)
    await ann.holds(slot, resource=DRIVE)
    await ann.books()
    return ann


async def _sells(house: StripeHouse) -> None:
    policy = HoldPolicy(approval_seconds=SECONDS)
    await house.sells(["P-1", "P-2", "P-3"], resource=DRIVE, policy=policy)


async def test_a_card_is_authorised_until_a_yes_and_never_charged_by_a_no_or_by_silence(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    await _sells(house)
    approved, declined, forgotten = [await _books(house, name, f"P-{name}") for name in ("1", "2", "3")]
    for ann in (approved, declined, forgotten):
        await ann.pays()
        await house.hears_all()
        assert await ann.status() == ("pending", "authorized")
        entry = house.stripe.ledger[ann.intent]
        assert (entry.held, entry.captured) == (PRICE, 0)

    await house.office.payments.approving.confirm(OWNER, str(approved.own.id))
    await house.office.payments.cancel(OWNER, str(declined.own.id), release=False)
    house.clock.passes(SECONDS + 1)
    await house.opens_office().payments.closing.worker._work()
    await house.hears_all()

    assert await approved.status() == ("confirmed", "paid")
    for ann in (declined, forgotten):
        assert await ann.status() == ("cancelled", "failed")
        entry = house.stripe.ledger[ann.intent]
        assert (entry.held, entry.captured) == (0, 0)
    assert house.kept(approved) == PRICE
    assert await house.owed() == []
    await house.is_whole(resources=[DRIVE])


async def test_a_debit_is_taken_at_once_and_given_back_in_full_by_a_no(stripe_house: StripeHouse) -> None:
    house = stripe_house
    await _sells(house)
    approved, declined = await _books(house, "ann", "P-1"), await _books(house, "ben", "P-2")
    for ann in (approved, declined):
        await ann.pays(card="bank")
        await house.stripe.succeed(ann.intent)
        await house.hears_all()
        assert await ann.status() == ("pending", "paid")

    await house.office.payments.approving.confirm(OWNER, str(approved.own.id))
    await house.office.payments.cancel(OWNER, str(declined.own.id), release=False)
    await house.office.refunds_run()
    await house.hears_all()

    assert await approved.status() == ("confirmed", "paid")
    assert await declined.status() == ("cancelled", "paid")  # the bank takes its days
    assert (house.kept(approved), house.kept(declined)) == (PRICE, 0)
    assert await house.owed() == [("booking_cancelled", PRICE)]
    await house.is_whole(resources=[DRIVE])


async def test_a_booking_is_changed_by_two_charges_and_a_refund(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await house.hears_all()
    first = ann.intent

    more = ChangeRequest(items=(("A-2", 1), ("A-3", 1)))
    _, ann.payment = await house.office.payments.changes.change(ann.caller, str(ann.own.id), more)
    await ann.pays()
    await house.hears_all()
    await house.office.payments.changes.worker._work()
    seen = await ann.sees()
    assert ([line.slot for line in seen.lines], seen.total) == (["A-2", "A-3"], 2 * PRICE)
    assert house.kept(ann) == PRICE
    await house.is_whole()

    less = ChangeRequest(items=(("A-3", 1),))
    await house.office.payments.changes.change(ann.caller, str(ann.own.id), less)
    await house.office.refunds_run()
    await house.hears_all()
    assert await ann.status() == ("confirmed", "partially_refunded")
    assert house.stripe.ledger[first].kept + house.kept(ann) == PRICE
    await house.is_whole()

    await house.office.payments.cancel(ann.caller, str(ann.own.id), release=False)
    await house.office.refunds_run()
    await house.hears_all()
    assert await ann.status() == ("cancelled", "refunded")
    assert house.stripe.ledger[first].kept + house.kept(ann) == 0
    await house.is_whole()
