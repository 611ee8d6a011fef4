"""What becomes of money long after it was taken, with no event ever delivered: right within 90 seconds."""

import pytest

from server.errors import Unavailable
from server.payments import reconcile
from server.payments.closing import CEILING_MS
from server.payments.provider import Intent
from tests.payments.house import PRICE
from tests.payments.stories import PAID, Step, bank_says, disputes, gets_all_back_by_hand, gets_part_back
from tests.payments.stripe_house import StripeBuyer, StripeHouse

OPEN = ("confirmed", "disputed")
BACK = ("cancelled", "refunded")
PART = ("confirmed", "partially_refunded")


async def gets_part_back_by_hand(house: StripeHouse, ann: StripeBuyer) -> None:
    house.stripe.dashboard.refund(house.stripe.intent(ann.intent).id, PRICE // 2)


async def refund_fails(house: StripeHouse, _ann: StripeBuyer) -> None:
    """It came back from the bank, days after it had succeeded; what is owed is given back once more."""
    made = await house.value("select provider_id from refund order by created_at limit 1")
    house.stripe.dashboard.refund_fails(made)


REFUND = [(gets_all_back_by_hand, BACK)]
LOST = [(disputes, OPEN), (bank_says("lost"), BACK)]


@pytest.mark.parametrize(
    ("via", "steps"),
    [
        pytest.param("element", REFUND, id="refund"),
        pytest.param("checkout", REFUND, id="refund of a session"),
        pytest.param(
            "element", [(gets_part_back_by_hand, PART), (gets_part_back_by_hand, BACK)], id="two refunds"
        ),
        pytest.param("element", [(disputes, OPEN), (bank_says("won"), PAID)], id="dispute won"),
        pytest.param("element", LOST, id="dispute lost"),
        pytest.param("checkout", LOST, id="dispute lost of a session"),
        pytest.param("element", [(gets_part_back, PART), (refund_fails, PART)], id="refund fails late"),
    ],
)
async def test_each_step_hours_after_the_last_is_noticed_by_listing_alone(
    stripe_house: StripeHouse, via: str, steps: list[tuple[Step, tuple[str, str]]]
) -> None:
    house = stripe_house
    ann = await _paid(house, via)
    for step, end in steps:
        house.clock.passes(2 * 3600)
        await house.office.loops_run(1)
        await step(house, ann)
        await _90_seconds_pass(house)
        assert await ann.status() == end
    expected = {PAID: PRICE, PART: PRICE // 2, BACK: 0}[steps[-1][1]]
    assert house.stripe.ledger[house.stripe.intent(ann.intent).id].kept == expected
    assert await house.value("select count(*) from inbox") == 0


async def test_what_was_listed_is_looked_at_even_if_stripe_goes_away_in_between(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    ann = await _paid(house)
    house.clock.passes(3600)
    await disputes(house, ann)
    reconciler = house.office.payments.reconciler
    await reconciler.list_all()
    await house.stripe.goes_away()
    await reconciler.work()
    house.clock.passes(600)
    await house.stripe.comes_back()
    await reconciler.work()
    assert await ann.status() == OPEN


async def test_a_listing_that_hangs_holds_up_no_other_and_begins_where_it_began(
    stripe_house: StripeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = stripe_house
    await _paid(house)
    reconciler = house.office.payments.reconciler
    house.clock.passes(60)
    await reconciler.list_all()
    asked: list[tuple[str, int]] = []
    failures: dict[str, Exception] = {"stripe": TimeoutError(), "sandbox": Unavailable("away")}

    async def recent(provider: object, since: int) -> list[Intent]:
        name = str(getattr(provider, "name", ""))
        asked.append((name, since))
        if name in failures:
            raise failures[name]
        return []

    monkeypatch.setattr(reconciler._providers, "recent", recent)
    house.clock.passes(60)
    assert await reconciler.list_all() == reconcile.AGAIN_SECONDS
    house.clock.passes(60)
    await reconciler.list_all()
    first, second = ([since for name, since in asked if name == which] for which in ("stripe", "free"))
    assert first[0] == first[1]
    assert second[1] - second[0] >= 60_000


@pytest.mark.parametrize("via", ["element", "checkout"])
@pytest.mark.parametrize("how", ["listed", "looked at"])
async def test_a_debit_that_is_paid_days_after_its_deadline_is_noticed(
    stripe_house: StripeHouse, via: str, how: str
) -> None:
    """Its booking ended while the bank was at it; either of two ways finds the money, by itself."""
    house = stripe_house
    ann = await _debited_too_late(house, via)
    reconciler = house.office.payments.reconciler
    for _ in range(2):
        house.clock.passes(4 * 86_400)
        await reconciler.work()
    if how == "listed":
        await house.execute("update payment set check_at = null")
    await house.stripe.succeed(ann.intent)
    house.clock.passes(3600)
    if how == "listed":
        await reconciler.list_all()
    await reconciler.work()
    assert await ann.status() == PAID
    await house.is_whole()


async def _debited_too_late(house: StripeHouse, via: str) -> StripeBuyer:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    if via == "checkout":
        await ann.goes_by(via)
    await ann.pays(card="bank")
    for seconds in (house.settings.payment_seconds + 1, CEILING_MS // 1000 + 1):
        house.clock.passes(seconds)
        await house.office.loops_run(1)
    assert await ann.status() == ("cancelled", "failed")
    return ann


async def _paid(house: StripeHouse, via: str = "element") -> StripeBuyer:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    if via == "checkout":
        await ann.goes_by(via)
    await ann.pays()
    await _90_seconds_pass(house)
    assert await ann.status() == PAID
    return ann


async def _90_seconds_pass(house: StripeHouse) -> None:
    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run(1)
