"""An owner at their page, drivers at theirs: requests, news, the week, hours, earnings; and own bookings."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.browser.yard import Driver, day, place, yards
from tests.support.house import House

ASKED = "asked-yard"


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """Two of Olga's places; about one of them she decides herself."""
    asked = place(ASKED, title="Court of the old school", policy=HoldPolicy(approval_seconds=7200))
    async with yards(shop_settings, place(), asked) as house:
        yield house


async def books(driver: Visitor, path: str = f"/resources/{ASKED}") -> None:
    at = Driver(driver)
    await at.opens(path)
    await at.holds("09:00", "10:45")
    await driver.clicks("Check out")
    await expect(driver.page.locator("#checkout")).to_be_visible(timeout=PATIENCE)
    await driver.fills_in()
    await driver.clicks("Go to payment")
    await driver.page.wait_for_url("**/sandbox/payments/*")
    await driver.clicks("Pay")


async def test_an_owner_hears_of_a_request_at_once_and_says_yes_in_one_touch(
    ann: Visitor, visits: Visits
) -> None:
    olga = await visits.enter()
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    await olga.reads("Nobody is waiting.")
    await books(ann)
    await ann.has_title("Waits for the owner")
    request = olga.page.locator("#requests .entry")
    await expect(request).to_contain_text("Court of the old school", timeout=PATIENCE)
    await expect(request).to_contain_text("Ann Buyer")
    await expect(olga.page.locator("#inbox .news").first).to_be_visible(timeout=PATIENCE)
    assert await olga.violations() == []
    await olga.page.get_by_role("button", name="Approve").click()
    await olga.is_told("Approved.")
    await ann.has_title("You're booked")
    await olga.reads("Nobody is waiting.")
    await expect(olga.page.locator("#calendar .visit")).to_contain_text("Ann Buyer")
    await expect(olga.page.locator("#earnings tbody tr")).to_contain_text("1", timeout=PATIENCE)
    await olga.clicks("Mark all as read")
    await expect(olga.page.locator("#inbox [data-unread=true]")).to_have_count(0, timeout=PATIENCE)


async def test_a_no_frees_the_time_and_nothing_is_charged(ann: Visitor, visits: Visits) -> None:
    olga = await visits.enter(size=PHONE)
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    await books(ann)
    await olga.page.get_by_role("button", name="Decline").click(timeout=PATIENCE)
    await ann.has_title("The owner has declined")
    await olga.reads("Nobody is waiting.")
    assert await olga.violations() == []


async def test_what_an_owner_books_elsewhere_waits_for_no_word_of_theirs(visits: Visits) -> None:
    pete = await visits.enter()
    await pete.signs_in("pete", roles=("owner",), to="/owner")
    await pete.reads("Nobody is waiting.")
    asked: list[str] = []
    pete.page.on("request", lambda request: asked.append(request.url))
    tab = await pete.opens_tab(f"/resources/{ASKED}")
    async with pete.page.expect_response("**/api/resources?owner=pete"):  # whose is it?
        await books(tab)
    await tab.has_title("Waits for the owner")
    await pete.page.evaluate("() => fetch('/healthz')")  # by then it would have been read
    assert not [url for url in asked if "/api/bookings/" in url]
    await expect(pete.page.get_by_role("button", name="Decline")).to_have_count(0)


async def test_of_a_week_that_could_not_be_read_nobody_is_told_that_it_is_empty(visits: Visits) -> None:
    olga = await visits.enter()
    olga.forgives("503")
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    nobody = olga.page.get_by_label("nobody", exact=True)
    unknown = olga.page.get_by_label("not known yet", exact=True)
    await expect(nobody).to_have_count(14)
    weeks = re.compile(r"/api/bookings\?.*from=")
    await olga.page.route(weeks, lambda route: route.fulfill(status=503, json={"code": "unavailable"}))
    await olga.clicks("The week after")
    await expect(unknown).to_have_count(14)
    await olga.reads("Who comes is not known.")
    await expect(nobody).to_have_count(0)
    assert await olga.violations() == []
    await olga.page.unroute(weeks)
    await olga.clicks("Read this week again")
    await expect(nobody).to_have_count(14)
    await expect(olga.page.locator("#calendar .problem")).to_have_count(0)
    await olga.page.route(
        "**/api/earnings", lambda route: route.fulfill(status=503, json={"code": "unavailable"})
    )
    await olga.context.set_offline(offline=True)  # what was told meanwhile is missed
    await expect(olga.page.locator("connection-state[data-level=live]")).to_have_count(0)
    await olga.context.set_offline(offline=False)
    await olga.reads("This may be out of date")
    await expect(unknown).to_have_count(14)


async def test_new_hours_are_on_every_board_at_once(ann: Visitor, visits: Visits) -> None:
    driver = Driver(ann)
    await driver.opens(f"/resources/{ASKED}")
    await driver.sees("08:00", "free")
    olga = await visits.enter()
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    await olga.page.get_by_label("Place").select_option(ASKED)
    fields = olga.page.locator("#hours .field input")
    await expect(fields).to_have_count(7)
    await expect(fields.first).to_have_value("07:00\N{EN DASH}22:00")
    for number in range(7):
        await fields.nth(number).fill("9:00-18:00")
    await fields.first.fill("all day")
    await olga.clicks("Save the hours")
    await olga.reads("can't be read")
    await expect(fields.first).to_be_focused()
    await fields.first.fill("09:00-18:00")
    await olga.clicks("Save the hours")
    await olga.is_told("Saved.")
    await driver.sees("08:00", "closed")
    await driver.sees("09:00", "free")


async def test_ones_own_bookings_are_listed_live(ann: Visitor, visits: Visits) -> None:
    await ann.opens("/my-bookings")
    await ann.reads("Nothing is coming")
    await books(ann)
    await ann.has_title("Waits for the owner")
    tab = await ann.opens_tab("/my-bookings")
    entry = tab.page.locator("#coming .entry:not(.ghost)")
    await expect(entry).to_contain_text("Court of the old school", timeout=PATIENCE)
    await expect(entry).to_contain_text("Waits for the owner")
    assert await tab.violations() == []
    olga = await visits.enter()
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    await olga.page.get_by_role("button", name="Approve").click(timeout=PATIENCE)
    await expect(entry).to_contain_text(re.compile("Booked"), timeout=PATIENCE)


async def test_who_is_no_owner_is_told_so(ann: Visitor) -> None:
    ann.forgives("403")
    await ann.opens("/owner")
    await ann.reads("Who are you?")
    await ann.signs_in("bea", to="/owner")
    await ann.reads("You are signed in, but not as an owner.")
    assert await ann.violations() == []


async def test_who_cancels_sees_beforehand_what_comes_back(ann: Visitor) -> None:
    await books(ann, "/resources/bakery-yard")
    await ann.has_title("You're booked")
    await ann.clicks("Cancel this booking")
    await ann.reads("goes back to you (100 %)")
    assert await ann.violations() == []
    await ann.clicks("Keep it")
    await ann.clicks("Cancel this booking")
    await ann.clicks("Cancel it now")
    await ann.has_title("Booking cancelled")
    await expect(ann.page.locator("#more")).to_be_hidden()


async def test_a_booking_is_handed_on_by_a_link(ann: Visitor, ben: Visitor) -> None:
    await books(ann, "/resources/bakery-yard")
    await ann.has_title("You're booked")
    await ann.clicks("Give it to somebody else")
    link = await ann.page.get_by_label("Link").input_value()
    await ben.page.goto(link)
    await ben.reads("Somebody hands you a booking")
    assert "#" not in ben.page.url
    await ben.reads("Sign in to accept")
    await ben.signs_in("ben", to="/transfers")
    await ben.page.get_by_label("E-mail").fill("ben@example.com")
    assert await ben.violations() == []
    await ben.clicks("Accept it")
    await ben.has_title("You're booked")
    ann.forgives("404")
    await ann.page.reload()
    await ann.reads("There is no such booking")


async def test_one_says_how_to_be_told(ann: Visitor, shop: House) -> None:
    ann.forgives("422")
    await ann.opens("/preferences")
    await ann.reads("Who are you?")
    await ann.signs_in("dora", to="/preferences")
    await ann.page.get_by_label("E-mail", exact=True).fill("dora@example.com")
    await ann.page.get_by_label("Telephone").fill("030 123456")
    await ann.page.get_by_label("Booking confirmed: as usual").uncheck()
    await ann.page.get_by_label("Booking confirmed: Push").check()
    await ann.clicks("Keep it so")
    await ann.reads("does not begin with +")
    await ann.page.get_by_label("Telephone").fill("")
    await ann.clicks("Keep it so")
    await ann.is_told("Kept.")
    assert await ann.violations() == []
    kept = await shop.parts.notices.preferences("dora")
    assert (kept.email, kept.phone) == ("dora@example.com", None)
    assert kept.channels == {"booking_confirmed": ("push",)}


async def test_one_comes_at_another_time(ann: Visitor, ben: Visitor) -> None:
    await books(ann, "/resources/bakery-yard")
    await ann.has_title("You're booked")
    other = Driver(ben)
    await other.opens()
    await other.sees("09:00", "taken")
    await ann.clicks("Come at another time")
    assert await ann.violations() == []
    for name, clock in (("From", "13:00"), ("Until", "14:00")):
        await ann.page.get_by_label(name, exact=True).fill(f"{day().isoformat()}T{clock}")
    await ann.clicks("Change it")
    await ann.is_told("It is changed.")
    await other.sees("09:00", "free")
    await other.sees("13:00", "taken")
    await ann.reads("13:00\N{EN DASH}14:00")
    await ann.clicks("Come at another time")
    await ann.page.get_by_label("Until", exact=True).fill(f"{day().isoformat()}T16:00")
    await ann.clicks("Change it")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await other.sees("15:30", "taken")
