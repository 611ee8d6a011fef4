"""Clocks: a place's times are its own wherever one looks from, and a day is drawn as long as it is."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import pytest
from playwright.async_api import expect

from server.inventory.grid.rules import WEEKDAYS
from server.settings import Settings
from tests.browser.visitor import PATIENCE, Visitor, Visits
from tests.browser.yard import PAGE, YARD, ZONE, Driver, day, place, yards
from tests.support.house import House

ALWAYS = dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """A yard that is open day and night, for a year ahead."""
    async with yards(shop_settings, place(opening_hours=ALWAYS, horizon_days=365)) as house:
        yield house


def hours_of(of: date) -> float:
    begin = datetime.combine(of, datetime.min.time(), ZONE)
    end = datetime.combine(of + timedelta(days=1), datetime.min.time(), ZONE)
    return (end.timestamp() - begin.timestamp()) / 3600


def odd_days() -> list[date]:
    """The days of the next year that are not 24 hours long."""
    return [found for ahead in range(8, 360) if hours_of(found := day(ahead)) != 24]


async def test_days_have_the_hours_that_clocks_there_show_wherever_one_looks_from(
    ann: Visitor, visits: Visits
) -> None:
    cat = await visits.enter(zone="Asia/Kolkata")
    await Driver(cat).opens(days=2)
    await cat.reads("All times are those of the place (Europe/Berlin)")
    await Driver(ann).opens(days=2)
    rows, elsewhere = (each.page.locator("time-grid [role=rowheader]") for each in (ann, cat))
    await expect(rows).to_have_count(int(hours_of(day(2))), timeout=PATIENCE)
    await expect(ann.page.get_by_text("All times are those")).to_have_count(0)
    for odd in odd_days():
        hours = int(hours_of(odd))
        for each in (ann, cat):
            await each.page.get_by_label("Go to a day").fill(odd.isoformat())
            await each.reads(f"this day has {hours} hours.")
        await expect(rows).to_have_count(hours, timeout=PATIENCE)
        await expect(elsewhere).to_have_count(hours, timeout=PATIENCE)
        again = rows.filter(has_text="again: clocks went back")
        await expect(again).to_have_count(1 if hours == 25 else 0)


async def test_a_wall_screen_shows_the_week_and_what_is_taken_of_it(ann: Visitor, visits: Visits) -> None:
    wall = await visits.enter()
    await wall.opens(f"/kiosk/{YARD}")
    screen = Driver(wall)
    await screen.sees("09:00", "free", 2)
    name = re.compile(rf"\b{day(2).day} {day(2):%B}")
    left = wall.page.locator("#totals li", has_text=name).locator("b")
    await expect(left).to_have_text(f"{hours_of(day(2)):g}", timeout=PATIENCE)
    driver = Driver(ann)
    await driver.opens(PAGE, days=2)
    await driver.holds("09:00", "10:45", 2)
    await screen.sees("09:00", "held", 2)
    await expect(left).to_have_text(f"{hours_of(day(2)) - 2.2:g}", timeout=PATIENCE)
