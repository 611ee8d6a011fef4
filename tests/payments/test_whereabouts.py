"""Where a driver is: in the answers, and in none that is kept for a repeat."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.inventory.rules import SlotDraft
from server.settings import Settings
from tests.inventory.examples import draft
from tests.payments.test_http import FORM, Visitor
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House

PLACE = {"latitude": 51.5405, "longitude": -0.1437, "address": "Mill Lane 7"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def ann(holdfast: House) -> AsyncIterator[Visitor]:
    await holdfast.parts.inventory.create(draft(SlotDraft(id="A-1", label="A-1", price=2_500)))
    async with httpx.AsyncClient(base_url=holdfast.base_url, timeout=20) as client:
        yield await Visitor.comes(client, jwt_of("ann"))


async def kept(redis: Redis) -> bytes:
    """All answers that are kept."""
    found: list[Any] = [await redis.get(key) for key in await redis.keys("holdfast:idempotency:*")]
    return b"".join(found)


async def test_no_answer_that_is_kept_says_where_a_driver_is(ann: Visitor, redis: Redis) -> None:
    await ann.holds("A-1")
    wanted = FORM | {"driver_location": PLACE}
    key = {"Idempotency-Key": "book"}
    first = await ann.asks("POST", "/api/bookings", wanted, **key)
    booking = first.json()["booking"]
    assert booking["driver_location"] == PLACE
    assert b"A-1" in await kept(redis)
    assert b"Mill Lane" not in await kept(redis)
    again = await ann.asks("POST", "/api/bookings", wanted, **key)
    assert (again.status_code, again.content, again.headers["content-length"]) == (
        201,
        first.content,
        first.headers["content-length"],
    )

    path, patch = f"/api/bookings/{booking['id']}", {"Idempotency-Key": "patch"}
    moved = {"driver_location": "Hill Road 1"}
    assert (await ann.asks("PATCH", path, moved, **patch)).json()["booking"]["driver_location"]
    assert b"Hill Road" not in await kept(redis)
    await ann.asks("PUT", f"{path}/cancel", {})
    for method, place, body, same in (
        ("POST", "/api/bookings", wanted, key),
        ("PATCH", path, moved, patch),
    ):
        gone = (await ann.asks(method, place, body, **same)).json()["booking"]
        assert (gone["id"], gone["driver_location"], gone["status"]) == (booking["id"], None, "pending")


async def test_refusals_are_kept_as_ever(ann: Visitor) -> None:
    key = {"Idempotency-Key": "k"}
    first = await ann.asks("POST", "/api/bookings", FORM, **key)
    again = await ann.asks("POST", "/api/bookings", FORM, **key)
    assert (first.status_code, again.status_code, again.content) == (409, 409, first.content)
