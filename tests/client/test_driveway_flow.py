"""The whole way of a driveway by two programs: found, held, paid at the bank, approved, over, receipt."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest

from channels.client import Booked, Booking, Client, Declined, Money, Notice, Payment, StripeDesk, Unreachable
from channels.client.news import News
from channels.client.stripe import Standing
from server.inventory.rules import HoldPolicy
from server.settings import Settings
from server.times import now_milliseconds
from tests.browser.till import stripe, till_settings, took
from tests.client.conftest import ANN, at, becomes, client_of
from tests.fake_stripe import FakeStripe
from tests.live.driveway import draft
from tests.support.door import JWT_SECRET
from tests.support.house import House, open_house

__all__ = ["stripe", "till_settings"]

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

BACK = "https://kiosk.example/back"
PROVED = "pm_card_threeDSecure2Required"
HOURS, PRICE = (9, 17), 8 * 400


@pytest.fixture
async def lane(till_settings: Settings, stripe: FakeStripe) -> AsyncIterator[House]:
    """A driveway whose owner decides, paid by card."""
    asked = msgspec.structs.replace(draft(), id="asked", policy=HoldPolicy(approval_seconds=7_200))
    async with open_house(replace(till_settings, jwt_secret=JWT_SECRET)) as house:
        await house.parts.inventory.create(asked)
        stripe.deliveries.to(f"{house.base_url}/api/payments/webhook")
        yield house


@pytest.fixture
async def desk(stripe: FakeStripe) -> AsyncIterator[StripeDesk]:
    made = StripeDesk(stripe.publishable_key, base_url=stripe.base_url)
    yield made
    await made.close()


async def answers_the_bank(address: str | None, answer: str = "yes") -> str:
    """The payer at the bank's page; where it leads back to."""
    assert address is not None
    async with httpx.AsyncClient() as browser:
        answered = await browser.post(address, data={"answer": answer})
    assert answered.status_code == 303
    return answered.headers["location"]


async def books(dora: Client, hours: tuple[int, int] = HOURS) -> tuple[Booking, Payment]:
    """What she found is held and booked."""
    start, end = map(at, hours)
    (place,) = [each async for each in dora.resources.find(start, end)]
    assert (place.id, place.price and place.price.amount) == ("asked", (hours[1] - hours[0]) * 400)
    await dora.holding.hold_range(place.id, start, end)
    booked: Booked = await dora.bookings.book(ANN)
    assert booked.payment is not None
    return booked.booking, booked.payment


async def is_told(news: News, booking: str, kind: str) -> Notice:
    return await news.next(Notice, lambda each: each.kind == kind and each.data["booking"] == booking)


async def test_from_finding_a_driveway_to_its_receipt(
    lane: House, stripe: FakeStripe, desk: StripeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        client_of(lane.base_url, "dora") as dora,
        client_of(lane.base_url, "olga") as olga,
        olga.news() as owners,
        dora.news() as drivers,
    ):
        booking, payment = await books(dora)
        created = await is_told(owners, booking.id, "booking_created")
        assert (created.data["side"], "actions" in created.data) == ("owner", False)

        asked = await desk.pay(payment, PROVED, return_url=BACK)
        assert asked.status == "to_be_proved"
        assert (await dora.bookings.get(booking.id)).payment_status == "pending"
        assert (await answers_the_bank(asked.redirect_url)).startswith(f"{BACK}?payment_intent=")
        assert await desk.look(payment) == Standing(status="secured")

        request = await is_told(owners, booking.id, "booking_created")
        waits = await olga.bookings.get(booking.id)
        assert (waits.status, waits.payment_status) == ("pending", "authorized")
        assert (request.data["reference"], len(request.data["actions"])) == (booking.reference, 2)
        assert await dora.bookings.receipt(booking.id) is None
        assert not [each for each in stripe.ledger if stripe.ledger[each].captured]

        assert (await olga.bookings.approve(booking.id)).status == "confirmed"
        assert (await is_told(owners, booking.id, "booking_confirmed")).data["side"] == "owner"
        assert (await is_told(drivers, booking.id, "booking_confirmed")).data["side"] == "buyer"
        await took(stripe, PRICE, currency="gbp")
        await becomes(dora, booking.id, lambda each: each.payment_status == "paid")

        await time_passes(lane, monkeypatch)
        over = await drivers.next(Booking, lambda each: each.status == "completed")
        receipt = await dora.bookings.receipt(over.id)
        assert receipt is not None
        assert (receipt.reference, receipt.customer["name"]) == (booking.reference, ANN["name"])
        assert [each.range for each in receipt.items] == [tuple(map(at, HOURS))]
        assert (receipt.total.amount, receipt.paid.amount, receipt.refunded.amount) == (PRICE, PRICE, 0)
        assert [each.id for each in receipt.payments] == [payment.id]


async def time_passes(lane: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days: what was booked is over, and found so."""
    completing, ahead = lane.parts.bookings._completing, timedelta(days=3) // timedelta(milliseconds=1)
    monkeypatch.setattr(completing, "_clock", lambda: now_milliseconds() + ahead)
    await completing.work()


async def test_a_card_that_is_declined_and_a_bank_that_says_no_leave_the_next_try(
    lane: House, stripe: FakeStripe, desk: StripeDesk
) -> None:
    async with client_of(lane.base_url, "dora") as dora, dora.news() as drivers:
        booking, payment = await books(dora)
        with pytest.raises(Declined) as declined:
            await desk.pay(payment, "pm_card_visa_chargeDeclinedInsufficientFunds", return_url=BACK)
        assert declined.value.code == "insufficient_funds"
        await is_told(drivers, booking.id, "payment_failed")
        again = await dora.payments.attempt(booking.id)
        asked = await desk.pay(again, PROVED, return_url=BACK)
        assert (await answers_the_bank(asked.redirect_url, "no")).endswith("failed")
        third = await dora.payments.attempt(booking.id)
        assert (await desk.pay(third, "pm_card_visa", return_url=BACK)).status == "secured"
        await dora.payments.check(third.id)
        waits = await becomes(dora, booking.id, lambda each: each.approval is not None)
        assert waits.payment_status == "authorized"
        assert [entry.held for entry in map(stripe.ledger.__getitem__, stripe.ledger) if entry.held] == [
            PRICE
        ]


async def test_the_server_is_asked_to_look_where_stripes_word_is_lost(
    lane: House, stripe: FakeStripe, desk: StripeDesk
) -> None:
    stripe.deliveries.lose(100)
    async with client_of(lane.base_url, "dora") as dora:
        booking, payment = await books(dora)
        assert (await desk.pay(payment, "pm_card_visa", return_url=BACK)).status == "secured"
        assert (await dora.payments.check(payment.id)).status == "authorized"
        assert (await dora.bookings.get(booking.id)).approval is not None


async def test_an_answer_of_stripes_that_got_lost_is_looked_for(
    lane: House, stripe: FakeStripe, desk: StripeDesk
) -> None:
    async with client_of(lane.base_url, "dora") as dora:
        _, payment = await books(dora)
        for fault in ("500_before", "html", "cut_before_effect"):
            stripe.faults.next("PAGE POST", fault)
            with pytest.raises(Unreachable):
                await desk.pay(payment, "pm_card_visa", return_url=BACK)
            assert (await desk.look(payment)).status == "to_be_paid"
        stripe.faults.next("PAGE POST", "cut_after_effect")
        with pytest.raises(Unreachable):
            await desk.pay(payment, "pm_card_visa", return_url=BACK)
        assert (await desk.look(payment)).status == "secured"
        assert (await desk.pay(payment, "pm_card_visa", return_url=BACK)).status == "secured"


async def test_what_has_no_secret_is_not_paid_at_the_desk(desk: StripeDesk) -> None:
    payment = Payment(
        id="p", booking="b", provider="sandbox", status="pending",
        amount=Money(amount=1, currency="gbp"), created_at=at(9), redirect_url="https://pay.example",
    )  # fmt: skip
    with pytest.raises(ValueError, match="redirect_url"):
        await desk.look(payment)
