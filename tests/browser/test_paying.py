"""Paying by card: the form on our page, the bank's confirmation, declines, reloads, tabs, Stripe's page."""

import pytest
from playwright.async_api import expect

from tests.browser.buying import (
    MAP,
    OVERLAY,
    POOR,
    REDIRECT,
    STOLEN,
    at_the_till,
    card_form,
    holding,
    is_sound,
    pays,
    sees_the_form,
    shows_no_secret,
)
from tests.browser.till import shop, shop_settings, stripe, till_settings, took
from tests.browser.visitor import PATIENCE, Visitor
from tests.fake_stripe import FakeStripe

__all__ = ["shop", "shop_settings", "stripe", "till_settings"]

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

CHALLENGE = "iframe[title='Secure bank confirmation frame']"
HTTP_ERROR = "Failed to load resource"


async def test_a_card_pays_and_the_seat_is_sold_everywhere(
    ann: Visitor, ben: Visitor, stripe: FakeStripe
) -> None:
    await ben.opens(MAP)
    seat = await holding(ann)
    await ann.opens("/booking")
    await ann.fills_in()
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/bookings/*/pay")
    await sees_the_form(ann)
    await shows_no_secret(ann)
    await ben.sees(seat, "held")
    await pays(ann)
    await ann.has_title("You're booked")
    await ben.sees(seat, "sold")
    await took(stripe, 6200)


async def test_a_decline_says_why_and_another_card_pays(ann: Visitor, stripe: FakeStripe) -> None:
    ann.forgives(HTTP_ERROR)
    await at_the_till(ann)
    await is_sound(ann)
    await ann.page.locator("#pay").click()
    await ann.reads("Something is missing in the payment form.")
    await expect(card_form(ann).get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    await pays(ann, POOR)
    await ann.reads("There is not enough money on this card")
    await expect(ann.page.locator("#problem")).to_be_focused()
    await pays(ann, STOLEN)
    await ann.reads("Your bank declined this payment")
    await is_sound(ann)
    await pays(ann)
    await ann.has_title("You're booked")
    await took(stripe, 6200)


async def test_the_bank_asks_on_its_own_page_and_its_secrets_leave_the_address(
    ann: Visitor, stripe: FakeStripe
) -> None:
    ann.forgives(HTTP_ERROR)
    await at_the_till(ann)
    await pays(ann, REDIRECT)
    await ann.page.wait_for_url(f"{stripe.base_url}/**")
    await ann.page.get_by_role("button", name="Complete").click()
    await ann.has_title("You're booked")
    await shows_no_secret(ann)
    assert "payment_intent" not in ann.page.url


async def test_the_bank_asks_on_our_page_and_a_reload_takes_its_question_up_again(
    ann: Visitor, stripe: FakeStripe
) -> None:
    ann.forgives(HTTP_ERROR)
    await at_the_till(ann)
    await pays(ann, OVERLAY)
    bank = ann.page.frame_locator(CHALLENGE)
    await bank.get_by_role("button", name="Fail").click()
    await ann.reads("Your bank could not confirm that it is you.")
    await pays(ann, OVERLAY)
    await expect(ann.page.locator(CHALLENGE)).to_be_visible(timeout=PATIENCE)
    await ann.page.reload()
    await ann.reads("your bank still waits for your confirmation")
    await ann.page.locator("#pay").click()
    await bank.get_by_role("button", name="Complete").click()
    await ann.has_title("You're booked")
    await ann.page.go_back()
    assert not ann.page.url.endswith("/pay")
    await took(stripe, 6200)


async def test_who_pays_in_one_tab_has_paid_in_the_other(ann: Visitor, stripe: FakeStripe) -> None:
    await at_the_till(ann)
    tab = await ann.opens_tab(ann.page.url.removeprefix(ann.base_url))
    await sees_the_form(tab)
    await pays(ann)
    await ann.has_title("You're booked")
    await tab.has_title("You're booked")
    await took(stripe, 6200)


async def test_stripes_own_page_there_and_back(ann: Visitor, stripe: FakeStripe) -> None:
    ann.forgives(HTTP_ERROR)
    await at_the_till(ann)
    await ann.clicks("Pay on Stripe's page instead")
    await ann.page.wait_for_url(f"{stripe.base_url}/**")
    await ann.page.go_back()
    await sees_the_form(ann)
    await ann.clicks("Pay on Stripe's page instead")
    await ann.page.wait_for_url(f"{stripe.base_url}/**")
    await ann.page.get_by_label("Card number").fill("4242424242424242")
    await ann.page.get_by_label("Expiration date").fill("1234")
    await ann.page.get_by_label("Security code").fill("123")
    await ann.page.get_by_role("button", name="Pay").click()
    await ann.has_title("You're booked")
    await took(stripe, 6200)


async def test_the_till_is_its_buyers_and_cancelling_there_keeps_the_places(
    ann: Visitor, ben: Visitor
) -> None:
    ben.forgives("404")
    await at_the_till(ann)
    await ben.opens(ann.page.url.removeprefix(ann.base_url))
    await ben.has_title("There is no such booking")
    await ann.clicks("Cancel, and keep my places")
    await ann.page.wait_for_url("**/booking")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1, timeout=PATIENCE)
