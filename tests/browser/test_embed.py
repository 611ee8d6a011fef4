"""Live availability on a page of another site: without a cookie, and for allowed origins alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
from playwright.async_api import Route, expect

from server.embedded.seed import seed
from server.settings import Settings
from tests.browser.visitor import HALL, PATIENCE, Visitor, Visits
from tests.browser.yard import YARD, Driver, place, step, yards
from tests.support.door import bearer, jwt_of
from tests.support.house import House

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bakery</title>
<main><h1>Our yard</h1>
<script type="module" src="{host}/static/embed.js"></script>
<holdfast-availability resource="{resource}" view="day"></holdfast-availability></main>
<script type="module">
  import {{ Holdfast, ORIGIN }} from "{host}/static/embed.js";
  Object.assign(window, {{ Holdfast, ORIGIN, told: [] }});
  for (const name of ["holdfast-choose", "holdfast-book", "holdfast-error"])
    document.addEventListener(name, ({{ detail }}) => told.push([name, detail]));
</script></html>"""
LOOKS_AS = """([index, look]) => document.querySelector("holdfast-availability").shadowRoot
  .querySelector("time-grid")?.lookOf(index) === look"""
ALL_LOOK_AS = """([index, look]) => [...document.querySelectorAll("holdfast-availability")].every(
  ({ shadowRoot }) => shadowRoot.querySelector("time-grid")?.lookOf(index) === look)"""
ANOTHER = """() => {
  const [board] = document.querySelectorAll("holdfast-availability");
  board.after(board.cloneNode());
}"""
SEAT = """async (hall) => (await (await fetch(`${ORIGIN}/api/resources/${hall}`)).json()).slots[0].id"""
SEAT_LOOKS_AS = """([slot, look]) => document.querySelector("holdfast-availability").shadowRoot
  .querySelector("seat-map")?.lookOf(slot) === look"""


PAPER = """() => getComputedStyle(document.querySelector("holdfast-availability").shadowRoot
  .querySelector("seat-map")).backgroundColor"""
HOLD = """async ([hall, seat]) => {
  const { holdfast } = document.querySelector("holdfast-availability");
  await holdfast.holds.hold({ resource: hall, items: [[seat, 1]] });
}"""
BOOK = """async () => {
  const { session } = document.querySelector("holdfast-availability").holdfast;
  const customer = { name: "Ann Buyer", email: "ann@example.com" };
  const { booking } = await session.change("POST", "/api/bookings", { customer });
  const all = { amount: booking.total.amount, share: true };
  const { payment } = await session.change("POST", `/api/bookings/${booking.id}/payments`, all);
  return [booking.id, payment.pay_url];
}"""
READ = """async (booking) => {
  const { headers } = document.querySelector("holdfast-availability").holdfast.session;
  return (await (await fetch(`${ORIGIN}/api/bookings/${booking}`, { headers })).json()).booking;
}"""


@dataclass
class Bakery:
    """Another site: one page, on another name and port."""

    port: int
    html: str = ""

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = self.html.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async def shows(self, visitor: Visitor, resource: str) -> None:
        self.html = PAGE.format(host=visitor.base_url, resource=resource)
        await visitor.page.goto(self.origin)


@pytest.fixture
async def bakery() -> AsyncIterator[Bakery]:
    made = Bakery(0)
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.fixture
async def shop(shop_settings: Settings, bakery: Bakery) -> AsyncIterator[House]:
    """A hall and a yard; the bakery's page may show them."""
    await seed(shop_settings.database_url)
    async with yards(replace(shop_settings, allowed_origins=(bakery.origin,)), place()) as house:
        yield house


async def test_a_board_is_live_on_another_site_and_leads_to_the_booking_page(
    ann: Visitor, ben: Visitor, bakery: Bakery
) -> None:
    ann.forgives("favicon")
    await bakery.shows(ann, YARD)
    shown = ann.page.locator("holdfast-availability")
    await expect(shown.locator("connection-state[data-level=live]").first).to_be_visible(timeout=PATIENCE)
    await Driver(ann).views(1)
    await ann.page.wait_for_function(LOOKS_AS, arg=[step("12:00"), "free"])
    driver = Driver(ben)
    await driver.opens()
    await driver.holds("12:00", "12:45")
    await ann.page.wait_for_function(LOOKS_AS, arg=[step("12:00"), "held"])
    for clock in ("09:00", "10:45"):
        await ann.page.mouse.click(*await ann.point("holdfast-availability time-grid", step(clock)))
    await expect(shown.locator(".foot")).to_contain_text("09:00\N{EN DASH}11:00 · 2 h · €4.80")
    assert await ann.violations() == []
    cookies = await ann.context.cookies()
    assert cookies == [], "nothing of a cookie's is needed, or set"
    await shown.get_by_role("link", name="Book").click()
    await ann.page.wait_for_url(f"{ann.base_url}/resources/{YARD}?*")
    await Driver(ann).has_chosen("09:00\N{EN DASH}11:00")


async def test_two_boards_of_one_yard_are_live_and_one_stays_so_when_the_other_goes(
    ann: Visitor, ben: Visitor, bakery: Bakery
) -> None:
    ann.forgives("favicon")
    await bakery.shows(ann, YARD)
    live = ann.page.locator("holdfast-availability connection-state[data-level=live]")
    await expect(live).to_have_count(1, timeout=PATIENCE)
    await ann.page.evaluate(ANOTHER)
    await expect(live).to_have_count(2, timeout=PATIENCE)
    for clock in ("09:00", "12:00"):
        await ann.page.wait_for_function(ALL_LOOK_AS, arg=[step(clock), "free"])
    driver = Driver(ben)
    await driver.opens()
    await driver.holds("12:00", "12:45")
    await ann.page.wait_for_function(ALL_LOOK_AS, arg=[step("12:00"), "held"])
    await ann.page.evaluate("document.querySelectorAll('holdfast-availability')[1].remove()")
    await driver.holds("09:00", "09:45")
    # What nobody tells it a board asks for after 25 seconds.
    await ann.page.wait_for_function(ALL_LOOK_AS, arg=[step("09:00"), "held"], timeout=15_000)


async def test_a_page_may_hold_and_book_by_the_library_with_a_token_of_its_own(
    ann: Visitor, ben: Visitor, bakery: Bakery
) -> None:
    ann.forgives("favicon")
    await bakery.shows(ann, HALL)
    await ann.page.wait_for_function("window.ORIGIN")
    seat: str = await ann.page.evaluate(SEAT, HALL)
    await ann.page.wait_for_function(SEAT_LOOKS_AS, arg=[seat, "available"], timeout=PATIENCE)
    assert await ann.page.evaluate(PAPER) == "rgb(239, 236, 229)", "the map has its colours"
    await ben.opens(f"/resources/{HALL}")
    await ann.page.evaluate(HOLD, [HALL, seat])
    await ben.sees(seat, "held")
    await ann.page.wait_for_function(SEAT_LOOKS_AS, arg=[seat, "mine"], timeout=PATIENCE)
    await ann.page.reload()
    await ann.page.wait_for_function(SEAT_LOOKS_AS, arg=[seat, "mine"], timeout=PATIENCE)
    assert await ann.context.cookies() == []
    booking, pay_url = await ann.page.evaluate(BOOK)
    seen = await ann.page.evaluate(READ, booking)
    assert seen["customer"]["name"] == "Ann Buyer"
    await ann.page.goto(pay_url)
    await ann.page.get_by_role("button", name="Pay €").click()
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("Paid, and booked")
    await ben.sees(seat, "sold")


async def test_a_site_that_is_not_allowed_shows_nothing(visits: Visits, bakery: Bakery) -> None:
    cat = await visits.enter()
    cat.forgives("favicon", "CORS policy", "ERR_FAILED", "WebSocket connection")
    bakery.html = PAGE.format(host=cat.base_url, resource=YARD)
    await cat.page.goto(f"http://127.0.0.1:{bakery.port}")
    await expect(cat.page.get_by_role("alert")).to_have_text(
        "Availability can't be shown just now.", timeout=PATIENCE
    )
    assert [name for name, _ in await cat.page.evaluate("told")] == ["holdfast-error"]


async def test_a_new_seat_is_drawn_everywhere_although_the_rush_for_it_was_too_much(
    visits: Visits, shop: House, bakery: Bakery
) -> None:
    """On the hall's page, a wall screen and another site: whoever reads the hall again first is refused."""
    ann, wall, stranger = [await visits.enter() for _ in range(3)]
    for visitor in (ann, wall, stranger):
        visitor.forgives("503", "favicon")
        await visitor.page.add_init_script("Math.random = () => 0.1")  # of how long one waits
    await ann.opens(f"/resources/{HALL}")
    await wall.opens(f"/kiosk/{HALL}")
    await bakery.shows(stranger, HALL)
    seat = await ann.page.evaluate(SEAT.replace("${ORIGIN}", ""), HALL)
    await ann.sees(seat, "available")
    await wall.sees(seat, "available")
    await stranger.page.wait_for_function(SEAT_LOOKS_AS, arg=[seat, "available"], timeout=PATIENCE)
    for visitor in (ann, wall, stranger):
        await visitor.page.route(f"**/api/resources/{HALL}", is_too_much, times=1)
    new = {
        "id": "new",
        "label": "New",
        "price": 100,
        "section": "Stalls",
        "category": "Stalls",
        "x": 0,
        "y": 0,
    }
    operator = bearer(jwt_of("op", roles=("operator",)))
    async with httpx.AsyncClient(base_url=shop.base_url, headers=operator) as client:
        answer = await client.patch(f"/api/resources/{HALL}", json={"slots": [new]})
    assert answer.status_code == 200, answer.text
    await ann.sees("new", "available")
    await wall.sees("new", "available")
    await stranger.page.wait_for_function(SEAT_LOOKS_AS, arg=["new", "available"], timeout=PATIENCE)


async def is_too_much(route: Route) -> None:
    cors = {"Access-Control-Allow-Origin": "*"}
    await route.fulfill(status=503, json={"code": "overloaded"}, headers=cors)
