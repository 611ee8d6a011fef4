"""A hall so big that it is painted in slices, while many buy in it at once."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from channels.client import Client
from server.settings import Settings
from tests.browser.conftest import STADIUM_SEATS
from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.support.house import House

PARTY = 12
BUYERS = 10
ROUNDS = 8
LOOKING_COSTS = "Multiple readback operations"

LAST_IS_KNOWN = """(slot) => document.querySelector("seat-map")?.lookOf(slot) === "available" """
PAINTED = """async () => {
  const [, canvas] = document.querySelector("seat-map").shadowRoot.querySelectorAll("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const digest = await crypto.subtle.digest("SHA-256", data);
  const inked = data.reduce((sum, part, at) => sum + (at % 4 === 3 && part > 0 ? 1 : 0), 0);
  return [Array.from(new Uint8Array(digest)).join(), inked];
}"""
LOOKS = """(count) => {
  const map = document.querySelector("seat-map");
  return Array.from({ length: count }, (_, seat) => map.lookOf(`s${seat}`));
}"""


@pytest.fixture
def shop_settings(shop_settings: Settings) -> Settings:
    """None of the storm's holds ends while pages are compared, however long a busy machine takes."""
    return replace(shop_settings, liveness_seconds=300)


async def buys(client: Client, hall: str, seats: list[int]) -> None:
    """Hold and give back, and keep the last ones."""
    for turn in range(ROUNDS):
        party = seats[turn * PARTY : (turn + 1) * PARTY]
        held = await client.holding.hold(hall, [(f"s{seat}", 1) for seat in party])
        if turn % 4:
            await client.holding.release(held.hold.id)


async def storm(shop: House, hall: str) -> None:
    """Buyers all over the hall, each among seats of their own."""
    seats = list(range(STADIUM_SEATS - 1))
    random.Random(1).shuffle(seats)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(shop.base_url)) for _ in range(BUYERS)]
        await asyncio.gather(
            *(buys(client, hall, seats[number::BUYERS]) for number, client in enumerate(clients))
        )


async def comes_closer(visitor: Visitor, slot: str) -> None:
    await visitor.page.mouse.move(*await visitor.point("seat-map", slot))
    for _ in range(3):
        await visitor.page.mouse.wheel(0, -200)
    await visitor.page.mouse.move(0, 0)


async def paint_the_same(ann: Visitor, ben: Visitor) -> bool:
    """Whether, before long, both draw the same, and something."""
    for _ in range(PATIENCE // 300):
        drawn = await ann.page.evaluate(PAINTED)
        if drawn[1] > 1000 and drawn == await ben.page.evaluate(PAINTED):
            return True
        await asyncio.sleep(0.3)
    return False


@pytest.mark.parametrize("device", ["desk", "phone"])
async def test_what_is_drawn_seat_by_seat_is_what_a_newcomer_is_shown(
    visits: Visits, shop: House, stadium_hall: str, device: str
) -> None:
    size = PHONE if device == "phone" else None
    ann = await visits.enter(size=size)
    ann.forgives(LOOKING_COSTS)
    await ann.opens(f"/resources/{stadium_hall}")
    await ann.page.wait_for_function(LAST_IS_KNOWN, arg=f"s{STADIUM_SEATS - 1}")
    blowing = asyncio.create_task(storm(shop, stadium_hall))
    await asyncio.sleep(0)
    await comes_closer(ann, "s20")
    await blowing
    ben = await visits.enter(size=size)
    ben.forgives(LOOKING_COSTS)
    await ben.opens(f"/resources/{stadium_hall}")
    await ben.page.wait_for_function(LAST_IS_KNOWN, arg=f"s{STADIUM_SEATS - 1}")
    await comes_closer(ben, "s20")
    assert await paint_the_same(ann, ben)
    looks = await ann.page.evaluate(LOOKS, STADIUM_SEATS)
    assert looks == await ben.page.evaluate(LOOKS, STADIUM_SEATS)
    assert looks.count("held") > PARTY
