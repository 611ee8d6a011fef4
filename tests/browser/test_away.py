"""Who is away for longer than the grace has lost the seats, and is told so on coming back."""

import asyncio
from dataclasses import replace

import pytest

from server.settings import Settings
from tests.browser.visitor import HALL, Visitor

MAP = f"/resources/{HALL}"
SEAT = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id"""


@pytest.fixture
def shop_settings(settings: Settings) -> Settings:
    """A shop that soon takes silence for leaving."""
    return replace(settings, heartbeat_seconds=2, liveness_seconds=6, disconnect_grace_seconds=3)


async def test_seats_given_back_in_ones_absence_are_told_on_coming_back(ann: Visitor, ben: Visitor) -> None:
    ann.forgives("ERR_", "WebSocket connection")
    await ann.opens(MAP)
    await ben.opens(MAP)
    seat = await ann.page.evaluate(SEAT, HALL)
    await ann.takes(seat)
    await ann.context.set_offline(offline=True)
    await ann.reads("You are offline")
    await ben.sees(seat, "available")
    await ann.context.set_offline(offline=False)
    await ann.is_told("no longer held")
    await ann.sees(seat, "available")


async def test_a_closed_tab_gives_back_what_it_held(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    seat = await ann.page.evaluate(SEAT, HALL)
    await asyncio.gather(ben.sees(seat, "held"), ann.takes(seat))  # looks all the while
    await ann.page.close(run_before_unload=True)
    await ben.sees(seat, "available")
