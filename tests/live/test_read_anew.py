"""What may have been missed is read again: all of it, and nobody else waits for that."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from server.holds.rules import Hold, HoldEvent
from server.live.news import News
from tests.live.conftest import eventually
from tests.support.buyer import Buyer, visiting
from tests.support.house import House


@pytest.fixture
async def ann(house: House) -> AsyncIterator[Buyer]:
    async with visiting(house.base_url) as buyer:
        yield buyer


@pytest.fixture
async def ben(house: House) -> AsyncIterator[Buyer]:
    async with visiting(house.base_url) as buyer:
        yield buyer


@contextmanager
def gap() -> Iterator[list[str]]:
    """Meanwhile what Redis tells of holds is lost; their statuses are noted."""
    lost: list[str] = []

    def loses(_news: News, event: HoldEvent) -> bool:
        lost.append(event.hold.status)
        return False

    with pytest.MonkeyPatch.context() as deaf:
        deaf.setattr(News, "_is_news", loses)
        yield lost


class Slow:
    """`standing`, which for one session waits until it is let."""

    def __init__(self, house: House, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._session, self._standing = session, house.parts.holds.standing
        monkeypatch.setattr(house.parts.holds, "standing", self._waits)

    async def _waits(self, session: str, *more: Any) -> Any:
        if session == self._session:
            self.begun.set()
            await self.may_go_on.wait()
        return await self._standing(session, *more)


async def test_who_is_stale_again_while_others_are_read_is_read_again(
    house: House, ann: Buyer, ben: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    news, read, ann_is_read = house.parts.live.news, News._read, asyncio.Event()
    for buyer, seat in ((ann, "A-1"), (ben, "A-2")):
        await buyer.opens_tab()
        await buyer.holds(seat, resource="hall")
        await buyer.tab.hears("hold", status="held")

    async def noted(news: News, session: str) -> bool:
        well = await read(news, session)
        if session == ann.session:
            ann_is_read.set()
        return well

    monkeypatch.setattr(News, "_read", noted)
    slow = Slow(house, ben.session, monkeypatch)
    news.read_all_anew()
    await ann_is_read.wait()
    with gap() as lost:
        await ann.posts("/api/cart/release", {})
        await eventually(lambda: "released" in lost)
    news.read_all_anew()
    slow.may_go_on.set()
    await ann.tab.hears("hold", status="released")


async def test_what_is_told_does_not_wait_for_who_is_read(
    house: House, ann: Buyer, ben: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for buyer, seat in ((ann, "A-1"), (ben, "A-2")):
        await buyer.opens_tab()
        await buyer.holds(seat, resource="hall")
    slow = Slow(house, ben.session, monkeypatch)
    house.parts.live.news.read_anew([ben.session])
    await slow.begun.wait()
    await ann.posts("/api/cart/release", {})
    await ann.tab.hears("hold", status="released")
    slow.may_go_on.set()


async def test_what_is_told_while_what_was_read_gets_its_names_is_not_told_as_it_was_before(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    news, look_up = house.parts.live.news, house.parts.live.news.names.look_up
    looks, found = asyncio.Event(), asyncio.Event()

    async def late_at_first(holds: Iterable[Hold]) -> Any:
        if not looks.is_set():
            looks.set()
            await found.wait()
        return await look_up(holds)

    await ann.opens_tab()
    with gap() as lost:
        await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: "held" in lost)
    monkeypatch.setattr(news.names, "look_up", late_at_first)
    news.read_anew([ann.session])
    await looks.wait()
    await ann.posts("/api/cart/release", {})
    await ann.tab.hears("hold", status="released")
    found.set()
    session = house.parts.live.table.session(ann.session)
    assert session is not None
    await eventually(lambda: not news._stale and not news._reading)
    assert session.holds == {}
    assert [each["status"] for each in ann.tab.heard if each["type"] == "hold"] == []


async def test_a_session_that_cannot_be_read_by_a_fault_keeps_nobody_elses_news_back(
    house: House, ann: Buyer, ben: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.news.READERS", 1)
    standing = house.parts.holds.standing

    async def fails_for_ben(session: str, *more: Any) -> Any:
        if session == ben.session:
            raise RuntimeError("its index is broken")
        return await standing(session, *more)

    for buyer, seat in ((ben, "A-2"), (ann, "A-1")):
        await buyer.opens_tab()
        await buyer.holds(seat, resource="hall")
    monkeypatch.setattr(house.parts.holds, "standing", fails_for_ben)
    with gap() as lost:
        await ann.posts("/api/cart/release", {})
        await eventually(lambda: "released" in lost)
    house.parts.live.news.read_anew([ben.session, ann.session])
    await ann.tab.hears("hold", status="released")
