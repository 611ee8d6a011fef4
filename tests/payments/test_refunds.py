"""Money given back: in part, in full, by us and by others, and when the provider fails at it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from server.accounts.rules import Caller
from server.errors import Conflict, InvalidFields
from server.payments.provider import ProviderRefused, Refund
from server.payments.refunds import next_purpose
from server.payments.shares import spread
from tests.payments.house import PRICE, Buyer, House

OWNER = Caller(session="", user="owner")
OPERATOR = Caller(session="", user="olga", roles=frozenset({"operator"}))
TOTAL = 2 * PRICE


async def _paid(house: House) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    await ann.pays()
    return ann


async def _refunds(house: House, ann: Buyer, amount: int | None, caller: Caller = OWNER) -> None:
    await house.office.payments.refund(caller, str(ann.own.id), amount, "as agreed")
    await house.office.loops_run()


async def test_a_part_of_it_goes_back_and_the_booking_stays(house: House) -> None:
    ann = await _paid(house)
    await _refunds(house, ann, 700)
    assert await ann.status() == ("confirmed", "partially_refunded")
    assert (await ann.sees()).refunded == 700
    await _refunds(house, ann, 300, OPERATOR)
    assert (await ann.sees()).refunded == 1_000
    assert await house.refunds() == [("by_owner", 700), ("by_owner", 300)]
    assert await house.booked_and_free("A-1") == (1, 0)
    (first, _) = await house.office.payments.refunds_of(ann.caller, str(ann.own.id))
    assert (first.amount, first.status, first.note) == (700, "succeeded", "as agreed")
    await house.is_whole()


async def test_all_of_it_ends_the_booking(house: House) -> None:
    ann = await _paid(house)
    await _refunds(house, ann, None)
    assert await ann.status() == ("cancelled", "refunded")
    assert (await ann.sees()).cancel_reason == "refunded"
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_an_amount_that_is_all_of_it_ends_the_booking_too(house: House) -> None:
    ann = await _paid(house)
    await _refunds(house, ann, TOTAL)
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_parts_that_come_to_all_of_it_end_the_booking(house: House) -> None:
    ann = await _paid(house)
    await _refunds(house, ann, 1)
    await _refunds(house, ann, TOTAL - 1)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


@pytest.mark.parametrize("made", [False, True])
async def test_after_a_part_the_rest_goes_back_when_the_buyer_cancels(house: House, *, made: bool) -> None:
    ann = await _paid(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), 700, "")
    if made:
        await house.office.loops_run()
    await ann.cancels()
    await house.office.loops_run(3)
    assert await ann.status() == ("cancelled", "refunded")
    in_two = [("booking_cancelled", TOTAL - 700), ("by_owner", 700)]
    assert sorted(await house.refunds()) == (in_two if made else [("booking_cancelled", TOTAL)])
    await house.is_whole()


@pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
async def test_no_more_goes_back_than_there_is(house: House, amount: int) -> None:
    ann = await _paid(house)
    with pytest.raises(InvalidFields):
        await _refunds(house, ann, amount)
    await house.office.payments.refund(OWNER, str(ann.own.id), 700, "")
    with pytest.raises(InvalidFields):
        await _refunds(house, ann, TOTAL - 699)


async def test_a_part_goes_back_once_by_one_key_whatever_became_of_it_since(house: House) -> None:
    ann = await _paid(house)
    payments, booking = house.office.payments, str(ann.own.id)
    await payments.refund(OWNER, booking, 700, "a pillar", key="k1")
    await payments.refund(OWNER, booking, 700, "a pillar", key="k2")
    await payments.refund(OWNER, booking, 700, "a pillar")
    await house.office.loops_run()
    await _refunds(house, ann, TOTAL - 2_100)  # nothing is left, and the booking is cancelled
    await house.office.loops_run()
    _, refunds = await payments.refund(OWNER, booking, 700, "a pillar", key="k1")
    assert [each.amount for each in refunds] == [700, 700, 700, TOTAL - 2_100]
    await house.is_whole()


@pytest.mark.parametrize(("amount", "note"), [(600, "a pillar"), (700, "two pillars")])
async def test_one_key_is_not_for_two_refunds(house: House, amount: int, note: str) -> None:
    ann = await _paid(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), 700, "a pillar", key="k1")
    with pytest.raises(InvalidFields) as refused:
        await house.office.payments.refund(OWNER, str(ann.own.id), amount, note, key="k1")
    assert [each.field for each in refused.value.errors or []] == ["Idempotency-Key"]


async def test_a_part_of_several_payers_is_known_by_its_key_too(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    await (await ann.splits(1_000)).pays()
    await ann.pays_the_rest()
    for _ in range(2):
        await house.office.payments.refund(OWNER, str(ann.own.id), 501, "", key="k1")
    await house.office.loops_run()
    assert sorted(await house.refunds()) == [("by_owner", 100), ("by_owner", 401)]
    await house.is_whole()


async def test_what_is_not_confirmed_or_not_taken_is_not_refunded(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    for amount in (1, None):
        with pytest.raises(Conflict):
            await _refunds(house, ann, amount)
    sandbox = house.office.sandbox
    capture = sandbox.capture

    async def refused(*_: object) -> None:
        raise ProviderRefused("not now")

    sandbox.capture = refused  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays()
    assert await ann.status() == ("confirmed", "authorized")
    with pytest.raises(Conflict):
        await _refunds(house, ann, 1)
    sandbox.capture = capture  # type: ignore[method-assign]  # the fault's end
    await house.office.payments.settle(ann.attempt.id)
    await _refunds(house, ann, None)
    with pytest.raises(Conflict):
        await _refunds(house, ann, 1)
    with pytest.raises(Conflict):
        await _refunds(house, ann, None)
    await house.is_whole()


async def test_a_completed_booking_keeps_standing_whatever_goes_back(house: House) -> None:
    ann = await _paid(house)
    await house.execute("update booking set status = 'completed'")
    with pytest.raises(Conflict):
        await _refunds(house, ann, None)
    await _refunds(house, ann, TOTAL)
    assert await ann.status() == ("completed", "refunded")
    assert await house.refunds() == [("by_owner", TOTAL)]


async def test_a_part_goes_back_to_each_payer_in_proportion(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    ben = await ann.splits(1_000)
    await ben.pays()
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await _refunds(house, ann, 501)
    assert sorted(await house.refunds()) == [("by_owner", 100), ("by_owner", 401)]
    assert await ann.status() == ("confirmed", "partially_refunded")
    await _refunds(house, ann, None)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await ben.status() == "refunded"
    await house.is_whole()


async def test_one_share_refunded_at_the_provider_itself_does_not_end_the_booking_but_all_of_them_do(
    house: House,
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    ben = await ann.splits(PRICE)
    await ben.pays()
    await ann.pays_the_rest()
    await _by_hand(house, UUID(ben.share))
    assert await ann.status() == ("confirmed", "partially_refunded")
    await _by_hand(house, ann.attempt.id)
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_a_refund_at_the_provider_itself_is_known_within_90_seconds_though_every_event_is_lost(
    house: House,
) -> None:
    ann = await _paid(house)
    await house.office.hears_nothing()
    await _by_hand(house, ann.attempt.id)
    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run(1)
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_an_extra_payment_refunded_at_the_provider_itself_ends_nothing(house: House) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books()
    await ann.acts("succeed", twice=True)
    await house.office.payments.settle(ann.attempt.id)
    extra = str(await house.value("select id from sandbox.intent where capture = 'automatic'"))
    await house.office.sandbox.refund(extra, TOTAL, "by-hand")
    await house.office.payments.heard("sandbox", extra)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.refunds() == []
    await house.is_whole()


async def test_a_refund_on_its_way_is_no_refund_yet_and_is_asked_after(house: House) -> None:
    ann = await _paid(house)
    bank = _SlowBank(house)
    await ann.cancels()
    await house.office.loops_run()
    assert await ann.paid() == "paid"
    assert await house.value("select status from refund") == "pending"
    bank.says = "succeeded"
    house.clock.passes(120)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", TOTAL)]
    assert bank.asked == ["refund", "fetch", "settle"]
    await house.is_whole()


async def test_however_often_a_refund_was_tried_it_is_asked_after_soon_once_it_is_made(house: House) -> None:
    ann = await _paid(house)
    bank = _SlowBank(house)
    await ann.cancels()
    await house.execute("update refund set attempts = 7")
    await house.office.loops_run()
    bank.says = "succeeded"
    house.clock.passes(61)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_a_refund_that_fails_at_the_provider_is_owed_again_under_another_key(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = await _paid(house)
    bank = _SlowBank(house)
    await ann.cancels()
    await house.office.loops_run()
    bank.says = "failed"
    for _ in range(8):
        house.clock.passes(4_000)
        await house.office.loops_run()
    assert await ann.paid() == "paid"
    failed = int(await house.value("select count(*) from refund where status = 'failed'"))
    assert failed >= 3
    assert await house.value("select count(*) from refund where status in ('requested', 'pending')") == 1
    assert len(set(bank.keys)) == len(bank.keys)
    assert "refund_stuck" in capsys.readouterr().out
    bank.says = "succeeded"
    for _ in range(3):
        house.clock.passes(4_000)
        await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", TOTAL)]
    assert await house.value("select sum(amount) from sandbox.movement where kind = 'refund'") == TOTAL
    await house.is_whole()


async def test_a_refund_made_elsewhere_meanwhile_is_dropped_and_not_made_twice(house: House) -> None:
    ann = await _paid(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), 700, "")
    await house.office.sandbox.refund(await _intent(house, ann.attempt.id), TOTAL - 1, "by-hand")
    await house.office.loops_run(3)
    assert await house.value("select status from refund") == "dropped"
    assert await ann.status() == ("confirmed", "partially_refunded")
    assert (await ann.sees()).refunded == TOTAL - 1
    await house.is_whole()


@given(some.integers(0, 10**9), some.lists(some.integers(0, 10**8), max_size=8))
def test_a_part_is_spread_to_the_unit_and_nobody_gets_more_than_was_paid(
    amount: int, left: list[int]
) -> None:
    parts = spread(amount, left)
    assert sum(parts) == min(amount, sum(left))
    assert all(0 <= part <= most for part, most in zip(parts, left, strict=True))
    assert all(
        abs(part * sum(left) - sum(parts) * most) < sum(left) for part, most in zip(parts, left, strict=True)
    ) or not sum(left)


@given(some.integers(0, 10**6), some.lists(some.integers(0, 10**5), max_size=8), some.sampled_from([10, 100]))
def test_where_only_steps_are_taken_a_part_is_spread_in_steps(
    amount: int, left: list[int], step: int
) -> None:
    left = [step * each for each in left]
    parts = spread(step * amount, left, step)
    assert sum(parts) == min(step * amount, sum(left))
    assert all(0 <= part <= most and part % step == 0 for part, most in zip(parts, left, strict=True))


def test_another_purpose_for_another_key() -> None:
    assert next_purpose("full") == "full/2"
    assert next_purpose("full:2/9") == "full:2/10"
    assert next_purpose("part:x") == "part:x/2"


class _SlowBank:
    """Refunds that are `pending` first; then they end as this says. The money moves only if they succeed."""

    def __init__(self, house: House) -> None:
        self.says = "pending"
        self.asked: list[str] = []
        self.keys: list[str] = []
        self._sandbox = house.office.sandbox
        self._refund = house.office.sandbox.refund
        self._begun: dict[str, tuple[str, int, str]] = {}
        self._sandbox.refund = self.refund  # type: ignore[method-assign]  # a slow bank
        self._sandbox.fetch_refund = self.fetch_refund  # type: ignore[method-assign]  # a slow bank

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        self.asked.append("refund")
        self.keys.append(key)
        name = f"slow_{len(self.keys)}"
        self._begun[name] = (intent_id, amount, key)
        return Refund(id=name, status="pending")

    async def fetch_refund(self, refund_id: str) -> Refund:
        self.asked.append("fetch")
        if self.says == "failed":
            return Refund(id=refund_id, status="failed", failure="closed account")
        if self.says == "succeeded":
            self.asked.append("settle")
            await self._refund(*self._begun[refund_id])
            return Refund(id=refund_id, status="succeeded")
        return Refund(id=refund_id, status="pending")


async def _intent(house: House, payment: UUID) -> str:
    return str(await house.value("select provider_id from payment where id = $1", payment))


async def _by_hand(house: House, payment: UUID) -> None:
    """All of it is given back at the provider itself."""
    amount = int(await house.value("select amount from payment where id = $1", payment))
    await house.office.sandbox.refund(await _intent(house, payment), amount, f"by-hand:{payment}")
    await house.office.loops_run()
