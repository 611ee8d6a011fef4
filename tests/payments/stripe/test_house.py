"""The whole house with Stripe: what a buyer is answered over HTTP, and what becomes of the money."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from server.inventory.rules import ResourceDraft, SlotDraft
from server.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.payments.test_http import FORM, Visitor
from tests.support.house import House, open_house

PRICE = 2_500


@pytest.fixture
def settings(settings: Settings, fake: FakeStripe) -> Settings:
    """With Stripe, and without events: what was paid is found out by asking."""
    return replace(
        settings,
        payments="stripe",
        stripe_secret_key=fake.secret_key,
        stripe_publishable_key=fake.publishable_key,
        stripe_api_base=fake.base_url,
    )


async def open_hall(house: House) -> None:
    slots = [SlotDraft(id=f"A-{number}", label=f"A {number}", price=PRICE) for number in range(1, 5)]
    draft = ResourceDraft(
        id="hall",
        kind="seats",
        title="Hall",
        owner="olga",
        time_zone="UTC",
        currency="usd",
        slots=tuple(slots),
    )
    await house.parts.inventory.create(draft)


@pytest.fixture
async def visitor(holdfast: House) -> AsyncIterator[Visitor]:
    await open_hall(holdfast)
    async with httpx.AsyncClient(base_url=holdfast.base_url, timeout=30) as client:
        yield await Visitor.comes(client)


async def test_a_buyer_pays_by_card(visitor: Visitor, fake: FakeStripe) -> None:
    booking, payment = await visitor.books("A-1")
    assert payment["provider"] == "stripe"
    intent = payment["client_secret"].partition("_secret_")[0]
    await fake.pay(intent)
    await visitor.asks("POST", f"/api/payments/{payment['id']}/check")
    await visitor.sees(booking, status="confirmed", payment_status="paid")
    assert fake.ledger[intent].captured == PRICE
    await visitor.asks("PUT", f"/api/bookings/{booking['id']}/cancel")
    await visitor.sees(booking, status="cancelled", payment_status="refunded")
    assert fake.ledger[intent].kept == 0


async def test_a_buyer_pays_on_stripes_page(settings: Settings, fake: FakeStripe) -> None:
    async with open_house(replace(settings, stripe_publishable_key="")) as house:
        await open_hall(house)
        async with httpx.AsyncClient(base_url=house.base_url, timeout=30) as client:
            visitor = await Visitor.comes(client)
            booking, payment = await visitor.books("A-1")
            assert payment["provider"] == "stripe_checkout"
            wish = {"via": "element"}
            answer = await visitor.asks("POST", f"/api/bookings/{booking['id']}/payments", wish)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "via")
            session = next(asked for asked in fake.requests if asked.key == f"create:{payment['id']}")
            assert session.params["success_url"].startswith(house.base_url)
            await fake.pay(payment["redirect_url"].rpartition("/")[2].partition("#")[0])
            await visitor.asks("POST", f"/api/payments/{payment['id']}/check")
            await visitor.sees(booking, status="confirmed", payment_status="paid")


async def test_while_stripe_is_away_the_places_are_kept(visitor: Visitor, fake: FakeStripe) -> None:
    await visitor.holds("A-1")
    await fake.goes_away()
    answer = await visitor.asks("POST", "/api/bookings", FORM)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["retry_after"]
    await fake.comes_back()
    answer = await visitor.asks("POST", "/api/bookings", FORM)
    assert answer.status_code == 200
    assert answer.json()["payment"]["client_secret"]


async def test_what_stripe_refuses_to_begin_is_told_and_keeps_no_places(
    holdfast: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An amount that only Stripe knows it will not take, by the rate of the day."""
    monkeypatch.setattr("tests.fake_stripe.core.amount.SMALLEST", {"usd": PRICE + 1})
    await visitor.holds("A-1")
    answer = await visitor.asks("POST", "/api/bookings", FORM)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "amount_too_small" in answer.json()["detail"]
    again = await visitor.asks("POST", "/api/bookings", FORM)
    assert again.status_code == 409
    [booking] = (await visitor.asks("GET", "/api/bookings")).json()["items"]
    assert (booking["status"], booking["payment_status"]) == ("pending", "failed")
    answer = await visitor.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {"release": True})
    assert answer.json()["booking"]["status"] == "cancelled"
    assert await holdfast.parts.payments.closing.work() > 0


async def test_keys_of_another_account_say_nothing_of_a_payment(holdfast: House, visitor: Visitor) -> None:
    booking, payment = await visitor.books("A-1")
    async with holdfast.parts.database.connection() as connection:
        await connection.execute("update payment set provider_id = 'pi_of_another_account'")
    answer = await visitor.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    seen = (await visitor.asks("GET", f"/api/payments/{payment['id']}")).json()["payment"]
    assert seen["status"] == "pending"
