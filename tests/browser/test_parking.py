"""From a driveway's time to a booking: the form, the owner's word, the receipt."""

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import expect

from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.browser.visitor import PATIENCE, Visitor
from tests.browser.yard import PAGE, Driver, place, yards
from tests.support.door import jwt_of
from tests.support.house import House

ASKED = "asked-yard"


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """A place that anybody can have, and one whose owner decides."""
    asked = place(ASKED, title="Court of the old school", policy=HoldPolicy(approval_seconds=7200))
    async with yards(shop_settings, place(), asked) as house:
        yield house


async def holding(visitor: Visitor, path: str = PAGE) -> None:
    driver = Driver(visitor)
    await driver.opens(path)
    await driver.holds("09:00", "10:45")
    await visitor.clicks("Check out")
    await expect(visitor.page.locator("#checkout")).to_be_visible(timeout=PATIENCE)


async def as_owner(visitor: Visitor, method: str, action: str = "") -> dict[str, object]:
    """What Olga's own program does with the booking that the visitor looks at."""
    booking = visitor.page.url.rsplit("/", 1)[1]
    token = jwt_of("olga", name="Olga", roles=("owner",))
    async with httpx.AsyncClient(base_url=visitor.base_url) as client:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.request(method, f"/api/bookings/{booking}{action}", headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()["booking"]
    return found


async def test_who_likes_tells_where_they_come_from_and_only_then(ann: Visitor) -> None:
    await holding(ann)
    await ann.fills_in()
    await ann.reads("Nobody but the owner of the place you book sees it")
    tells = ann.page.get_by_label("Tell the owner where I am coming from")
    await expect(tells).not_to_be_checked()
    await tells.check()
    await ann.clicks("Go to payment")
    await expect(ann.page.get_by_label("Coming from", exact=True)).to_be_focused()
    await ann.reads("Coming from is empty.")
    await ann.page.get_by_label("Coming from", exact=True).fill("Kiel")
    await ann.page.get_by_label("Anything we should know?").fill("A long van.")
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("You're booked")
    await ann.reads("Yard behind the bakery, Backhofgasse 4")
    await ann.reads("09:00\N{EN DASH}11:00")
    await ann.reads("Print the receipt")
    booking = await as_owner(ann, "GET")
    assert booking["driver_location"] == {"address": "Kiel"}
    assert booking["special_requests"] == "A long van."


async def test_a_booking_waits_for_the_owner_and_is_confirmed_before_ones_eyes(
    ann: Visitor, ben: Visitor
) -> None:
    await holding(ann, f"/resources/{ASKED}")
    await ann.reads("The owner confirms each booking, within 2 h.")
    await ann.fills_in()
    tells = ann.page.get_by_label("Tell the owner where I am coming from")
    await tells.check()
    await ann.page.get_by_label("Coming from", exact=True).fill("Kiel")
    await tells.uncheck()
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("Waits for the owner")
    await ann.reads("until the owner has answered")
    other = Driver(ben)
    await other.opens(f"/resources/{ASKED}")
    await other.sees("09:00", "taken")
    confirmed = await as_owner(ann, "PUT", "/confirm")
    assert confirmed["driver_location"] is None, "what is not told is not sent"
    await ann.has_title("You're booked")


async def test_a_no_costs_nothing_and_frees_the_time(ann: Visitor, ben: Visitor) -> None:
    await holding(ann, f"/resources/{ASKED}")
    await ann.fills_in()
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("Waits for the owner")
    other = Driver(ben)
    await other.opens(f"/resources/{ASKED}")
    await other.sees("09:00", "taken")
    await as_owner(ann, "PUT", "/cancel")
    await ann.has_title("The owner has declined")
    await other.sees("09:00", "free")


async def test_owners_cannot_hold_their_own(ann: Visitor) -> None:
    await ann.signs_in("olga", roles=("owner",), to=PAGE)
    driver = Driver(ann)
    await driver.views(1)
    await driver.chooses("09:00", "10:45")
    await ann.page.locator("#hold").click()
    await ann.reads("Owners can't book what is their own.")
    await driver.sees("09:00", "free")
