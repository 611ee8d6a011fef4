"""Finding a place to park: what is free for all of the time, as it is at this moment, and what it costs."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from server.settings import Settings
from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.browser.yard import HOURLY, Driver, day, place, yards
from tests.support.house import House

MILL = "mill-court"


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """Two places in one town."""
    mill = place(
        MILL, title="Mill court", address="Mühlenstraße 1, Lübeck", capacity=3, price_per_hour=HOURLY * 2
    )
    async with yards(shop_settings, place(), mill) as house:
        yield house


def search(start: str, end: str, *, days: int = 1, text: str = "") -> str:
    wish = {"q": text, "day": day(days).isoformat(), "from": start, "to": end}
    return f"/driveways?{urlencode(wish)}"


async def test_what_is_free_is_found_with_its_price_and_leads_there_with_the_time_chosen(
    ann: Visitor, ben: Visitor
) -> None:
    await ann.opens(search("09:00", "17:00"))
    found = ann.page.locator("a.place")
    await expect(found).to_have_count(2, timeout=PATIENCE)
    await ann.page.get_by_label("Until").fill("11:00")
    await ann.page.get_by_label("Until").press("Enter")
    await expect(found.first).to_contain_text("€4.80", timeout=PATIENCE)
    await expect(found.first).to_contain_text("Yard behind the bakery")
    await expect(found.nth(1)).to_contain_text("€9.60")
    await expect(found.nth(1)).to_contain_text("3 left")
    await expect(ann.page).to_have_url(re.compile("to=11%3A00"))
    assert await ann.violations() == []
    other = Driver(ben)
    await ben.opens(await found.first.get_attribute("href") or "")
    await other.has_chosen("09:00\N{EN DASH}11:00")
    await other.clicks("11:00")
    await other.clicks("12:45")
    await ben.page.locator("#hold").click()
    await other.sees("11:00", "mine")
    lost = await found.first.get_attribute("href") or ""
    await ann.clicks("Search")
    await expect(found).to_have_count(1, timeout=PATIENCE)
    await ann.reads("1 place is free")
    await ann.page.go_back()
    await expect(found).to_have_count(1, timeout=PATIENCE)
    await expect(found).to_contain_text("€38.40", timeout=PATIENCE)
    await ann.opens(lost)
    await ann.is_told("not free any more")


async def test_on_a_phone_when_nothing_is_free_or_nobody_answers_the_page_says_so(visits: Visits) -> None:
    ann = await visits.enter(size=PHONE, touch=True)
    ann.forgives("ERR_")
    await ann.opens(search("23:00", "06:00", text="Lübeck"))
    await ann.reads("until the next day")
    await ann.reads("Nothing is free for all of that time")
    await ann.page.get_by_label("Until").fill("23:00")
    await ann.clicks("Search")
    await ann.reads("From and until are the same time.")
    await ann.page.route("**/api/resources*", lambda route: route.abort())
    await ann.page.reload()
    await ann.reads("You seem to be offline")
    await ann.page.unroute("**/api/resources*")
    await ann.page.evaluate("dispatchEvent(new Event('online'))")
    await ann.reads("Nothing is free for all of that time")
    await ann.page.get_by_label("From").fill("09:00")
    await ann.page.get_by_label("Until").fill("11:00")
    await ann.page.get_by_label("Where").fill("Mühlen")
    await ann.page.get_by_role("button", name="Search").tap()
    await ann.page.locator("a.place").tap()
    await ann.page.wait_for_url(f"**/resources/{MILL}*")
    await Driver(ann).has_chosen("09:00\N{EN DASH}11:00")
