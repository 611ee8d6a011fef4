"""When more is asked than can be done at once: who is refused and how, over real sockets."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from server.accounts.rules import Caller
from server.holds.rules import Best, HoldRequest
from server.holds.scripts import Own, Scripts
from server.inventory.rules import HoldPolicy
from server.live.turns import RETRY_SECONDS, Turns
from tests.live.conftest import eventually
from tests.support.buyer import Buyer, Refused, visiting
from tests.support.house import House


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The carts for which Redis is asked to take something, from here on."""
    run_many, carts = Scripts.run_many, list[str]()

    async def noted(
        scripts: Scripts, name: str, key: str, common: Any, each: Sequence[Own], *more: Any
    ) -> Any:
        carts.extend(cart for cart, _ in each if name == "hold_many")
        return await run_many(scripts, name, key, common, each, *more)

    monkeypatch.setattr(Scripts, "run_many", noted)
    return carts


async def is_refused(buyer: Buyer, *slots: str, **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await buyer.holds(*slots, resource="hall", **more)
    return refused.value


async def test_a_seat_that_the_map_shows_as_taken_is_refused_without_redis(
    house: House, taken: list[str]
) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        for buyer in (ann, ben):
            await buyer.watches("hall")
        held = await ann.holds("A-1")
        await ben.sees("A-1", available=0, held=1)
        taken.clear()
        no = await is_refused(ben, "A-1", "A-2")
        assert (no.code, no.answer["slots"], taken) == ("slot_taken", ["A-1"], [])
        await ann.releases(held)
        await ben.sees("A-1", available=1)
        await ben.holds("A-1")
        assert len(taken) == 1


async def test_ones_own_seat_is_never_refused_without_redis(house: House, taken: list[str]) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        held = await ann.holds("A-1", op="first")
        assert (await ann.holds("A-1", op="again"))["hold"]["id"] == held["hold"]["id"]
        await ann.releases(held)
        repeated = await ann.holds("A-1", op="first")
        assert repeated["hold"]["id"] == held["hold"]["id"]
        assert len(taken) == 3


async def test_who_comes_back_is_answered_by_what_it_was_told_before(house: House, taken: list[str]) -> None:
    """The answer got lost with its socket, the hold has ended since, and somebody else has the seat."""
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        for buyer in (ann, ben):
            await buyer.watches("hall")
        held = await ann.holds("A-1", op="first")
        await ann.releases(held)
        await ann.tab.is_cut_off()
        await ben.sees("A-1", available=1)
        await ben.holds("A-1")
        await ann.opens_tab()
        await ann.tab.watches("hall")
        taken.clear()
        assert (await ann.holds("A-1", op="first"))["hold"]["id"] == held["hold"]["id"]
        assert len(taken) == 1


async def test_what_others_having_it_is_not_all_that_is_against_is_for_redis_to_refuse(house: House) -> None:
    holds, loaded = house.parts.holds, await house.parts.inventory.get("hall")
    ann, olga = Caller(session="s"), Caller(session="s", user="olga")

    def finds(caller: Caller, *items: tuple[str, int], **more: Any) -> object:
        return holds.nothing_against(
            caller, HoldRequest(resource="hall", items=items or None, **more), loaded
        )

    assert finds(ann, ("A-2", 1), ("A-1", 1)) == [(0, 1), (1, 1)]
    assert finds(olga, ("A-1", 1)) is None, "it is her own hall"
    for wrong in ([("A-1", 2)], [("A-1", 0)], [("A-1", 1), ("A-1", 1)], [("Z-9", 1)]):
        assert finds(ann, *wrong) is None, wrong
    assert finds(ann, best=Best(quantity=1)) is None
    few = replace(
        loaded, resource=msgspec.structs.replace(loaded.resource, policy=HoldPolicy(max_hold_items=1))
    )
    request = HoldRequest(resource="hall", items=(("A-1", 1), ("A-2", 1)))
    assert holds.nothing_against(ann, request, few) is None


@contextmanager
def no_turn(turns: Turns) -> Iterator[None]:
    """Meanwhile no turn of the event loop has time for any command."""
    with pytest.MonkeyPatch.context() as stopped:
        stopped.setattr(turns, "has_time", lambda: False)
        stopped.setattr(turns, "_serve", lambda: None)
        yield


async def test_what_waits_for_its_turn_is_done_in_the_order_in_which_it_was_said(house: House) -> None:
    turns = house.parts.live.turns
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        with no_turn(turns):
            asked = [
                asyncio.create_task(tab.ask("hold", resource="hall", items=[["A-1", 1]])),
                asyncio.create_task(tab.ask("extend")),
                asyncio.create_task(tab.ask("unsubscribe", channel="availability:hall")),
            ]
            await eventually(lambda: turns.waiting == 1)
        answers = await asyncio.gather(*asked)
        assert [each["type"] for each in answers] == ["held", "ok", "ok"]
        order = [each["ref"] for each in tab.heard if "ref" in each]
        assert order == sorted(order)


async def test_who_says_hello_when_nobody_has_time_is_greeted_in_the_end(house: House) -> None:
    turns = house.parts.live.turns
    async with visiting(house.base_url) as ann:
        with no_turn(turns):
            opening = asyncio.create_task(ann.opens_tab())
            await eventually(lambda: turns.waiting == 1)
        assert (await opening).welcome["session"]


async def test_a_hold_whose_turn_comes_too_late_is_refused_and_nothing_is_done(
    house: House, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, now = house.parts.live.turns, house.parts.live.turns._clock()
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        for buyer in (ann, ben):
            await buyer.opens_tab()
        with no_turn(turns):
            waits = asyncio.create_task(is_refused(ann, "A-1"))
            await eventually(lambda: turns.waiting == 1)
            monkeypatch.setattr(turns, "_clock", lambda: now + 1_000)
            late = await is_refused(ben, "A-2")
            assert turns.waiting == 1, "who comes now would wait too long, and is told so at once"
        for no in (late, await waits):
            said = no.answer["code"], no.answer["retry"], no.answer["retry_after"]
            assert said == ("overloaded", "later", RETRY_SECONDS)
        assert taken == []
        await ann.holds("A-1", resource="hall")


async def test_a_socket_that_ends_while_it_waits_leaves_nothing(house: House, taken: list[str]) -> None:
    turns = house.parts.live.turns
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        with no_turn(turns):
            await tab.send({"type": "hold", "resource": "hall", "items": [["A-1", 1]]})
            await eventually(lambda: turns.waiting == 1)
            await tab.is_cut_off()
            await eventually(lambda: not house.parts.live.pulse.sockets)
        await eventually(lambda: turns.waiting == 0)
    assert taken == []
