"""Several payers, one booking: confirmed when the money of all is there, else everybody has it back."""

import asyncio
from uuid import UUID

import pytest

from server.accounts.rules import Caller
from server.errors import Conflict, Forbidden, InvalidFields, LimitExceeded, NotFound, Unavailable
from server.payments import shares as splitting
from server.payments.provider import ProviderUnavailable
from tests.payments.between import around
from tests.payments.house import LINKS, PRICE, Buyer, House, Office, Payer
from tests.payments.test_late import Away

TOTAL = 4 * PRICE


async def _books(house: House) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2", "A-3", "A-4")
    await ann.books()
    return ann


async def _owed(ann: Buyer) -> int:
    return (await ann.sees()).owed


async def test_a_booking_is_confirmed_when_the_last_share_is_paid_and_each_pays_just_its_own(
    house: House,
) -> None:
    ann = await _books(house)
    ben, eve = await ann.splits(PRICE), await ann.splits(2 * PRICE)
    assert await _owed(ann) == TOTAL

    await ben.pays()
    assert await ann.status() == ("pending", "pending")
    assert await _owed(ann) == TOTAL - PRICE
    assert await ben.status() == "authorized"
    await eve.pays()
    assert await _owed(ann) == PRICE
    assert await house.value("select count(*) from sandbox.movement") == 0
    await ann.pays_the_rest()

    assert await ann.status() == ("confirmed", "paid")
    assert await _owed(ann) == 0
    assert await ben.status() == await eve.status() == "paid"
    assert await house.refunds() == []
    assert await house.value("select array_agg(amount order by amount) from sandbox.movement") == [
        PRICE,
        PRICE,
        2 * PRICE,
    ]
    await house.is_whole()


async def test_a_share_that_nobody_pays_has_every_other_given_back_untaken(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ann.splits(PRICE)
    await ben.pays()
    await ann.pays_the_rest()

    await house.expires(ann)

    assert await ann.status() == ("cancelled", "failed")
    assert await ben.status() == await ann.paid() == "failed"
    assert await house.value("select count(*) from sandbox.movement") == 0
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_a_share_that_was_taken_at_once_is_refunded_when_the_others_do_not_pay(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.acts("succeed", delay=1)
    await house.office.sandbox.cancel(await _intent(house, ben), "by the bank")
    house.clock.passes(1)
    await house.office.loops_run()  # money that was taken although it was cancelled
    assert await ben.status() == "paid"
    assert await _owed(ann) == TOTAL - PRICE

    await house.expires(ann)
    await house.office.loops_run()

    assert await ann.status() == ("cancelled", "refunded")
    assert await ben.status() == "refunded"
    assert await house.refunds() == [("share_not_met", PRICE)]
    await house.is_whole()


async def test_a_share_paid_after_the_deadline_is_given_back_though_the_places_are_free(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ann.pays_the_rest()
    await ben.acts("succeed", delay=3_000)
    await house.expires(ann)
    assert await ann.status() == ("cancelled", "failed")
    assert await ann.paid() == "failed"

    house.clock.passes(3_000)
    await house.office.loops_run(3)

    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("share_not_met", PRICE)]
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_with_the_provider_away_at_the_deadline_what_was_promised_goes_back_once_it_can_be_asked(
    house: House,
) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.pays()
    known = house.office.payments._providers._by_name
    there = known["sandbox"]
    known["sandbox"] = Away()  # type: ignore[index]  # a dict, in truth; a fault
    await house.expires(ann)
    assert await ann.status() == ("pending", "pending")
    house.clock.passes(130)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    assert await ben.status() == "authorized"

    known["sandbox"] = there  # type: ignore[index]  # the fault's end
    house.clock.passes(60)
    await house.office.loops_run()
    assert await ben.status() == "failed"
    assert await house.value("select count(*) from sandbox.movement") == 0
    await house.is_whole()


async def test_an_outcome_that_nobody_can_stop_and_that_comes_just_after_the_deadline_confirms(
    house: House,
) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ann.pays_the_rest()
    sandbox = house.office.sandbox

    async def goes_on(intent: str, _key: str) -> object:
        return await sandbox.fetch(intent)

    sandbox.cancel = goes_on  # type: ignore[method-assign,assignment]  # a bank debit
    left = (ann.own.expires_at - house.clock()) / 1000
    await ben.acts("succeed", delay=left + 5)
    house.clock.passes(left + 1)
    await house.office.loops_run()
    assert await ann.status() == ("pending", "pending")
    house.clock.passes(5)
    await house.office.loops_run(3)
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_two_payers_pay_the_last_two_shares_at_once_in_two_processes(house: House) -> None:
    other = house.opens_office()
    await house.sells([f"R-{number}" for number in range(8)], resource="races")
    for number in range(4):
        ann = house.buyer(f"ann{number}")
        await ann.holds(f"R-{2 * number}", f"R-{2 * number + 1}", resource="races")
        await ann.books()
        ben, eve = await ann.splits(PRICE), await ann.splits(PRICE)
        await asyncio.gather(ben.acts("succeed"), eve.acts("succeed"))
        both = [UUID(ben.share), UUID(eve.share)]
        await asyncio.gather(
            *(office.payments.settle(each) for each in both for office in (house.office, other))
        )
        assert (await ann.sees()).status == "confirmed"
        await house.office.loops_run()
        assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from sandbox.movement") == 8
    await house.is_whole(resources=["races"])


async def test_a_declined_share_leaves_the_others_and_its_link_opens_another_attempt(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ann.pays_the_rest()
    first = await ben.opens()
    await ben.acts("decline")
    await house.office.loops_run()
    assert await ann.status() == ("pending", "pending")
    assert await _owed(ann) == PRICE

    second = await ben.opens()
    assert (second.id, second.share) != (first.id, None)
    assert second.share == first.share
    assert await ben.opens() == second
    await ben.pays()

    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_buyer_who_cancels_gives_back_what_others_paid(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.pays()
    cancelled = await ann.cancels()
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "returned")
    assert await ann.cart() is not None
    assert await ben.status() == "failed"
    assert await house.value("select count(*) from sandbox.movement") == 0
    await house.is_whole()
    assert (await ben.opens()).status == "failed"


async def test_a_buyer_who_cancels_while_the_last_share_is_paid_gets_one_of_two(house: House) -> None:
    await house.sells([f"R-{number}" for number in range(6)], resource="races")
    other = house.opens_office()
    for number in range(3):
        ann = house.buyer(f"ann{number}")
        await ann.holds(f"R-{2 * number}", f"R-{2 * number + 1}", resource="races")
        await ann.books()
        ben = await ann.splits(PRICE)
        await ann.pays_the_rest()
        await ben.acts("succeed")
        await asyncio.gather(
            ann.cancels(release=True), other.payments.settle(UUID(ben.share)), return_exceptions=True
        )
        await house.office.loops_run()
        status = await ann.status()
        was_confirmed = (await ann.sees()).confirmed_at is not None
        assert status in {("confirmed", "paid"), ("cancelled", "refunded" if was_confirmed else "failed")}
    await house.is_whole(resources=["races"])


async def test_one_share_that_can_not_be_taken_after_all_gives_the_booking_up_and_all_shares_back(
    house: House,
) -> None:
    ann = await _books(house)
    ben, eve = await ann.splits(PRICE), await ann.splits(PRICE)
    sandbox = house.office.sandbox
    capture = sandbox.capture
    await ben.pays()
    await eve.pays()
    lapsed = await _intent(house, ben)

    async def lapses(intent: str, amount: int, key: str) -> object:
        if intent == lapsed:
            return await sandbox.cancel(intent, key)
        return await capture(intent, amount, key)

    sandbox.capture = lapses  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays_the_rest()
    await house.office.loops_run(3)

    assert (await ann.sees()).cancel_reason == "payment_failed"
    assert await ben.status() == "failed"
    assert {await eve.status(), await ann.paid()} <= {"failed", "refunded"}
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_a_share_paid_twice_counts_once(house: House) -> None:
    """Else one payer's double would stand for another who has not paid."""
    ann = await _books(house)
    half = TOTAL // 2
    ben, eve = await ann.splits(half), await ann.splits(half)
    await ben.pays(twice=True)
    await house.office.loops_run()
    assert await ann.status() == ("pending", "pending")
    assert await _owed(ann) == half
    await eve.pays()
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_the_whole_is_paid_in_the_moment_it_is_shared_out(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house)
    await ann.acts("succeed")
    with pytest.raises(Conflict):
        await ann.splits(PRICE)
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_the_buyers_own_attempt_is_closed_before_a_share_opens_and_stands_for_the_rest_then(
    house: House,
) -> None:
    ann = await _books(house)
    await ann.splits(PRICE)
    with pytest.raises(Conflict):
        await ann.acts("succeed")
    assert await ann.status() == ("pending", "pending")
    assert await ann.paid() == "failed"
    rest = await ann.books()
    assert rest.amount == TOTAL - PRICE
    assert await ann.books() == rest


async def test_shares_and_the_rest_are_never_more_than_the_total_however_many_ask_at_once(
    house: House,
) -> None:
    ann = await _books(house)
    other = house.opens_office()
    tabs = [house.buyer("ann", office) for office in (house.office, other)]
    for tab in tabs:
        tab.booking = ann.own
    await asyncio.gather(
        *(tab.splits(PRICE + 1) for tab in tabs * 3), *(tab.books() for tab in tabs), return_exceptions=True
    )
    assert (
        await house.value("select sum(amount) from payment where status = 'pending' and not extra") <= TOTAL
    )
    reserved = splitting.reserved(await house.office.payments.attempts.all(ann.own))
    assert 0 < reserved <= TOTAL
    assert await house.value("select count(*) from payment where share is not null") <= 3


@pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
async def test_a_share_is_of_what_is_open(house: House, amount: int) -> None:
    ann = await _books(house)
    with pytest.raises(InvalidFields):
        await ann.splits(amount)
    await ann.splits(TOTAL - 1)
    with pytest.raises(InvalidFields):
        await ann.splits(2)


async def test_an_amount_that_is_all_of_it_is_the_buyers_own_unless_a_link_is_asked_for(house: House) -> None:
    ann = await _books(house)
    payments = house.office.payments
    own = await payments.attempt(ann.caller, str(ann.own.id), TOTAL)
    assert own == await ann.books()
    assert own.share is None
    ben = await ann.splits(TOTAL)
    await ben.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_share_is_made_once_by_one_key_though_it_is_just_what_is_open_still(house: House) -> None:
    ann = await _books(house)
    payments, booking = house.office.payments, str(ann.own.id)
    half = await payments.attempt(ann.caller, booking, TOTAL // 2, key="k1")
    again = await asyncio.gather(
        *(payments.attempt(ann.caller, booking, TOTAL // 2, key="k1") for _ in range(3))
    )
    assert {each.id for each in again} == {half.id}
    with pytest.raises(InvalidFields) as refused:
        await payments.attempt(ann.caller, booking, PRICE, key="k1")
    assert [each.field for each in refused.value.errors or []] == ["Idempotency-Key"]
    await Payer(house.office, str(half.id), LINKS.url(half.id).partition("#")[2]).pays()
    await ann.pays_the_rest()
    paid = await payments.attempt(ann.caller, booking, TOTAL // 2, key="k1")
    assert (paid.id, paid.status) == (half.id, "paid")
    await house.is_whole()


async def test_by_one_key_at_once_a_share_is_made_once(house: House) -> None:
    ann = await _books(house)
    made = []

    async def makes_it(office: Office = house.office) -> None:
        made.append(await office.payments.attempt(ann.caller, str(ann.own.id), TOTAL - PRICE, key="k1"))

    await makes_it(house.opens_office(around("provider", "cancel", before=makes_it)))
    first, *others = made
    assert others
    assert {(each.id, each.share) for each in others} == {(first.id, first.id)}


async def test_all_of_it_shared_out_booking_again_answers_what_is_there(house: House) -> None:
    ann = await _books(house)
    await ann.splits(TOTAL)
    again = await ann.books()
    assert again.share is not None


async def test_a_share_nobody_paid_is_withdrawn_and_its_amount_is_open_again(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.acts("decline")
    await house.office.loops_run()
    withdrawn = await house.office.payments.withdraw(ann.caller, ben.share)
    assert (withdrawn.status, withdrawn.withdrawn) == ("failed", True)
    assert (await ben.opens()).withdrawn
    with pytest.raises(Conflict):
        await ben.acts("succeed")
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_money_for_a_share_that_was_withdrawn_goes_back(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.acts("succeed", delay=5)
    await house.office.payments.withdraw(ann.caller, ben.share)
    house.clock.passes(5)
    await house.office.loops_run(3)
    assert await ben.status() == "refunded"
    assert await ann.status() == ("pending", "pending")
    assert await _owed(ann) == TOTAL
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_what_was_paid_is_not_withdrawn_and_neither_is_the_buyers_own(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    payments = house.office.payments
    with pytest.raises(Conflict):
        await payments.withdraw(ann.caller, str(ann.attempt.id))
    with pytest.raises(NotFound):
        await payments.withdraw(Caller(session="session-eve"), ben.share)
    await house.office.hears_nothing()
    await ben.acts("succeed")
    for _ in range(2):
        with pytest.raises(Conflict):
            await payments.withdraw(ann.caller, ben.share)
    await ann.cancels()
    with pytest.raises(Conflict):
        await payments.withdraw(ann.caller, ben.share)


async def test_an_authorisation_that_lapsed_is_owed_again(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.pays()
    version = (await ann.sees()).version
    await house.office.sandbox.cancel(await _intent(house, ben), "by the bank")
    await house.office.loops_run()
    assert await _owed(ann) == TOTAL
    assert (await ann.sees()).version > version
    await ben.pays()
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_with_every_event_lost_shares_confirm_within_90_seconds(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ann.pays_the_rest()
    await ben.acts("succeed")
    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_every_change_of_what_is_owed_is_told(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    seen = [(await ann.sees()).version]
    await ben.acts("decline")
    await house.office.money_moves()
    seen.append((await ann.sees()).version)
    await ben.pays()
    seen.append((await ann.sees()).version)
    assert seen == sorted(set(seen))
    assert await house.value("select count(*) from booking where applied_version < version") == 0


async def test_a_pay_link_opens_its_own_share_and_nothing_else(house: House) -> None:
    ann = await _books(house)
    ben, eve = await ann.splits(PRICE), await ann.splits(PRICE)
    payments = house.office.payments
    for share, secret in (
        (ben.share, eve.secret),
        (ben.share, ""),
        (ben.share, "ü\ud800"),
        (str(ann.attempt.id), ben.secret),
        ("nothing", ben.secret),
    ):
        with pytest.raises(NotFound):
            await payments.open(share, secret)
        with pytest.raises(NotFound):
            await payments.check(Caller(session=""), share, secret)
        with pytest.raises(NotFound):
            await payments.act(Caller(session=""), share, "succeed", delay_ms=0, twice=False, secret=secret)
    payment, booking, title = await payments.open(ben.share, ben.secret)
    assert (payment.amount, booking.id, title) == (PRICE, ann.own.id, "hall")
    assert LINKS.url(UUID(ben.share)) == f"https://tickets.example/pay/{ben.share}#{ben.secret}"
    assert "key" not in repr(LINKS)


async def test_a_second_attempt_of_a_share_has_its_link(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.acts("decline")
    await house.office.loops_run()
    second = await ben.opens()
    found, _, _ = await house.office.payments.open(str(second.id), ben.secret)
    assert found == second


async def test_a_payers_provider_that_is_away_is_told_and_the_link_goes_on_from_there(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(PRICE)
    await ben.acts("decline")
    await house.office.loops_run()
    create = house.office.sandbox.create

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    house.office.sandbox.create = away  # type: ignore[method-assign,assignment]  # a fault
    with pytest.raises(Unavailable):
        await ben.opens()
    house.office.sandbox.create = create  # type: ignore[method-assign]  # the fault's end
    await ben.pays()
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_shares_and_attempts_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await _books(house)
    monkeypatch.setattr(splitting, "SHARES_AT_MOST", 1)
    ben = await ann.splits(1)
    with pytest.raises(LimitExceeded):
        await ann.splits(1)
    monkeypatch.setattr(splitting, "ATTEMPTS_AT_MOST", 1)
    await ben.acts("decline")
    await house.office.loops_run()
    with pytest.raises(LimitExceeded):
        await ben.opens()
    await house.office.payments.withdraw(ann.caller, ben.share)
    await ann.splits(1)  # instead of it, another
    monkeypatch.setattr(splitting, "SHARES_AT_MOST", 2)
    monkeypatch.setattr(splitting, "SHARES_EVER", 2)
    with pytest.raises(LimitExceeded):
        await ann.splits(1)


async def test_checking_asks_the_provider_once_a_second_at_most(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house)
    asked: list[str] = []
    fetch = house.office.sandbox.fetch

    async def counted(intent: str) -> object:
        asked.append(intent)
        return await fetch(intent)

    house.office.sandbox.fetch = counted  # type: ignore[method-assign,assignment]  # to count
    payments = house.office.payments
    for _ in range(20):
        payment, is_buyer = await payments.check(ann.caller, str(ann.attempt.id), None)
        assert (payment.status, is_buyer) == ("pending", True)
    assert len(asked) == 1
    payments._checked.clear()
    await ann.acts("succeed")
    payment, _ = await payments.check(ann.caller, str(ann.attempt.id), None)
    assert payment.status == "paid"
    with pytest.raises(NotFound):
        await payments.check(Caller(session="session-ben"), str(ann.attempt.id), None)
    owner = Caller(session="", user="owner")
    assert (await payments.check(owner, str(ann.attempt.id), None))[1] is False


async def test_only_owners_and_operators_give_back(house: House) -> None:
    ann = await _books(house)
    await ann.pays()
    payments = house.office.payments
    with pytest.raises(Forbidden):
        await payments.refund(ann.caller, str(ann.own.id), 1, "")
    with pytest.raises(NotFound):
        await payments.refund(Caller(session="s", user="other"), str(ann.own.id), 1, "")


async def _intent(house: House, payer: Payer) -> str:
    return str(await house.value("select provider_id from payment where id = $1", UUID(payer.share)))
