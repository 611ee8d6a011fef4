"""axe-core finds nothing wrong on any page, in either scheme, on a desk and on a phone."""

import pytest
from playwright.async_api import expect

from tests.browser.visitor import DESK, HALL, PATIENCE, PHONE, TOUR, Scheme, Visitor, Visits

MAP = f"/resources/{HALL}"
SETTINGS: list[tuple[dict[str, int], Scheme]] = [(DESK, "light"), (PHONE, "dark")]


async def is_sound(visitor: Visitor) -> None:
    assert await visitor.violations() == [], visitor.page.url


@pytest.mark.parametrize(("size", "scheme"), SETTINGS, ids=["desk, light", "phone, dark"])
async def test_every_page_on_the_way_to_a_booking(
    visits: Visits, size: dict[str, int], scheme: Scheme
) -> None:
    ann = await visits.enter(size=size, scheme=scheme)
    await ann.opens("/")
    await expect(ann.page.get_by_role("link", name="Winter Serenade")).to_be_visible(timeout=PATIENCE)
    await is_sound(ann)
    await ann.opens(MAP)
    await expect(ann.page.get_by_role("button", name="seat 1, ")).to_be_attached(timeout=PATIENCE)
    await is_sound(ann)
    await take_the_best(ann, phone=size is PHONE)
    await is_sound(ann)
    await ann.opens("/booking")
    await expect(ann.page.locator("#checkout")).to_be_visible(timeout=PATIENCE)
    await ann.clicks("Go to payment")
    await is_sound(ann)
    await ann.fills_in()
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await expect(ann.page.get_by_role("button", name="Pay", exact=True)).to_be_visible(timeout=PATIENCE)
    await is_sound(ann)
    await ann.clicks("Decline the card")
    await ann.has_title("The payment didn't go through")
    await is_sound(ann)


async def take_the_best(visitor: Visitor, *, phone: bool) -> None:
    if phone:
        await visitor.page.locator("#grip").click()
    await visitor.clicks("Find them for me")
    await expect(visitor.page.locator("cart-panel .lines li")).to_have_count(2, timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_beside_the_way(visits: Visits, scheme: Scheme) -> None:
    ann = await visits.enter(scheme=scheme)
    ann.forgives("404")
    await ann.opens(MAP)
    await ann.clicks("List")
    listed = ann.page.locator("seat-map .list summary")
    await listed.filter(has_text="Circle").click()
    await listed.filter(has_text="Row AA").click()
    await is_sound(ann)
    for path in (f"/resources/{TOUR}", "/booking", "/bookings/none", "/resources/none", f"/kiosk/{HALL}"):
        await ann.opens(path)
        await is_sound(ann)
    await ann.page.goto(f"{ann.base_url}/no-such-page")
    await is_sound(ann)


async def test_what_happens_is_said_to_those_who_do_not_see_it(ann: Visitor) -> None:
    await ann.opens(MAP)
    seat = await ann.page.evaluate(
        """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[0].id""", HALL
    )
    await ann.takes(seat)
    await ann.hears("is held for you")
    cursor = ann.page.locator("seat-map .cursor")
    await expect(cursor).to_have_attribute(
        "aria-label", r"Stalls, row A, seat 1, Stalls, €62.00, yours, held for you"
    )
