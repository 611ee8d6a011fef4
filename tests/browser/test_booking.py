"""From a seat to a booking: the form, the sandbox's page, and what the result says live."""

import re
from urllib.parse import urlsplit

from playwright.async_api import expect

from tests.browser.buying import books
from tests.browser.visitor import HALL, PATIENCE, TOUR, Visitor

MAP = f"/resources/{HALL}"
SEAT = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id"""

CHANGE = """async ([address, hall]) => {
  const { slots } = await (await fetch(`/api/resources/${hall}`)).json();
  const { csrf } = await (await fetch("/api/sessions", { method: "POST" })).json();
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const body = JSON.stringify({ items: slots.slice(0, 2).map(({ id }) => [id, 1]) });
  return (await (await fetch(`/api${address}`, { method: "PATCH", headers, body })).json()).payment;
}"""
DEADLINE = """() => document.querySelector("hold-timer").expiresAt"""


async def holding(visitor: Visitor) -> str:
    """The visitor is on the map and holds its first seat."""
    await visitor.opens(MAP)
    seat: str = await visitor.page.evaluate(SEAT, HALL)
    await visitor.takes(seat)
    return seat


async def test_paid_is_confirmed_here_and_sold_everywhere(ann: Visitor, ben: Visitor) -> None:
    seat = await holding(ann)
    await ben.opens(MAP)
    await ben.sees(seat, "held")
    await ann.books()
    await ann.clicks("Pay")
    await ann.has_title("You're booked")
    await ben.sees(seat, "sold")


async def test_who_pays_for_a_change_comes_back_to_the_booking_that_is_changed(ann: Visitor) -> None:
    await holding(ann)
    await ann.books()
    await ann.clicks("Pay")
    await ann.has_title("You're booked")
    address = urlsplit(ann.page.url).path
    payment = await ann.page.evaluate(CHANGE, [address, HALL])
    await ann.page.goto(ann.base_url + payment["redirect_url"])
    await ann.clicks("Walk away")
    await ann.page.wait_for_url(f"**/bookings/{payment['booking']}")
    await ann.clicks("Go to payment")
    await ann.clicks("Pay")
    await ann.page.wait_for_url(f"**{address}")
    await ann.has_title("You're booked")
    await expect(ann.page.locator("#ticket .items li")).to_have_count(2, timeout=PATIENCE)


async def test_a_decline_keeps_the_places_and_a_second_try_pays_once(ann: Visitor, ben: Visitor) -> None:
    seat = await holding(ann)
    await ann.books()
    await ann.clicks("Decline the card")
    await ann.has_title("The payment didn't go through")
    await ben.opens(MAP)
    await ben.sees(seat, "held")
    await ann.clicks("Try again")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay twice")
    await ann.has_title("You're booked")


async def test_who_walks_away_can_go_back_to_paying(ann: Visitor) -> None:
    await holding(ann)
    await ann.books()
    await ann.clicks("Walk away")
    await ann.has_title("Waiting for your payment")
    await ann.opens(MAP)
    await expect(ann.page.get_by_text("1 place is waiting for payment.")).to_be_visible(timeout=PATIENCE)
    await ann.page.get_by_role("link", name="Continue").click()
    await ann.clicks("Continue to payment")
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("You're booked")


async def test_a_cancelled_booking_gives_its_places_back_to_the_cart(ann: Visitor) -> None:
    seat = await holding(ann)
    await ann.books()
    await ann.clicks("Walk away")
    await ann.clicks("Cancel, and keep my places")
    await ann.page.wait_for_url("**/booking")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1, timeout=PATIENCE)
    await ann.opens(MAP)
    await ann.sees(seat, "mine")


async def test_a_half_filled_form_survives_a_reload_and_back(ann: Visitor) -> None:
    await holding(ann)
    await ann.opens("/booking")
    await ann.page.get_by_label("Name").fill("Ann Half")
    await ann.page.get_by_label("Anything we should know?").fill("near the aisle,\nplease")
    await ann.page.reload()
    await expect(ann.page.get_by_label("Name")).to_have_value("Ann Half")
    await ann.page.goto(ann.base_url + MAP)
    await ann.page.go_back()
    await expect(ann.page.get_by_label("Anything we should know?")).to_have_value("near the aisle,\nplease")


async def test_what_the_server_refuses_is_said_at_the_field(ann: Visitor) -> None:
    ann.forgives("422")
    await holding(ann)
    await ann.opens("/booking")
    await ann.clicks("Go to payment")
    name = ann.page.get_by_label("Name")
    await expect(name).to_be_focused()
    await expect(name).to_have_accessible_description("Name is empty.")
    await ann.fills_in(email="ann@nowhere")
    await ann.clicks("Go to payment")
    email = ann.page.get_by_label("E-mail")
    await expect(email).to_be_focused(timeout=PATIENCE)
    await expect(email).to_have_attribute("aria-invalid", "true")
    await ann.reads("E-mail is no e-mail address")
    await expect(name).not_to_have_attribute("aria-invalid", "true")


async def test_a_second_tab_gets_the_same_payment(ann: Visitor) -> None:
    await holding(ann)
    tab = await ann.opens_tab("/booking")
    await tab.fills_in()
    await ann.books()
    address = ann.page.url
    await tab.page.get_by_role("button", name="Continue to payment").click()
    await tab.clicks("Go to payment")
    await tab.page.wait_for_url("**/sandbox/payments/*")
    assert tab.page.url == address


async def test_start_times_are_held_by_number(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(f"/resources/{TOUR}")
    await ben.opens(f"/resources/{TOUR}")
    row = ann.page.locator("slot-list li").last
    await row.get_by_role("combobox").select_option("3")
    await row.get_by_role("button", name="Hold").click()
    await expect(ann.page.get_by_text("3 held for you")).to_be_visible(timeout=PATIENCE)
    await expect(ben.page.get_by_text("9 left").first).to_be_visible(timeout=PATIENCE)
    await ann.page.get_by_role("button", name="Give back").click()
    await expect(ben.page.get_by_text("9 left")).to_have_count(0, timeout=PATIENCE)


async def test_more_time_is_one_press_away(ann: Visitor) -> None:
    await holding(ann)
    face = ann.page.locator("hold-timer .face")
    await expect(face).to_have_text(re.compile("^14:[0-5][0-7]$"), timeout=PATIENCE)  # some of it is over
    before = await ann.page.evaluate(DEADLINE)
    await ann.clicks("More time")
    await ann.is_told("Your places are held for longer.")
    assert await ann.page.evaluate(DEADLINE) > before
    await expect(face).to_have_text(re.compile("^1[45]:"), timeout=PATIENCE)


async def test_two_share_a_bill_and_each_sees_what_is_owed(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(await books(ann))
    await ann.clicks("Make the links")
    link = await ann.page.get_by_role("textbox", name="Link for share 1").input_value()
    await ben.page.goto(link)
    await ben.clicks("Pay €31.00")
    await ben.page.wait_for_url("**/sandbox/payments/*")
    await ben.clicks("Pay")
    await ben.has_title("Your share is paid")
    await ann.has_title("€31.00 still to be paid")
    await ann.clicks("Pay my share · €31.00")
    await ann.clicks("Pay")
    await ann.has_title("You're booked")
    await ben.has_title("Paid, and booked")


async def test_bookings_of_others_are_not_there(ann: Visitor, ben: Visitor) -> None:
    ben.forgives("404")
    await holding(ann)
    await ann.books()
    await ann.clicks("Walk away")
    await ann.has_title("Waiting for your payment")
    await ben.opens(ann.page.url.removeprefix(ann.base_url))
    await ben.has_title("There is no such booking")
