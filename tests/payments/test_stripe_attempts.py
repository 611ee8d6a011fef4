"""How often Stripe is asked: about a share that is tried again and again, and about what nobody ever paid."""

import pytest

from server.errors import Conflict, LimitExceeded
from server.payments import shares, store
from server.payments.links import PayLinks
from server.payments.providers import Via
from server.payments.reconcile import LEASE_MS
from tests.payments.house import Payer
from tests.payments.stripe_house import SECRET, StripeBuyer, StripeHouse

SHARE = 1_000


async def test_a_payer_who_changes_the_way_to_pay_over_and_over_ends_nobody_elses_booking(
    stripe_house: StripeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "ATTEMPTS_AT_MOST", 8)
    house = stripe_house
    ann = await _books(house, "A-1", "A-2")
    ben = await _share(house, ann)
    before = len(house.stripe.requests)
    for _ in range(shares.ATTEMPTS_AT_ANY_PACE - 1):
        await _turns(house, ben)
    with pytest.raises(Conflict) as refusal:
        await _turns(house, ben)
    assert 0 < (refusal.value.retry_after or 0) <= shares.PAUSE_MS / 1000

    for _ in range(shares.ATTEMPTS_AT_MOST - shares.ATTEMPTS_AT_ANY_PACE):
        house.clock.passes(shares.PAUSE_MS / 1000)
        await _turns(house, ben)
    house.clock.passes(shares.PAUSE_MS / 1000)
    with pytest.raises(LimitExceeded):
        await _turns(house, ben)
    assert len(house.stripe.requests) - before <= 5 * shares.ATTEMPTS_AT_MOST

    standing = await ben.opens()  # as it was, for nothing was closed in vain
    assert standing.intent is not None
    await house.stripe.pay(standing.intent)
    await ann.goes_by("element")
    await ann.pays()
    await house.hears_all()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_the_buyers_own_attempts_have_a_pace_and_an_end_of_their_own(
    stripe_house: StripeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "OWN_ATTEMPTS_AT_MOST", 2)
    monkeypatch.setattr(shares, "ATTEMPTS_AT_MOST", 1)
    house = stripe_house
    ann = await _books(house, "A-1")
    await ann.goes_by("checkout")
    with pytest.raises(LimitExceeded):
        await ann.goes_by("element")
    monkeypatch.setattr(shares, "OWN_ATTEMPTS_AT_MOST", 3)
    monkeypatch.setattr(shares, "ATTEMPTS_AT_ANY_PACE", 1)
    with pytest.raises(Conflict):
        await ann.goes_by("element")
    await ann.pays()
    await house.hears_all()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


@pytest.mark.parametrize("via", ["element", "checkout"])
async def test_what_is_cancelled_at_stripe_is_not_asked_about_for_days(
    stripe_house: StripeHouse, via: Via
) -> None:
    house = stripe_house
    ann = await _books(house, "A-1")
    await ann.goes_by(via)
    await house.expires(ann)
    await house.hears_all()
    before = len(house.stripe.requests)

    for _ in range(72):
        house.clock.passes(3_600)
        await _looks(house)

    assert len(house.stripe.requests) == before
    assert await house.value("select count(*) from payment where check_at is not null") == 0
    assert await ann.status() == ("cancelled", "failed")
    await house.is_whole()


async def test_a_deadline_asks_nothing_about_attempts_that_are_closed_already(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    ann = await _books(house, "A-1")
    for via in ("checkout", "element", "checkout"):
        await ann.goes_by(via)
    before = len(house.stripe.requests)
    house.clock.passes((ann.own.expires_at - house.clock() + 1) / 1000)
    await house.office.payments.closing.worker._work()
    assert await ann.status() == ("cancelled", "failed")
    assert len(house.stripe.requests) - before <= 3  # seen, seen, expired
    await house.is_whole()


async def test_who_may_be_paying_is_looked_at_before_what_has_failed(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "A-1")
    await ann.goes_by("checkout")
    live = ann.attempt.id
    await house.execute("update payment set check_at = created_at - interval '1 hour' where id <> $1", live)
    house.clock.passes(20)
    now = house.clock()
    async with house.database.connection() as connection:
        assert await store.take_unchecked(connection, now, now + LEASE_MS, 1) == [live]


async def _books(house: StripeHouse, *slots: str) -> StripeBuyer:
    ann = house.buyer("ann")
    await ann.holds(*slots)
    await ann.books()
    return ann


async def _share(house: StripeHouse, ann: StripeBuyer) -> Payer:
    share = await house.office.payments.attempt(ann.caller, str(ann.own.id), SHARE, as_share=True)
    secret = PayLinks(secret_key=SECRET, public_url="").url(share.id).partition("#")[2]
    return Payer(house.office, str(share.id), secret)


async def _turns(house: StripeHouse, payer: Payer) -> None:
    """To the other way to pay than the present one."""
    standing = await payer.opens()
    via: Via = "element" if standing.provider == "stripe_checkout" else "checkout"
    await house.office.payments.open(payer.share, payer.secret, via)


async def _looks(house: StripeHouse) -> None:
    """The reconciler's round, without its lists."""
    now = house.clock()
    async with house.database.connection() as connection:
        due = await store.take_unchecked(connection, now, now + LEASE_MS, 50)
    for payment in due:
        await house.office.payments.settle(payment)
