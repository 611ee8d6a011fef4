"""A signed-in buyer's cart that ended by its deadline: told once, whoever ended it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from server.holds.rules import HeldItem, Hold, HoldEvent
from server.inventory.rules import HoldPolicy
from server.notices import expired as expiring
from server.settings import Settings
from tests.live.conftest import hall as hall_draft
from tests.live.conftest import open_hall
from tests.notices.test_live import signed_in
from tests.support.buyer import visiting
from tests.support.house import House


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings) as house:
        for name, seconds in (("short", 1), ("longer", 6)):
            await house.parts.inventory.create(hall_draft(name, policy=HoldPolicy(hold_seconds=seconds)))
        yield house


async def test_a_cart_is_told_once_by_however_many_processes(house: House, settings: Settings) -> None:
    async with open_hall(settings), signed_in(house, "ann") as ann, signed_in(house) as olga:
        await olga.opens_tab()
        await ann.watches("longer")  # in which a busy machine puts two holds into one cart
        await ann.holds("A-1")
        held = await ann.holds("A-2", "A-3")
        told = await ann.tab.hears("notification")
        assert (told["kind"], told["title"]) == ("hold_expired", "Your hold has ended: A hall")
        assert told["data"]["reference"] == held["cart"]["reference"]
        assert "booking" not in told["data"]
        for seat in ("A-1", "A-2", "A-3"):
            assert seat in told["message"]
        while await house.parts.notices.dispatcher.round() != 0:
            pass
        assert not [each for each in (*ann.tab.heard, *olga.tab.heard) if each["type"] == "notification"]


async def test_nobody_is_told_without_a_user(house: House) -> None:
    async with visiting(house.base_url) as ann, signed_in(house, "ben") as ben:
        await ann.watches("short")
        await ann.holds("A-1")
        await ann.tab.hears("hold", status="expired")
        await ben.watches("short")
        await ben.holds("A-1")
        await ben.tab.hears("notification")
        async with house.parts.database.connection() as connection:
            assert await connection.fetchval("select count(*) from outbox") == 1


def event(place: int, **more: object) -> HoldEvent:
    fields: dict[str, object] = {
        "id": f"h{place}",
        "session": "s1",
        "resource": "short",
        "reference": "BK-1",
        "items": (HeldItem(place, 1, 100),),
        "currency": "eur",
        "status": "expired",
        "created_at": 0,
        "expires_at": 1,
    }
    return HoldEvent(hold=Hold(**{**fields, **more}), reason="deadline", version=1)  # type: ignore[arg-type]  # right by name


async def test_what_is_paid_released_or_too_much_is_not_noted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    carts = house.parts.expired
    monkeypatch.setattr(carts.worker, "wake", lambda: None)
    carts.hear(msgspec.msgpack.encode([event(1, status="held"), event(2, booking="b1")]))
    assert carts._ended == {}
    monkeypatch.setattr(expiring, "KEPT_AT_MOST", 1)
    carts.hear(msgspec.msgpack.encode([event(1), event(2, reference="BK-2")]))
    assert list(carts._ended) == [("s1", "BK-1")]
    carts._ended.clear()


async def test_a_cart_is_told_though_no_message_says_that_it_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "decode_events", lambda _data: [])
    async with signed_in(house, "ann") as ann:
        await ann.watches("short")
        await ann.holds("A-1")
        assert (await ann.tab.hears("notification"))["kind"] == "hold_expired"


async def test_what_is_left_at_the_end_of_a_process_is_written_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def user_of(_session: str) -> str:
        return "ann"

    async with open_hall(settings) as house:
        carts, database = house.parts.expired, house.parts.database
        monkeypatch.setattr(carts.worker, "wake", lambda: None)
        monkeypatch.setattr(carts, "_user_of", user_of)
        carts.ended([event(1, resource="hall").hold, event(2, resource="hall", reference="BK-2").hold])
        async with asyncio.timeout(60):
            await carts.close()
        async with database.connection() as connection:
            assert await connection.fetchval("select count(*) from outbox") == 2
        carts.ended([event(3, resource="hall", reference="BK-3").hold])
    assert carts._ended == {}


async def test_a_range_and_a_resource_that_is_gone_have_words(house: House) -> None:
    carts = house.parts.expired
    span = ("2026-11-21T09:00:00.000Z", "2026-11-21T17:00:00.000Z")
    facts = await carts._facts("ann", [event(1, range=span).hold, event(2, resource="gone").hold])
    assert (facts.owner, facts.things[0].range, facts.things[1].label) == ("olga", span, "")
