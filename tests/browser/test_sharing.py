"""A bill that several pay, each by a link, live; and bills in other currencies."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from server.settings import Settings
from tests.browser.buying import (
    POOR,
    at_the_till,
    books,
    holding,
    is_sound,
    pays,
    sees_the_form,
    shows_no_secret,
)
from tests.browser.till import shop, stripe, till_settings, took
from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.fake_stripe import FakeStripe

__all__ = ["shop", "stripe", "till_settings"]

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NETWORK = "Failed to load resource"


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates.json"
    write_rates(path, gbp="0.8431")
    return path


def write_rates(path: Path, **rates: str) -> None:
    path.write_text(json.dumps({"base": "eur", "at": datetime.now(UTC).isoformat(), "rates": rates}))


@pytest.fixture
def shop_settings(till_settings: Settings, rates: Path) -> Settings:
    return replace(till_settings, rates_file=str(rates))


async def splits(visitor: Visitor, booking: str) -> list[str]:
    """Split the bill in two on the booking's page; the links to hand on."""
    await visitor.opens(booking)
    await visitor.clicks("Make the links")
    links = visitor.page.get_by_role("textbox", name="Link for share")
    await expect(links.first).to_be_visible(timeout=PATIENCE)
    return [await link.input_value() for link in await links.all()]


async def test_two_pay_a_bill_and_each_sees_what_is_owed(
    ann: Visitor, visits: Visits, stripe: FakeStripe
) -> None:
    ben = await visits.enter(size=PHONE, scheme="dark")
    ben.forgives(NETWORK)
    [link] = await splits(ann, await books(ann, 0, 1))
    await ann.reads("Pay my share · €62.00")
    await is_sound(ann)
    await ben.page.goto(link)
    await ben.has_title("Your share of the bill")
    await shows_no_secret(ben)
    await is_sound(ben)
    await pays(ben, POOR)
    await ben.reads("There is not enough money on this card")
    await pays(ben)
    await ben.has_title("Your share is paid")
    await ben.page.reload()
    await ben.reads("€62.00 of the bill is still open")
    await ann.has_title("€62.00 still to be paid")
    await ann.reads("Paid")
    await ann.clicks("Pay my share · €62.00")
    await pays(ann)
    await ann.has_title("You're booked")
    await ben.has_title("Paid, and booked")
    await took(stripe, 6200, 6200)


async def test_a_share_is_opened_by_its_whole_link_until_it_is_taken_back(ann: Visitor, ben: Visitor) -> None:
    ben.forgives("404")
    [link] = await splits(ann, await books(ann, 0, 1))
    await ben.page.goto(link.split("#")[0] + "#wrong")
    await ben.has_title("This link is incomplete")
    await ben.page.goto(link)
    await sees_the_form(ben)
    await ann.page.get_by_role("button", name="Take back share 1").click()
    await expect(ann.page.get_by_role("button", name="Go to payment")).to_be_visible(timeout=PATIENCE)
    await ben.has_title("This share was taken back")


async def test_a_bill_in_another_currency_and_a_rate_that_moves(
    ann: Visitor, rates: Path, stripe: FakeStripe
) -> None:
    ann.forgives("409")
    await holding(ann)
    await ann.opens("/booking")
    await ann.page.get_by_label("Pay in").select_option("gbp")
    await ann.reads("1 EUR = 0.8431 GBP")
    await ann.reads("£52.27")
    write_rates(rates, gbp="0.9000")
    await ann.fills_in()
    await ann.clicks("Go to payment")
    await ann.reads("£55.80")
    await expect(ann.page.locator("#problem")).not_to_be_empty(timeout=PATIENCE)
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/bookings/*/pay")
    await pays(ann)
    await ann.has_title("You're booked")
    await ann.reads("1 EUR = 0.9 GBP")
    await took(stripe, 5580, currency="gbp")


async def test_what_went_back_and_what_a_bank_asks_is_told(ann: Visitor, stripe: FakeStripe) -> None:
    await at_the_till(ann, 0, 1)
    await pays(ann)
    await ann.has_title("You're booked")
    await took(stripe, 12400)
    [intent] = stripe.ledger
    stripe.dashboard.refund(intent, 2000)
    await ann.reads("€20.00 of what you paid has been given back.")
    stripe.dashboard.dispute(intent)
    await ann.reads("Your bank has asked us about this payment.")
