"""Scripts and answers come late: nothing is pressed in vain, no typing is lost, nothing untrue is shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from server.embedded.seed import seed
from server.settings import Settings
from tests.browser.buying import MAP, books, holds_unseen
from tests.browser.visitor import HALL, PATIENCE, PHONE, Visitor, Visits
from tests.browser.yard import SHED, YARD, place, yards
from tests.support.house import House

DEADLINE = """() => document.querySelector("hold-timer").expiresAt"""


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """A hall, and two places of Olga's."""
    await seed(shop_settings.database_url)
    async with yards(shop_settings, place(), place(SHED, title="Boat shed")) as house:
        yield house


@asynccontextmanager
async def held_back(page: Page, addresses: str) -> AsyncIterator[None]:
    """What the page asks of these addresses meanwhile comes when the context ends."""
    over = asyncio.Event()

    async def wait(route: Route) -> None:
        await over.wait()
        await route.continue_()

    await page.route(addresses, wait)
    try:
        yield
    finally:
        over.set()


async def test_the_bar_of_a_phone_is_pressed_once_it_answers(visits: Visits) -> None:
    ann = await visits.enter(size=PHONE, touch=True)
    grip = ann.page.locator("#grip")
    async with held_back(ann.page, "**/pages/resource.js"):
        await ann.page.goto(ann.base_url + MAP, wait_until="commit")
        await expect(grip).to_be_disabled()
    await grip.tap()
    await expect(ann.page.get_by_role("button", name="Find them for me")).to_be_visible()


async def test_what_is_typed_before_the_page_listens_stays(ann: Visitor) -> None:
    async with held_back(ann.page, "**/pages/driveways.js"):
        await ann.page.goto(f"{ann.base_url}/driveways", wait_until="commit")
        await ann.page.get_by_label("Where").fill("Boat")
    await expect(ann.page.get_by_label("Day")).not_to_have_value("")
    await expect(ann.page.get_by_label("Where")).to_have_value("Boat")
    await expect(ann.page.get_by_label("From")).not_to_have_value("")


async def test_a_list_asked_for_before_its_hall_is_here_is_shown(ann: Visitor) -> None:
    async with held_back(ann.page, f"**/api/resources/{HALL}"):
        await ann.page.goto(ann.base_url + MAP, wait_until="commit")
        await ann.page.get_by_role("button", name="List", exact=True).press("Enter")
    listed = ann.page.locator("seat-map .list summary", has_text="Circle")
    await expect(listed).to_be_visible()


async def test_a_price_that_is_not_known_yet_is_not_nothing(ann: Visitor) -> None:
    await holds_unseen(ann, 0, 1)
    panel = ann.page.locator("cart-panel")
    async with held_back(ann.page, f"**/api/resources/{HALL}"):
        await ann.opens("/booking")
        await expect(panel.locator(".lines li")).to_have_count(2)
        await expect(panel.locator(".price, .total b")).to_have_text(["\N{HORIZONTAL ELLIPSIS}"] * 3)
    await expect(panel.locator(".total b")).to_have_text("€124.00")


async def test_the_hours_of_one_place_are_not_shown_as_anothers(visits: Visits) -> None:
    olga = await visits.enter()
    await olga.signs_in("olga", roles=("owner",), to="/owner")
    fields = olga.page.locator("#hours .field input")
    await expect(fields).to_have_count(7)
    choice = olga.page.get_by_label("Place")
    [other] = {YARD, SHED} - {await choice.input_value()}
    async with held_back(olga.page, f"**/api/resources/{other}"):
        await choice.select_option(other)
        await expect(fields).to_have_count(0)
    await expect(fields).to_have_count(7)


async def test_who_is_about_to_check_out_by_keyboard_stays_there_while_the_cart_changes(ann: Visitor) -> None:
    await holds_unseen(ann, 0)
    await ann.opens(MAP)
    tab = await ann.opens_tab(MAP)
    out = ann.page.get_by_role("link", name="Check out").first
    await out.focus()
    await tab.clicks("Find them for me")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(3, timeout=PATIENCE)
    await expect(out).to_be_focused()


async def test_a_press_counts_though_the_booking_is_drawn_anew_meanwhile(ann: Visitor) -> None:
    path = await books(ann)
    async with held_back(ann.page, f"**/api/resources/{HALL}"):
        await ann.opens(path)
        await ann.page.get_by_role("button", name="Go to payment").hover()
        await ann.page.mouse.down()
    await ann.reads("Winter Serenade")
    await ann.page.mouse.up()
    await ann.page.wait_for_url("**/sandbox/payments/*")


async def test_a_press_counts_though_the_cart_changes_meanwhile(ann: Visitor) -> None:
    await holds_unseen(ann, 0)
    await ann.opens(MAP)
    tab = await ann.opens_tab(MAP)
    await ann.page.bring_to_front()
    await ann.page.get_by_role("link", name="Check out").first.hover()
    await ann.page.mouse.down()
    before = await ann.page.evaluate(DEADLINE)
    await tab.clicks("More time")
    await ann.page.wait_for_function(f"(before) => ({DEADLINE})() > before", arg=before)
    await ann.page.mouse.up()
    await ann.page.wait_for_url("**/booking")
