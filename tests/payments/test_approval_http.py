"""The owner's word over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.settings import Settings
from tests.payments.test_http import PRICE, Visitor
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house whose owner has to approve."""
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall",
            kind="seats",
            title="Hall",
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            policy=HoldPolicy(approval_seconds=600),
            slots=tuple(SlotDraft(id=slot, label=slot, price=PRICE) for slot in ("A-1", "A-2")),
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def test_an_owner_says_yes_to_one_and_no_to_another(client: httpx.AsyncClient) -> None:
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    ann, ben = await Visitor.comes(client), await Visitor.comes(client, jwt_of("ben"))
    wanted, payment = await ann.books("A-1")
    unwanted, other = await ben.books("A-2")
    early = await olga.asks("PUT", f"/api/bookings/{wanted['id']}/confirm")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    await ann.pays(payment)
    await ben.pays(other)
    asked = await ann.sees(wanted, payment_status="authorized")
    assert (asked["status"], asked["approval"]["state"]) == ("pending", "awaited")
    await ben.sees(unwanted, payment_status="authorized")

    assert (await ann.asks("PUT", f"/api/bookings/{wanted['id']}/confirm")).status_code == 401
    assert (await ben.asks("PUT", f"/api/bookings/{unwanted['id']}/confirm")).status_code == 403
    assert (await ben.asks("PUT", f"/api/bookings/{wanted['id']}/confirm")).status_code == 404

    for _ in range(2):  # one touch, or two
        yes = await olga.asks("PUT", f"/api/bookings/{wanted['id']}/confirm")
        assert (yes.status_code, yes.json()["booking"]["status"]) == (200, "confirmed")
        no = await olga.asks("PUT", f"/api/bookings/{unwanted['id']}/cancel", {})
        assert (no.status_code, no.json()["booking"]["cancel_reason"]) == (200, "declined")
    await ann.sees(wanted, payment_status="paid")
    await ben.sees(unwanted, status="cancelled", payment_status="failed")
