"""The whole way of a driveway in two browsers: found, held, paid at the bank, approved, over, receipt."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from server.inventory.rules import HoldPolicy
from server.settings import Settings
from server.times import now_milliseconds
from tests.browser.buying import OVERLAY, pays, sees_the_form
from tests.browser.till import stripe, till_settings, took
from tests.browser.visitor import PATIENCE, PHONE, Visits
from tests.browser.yard import day, place, yards
from tests.fake_stripe import FakeStripe
from tests.support.door import JWT_SECRET
from tests.support.house import House

__all__ = ["stripe", "till_settings"]

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

ASKED = "asked-yard"
CHALLENGE = "iframe[title='Secure bank confirmation frame']"


@pytest.fixture
async def shop(till_settings: Settings, stripe: FakeStripe) -> AsyncIterator[House]:
    """A place whose owner decides, paid by card."""
    asked = place(ASKED, title="Court of the old school", policy=HoldPolicy(approval_seconds=7200))
    async with yards(replace(till_settings, jwt_secret=JWT_SECRET), asked) as house:
        stripe.deliveries.to(f"{house.base_url}/api/payments/webhook")
        yield house


async def test_from_finding_a_driveway_to_its_receipt(
    visits: Visits, shop: House, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga = await visits.enter()
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    await olga.reads("Nobody is waiting.")

    dora = await visits.enter(size=PHONE)
    dora.forgives("postMessage")  # the bank's frame is another origin's
    await dora.signs_in("dora")
    wish = {"q": "school", "day": day().isoformat(), "from": "09:00", "to": "11:00"}
    await dora.opens(f"/driveways?{urlencode(wish)}")
    await dora.page.locator("a.place").click()
    await dora.page.wait_for_url(f"**/resources/{ASKED}?*")
    await dora.is_live()
    await dora.clicks("Hold it")
    await dora.clicks("Check out")
    await expect(dora.page.locator("#checkout")).to_be_visible(timeout=PATIENCE)
    await dora.fills_in("Dora Driver", "dora@example.com")
    await dora.clicks("Go to payment")
    await sees_the_form(dora)
    await pays(dora, OVERLAY)
    bank = dora.page.frame_locator(CHALLENGE)
    await bank.get_by_role("button", name="Complete").click()
    await dora.has_title("Waits for the owner")
    assert not [each for each in stripe.ledger if stripe.ledger[each].captured]

    await expect(olga.page.locator("#inbox .news").first).to_be_visible(timeout=PATIENCE)
    await expect(olga.page.locator("#requests .entry")).to_contain_text("Dora Driver")
    await olga.page.get_by_role("button", name="Approve").click()
    await dora.has_title("You're booked")
    await took(stripe, 480)
    await dora.reads("Print the receipt")

    completing, days = shop.parts.bookings._completing, timedelta(days=2)
    monkeypatch.setattr(completing, "_clock", lambda: now_milliseconds() + days // timedelta(milliseconds=1))
    await completing.work()
    await dora.has_title("That was it")
    await dora.reads("Print the receipt")
    await expect(olga.page.locator("#calendar .visit")).to_contain_text("Dora Driver", timeout=PATIENCE)
