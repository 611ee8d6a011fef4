"""Who is away for longer than the grace has lost the seats, and is told so."""

from dataclasses import replace

import pytest

from server.settings import Settings
from tests.browser.visitor import HALL, Visitor

MAP = f"/resources/{HALL}"
SEAT = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id"""


@pytest.fixture
def shop_settings(settings: Settings) -> Settings:
    """A shop that soon takes silence for leaving."""
    return replace(settings, heartbeat_seconds=1, liveness_seconds=4, disconnect_grace_seconds=2)


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
