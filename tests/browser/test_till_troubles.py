"""When Stripe is away, the network is gone or the time is over: the page says so, and goes on by itself."""

from dataclasses import replace

import pytest
from playwright.async_api import expect

from server.settings import Settings
from tests.browser.buying import POOR, at_the_till, books, holds_unseen, pays, sees_the_form
from tests.browser.till import shop, stripe, till_settings
from tests.browser.visitor import Visitor
from tests.fake_stripe import FakeStripe

__all__ = ["shop", "stripe", "till_settings"]

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NETWORK = ("Failed to load resource", "ERR_")


@pytest.fixture
def shop_settings(till_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With the seconds to pay that a test asks for."""
    return replace(till_settings, payment_seconds=getattr(request, "param", 1800))


async def test_stripe_goes_away_before_the_booking_and_comes_back(ann: Visitor, stripe: FakeStripe) -> None:
    ann.forgives(*NETWORK)
    await holds_unseen(ann)
    await ann.opens("/booking")
    await ann.fills_in()
    await stripe.goes_away()
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/bookings/*/pay")
    await ann.reads("The payment service isn't answering just now. The places are kept until")
    await stripe.comes_back()
    await ann.page.evaluate("document.getElementById('again').click()")  # it may have tried by itself before
    await pays(ann)
    await ann.has_title("You're booked")


async def test_stripe_goes_away_while_the_card_is_typed(ann: Visitor, stripe: FakeStripe) -> None:
    ann.forgives(*NETWORK)
    await at_the_till(ann)
    await stripe.goes_away()
    await pays(ann)
    await ann.reads("The payment service did not answer.")
    await stripe.comes_back()
    await pays(ann)
    await ann.has_title("You're booked")


async def test_without_stripes_script_there_is_still_stripes_page(ann: Visitor, stripe: FakeStripe) -> None:
    ann.forgives(*NETWORK)
    booking = await books(ann)
    await ann.page.route(f"{stripe.js_url}**", lambda route: route.abort())
    await ann.opens(f"{booking}/pay")
    await ann.reads("The payment service isn't answering just now.")
    await ann.clicks("Pay on Stripe's page instead")
    await ann.page.wait_for_url(f"{stripe.base_url}/**")


async def test_offline_is_told_and_coming_back_goes_on(ann: Visitor) -> None:
    ann.forgives(*NETWORK, "WebSocket connection")
    await at_the_till(ann)
    await ann.context.set_offline(offline=True)
    await ann.reads("You are offline")
    await pays(ann)
    await ann.reads("You are offline. The places are kept until")
    await ann.context.set_offline(offline=False)
    await pays(ann)
    await ann.has_title("You're booked")


@pytest.mark.parametrize("shop_settings", [20], indirect=True)
async def test_the_time_runs_out_on_the_page(ann: Visitor) -> None:
    await ann.opens(f"{await books(ann)}/pay")
    await ann.has_title("The time to pay has passed")
    await expect(ann.page.locator("#desk")).to_be_hidden()
    await ann.reads("Nothing was charged.")
    assert not ann.page.url.endswith("/pay")


@pytest.mark.parametrize("shop_settings", [90], indirect=True)
async def test_a_late_decline_leaves_time_for_another_card(ann: Visitor) -> None:
    ann.forgives(*NETWORK)
    await at_the_till(ann)
    await pays(ann, POOR)
    await ann.is_told("You have a little more time to pay")
    await sees_the_form(ann)
    await pays(ann)
    await ann.has_title("You're booked")
