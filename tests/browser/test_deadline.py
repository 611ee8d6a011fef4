"""The time runs out: the buyer is warned, told, and the seat is everybody's again."""

import asyncio
from dataclasses import replace

import pytest
from playwright.async_api import expect

from server.settings import Settings
from tests.browser.visitor import HALL, PATIENCE, Visitor

MAP = f"/resources/{HALL}"
SEAT = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id"""

LAST = """() => document.querySelector("hold-timer").dataset.urgency === "last" """


@pytest.fixture
def shop_settings(settings: Settings) -> Settings:
    """Holds whose end can be watched, and whose beginning a busy machine does not miss."""
    return replace(settings, heartbeat_seconds=1, hold_seconds=12, hold_max_seconds=14)


async def test_at_the_deadline_the_seat_is_free_on_both_and_the_buyer_is_told(
    ann: Visitor, ben: Visitor
) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    seat = await ann.page.evaluate(SEAT, HALL)
    await asyncio.gather(  # both look all the while, for it does not last
        ben.sees(seat, "held"), ann.page.wait_for_function(LAST, timeout=PATIENCE), ann.takes(seat)
    )
    await ann.is_told("Your time ran out")
    await ann.sees(seat, "available")
    await ben.sees(seat, "available")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(0)
