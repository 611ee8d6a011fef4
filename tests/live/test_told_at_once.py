"""What a tab does is told with its answer, to all tabs here, and not again when Redis tells of it."""

from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest

from server.holds.rules import HeldItem, Hold, HoldEvent
from server.live.news import News
from server.live.table import ENDED_KEPT, Session
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
