"""Lines break, servers go and come; the pages say so, keep what they know, and come back by themselves."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from server.embedded.seed import seed
from tests.browser.visitor import HALL, PATIENCE, Visitor, Visits
from tests.support.processes import Process
from tests.support.servers import Redis

MAP = f"/resources/{HALL}"
SEAT = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id"""
LOST_LINE = ("ERR_", "WebSocket connection")


@pytest.fixture
async def shop(spare_redis: Redis, database_url: str, tmp_path: Path) -> AsyncIterator[Process]:
    """A process of its own, on a Redis that a test may stop."""
    await seed(database_url)
    environment = {
        "REDIS_URL": spare_redis.url,
        "DATABASE_URL": database_url,
        "SECRET_KEY": "a-secret-of-the-tests-0123456789abcdef",
        "PAYMENTS": "sandbox",
        "HEARTBEAT_SECONDS": "1",
        "LIVENESS_SECONDS": "120",  # a busy machine takes its time to start a process again,
        "DISCONNECT_GRACE_SECONDS": "60",  # and a page on it to be there again
        "LOG_LEVEL": "warning",
    }
    async with Process(environment, tmp_path / "server.log") as process:
        yield process


async def holding(visitor: Visitor) -> str:
    visitor.forgives(*LOST_LINE)
    await visitor.opens(MAP)
    seat: str = await visitor.page.evaluate(SEAT, HALL)
    await visitor.takes(seat)
    return seat


async def test_eight_seconds_offline_keep_the_seats_and_say_so(ann: Visitor, ben: Visitor) -> None:
    seat = await holding(ann)
    await ben.opens(MAP)
    await ann.context.set_offline(offline=True)
    await ann.reads("You are offline")
    await ann.reads(re.compile("as of ([89]|[1-9][0-9]) seconds ago"))
    await ann.sees(seat, "mine")
    await ann.context.set_offline(offline=False)
    await ann.is_live()
    await ann.sees(seat, "mine")
    await ben.sees(seat, "held")


async def test_a_killed_server_is_told_and_its_seats_are_there_when_it_is_back(
    ann: Visitor, shop: Process
) -> None:
    seat = await holding(ann)
    await shop.kill()
    await ann.reads("Reconnecting…")
    await ann.sees(seat, "mine")
    await shop.start()
    await ann.is_live()
    await ann.sees(seat, "mine")
    await ann.clicks_seat(seat)
    await ann.sees(seat, "available")


async def test_a_deploy_is_hardly_noticed(ann: Visitor, shop: Process) -> None:
    seat = await holding(ann)
    await shop.stop()
    await shop.start()
    await ann.is_live()
    await ann.sees(seat, "mine")


async def test_without_redis_the_map_stays_is_marked_and_holds_fail_at_once(
    ann: Visitor, ben: Visitor, spare_redis: Redis
) -> None:
    seat = await holding(ann)
    ben.forgives(*LOST_LINE)
    await ben.opens(MAP)
    await ben.sees(seat, "held")
    spare_redis.stop()
    await ben.reads("May be out of date")
    await ben.sees(seat, "held")
    other = await ben.page.evaluate(SEAT.replace("[0]", "[1]"), HALL)
    await ben.clicks_seat(other)
    await ben.is_told("Holding is paused for a moment")
    await ben.sees(other, "available")
    spare_redis.start()
    await ben.is_live()
    await ben.takes(other)


async def test_a_kiosk_says_how_old_its_truth_is_and_recovers(visits: Visits, shop: Process) -> None:
    wall = await visits.enter()
    wall.forgives(*LOST_LINE)
    await wall.opens(f"/kiosk/{HALL}")
    await expect(wall.page.locator("#totals li").first).to_contain_text("800", timeout=PATIENCE)
    await shop.stop()
    await wall.reads(re.compile("Not updated for ([3-9]|[1-9][0-9]) seconds"))
    await expect(wall.page.locator("body")).to_have_class("kiosk old")
    await shop.start()
    await wall.is_live()
    await expect(wall.page.get_by_text("Not updated for")).to_have_count(0, timeout=PATIENCE)


async def test_a_page_opened_while_the_server_is_away_offers_to_try_again(ann: Visitor) -> None:
    ann.forgives(*LOST_LINE)
    await ann.opens("/")
    await ann.page.route("**/api/resources*", lambda route: route.abort())
    await ann.page.reload()
    await ann.reads("You seem to be offline")
    await ann.page.unroute("**/api/resources*")
    await ann.clicks("Try again")
    await ann.reads("Winter Serenade")
