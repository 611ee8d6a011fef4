"""What a tab does is told with its answer, to all tabs here, and not again when Redis tells of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial

import msgspec
import pytest

from channels.protocol import HoldView
from server.accounts.rules import Caller
from server.holds.rules import HeldItem, Hold, HoldEvent
from server.holds.sources import Loaded
from server.live.news import News
from server.live.table import ENDED_KEPT, Session
from server.live.views import hold_view
from server.ops.limits import Rate
from tests.live.conftest import eventually
from tests.support.buyer import Buyer, Tab, visiting
from tests.support.house import House


@pytest.fixture
async def ann(house: House) -> AsyncIterator[Buyer]:
    async with visiting(house.base_url) as buyer:
        yield buyer


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> list[HoldEvent]:
    """What Redis tells of holds, kept from the tabs."""
    kept: list[HoldEvent] = []

    def keep(_news: News, event: HoldEvent) -> bool:
        kept.append(event)
        return False

    monkeypatch.setattr(News, "_is_news", keep)
    return kept


def told(buyer: Buyer, tab: int = 0) -> list[str]:
    return [each["type"] for each in buyer.tabs[tab].heard if each["type"] in {"held", "hold", "cart", "ok"}]


async def test_an_answer_comes_with_its_changes(
    house: House, ann: Buyer, unheard: list[HoldEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.opens_tab("json")
    await ann.opens_tab()
    held = await ann.holds("A-1", resource="hall")
    for tab in ann.tabs:
        await tab.hears("hold", id=held["hold"]["id"], status="held")
        await tab.hears("cart", reference=held["cart"]["reference"])
    await ann.releases(held)
    for tab in ann.tabs:
        assert (await tab.hears("hold", status="released"))["reason"] == "released"
        await tab.hears("cart", reference=None)
    await eventually(lambda: len(unheard) == 2)
    before = [told(ann, tab) for tab in (0, 1)]
    monkeypatch.undo()
    news = house.parts.live.news
    news.hear(msgspec.msgpack.encode(unheard))
    assert not news._queue, "all of it was known by the answers"
    assert [told(ann, tab) for tab in (0, 1)] == before


async def test_what_another_process_does_is_heard(ann: Buyer) -> None:
    """Over HTTP no tab asked, so that only Redis tells of it."""
    await ann.opens_tab()
    held = await ann.holds("A-1", resource="hall")
    await ann.posts("/api/cart/release", {})
    assert (await ann.tab.hears("hold", status="released"))["id"] == held["hold"]["id"]


async def test_a_new_deadline_is_told_though_no_place_changed(ann: Buyer) -> None:
    """The resource stands at the version that the hold was made at: that one is known, this change is not."""
    for codec in ("json", "msgpack"):
        await ann.opens_tab(codec)
    held = await ann.holds("A-1", resource="hall")
    for tab in ann.tabs:
        await tab.hears("cart", expires_at=held["cart"]["expires_at"])
    await ann.posts("/api/cart/extend", {})
    for tab in ann.tabs:
        await tab.until(partial(_has_more_time, tab, held["hold"]["expires_at"]))
    await ann.books()
    for tab in ann.tabs:
        await tab.hears("hold", id=held["hold"]["id"], status="paying")
        await tab.hears("cart", reference=None)


def _has_more_time(tab: Tab, before: int) -> bool:
    return any(each["type"] == "hold" and each["expires_at"] > before for each in tab.heard)


async def test_what_ended_before_is_not_told_as_given_back(ann: Buyer) -> None:
    await ann.opens_tab()
    held = await ann.holds("A-1", resource="hall")
    await ann.posts("/api/cart/release", {})
    await ann.tab.hears("cart", reference=None)
    count = told(ann).count("hold")
    await ann.releases(held)
    assert told(ann).count("hold") == count


async def test_a_resource_seen_for_the_first_time_is_no_new_epoch(house: House, ann: Buyer) -> None:
    await ann.opens_tab()
    await ann.holds("A-1", resource="hall")
    news = house.parts.live.news
    await eventually(lambda: "hall" in news._epochs)
    read: list[str] = []
    news.read_anew = read.extend  # type: ignore[method-assign,assignment]  # seen, not done
    await news.check_epochs()
    assert read == []
    event = HoldEvent(hold=_hold("of another"), reason="", version=1, epoch="another")
    session = next(iter(house.parts.live.table))
    assert news._is_news(msgspec.structs.replace(event, hold=_hold("new", session=session.id)))
    assert read == [session.id]


async def test_what_changed_while_it_was_read_is_not_told_as_it_was_before(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by torture: a hold that had been given back was held again, for its buyer alone."""
    monkeypatch.setattr("server.live.news.AGAIN_SECONDS", 0.01)
    await ann.opens_tab()
    first = await ann.holds("A-3", resource="hall")
    standing, begun, answers = house.parts.holds.standing, asyncio.Event(), asyncio.Event()

    async def held_meanwhile(session: str, *_listing: object) -> object:
        """Reads once it is let, and is a long time on its way back."""
        begun.set()
        await held.wait()
        found = await standing(session)
        read.set()
        await answers.wait()
        return found

    held, read = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(house.parts.holds, "standing", held_meanwhile)
    news = house.parts.live.news
    news.read_anew([ann.session])
    await begun.wait()
    given_back = await ann.holds("A-1", resource="hall")
    held.set()
    await read.wait()
    await ann.releases(given_back)
    kept = await ann.holds("A-2", resource="hall")
    before = len(ann.tab.heard)
    answers.set()
    await eventually(lambda: not news._stale and not news._reading)
    session = house.parts.live.table.session(ann.session)
    assert session is not None
    assert list(session.holds) == [first["hold"]["id"], kept["hold"]["id"]]
    assert [each for each in ann.tab.heard[before:] if each["type"] in {"hold", "cart"}] == []


async def test_what_a_session_knew_of_holds_that_end_is_not_named_again(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands end at once, and the views that were made of them are not kept for so long."""
    tab = await ann.opens_tab()
    for seat in ("A-1", "A-2", "A-3"):
        await ann.holds(seat, resource="hall")
    news, session, named = house.parts.live.news, house.parts.live.table.session(ann.session), list[str]()
    assert session is not None

    def names(hold: Hold, loaded: Loaded) -> HoldView:
        named.append(hold.status)
        return hold_view(hold, loaded)

    monkeypatch.setattr("server.live.names.hold_view", names)
    monkeypatch.setattr(news.names, "_views", {})
    ended = [msgspec.structs.replace(hold, status="expired") for hold in session.holds.values()]
    news.hear(
        msgspec.msgpack.encode([HoldEvent(hold=hold, reason="deadline", version=2**62) for hold in ended])
    )
    for hold in ended:
        await tab.hears("hold", id=hold.id, status="expired")
    assert set(named) == {"expired"}


def _hold(name: str, session: str = "ann", status: str = "held") -> Hold:
    return Hold(
        id=name,
        session=session,
        resource="hall",
        reference="BK-1",
        items=(HeldItem(0, 1, 1),),
        currency="eur",
        status=status,  # type: ignore[arg-type]  # one of them
        created_at=1,
        expires_at=2,
    )


def test_positions_are_of_one_epoch_and_rise() -> None:
    session = Session("ann", Rate(0, 1))
    assert session.learns(_hold("1"), ("", 5))
    assert not session.learns(_hold("1"), ("e1", 5)), "an answer names no epoch"
    assert session.learns(_hold("1"), ("e1", 6))
    assert not session.learns(_hold("1", status="released"), ("e1", 6))
    assert session.learns(_hold("1"), ("e2", 2)), "a rebuilt resource counts anew"
    assert session.learns(_hold("1")), "read, not heard"


def test_positions_are_not_kept_for_ever() -> None:
    session = Session("ann", Rate(0, 1))
    for number in range(10 * ENDED_KEPT):
        session.learns(_hold(str(number)), ("e", number))
        session.holds.clear()  # gone without an end
    assert len(session.heard) <= 2 * ENDED_KEPT + 1
    for number in range(10 * ENDED_KEPT):
        session.learns(_hold(f"more {number}", status="released"), ("e", number))
    assert len(session.heard) <= 2 * ENDED_KEPT + 1


async def test_what_goes_while_an_answer_looks_names_up_is_not_told_as_held_behind_that(
    house: House, ann: Buyer, unheard: list[HoldEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cart names another hold, which is given back before the answer can be written."""
    tab = await ann.opens_tab()
    first = (await ann.holds("A-1", resource="hall"))["hold"]["id"]
    news, looks, found = house.parts.live.news, asyncio.Event(), asyncio.Event()
    look_up = news.names.look_up

    async def late(holds: Iterable[Hold]) -> None:
        looks.set()
        await found.wait()
        await look_up(holds)

    monkeypatch.setattr(news.names, "at_hand", lambda _hold: None)
    monkeypatch.setattr(news.names, "look_up", late)
    asking = asyncio.create_task(ann.holds("A-2", resource="hall"))
    await looks.wait()
    await house.parts.holds.release(Caller(ann.session), first, None, op="elsewhere", resource="hall")
    await eventually(lambda: any(event.hold.status == "released" for event in unheard))
    monkeypatch.undo()
    news.hear(msgspec.msgpack.encode(unheard[-1:]))
    await tab.hears("hold", id=first, status="released")
    before = len(tab.heard)
    found.set()
    second = (await asking)["hold"]["id"]
    await eventually(lambda: tab.heard[-1]["type"] == "cart")
    behind = [each for each in tab.heard[before:] if each["type"] in {"hold", "cart"}]
    assert [each["id"] for each in behind if each["type"] == "hold"] == [second]
    assert [hold["id"] for hold in behind[-1]["holds"]] == [second]
