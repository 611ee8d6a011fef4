"""Who changes a booking gets no more back by that than who cancels it."""

import msgspec
import pytest

from server.accounts.rules import Caller
from server.bookings.changes import ChangeRequest
from server.holds.rules import HoldRequest
from server.inventory.rules import HoldPolicy, RefundTier, ResourceDraft
from tests.bookings.driveways import DRIVEWAY, HOURLY, OWNER, at, rules
from tests.payments.house import FORM, Buyer, House

HALF = (RefundTier(hours=100, percent=100), RefundTier(hours=1, percent=50))


@pytest.fixture
async def street(house: House) -> House:
    """A driveway of whose price half goes back in the last days, and one without a policy."""
    for name, tiers in ((DRIVEWAY, HALF), ("kind", None)):
        draft = ResourceDraft(
            id=name,
            kind="grid",
            title=name,
            owner=OWNER,
            time_zone="UTC",
            currency="gbp",
            policy=HoldPolicy(refund=tiers),
            grid=rules(),
        )
        await house.office.inventory.create(draft)
    return house


async def _sold(street: House, start: str, end: str, *, day: int = 2, resource: str = DRIVEWAY) -> Buyer:
    ann = street.buyer("ann")
    request = HoldRequest(resource=resource, range=(at(start, day), at(end, day)))
    await street.office.holds.hold(ann.caller, request, op=None, connected=False)
    await ann.books(FORM)
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    return ann


async def _moves(ann: Buyer, start: str, end: str, day: int = 2) -> None:
    wanted = ChangeRequest(range=(at(start, day), at(end, day)))
    _, payment = await ann.office.payments.changes.change(ann.caller, str(ann.own.id), wanted)
    assert payment is None
    await ann.office.refunds_run()


async def _says(street: House, ann: Buyer) -> tuple[int, int, int]:
    refund, _ = await street.office.payments.cancellation(ann.caller, str(ann.own.id))
    return refund.paid, refund.amount, refund.percent


async def test_what_was_moved_to_later_is_given_back_as_if_it_was_not(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00")
    assert await _says(street, ann) == (2 * HOURLY, HOURLY, 50)
    for day in (10, 11, 12):
        await _moves(ann, "10:00", "12:00", day)
        assert await _says(street, ann) == (2 * HOURLY, HOURLY, 50)
    await ann.cancels()
    await street.office.loops_run()
    assert await street.refunds() == [("booking_cancelled", HOURLY)]
    await street.is_whole(resources=[DRIVEWAY])


async def test_what_was_moved_to_sooner_counts_from_then(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00", day=10)
    assert await _says(street, ann) == (2 * HOURLY, 2 * HOURLY, 100)
    await _moves(ann, "10:00", "12:00", 2)
    assert await _says(street, ann) == (2 * HOURLY, HOURLY, 50)


async def test_shorter_gives_back_what_the_policy_gives_of_the_difference(street: House) -> None:
    ann = await _sold(street, "10:00", "14:00")
    await _moves(ann, "10:00", "12:00")
    assert await street.refunds() == [("changed", HOURLY)]
    await _moves(ann, "10:00", "11:00")
    assert sorted(await street.refunds()) == [("changed", HOURLY // 2), ("changed", HOURLY)]
    assert await _says(street, ann) == (5 * HOURLY // 2, HOURLY // 2, 50)  # of the hour that it has
    await ann.cancels()
    await street.office.loops_run()
    assert (await ann.sees()).refunded == 2 * HOURLY  # half of all of it, in however many steps
    await street.is_whole(resources=[DRIVEWAY])


async def test_an_owner_who_cancels_what_was_changed_gives_all_that_is_left_back(street: House) -> None:
    ann = await _sold(street, "10:00", "14:00")
    await _moves(ann, "10:00", "12:00")
    await street.office.payments.refund(Caller(session="", user=OWNER), str(ann.own.id), None, "closed")
    await street.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert (await ann.sees()).refunded == 4 * HOURLY


async def test_without_a_policy_all_of_it_goes_back_until_it_begins_wherever_it_was(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00", resource="kind")
    await _moves(ann, "10:00", "12:00", 10)
    await _moves(ann, "10:00", "11:00", 10)
    assert await street.refunds() == [("changed", HOURLY)]
    street.clock.passes(4 * 86_400)
    assert await _says(street, ann) == (HOURLY, HOURLY, 100)


async def test_what_has_begun_before_its_change_was_paid_stays_where_it_is(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00")
    before = await ann.sees()
    assert before.starts_at is not None
    street.clock.stands_at(before.starts_at - 60_000)
    wanted = ChangeRequest(range=(at("10:00", 10), at("12:30", 10)))
    standing, payment = await ann.office.payments.changes.change(ann.caller, str(ann.own.id), wanted)
    assert payment is not None
    assert standing.change is not None
    assert (await street.office.bookings.get(standing.change)).expires_at == before.starts_at
    street.clock.stands_at(before.starts_at + 60_000)  # and its deadline was nobody's yet
    await street.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await street.office.money_moves()
    await street.office.payments.changes.worker._work()
    await street.office.refunds_run()
    booking = await ann.sees()
    assert (booking.lines, booking.starts_at, booking.change) == (before.lines, before.starts_at, None)
    assert await street.refunds() == [("booking_cancelled", HOURLY // 2)]
    assert await _says(street, ann) == (2 * HOURLY, 0, 0)


async def test_a_change_that_was_paid_in_time_is_made_though_it_has_begun_since(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00")
    before = await ann.sees()
    assert before.starts_at is not None
    street.clock.stands_at(before.starts_at - 60_000)
    wanted = ChangeRequest(range=(at("10:00", 10), at("12:30", 10)))
    changes = ann.office.payments.changes
    _, payment = await changes.change(ann.caller, str(ann.own.id), wanted)
    assert payment is not None
    await street.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await street.office.money_moves()
    street.clock.stands_at(before.starts_at + 60_000)
    await changes.worker._work()
    booking = await ann.sees()
    assert booking.starts_at is not None
    assert booking.starts_at > before.starts_at
    assert await _says(street, ann) == (5 * HOURLY // 2, 0, 0)  # by when it began first


async def test_a_change_that_adds_nothing_has_a_dispute_policy_as_well(street: House) -> None:
    ann = await _sold(street, "10:00", "12:00")
    bare = msgspec.structs.replace(await ann.sees(), lines=())
    assert await street.office.bookings.dispute_policy(bare) == "keep"
