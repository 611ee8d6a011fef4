"""What may have been missed is read again: all of it, and nobody else waits for that."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from server.accounts.rules import Caller
from server.errors import HoldfastError, Unavailable, UnknownResource
from server.holds.rules import Hold, HoldEvent, HoldRequest
from server.live.news import News
from server.live.table import Session
from tests.live.conftest import Gate, eventually, hall, hello_is_asked
from tests.support.buyer import Buyer, Refused, visiting
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


async def test_the_first_hold_of_all_is_told_though_it_was_missed(house: House, ann: Buyer) -> None:
    await ann.opens_tab()
    with gap() as lost:
        await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: "held" in lost)
    house.parts.live.news.read_all_anew()
    held = await ann.tab.hears("hold", status="held")
    assert [each["id"] for each in (await ann.tab.hears("cart"))["holds"]] == [held["id"]]


async def test_the_first_hold_of_all_is_told_though_too_much_was_said(
    ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.opens_tab()
    monkeypatch.setattr("server.live.news.QUEUE_LIMIT", 0)
    await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
    await ann.tab.hears("hold", status="held")


async def test_ones_own_seat_that_was_missed_is_not_taken_by_somebody_else(
    house: House, ann: Buyer, gate: Gate
) -> None:
    """The map shows it as taken, and until the session has been read nobody here knows by whom."""
    await ann.watches("hall")
    with gap() as lost:
        made = await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: "held" in lost)
    await ann.sees("A-1", available=0, held=1)
    gate.clear()
    house.parts.live.news.read_all_anew()
    await eventually(lambda: gate.said == 1)
    assert (await ann.holds("A-1"))["hold"]["id"] == made.json()["hold"]["id"]
    gate.set()


async def test_what_was_missed_behind_redis_answer_is_in_the_welcome(house: House, gate: Gate) -> None:
    opened = house.parts.sessions.open_new()
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=opened.token)
        await eventually(lambda: gate.said == 1)
        request = HoldRequest(resource="hall", items=(("A-1", 1),))
        with gap() as lost:
            held = await house.parts.holds.hold(Caller(opened.session), request, op="one", connected=True)
            await eventually(lambda: "held" in lost)
        house.parts.live.news.read_all_anew()
        gate.set()
        welcome = await tab.hears("welcome")
        assert [hold["id"] for hold in welcome["holds"]] == [held.hold.id]


async def test_those_who_hold_nothing_are_asked_about_together_and_not_read(
    house: House, ann: Buyer, ben: Buyer, scripts: list[str]
) -> None:
    """Ten thousand may be connected."""
    for buyer in (ann, ben):
        await buyer.opens_tab()
    scripts.clear()
    house.parts.live.news.read_all_anew()
    await eventually(lambda: not any(session.unread for session in house.parts.live.table))
    assert [name for name in scripts if name in {"returning", "listing"}] == ["returning"]


@pytest.mark.parametrize("serves", [True, False])
async def test_who_has_a_broken_key_is_no_trouble_of_those_who_are_read_along(
    house: House, ann: Buyer, ben: Buyer, monkeypatch: pytest.MonkeyPatch, *, serves: bool
) -> None:
    """One script fails for all whom it is asked about; in a cluster each is asked about alone."""
    for buyer in (ann, ben):
        await buyer.opens_tab()
    with gap() as lost:
        await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: "held" in lost)
    await house.parts.redis.set(house.parts.holds.index.key(ben.session), "no hash")
    monkeypatch.setattr(house.parts.returns, "serves", serves)
    house.parts.live.news.read_all_anew()
    await ann.tab.hears("hold", status="held")
    await house.parts.redis.delete(house.parts.holds.index.key(ben.session))
    await eventually(lambda: not any(session.unread for session in house.parts.live.table))


@contextmanager
def nameless(house: House, error: type[HoldfastError], resource: str = "hall") -> Iterator[list[str]]:
    """Meanwhile a resource's slots have no names, as while it is not in memory and PostgreSQL is away."""
    names, wanted = house.parts.live.news.names, list[str]()
    at_hand, view = names.at_hand, names.view

    async def fails(hold: Hold) -> Any:
        if hold.resource != resource:
            return await view(hold)
        wanted.append(hold.id)
        raise error

    with pytest.MonkeyPatch.context() as away:
        away.setattr(names, "at_hand", lambda hold: None if hold.resource == resource else at_hand(hold))
        away.setattr(names, "view", fails)
        yield wanted


def session_of(house: House, buyer: Buyer) -> Session:
    session = house.parts.live.table.session(buyer.session)
    assert session is not None
    return session


def told(buyer: Buyer, kind: str) -> list[Any]:
    return [each for each in buyer.tab.heard if each["type"] == kind]


async def test_a_hold_whose_slots_have_no_names_now_is_told_when_they_have(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it is not known: it may end meanwhile, and what came of it is told."""
    monkeypatch.setattr("server.live.news.AGAIN_SECONDS", 0.01)
    await ann.opens_tab()
    with nameless(house, Unavailable) as wanted:
        await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: len(wanted) > 2)
        assert session_of(house, ann).holds == {}
    held = await ann.tab.hears("hold", status="held")
    assert [each["id"] for each in (await ann.tab.hears("cart"))["holds"]] == [held["id"]]
    with nameless(house, Unavailable) as wanted:
        await ann.posts("/api/cart/release", {})
        await eventually(lambda: len(wanted) > 2)
        assert list(session_of(house, ann).holds) == [held["id"]]
    assert (await ann.tab.hears("hold", id=held["id"]))["reason"] == "released"
    await ann.tab.hears("cart", reference=None)


async def test_a_cart_in_which_something_has_no_name_now_is_told_when_it_has(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.news.AGAIN_SECONDS", 0.01)
    await house.parts.inventory.create(hall("other"))
    await ann.opens_tab()
    await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
    await ann.tab.hears("cart")
    with nameless(house, Unavailable) as wanted:
        await ann.posts("/api/holds", {"resource": "other", "items": [["A-1", 1]]})
        await ann.tab.hears("hold", resource="other")
        await eventually(lambda: len(wanted) > 2)
        assert told(ann, "cart") == []
    assert len((await ann.tab.hears("cart"))["holds"]) == 2


async def test_a_hold_whose_resource_is_gone_is_known_and_not_read_for_ever(house: House, ann: Buyer) -> None:
    await ann.opens_tab()
    session = session_of(house, ann)
    with nameless(house, UnknownResource):
        made = await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        await eventually(lambda: list(session.holds) == [made.json()["hold"]["id"]] and not session.unread)
    assert told(ann, "hold") == []


async def test_a_session_that_changes_at_every_reading_is_greeted_later(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A welcome that is behind would be believed by its tab, and by all that this process says afterwards."""
    holds, standing = house.parts.holds, house.parts.holds.standing
    await ann.opens_tab()
    await ann.holds("A-1", resource="hall")
    session, second = session_of(house, ann), await ann.connects()

    async def is_overtaken(*asked: Any) -> Any:
        """Each time another hold is made behind what was read, or given back."""
        found = await standing(*asked)
        others = [hold for hold in session.holds.values() if hold.items[0].index == 1]
        if others:
            await holds.release(Caller(ann.session), others[0].id, None, op=None, resource="hall")
        else:
            request = HoldRequest(resource="hall", items=(("A-2", 1),))
            await holds.hold(Caller(ann.session), request, op=None, connected=True)
        await eventually(lambda: len(session.holds) == (1 if others else 2))
        return found

    with monkeypatch.context() as busy:
        busy.setattr(holds, "standing", is_overtaken)
        with pytest.raises(Refused) as refused:
            await second.says_hello(token=ann.token)
    no = refused.value.answer
    assert (no["code"], no["retry"]) == ("overloaded", "later")
    assert no["retry_after"] > 0
    assert [len(each.tabs) for each in house.parts.live.table] == [1], "nobody is left behind"
    welcome = await second.says_hello(token=ann.token)
    now = [hold.id for hold in (await standing(ann.session)).live]
    assert [hold["id"] for hold in welcome["holds"]] == now == list(session.holds)


@pytest.mark.parametrize("kept", [True, False])
async def test_what_the_welcome_of_another_tab_finds_is_told_to_those_that_missed_it(
    house: House, ann: Buyer, *, kept: bool
) -> None:
    tab = await ann.opens_tab()
    held = await ann.holds("A-1", resource="hall")
    if kept:
        await ann.holds("A-2", resource="hall")
    await tab.hears("hold", id=held["hold"]["id"], status="held")
    with gap() as lost:
        await house.parts.holds.release(
            Caller(ann.session), held["hold"]["id"], None, op=None, resource="hall"
        )
        await eventually(lambda: "released" in lost)
    second = await ann.opens_tab()
    assert len(second.welcome["holds"]) == kept
    await tab.hears("hold", id=held["hold"]["id"], status="released")
