"""Cables pulled while people buy: nothing confirmed is lost, and all is well when the cable is back."""

import asyncio
import itertools

import httpx
import pytest

from server.embedded.process import Server
from tests.support.buyer import PATIENCE, Buyer, Json, Refused, visiting
from tests.support.servers import freeze, thaw
from tests.whole.conftest import Street
from tests.whole.test_two_processes import pays

OUTAGE_SECONDS = 10
BOOKING: Json = {"customer": {"name": "Ann Example", "email": "ann@example.org"}}


async def test_after_flushall_maps_are_right_and_the_lost_holds_announced(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(first) as ben, visiting(second, "json") as eve:
        for buyer in (ann, ben, eve):
            await buyer.watches("hall")
        await ann.holds("A-1")
        await pays(ann)  # confirmed
        await ben.holds("A-2")
        assert (await ben.books()).status_code == 201  # pending
        lost = await eve.holds("A-3")  # nobody has begun to pay it
        await eve.sees("A-2", available=0, held=1)
        await street.client.flushall()
        told = await eve.tab.hears("hold", id=lost["hold"]["id"], status="lost")
        assert told["reason"] == "lost"
        await eve.tab.hears("cart", reference=None)
        for buyer in (ann, ben, eve):
            await buyer.sees("A-1", available=0, held=0)
            await buyer.sees("A-2", available=0, held=1)
            await buyer.sees("A-3", available=1, held=0)
        again = await eve.holds("A-3")
        assert again["cart"]["reference"] != lost["cart"]["reference"]
    await street.is_sound()


async def is_refused(buyer: Buyer, slot: str) -> str:
    """Ask for a seat; the code of the refusal."""
    answer = await buyer.asks_for(slot)
    assert answer["type"] == "error", answer
    return str(answer["code"])


async def test_redis_stopped_for_ten_seconds(street: Street) -> None:
    await street.sells("hall", 10)
    async with visiting(street.addresses[0]) as ann, visiting(street.addresses[1]) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-1")
        await ben.sees("A-1", held=1)
        freeze(street.redis)
        try:
            assert await is_refused(ann, "A-2") == "unavailable"
            await ben.tab.hears("heartbeat", stale=True)  # the map stays, and says that it may be old
            assert await is_refused(ben, "A-3") == "unavailable"
            await asyncio.sleep(OUTAGE_SECONDS)
        finally:
            thaw(street.redis)
        await holds_soon(ben, "A-4")
        await ann.sees("A-4", available=0, held=1)
        cart = await extends_soon(ann)  # nobody lost a cart to it
        assert cart["reference"] == held["cart"]["reference"]
    await street.is_sound()


async def test_redis_killed_and_started_again_keeps_the_carts(street: Street) -> None:
    await street.sells("hall", 10)
    async with visiting(street.addresses[0]) as ann, visiting(street.addresses[1]) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-1")
        await ben.holds("A-2")
        await pays(ben)
        street.redis.kill()
        street.redis.start()
        await holds_soon(ben, "A-3")
        await ann.sees("A-3", held=1)
        await ben.sees("A-1", available=0, held=1)
        await ben.sees("A-2", available=0, held=0)
        assert (await extends_soon(ann))["reference"] == held["cart"]["reference"]
    await street.is_sound()


async def holds_soon(buyer: Buyer, slot: str) -> None:
    """Take a seat, trying again while the servers come back."""
    async with asyncio.timeout(PATIENCE):
        for number in itertools.count():
            # each try is the same op: one effect, whatever became of the answers
            answer = await buyer.asks_for(slot, op=f"soon-{slot}")
            if answer["type"] == "held":
                return
            assert answer["code"] == "unavailable", answer
            await asyncio.sleep(0.05 * min(number, 4))


async def extends_soon(buyer: Buyer) -> Json:
    """Keep the cart, trying again while the buyer's own server comes back."""
    async with asyncio.timeout(PATIENCE):
        for number in itertools.count():
            try:
                return await buyer.extends()
            except Refused as refused:
                if refused.code != "unavailable":
                    raise
            await asyncio.sleep(0.05 * min(number, 4))
    raise AssertionError


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_postgresql_away_for_ten_seconds(street: Street, how: str) -> None:
    await street.sells("hall", 10)
    async with visiting(street.addresses[0]) as ann, visiting(street.addresses[1]) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        await ann.holds("A-1")
        confirmed = await pays(ann)
        await ann.holds("A-2")
        await takes_away(street.postgresql, how)
        try:
            refused = await ann.books()
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            await ben.sees("A-1", available=0, held=0)  # the map stays
            await asyncio.sleep(OUTAGE_SECONDS)
        finally:
            brings_back(street.postgresql, how)
        await pays_soon(ann)
        await ben.sees("A-2", available=0, held=0)
        kept = await ann.reads(f"/api/bookings/{confirmed}")
        assert kept.json()["booking"]["status"] == "confirmed"
    await street.is_sound()


async def takes_away(server: Server, how: str) -> None:
    if how == "stopped":
        freeze(server)
    else:
        server.kill()


def brings_back(server: Server, how: str) -> None:
    if how == "stopped":
        thaw(server)
    else:
        server.start()


async def pays_soon(buyer: Buyer) -> None:
    """Book and pay, trying again while the servers come back."""
    async with asyncio.timeout(PATIENCE):
        begun = (await posts_until_served(buyer, "/api/bookings", BOOKING)).json()
        await posts_until_served(
            buyer, f"/api/sandbox/payments/{begun['payment']['id']}", {"outcome": "succeed"}
        )
        await buyer.tab.hears("booking", id=begun["booking"]["id"], status="confirmed")


async def posts_until_served(buyer: Buyer, path: str, body: Json) -> httpx.Response:
    for number in itertools.count():
        answer = await buyer.posts(path, body)
        if answer.status_code < 400 or "retry_after" not in answer.json():
            return answer
        await asyncio.sleep(0.05 * min(number, 4))
    raise AssertionError
