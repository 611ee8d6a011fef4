"""A driveway's page: all see the same time as it happens, and what is chosen is held whole or not at all."""

from playwright.async_api import expect

from tests.browser.visitor import Visitor
from tests.browser.yard import Driver, shop

__all__ = ["shop"]


async def test_a_range_is_held_here_and_drawn_there_and_so_is_its_end(ann: Visitor, ben: Visitor) -> None:
    driver, other = Driver(ann), Driver(ben)
    await driver.opens()
    await other.opens()
    await driver.holds("09:00", "10:45")
    await other.sees("09:00", "held")
    await other.sees("10:45", "held")
    await other.sees("11:00", "held")
    await driver.sees("11:00", "kept")
    await other.sees("11:15", "free")
    await expect(ann.page.locator("cart-panel .lines li")).to_contain_text("09:00\N{EN DASH}11:00")
    await expect(ann.page.locator("cart-panel .lines li")).to_contain_text("€4.80")
    await ann.page.get_by_role("button", name="Remove").click()
    await other.sees("09:00", "free")
    await driver.sees("11:00", "free")
