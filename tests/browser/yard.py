"""Places that are booked by time, and what drivers do on their pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from server.inventory.grid.rules import WEEKDAYS, GridRules, Rate
from server.inventory.rules import HoldPolicy, ResourceDraft
from server.settings import Settings
from tests.browser.visitor import PATIENCE, Visitor
from tests.support.house import House, open_house

YARD = "bakery-yard"
SHED = "boat-shed"
PAGE = f"/resources/{YARD}"
ZONE = ZoneInfo("Europe/Berlin")
ORIGIN = datetime(2026, 1, 1, tzinfo=ZONE)
STEP = timedelta(minutes=15)
HOURLY = 240

LOOKS_AS = """([index, look]) => document.querySelector("time-grid")?.lookOf(index) === look"""


def rules(**changed: Any) -> GridRules:
    """Quarters of an hour from seven to ten, dearer in the evening, a quarter kept free after each."""
    standing: dict[str, Any] = {
        "step_minutes": 15,
        "origin": ORIGIN.isoformat(),
        "opening_hours": dict.fromkeys(WEEKDAYS, (("07:00", "22:00"),)),
        "price_per_hour": HOURLY,
        "rates": (Rate(start="18:00", end="22:00", price_per_hour=400),),
        "buffer_minutes": 15,
        "min_minutes": 30,
        "max_minutes": 1440,
        "horizon_days": 60,
    }
    return GridRules(**standing | changed)


def place(
    name: str = YARD,
    *,
    title: str = "Yard behind the bakery",
    address: str = "Backhofgasse 4, Lübeck",
    policy: HoldPolicy | None = None,
    **changed: Any,
) -> ResourceDraft:
    """A driveway of Olga's."""
    return ResourceDraft(
        id=name,
        kind="grid",
        title=title,
        owner="olga",
        time_zone="Europe/Berlin",
        currency="eur",
        address=address,
        description="Level, lit, two metres wide.",
        policy=policy or HoldPolicy(),
        grid=rules(**changed),
    )


@asynccontextmanager
async def yards(settings: Settings, *places: ResourceDraft) -> AsyncIterator[House]:
    """A running shop that has these places."""
    quick = replace(settings, heartbeat_seconds=4, disconnect_grace_seconds=30)  # a reload may take its time
    async with open_house(quick) as house:
        for draft in places or (place(),):
            await house.parts.inventory.create(draft)
        yield house


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """For tests that import it: a shop with the yard, and a shed with few steps a day."""
    mornings = dict.fromkeys(WEEKDAYS, (("09:00", "12:00"),))
    shed = place(
        SHED, title="Boat shed", step_minutes=60, min_minutes=60, buffer_minutes=0, opening_hours=mornings
    )
    async with yards(shop_settings, place(), shed) as house:
        yield house


@cache
def today() -> date:
    """The day there as these tests begin: a midnight meanwhile moves none that they speak of."""
    return datetime.now(ZONE).date()


def day(days: int = 1) -> date:
    """So many days after today, there."""
    return today() + timedelta(days=days)


def moment(clock: str, days: int = 1) -> datetime:
    return datetime.combine(day(days), time.fromisoformat(clock), ZONE)


def step(clock: str, days: int = 1) -> int:
    """The index of the step that begins then."""
    return (moment(clock, days) - ORIGIN.astimezone(ZoneInfo("UTC"))) // STEP


@dataclass(frozen=True)
class Driver:
    """A visitor at a board of time."""

    visitor: Visitor

    async def opens(self, path: str = PAGE, *, days: int = 1) -> None:
        """Go to a place's page, and to a day of this week on its board."""
        await self.visitor.opens(path)
        await self.views(days)

    async def views(self, days: int) -> None:
        name = f"{day(days):%a} {day(days).day} {day(days):%B}"
        await self.visitor.page.locator("time-grid .date", has_text=name).click()

    async def sees(self, clock: str, look: str, days: int = 1) -> None:
        """Wait until the board draws a step like this: free, held, taken, mine, closed, past."""
        await self.visitor.page.wait_for_function(LOOKS_AS, arg=[step(clock, days), look], timeout=PATIENCE)

    async def point(self, clock: str, days: int = 1) -> tuple[float, float]:
        return await self.visitor.point("time-grid", step(clock, days))

    async def clicks(self, clock: str, days: int = 1) -> None:
        await self.visitor.page.mouse.click(*await self.point(clock, days))

    async def taps(self, clock: str, days: int = 1) -> None:
        await self.visitor.page.touchscreen.tap(*await self.point(clock, days))

    async def chooses(self, start: str, last: str, days: int = 1) -> None:
        """Click the first step and the last one."""
        await self.sees(start, "free", days)
        await self.clicks(start, days)
        await self.clicks(last, days)

    async def has_chosen(self, text: str) -> None:
        await expect(self.visitor.page.locator(".chosen")).to_contain_text(text, timeout=PATIENCE)

    async def holds(self, start: str, last: str, days: int = 1) -> None:
        """Choose and hold, and wait until it is one's own."""
        await self.chooses(start, last, days)
        await self.visitor.page.locator("#hold").click()
        await self.sees(start, "mine", days)
