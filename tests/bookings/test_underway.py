"""So many bookings are made at a time; the others wait before their cart is read, and not for ever."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from server.bookings.underway import RETRY_SECONDS, Underway
from server.errors import Overloaded
from tests.payments.house import House


async def test_who_finds_no_place_waits_for_one_and_the_first_has_it_first() -> None:
    underway, begun = Underway(places=2), list[str]()

    async def make(name: str, done: asyncio.Event) -> None:
        async with underway.one():
            begun.append(name)
            await done.wait()

    done = {name: asyncio.Event() for name in "abcd"}
    making = [asyncio.create_task(make(name, event)) for name, event in done.items()]
    await asyncio.sleep(0)
    assert begun == ["a", "b"]
    for name, after in (("b", ["a", "b", "c"]), ("a", ["a", "b", "c", "d"])):
        done[name].set()
        while len(begun) < len(after):  # noqa: ASYNC110  # turns of the loop, and no more
            await asyncio.sleep(0)
        assert begun == after
    for event in done.values():
        event.set()
    await asyncio.gather(*making)


async def test_who_waits_in_vain_is_refused_and_takes_no_place() -> None:
    underway = Underway(places=1, patience=0.0)
    async with underway.one():
        with pytest.raises(Overloaded) as refused:
            async with underway.one():
                pass
    assert (refused.value.retry, refused.value.retry_after) == ("later", RETRY_SECONDS)
    async with underway.one():
        pass


async def test_one_that_fails_gives_its_place_back() -> None:
    underway = Underway(places=1, patience=0.0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            async with underway.one():
                raise ValueError("broken")


async def test_who_is_refused_has_the_cart_as_it_was_and_it_was_not_read(house: House) -> None:
    making = house.office.bookings._making
    making._underway = underway = Underway(places=1, patience=0.0)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    async with AsyncExitStack() as others:
        await others.enter_async_context(underway.one())
        making._holds, holds = None, making._holds  # type: ignore[assignment]  # whoever asks it breaks
        with pytest.raises(Overloaded):
            await ann.books()
        making._holds = holds
    assert await house.value("select count(*) from booking") == 0
    await ann.books()
    assert await ann.status() == ("pending", "pending")
