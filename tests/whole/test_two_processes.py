"""Buyers on two processes see one hall, and a process that dies takes nothing with it."""

import asyncio
import os
from contextlib import AsyncExitStack

import pytest

from tests.support.buyer import Buyer, visiting
from tests.whole.conftest import Street

ROUNDS = int(os.environ.get("RACE_ROUNDS", "4"))  # scripts/proofs.sh: 20
BUYERS, SEATS = 200, 50


async def pays(buyer: Buyer, outcome: str = "succeed") -> str:
    """Book the cart and pay it; the booking's id once it is confirmed, or declined."""
    answer = await buyer.books()
    assert answer.status_code == 201, answer.text
    booking, payment = answer.json()["booking"], answer.json()["payment"]
    paid = await buyer.posts(f"/api/sandbox/payments/{payment['id']}", {"outcome": outcome})
    assert paid.status_code == 200, paid.text
    status = "confirmed" if outcome == "succeed" else "pending"
    await buyer.tab.hears("booking", id=booking["id"], status=status)
    return str(booking["id"])


async def buys_one(buyer: Buyer, resource: str) -> str | None:
    """Take the best seat there is and pay it; the seat, or None if there was none left."""
    held = await buyer.asks_for(resource=resource, best={"quantity": 1})
    if held["type"] == "error":
        assert held["code"] == "slot_taken", held
        return None
    await pays(buyer)
    return str(held["hold"]["items"][0][0])


@pytest.mark.timeout(600 + 20 * ROUNDS)
async def test_two_hundred_buyers_race_for_fifty_seats_again_and_again(street: Street) -> None:
    async with AsyncExitStack() as stack:
        buyers = [
            await stack.enter_async_context(visiting(street.addresses[number % 2], agree=False))
            for number in range(BUYERS)
        ]
        await asyncio.gather(*(buyer.opens_tab() for buyer in buyers))
        for number in range(ROUNDS):
            name = f"round-{number}"
            await street.sells(name, SEATS)
            got = await asyncio.gather(*(buys_one(buyer, name) for buyer in buyers))
            seats = [seat for seat in got if seat is not None]
            assert len(seats) == SEATS, f"{len(seats)} sold in {name}"
            assert len(set(seats)) == SEATS, f"one was sold twice in {name}"
    await street.is_sound()


async def test_a_hold_on_one_process_is_seen_and_respected_on_the_other(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(second, "json") as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-3")
        await ben.sees("A-3", available=0, held=1)
        answer = await ben.asks_for("A-3", "A-4")
        assert (answer["code"], answer["slots"]) == ("slot_taken", ["A-3"])
        await ann.releases(held)
        await ben.sees("A-3", available=1, held=0)
        await ben.holds("A-3")
        await pays(ben)
        await ann.sees("A-3", available=0, held=0)
    await street.is_sound()


async def test_a_second_tab_on_the_other_process_has_the_same_cart(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(second) as same:
        await ann.watches("hall")
        same.token = ann.token
        await same.connects()
        welcome = await same.tab.says_hello(token=ann.token)
        assert welcome["cart"] is None
        held = await ann.holds("A-1")
        told = await same.tab.hears("hold", id=held["hold"]["id"], status="held")
        assert told["items"] == held["hold"]["items"]
        cart = await same.tab.hears("cart", reference=held["cart"]["reference"])
        assert cart["total"] == held["hold"]["price"]
        await ann.closes_all()  # one tab stays, on the other process: so do the holds
        await same.watches("hall")
        await asyncio.sleep(2.5)
        await same.sees("A-1", available=0, held=1)


async def test_closing_the_last_tab_frees_its_seats_after_the_grace(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(second) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        await ann.holds("A-1", "A-2")
        await ben.sees("A-1", held=1)
        await ann.closes_all()
        await ben.sees("A-1", available=1, held=0)
    await street.is_sound()


async def test_a_process_killed_with_buyers_on_it_loses_no_hold_and_leaves_none_stuck(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with (
        visiting(first, agree=False) as ann,
        visiting(first, agree=False) as gone,
        visiting(second) as ben,
    ):
        for buyer in (ann, gone, ben):
            await buyer.watches("hall")
        held = await ann.holds("A-1")
        await gone.holds("A-2")
        await ben.sees("A-2", held=1)
        await street.processes[0].kill()
        await ann.tab.is_closed()
        async with visiting(second) as back:  # her browser comes back, on the other process
            back.http.cookies.update(ann.http.cookies)
            await back.connects()
            welcome = await back.tab.says_hello(token=ann.token)
            assert [hold["id"] for hold in welcome["holds"]] == [held["hold"]["id"]]
            assert welcome["holds"][0]["expires_at"] == held["hold"]["expires_at"], "the deadline has moved"
            await ben.sees("A-2", available=1, held=0)  # nobody came back for this one
            await ben.sees("A-1", available=0, held=1)
    await street.is_sound()


async def test_a_deploy_says_goodbye_and_keeps_the_cart(street: Street) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first, agree=False) as ann:
        await ann.watches("hall")
        held = await ann.holds("A-1")
        stopping = asyncio.create_task(street.processes[0].stop())
        await ann.tab.hears("goodbye")
        assert 4000 <= await ann.tab.is_closed() < 4200
        async with visiting(second) as back:
            await back.connects()
            welcome = await back.tab.says_hello(token=ann.token)
            assert [hold["id"] for hold in welcome["holds"]] == [held["hold"]["id"]]
            await stopping
