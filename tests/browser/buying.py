"""What visitors do on the way to a payment by card, against the Stripe of the tests."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import FrameLocator, expect

from tests.browser.visitor import HALL, PATIENCE, Visitor

MAP = f"/resources/{HALL}"
GOOD = "4242424242424242"
POOR = "4000000000009995"
STOLEN = "4000000000009979"
OVERLAY = "4000002500003155"
REDIRECT = "4000000000003063"
SLOT = """async ([hall, place]) => (await (await fetch(`/api/resources/${hall}`)).json()).slots[place].id"""
ADDRESSES = """() => [location.href, document.cookie, ...[...document.querySelectorAll("*")].flatMap(
  (element) => [...element.attributes].map(({ name, value }) => `${name}=${value}`))].join(" ")"""


async def holding(visitor: Visitor, *places: int) -> str:
    """The visitor is on the map and holds seats of it, by their index; the first one's id."""
    await visitor.opens(MAP)
    seats: list[str] = [await visitor.page.evaluate(SLOT, [HALL, place]) for place in places or (0,)]
    for seat in seats:
        await visitor.takes(seat)
    return seats[0]


async def holds_unseen(visitor: Visitor, *places: int) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Hold seats by their index without looking at the map; what posts in the session's name."""
    asked = visitor.context.request
    session = await (await asked.post(f"{visitor.base_url}/api/sessions")).json()
    hall = await (await asked.get(f"{visitor.base_url}/api/resources/{HALL}")).json()
    items = [[hall["slots"][place]["id"], 1] for place in places or (0,)]
    marks = {"X-CSRF-Token": session["csrf"]}

    async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await asked.post(visitor.base_url + path, data=body, headers=marks)
        assert answer.status == 201, await answer.text()
        made: dict[str, Any] = await answer.json()
        return made

    await post("/api/holds", {"resource": HALL, "items": items})
    return post


async def books(visitor: Visitor, *places: int) -> str:
    """A booking of seats by their index, made without looking at the map; its page's path."""
    post = await holds_unseen(visitor, *places)
    made = await post("/api/bookings", {"customer": {"name": "Ann Buyer", "email": "ann@example.com"}})
    return f"/bookings/{made['booking']['id']}"


async def at_the_till(visitor: Visitor, *places: int) -> str:
    """The page of payment with its form open, for a booking made meanwhile; the booking's path."""
    booking = await books(visitor, *places)
    await visitor.opens(f"{booking}/pay")
    await sees_the_form(visitor)
    return booking


async def sees_the_form(visitor: Visitor) -> None:
    await expect(visitor.page.get_by_role("button", name=re.compile("^Pay .*[0-9]"))).to_be_enabled(
        timeout=PATIENCE
    )
    await expect(card_form(visitor).get_by_label("Card number")).to_be_visible(timeout=PATIENCE)


def card_form(visitor: Visitor) -> FrameLocator:
    return visitor.page.frame_locator("#card iframe")


async def pays(visitor: Visitor, card: str = GOOD) -> None:
    """Type a card into the form and press Pay."""
    await sees_the_form(visitor)
    form = card_form(visitor)
    await form.get_by_label("Card number").fill(card)
    await form.get_by_label("Expiration date").fill("1234")
    await form.get_by_label("Security code").fill("123")
    await visitor.page.locator("#pay").click()


async def is_sound(visitor: Visitor) -> None:
    """axe-core finds nothing wrong. It greets frames by our own origin, which Stripe's refuse."""
    visitor.forgives("postMessage")
    assert await visitor.violations() == [], visitor.page.url


async def shows_no_secret(visitor: Visitor) -> None:
    """Neither the address nor any attribute of the page has a secret in it."""
    seen = await visitor.page.evaluate(ADDRESSES)
    assert "_secret_" not in seen, visitor.page.url
    assert "#" not in visitor.page.url
