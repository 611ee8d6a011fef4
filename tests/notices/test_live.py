"""In a user's tabs: at once, in order, once, and again after each hello until it is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from server.bookings import outbox
from server.bookings.outbox import Facts, NoticeKind
from server.live import notices as live_notices
from server.settings import Settings
from tests.live.conftest import open_hall
from tests.support.buyer import Buyer, Tab, visiting
from tests.support.door import jwt_of
from tests.support.house import House


@pytest.fixture
async def hall(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings, heartbeat_seconds=1) as house:
        yield house


async def happens(house: House, kind: NoticeKind = "booking_confirmed", *, count: int = 1) -> list[UUID]:
    """To olga's, as if another process had written it and died."""
    ids = [uuid4() for _ in range(count)]
    async with house.parts.database.transaction() as connection:
        start = await connection.fetchval("select count(*) from outbox")
        facts = [
            Facts(owner="olga", user="ann", reference=f"BK-{start + place}", total=1, currency="eur")
            for place in range(count)
        ]
        await outbox._write(
            connection, [(name, kind, None, fact) for name, fact in zip(ids, facts, strict=True)]
        )
    return ids


@asynccontextmanager
async def signed_in(house: House, user: str = "olga") -> AsyncIterator[Buyer]:
    async with visiting(house.base_url) as buyer:
        buyer.signs_in(jwt_of(user))
        yield buyer


def references(tab: Tab) -> list[str]:
    """What this tab was told, in the order in which it was."""
    return [each["data"]["reference"] for each in tab.heard if each["type"] == "notification"]


async def has_heard(tab: Tab, count: int) -> list[str]:
    await tab.until(lambda: len(references(tab)) >= count, f"{count} notices")
    return references(tab)


async def test_owner_and_buyer_hear_of_a_booking_in_the_same_second(hall: House) -> None:
    async with signed_in(hall) as olga, signed_in(hall, "ann") as ann:
        await olga.opens_tab()
        await ann.watches("hall")
        await ann.holds("A-1")
        booking = (await ann.books()).json()["booking"]
        for buyer, side in ((olga, "owner"), (ann, "buyer")):
            told = await buyer.tab.hears("notification")
            assert told["kind"] == "booking_created"
            assert told["data"]["booking"] == booking["id"]
            assert told["data"]["side"] == side
            assert told["title"].endswith("A hall")
            assert isinstance(told["created_at"], int)


async def test_what_a_crashed_process_left_is_told_in_order_and_once_in_every_tab(hall: House) -> None:
    async with signed_in(hall) as olga, signed_in(hall) as phone:
        tabs = [await olga.opens_tab(), await olga.opens_tab("json"), await phone.opens_tab()]
        await happens(hall, count=3)
        await happens(hall, "booking_cancelled", count=2)
        for tab in tabs:
            assert await has_heard(tab, 5) == [f"BK-{place}" for place in range(5)]
        await happens(hall)
        for tab in tabs:
            assert await has_heard(tab, 6) == [f"BK-{place}" for place in range(6)]


async def test_an_owner_who_was_away_gets_every_notice_in_order_and_once(hall: House) -> None:
    await happens(hall, count=180)
    while await hall.parts.notices.dispatcher.round() != 0:
        pass
    async with signed_in(hall) as olga:
        tab = await olga.opens_tab()
        assert await has_heard(tab, 180) == [f"BK-{place}" for place in range(180)]
        again = await olga.opens_tab()
        assert await has_heard(again, 180) == [f"BK-{place}" for place in range(180)]
        assert len(references(tab)) == 180


async def test_what_is_read_in_one_tab_is_read_in_all_and_comes_no_more(hall: House) -> None:
    await happens(hall, count=3)
    async with signed_in(hall) as olga, signed_in(hall) as phone:
        for buyer in (olga, phone):
            await has_heard(await buyer.opens_tab(), 3)
        ids = [each["id"] for each in olga.tab.heard if each["type"] == "notification"]
        answer = await olga.posts("/api/notifications/read", {"until": ids[1]})
        assert answer.json() == {"unread": 1}
        for buyer in (olga, phone):
            assert set((await buyer.tab.hears("notifications_read"))["ids"]) == set(ids[:2])
        later = await phone.opens_tab()
        assert await has_heard(later, 1) == ["BK-2"]


async def test_nobody_else_hears_of_it(hall: House) -> None:
    async with signed_in(hall, "ben") as ben, signed_in(hall) as olga:
        await ben.opens_tab()
        await olga.opens_tab()
        await happens(hall)
        await has_heard(olga.tab, 1)
        assert references(ben.tab) == []


async def test_two_processes_tell_their_own_tabs(hall: House, settings: Settings) -> None:
    async with open_hall(settings) as other, signed_in(hall) as olga, signed_in(other) as phone:
        await olga.opens_tab()
        await phone.opens_tab()
        for _ in range(5):
            await happens(hall)
            await happens(other)
        for tab in (olga.tab, phone.tab):
            assert await has_heard(tab, 10) == [f"BK-{place}" for place in range(10)]


async def test_a_tab_that_signs_in_later_is_told_then(hall: House) -> None:
    await happens(hall, count=2)
    async with visiting(hall.base_url) as olga:
        tab = await olga.opens_tab()
        await tab.gets("hello", token=jwt_of("olga"), session=olga.token)
        assert await has_heard(tab, 2) == ["BK-0", "BK-1"]


async def test_a_tab_that_does_not_read_keeps_nobody_waiting(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signed_in(hall) as olga, signed_in(hall) as phone:
        slow, quick = await olga.opens_tab(), await phone.opens_tab()
        (stuck,) = [tab for tab in hall.parts.live.table.tabs if tab.caller.session == olga.session]
        monkeypatch.setattr(stuck.peer, "ready", False)
        await happens(hall, count=live_notices.PAGE + 10)
        assert len(await has_heard(quick, live_notices.PAGE + 10)) == live_notices.PAGE + 10
        assert references(slow) == []
        monkeypatch.setattr(stuck.peer, "ready", True)
        expected = [f"BK-{place}" for place in range(live_notices.PAGE + 10)]
        assert await has_heard(slow, live_notices.PAGE + 10) == expected


async def test_without_a_word_over_redis_everybody_looks_each_second(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        pass

    monkeypatch.setattr(hall.parts.notices.newsman, "_publish", lost)
    async with signed_in(hall) as olga:
        await olga.opens_tab()
        await happens(hall, count=2)
        assert await has_heard(olga.tab, 2) == ["BK-0", "BK-1"]


async def test_after_a_gap_tabs_hear_what_was_read_meanwhile(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        pass

    await happens(hall)
    async with signed_in(hall) as olga:
        await has_heard(await olga.opens_tab(), 1)
        notice = next(each for each in olga.tab.heard if each["type"] == "notification")
        with monkeypatch.context() as patched:
            patched.setattr(hall.parts.notices.newsman, "_publish", lost)
            await olga.posts("/api/notifications/read", {"ids": [notice["id"]]})
        hall.parts.inbox.may_have_missed()
        assert (await olga.tab.hears("notifications_read"))["ids"] == [notice["id"]]


async def test_nonsense_over_redis_is_no_trouble(hall: House) -> None:
    await hall.parts.redis.publish("holdfast:notices", b"\xc1nonsense")
    async with signed_in(hall) as olga:
        await olga.opens_tab()
        await happens(hall)
        assert await has_heard(olga.tab, 1) == ["BK-0"]
