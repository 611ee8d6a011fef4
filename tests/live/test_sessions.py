"""What the tabs of a session are told unasked, and how they are kept, sent away and counted as gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from channels.protocol import Notification
from server.accounts.sessions import BOUND_CHANNEL
from server.bookings.announcer import CHANNEL, BookingEvent
from server.errors import Unavailable
from server.holds.events import SESSIONS_CHANNEL
from server.holds.pipeline import Pipeline
from server.holds.rules import HeldItem
from server.holds.scripts import Scripts
from server.inventory.rules import HoldPolicy, Slot, SlotDraft, lay_out
from server.settings import Settings
from tests.live.conftest import GRACE_SECONDS, eventually, hall, open_hall
from tests.support.buyer import Buyer, visiting
from tests.support.door import jwt_of
from tests.support.house import House


@pytest.fixture
async def short(house: House) -> str:
    """A hall whose holds last for a second."""
    await house.parts.inventory.create(hall("short", policy=HoldPolicy(hold_seconds=1)))
    return "short"


@pytest.fixture
async def ann(house: House) -> AsyncIterator[Buyer]:
    async with visiting(house.base_url) as buyer:
        yield buyer


async def test_every_tab_hears_of_its_sessions_holds(house: House, ann: Buyer) -> None:
    await ann.opens_tab("json")
    await ann.watches("hall")
    held = await ann.holds("A-1", "A-2")
    name = held["hold"]["id"]
    for tab in ann.tabs:
        hold = await tab.hears("hold", id=name, status="held")
        assert {key: hold[key] for key in held["hold"]} == held["hold"]
        cart = await tab.hears("cart", reference=held["cart"]["reference"])
        assert cart["total"] == {"amount": 10_000, "currency": "eur"}
        assert [each["id"] for each in cart["holds"]] == [name]
    await ann.releases(held)
    for tab in ann.tabs:
        assert (await tab.hears("hold", id=name, status="released"))["reason"] == "released"
        ended = await tab.hears("cart", reference=None)
        assert (ended["expires_at"], ended["total"], ended["holds"]) == (None, None, [])
    async with visiting(house.base_url) as ben:
        await ben.watches("hall")
        assert [each for each in ben.tab.heard if each["type"] in {"hold", "cart"}] == []


async def test_a_welcome_has_what_the_session_holds(ann: Buyer) -> None:
    await ann.watches("hall")
    held = await ann.holds("A-1")
    tab = await ann.opens_tab("json")
    assert tab.welcome["cart"] == held["cart"]
    assert tab.welcome["holds"] == [held["hold"]]


async def test_a_hold_over_http_is_told_to_the_tabs(ann: Buyer) -> None:
    await ann.watches("hall")
    answer = await ann.posts("/api/holds", {"resource": "hall", "items": [["B-1", 1]]})
    assert answer.status_code == 201
    await ann.tab.hears("hold", id=answer.json()["hold"]["id"])
    await ann.sees("B-1", available=0, held=1)


async def test_a_deadline_is_told_with_its_reason(ann: Buyer, short: str) -> None:
    await ann.watches(short)
    held = await ann.holds("A-1")
    ended = await ann.tab.hears("hold", id=held["hold"]["id"], status="expired")
    assert ended["reason"] == "deadline"
    await ann.tab.hears("cart", reference=None)
    await ann.sees("A-1", available=1, held=0)


async def test_across_two_processes(settings: Settings, house: House, ann: Buyer) -> None:
    async with open_hall(settings) as other, visiting(other.base_url) as ben:
        await ann.watches("hall")
        ben.session, ben.token = ann.session, ann.token
        tab = await ben.connects()
        await tab.says_hello(token=ann.token)
        await ben.watches("hall")
        held = await ann.holds("A-3")
        assert (await tab.hears("hold", status="held"))["id"] == held["hold"]["id"]
        await ben.sees("A-3", available=0, held=1)
        assert house.parts.live.node != other.parts.live.node


async def test_leaving_gives_the_holds_back_after_the_grace(house: House, ann: Buyer) -> None:
    async with visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        await ann.holds("A-1")
        await ben.sees("A-1", available=0)
        await ann.leaves()
        await ben.sees("A-1", available=1, held=0)


async def test_hello_stops_the_grace(house: House, ann: Buyer) -> None:
    async with visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-1")
        await ann.leaves()
        await ann.tab.says_hello()
        await asyncio.sleep(GRACE_SECONDS + 0.5)
        assert [each["id"] for each in (await ann.tab.says_hello())["holds"]] == [held["hold"]["id"]]
        await ben.sees("A-1", available=0, held=1)


async def test_another_tab_keeps_the_holds(house: House, ann: Buyer) -> None:
    async with visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        await ann.holds("A-1")
        other = await ann.opens_tab()
        await other.is_cut_off()
        await asyncio.sleep(GRACE_SECONDS + 0.5)
        await ben.sees("A-1", available=0, held=1)
        await ann.tabs[0].is_cut_off()
        await ben.sees("A-1", available=1, held=0)


async def test_a_silent_socket_counts_as_closed_until_it_is_heard(house: House, ann: Buyer) -> None:
    tab = await ann.opens_tab()
    live, keeper = house.parts.live, house.parts.keeper
    (mine,) = live.table.tabs
    live.silent(mine.peer)
    assert not keeper.is_here(ann.session)
    live.heard(mine.peer)
    assert keeper.is_here(ann.session)
    await tab.is_cut_off()
    await eventually(lambda: not live.table.tabs)
    live.silent(mine.peer)
    live.heard(mine.peer)
    assert not keeper.is_here(ann.session)


async def test_what_a_lost_redis_had_is_told_as_lost(ann: Buyer, redis: Redis) -> None:
    await ann.watches("hall")
    held = await ann.holds("A-1")
    await ann.tab.hears("hold", status="held")
    before = ann.map().epoch
    await redis.flushall()
    lost = await ann.tab.hears("hold", id=held["hold"]["id"], status="lost")
    assert lost["reason"] == "lost"
    await ann.tab.hears("cart", reference=None)
    await ann.sees("A-1", available=1, held=0)
    assert ann.map().epoch != before


async def test_what_was_said_while_nobody_listened_is_read_again(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.watches("hall")
    first, second, third = [await ann.holds(slot) for slot in ("A-1", "A-2", "A-3")]
    await ann.tab.hears("hold", id=third["hold"]["id"])
    news = house.parts.live.news
    monkeypatch.setattr(news, "tell_queued", _hears_nothing)
    await ann.releases(first)
    fourth = await ann.holds("A-4")
    monkeypatch.undo()
    news._queue.clear()
    news.read_all_anew()
    assert (await ann.tab.hears("hold", id=first["hold"]["id"], status="released"))["reason"] == "released"
    await ann.tab.hears("hold", id=fourth["hold"]["id"], status="held")
    await ann.releases(second)
    assert (await ann.tab.hears("hold", status="released"))["id"] == second["hold"]["id"]


async def _hears_nothing() -> None:
    await asyncio.sleep(0)


async def test_what_cannot_be_read_now_is_read_later(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.news.AGAIN_SECONDS", 0.01)
    await ann.watches("hall")
    await ann.holds("A-1")
    news = house.parts.live.news
    standing = house.parts.holds.standing
    failures = iter([True, True])

    async def fails_twice(*asked: Any) -> object:
        if next(failures, False):
            raise Unavailable
        return await standing(*asked)

    monkeypatch.setattr(house.parts.holds, "standing", fails_twice)
    news.read_anew([ann.session, "gone"])
    await eventually(lambda: not news._stale and not news._reading)
    assert next(failures, None) is None


async def test_a_full_queue_means_reading_everything_again(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.watches("hall")
    await ann.holds("A-1")
    news = house.parts.live.news
    await eventually(lambda: not news._queue)
    news.hear(b"\xc1")
    assert not news._queue
    monkeypatch.setattr("server.live.news.QUEUE_LIMIT", 0)
    news.hear(b"\xc1")
    assert news._stale
    await eventually(lambda: not (news._stale or news._reading or news._queue))
    monkeypatch.undo()
    assert (await ann.holds("A-2"))["hold"]["status"] == "held"
    await ann.tab.hears("hold", status="held")


async def test_nonsense_on_the_channel_is_no_trouble(house: House, ann: Buyer, redis: Redis) -> None:
    await ann.watches("hall")
    for channel in (SESSIONS_CHANNEL, CHANNEL, BOUND_CHANNEL):
        await redis.publish(channel, b"\xc1nonsense")
    await ann.holds("A-1")
    await ann.tab.hears("hold", status="held")
    assert house.parts.bus.healthy


async def test_a_changed_booking_is_told_to_its_session_and_its_user_once(house: House, redis: Redis) -> None:
    async with (
        visiting(house.base_url) as ann,
        visiting(house.base_url) as phone,
        visiting(house.base_url) as ben,
    ):
        ann.signs_in(jwt_of("ann"))
        phone.signs_in(jwt_of("ann"))
        for buyer in (ann, phone, ben):
            await buyer.opens_tab()
        event = BookingEvent(session=ann.session, user="ann", booking={"id": "b1", "status": "confirmed"})
        await redis.publish(CHANNEL, msgspec.json.encode(event))
        for buyer in (ann, phone):
            assert (await buyer.tab.hears("booking", id="b1"))["status"] == "confirmed"
        house.parts.live.tell_session(ben.session, _notice())
        await ben.tab.hears("notification")
        assert [each for each in ann.tab.heard if each["type"] == "booking"] == []
        assert [each for each in ben.tab.heard if each["type"] == "booking"] == []


async def test_a_users_booking_is_not_told_to_its_session_alone(house: House, redis: Redis) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_tab()
        for name, user in (("users", "ann"), ("nobodys", None)):
            event = BookingEvent(session=ann.session, user=user, booking={"id": name})
            await redis.publish(CHANNEL, msgspec.json.encode(event))
        await ann.tab.hears("booking", id="nobodys")
        assert [each for each in ann.tab.heard if each["type"] == "booking"] == []


def _notice() -> Notification:
    return Notification(id="n1", kind="hold_expired", title="Over", message="Over", data={}, created_at=1)


async def test_a_notification_reaches_a_users_sockets(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url, "json") as phone:
        for buyer in (ann, phone):
            buyer.signs_in(jwt_of("ann"))
            await buyer.opens_tab()
        house.parts.live.tell_user("ann", _notice())
        house.parts.live.tell_user("nobody", _notice())
        house.parts.live.tell_session("nobody", _notice())
        for buyer in (ann, phone):
            assert (await buyer.tab.hears("notification"))["kind"] == "hold_expired"


@pytest.mark.parametrize("script", ["returning", "listing"])
async def test_what_is_told_before_the_welcome_comes_after_it(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Whether it is read with those of others, or by itself, as in a cluster."""
    await ann.opens_session()
    live = house.parts.live
    run = Scripts.run
    reads: list[str] = []

    async def meanwhile(scripts: Scripts, name: str, *anything: Any, **more: Any) -> bytes:
        found = await run(scripts, name, *anything, **more)
        reads.append(name)
        if reads.count(script) == 1 and name == script:
            live.tell_session(ann.session, _notice())
            await ann.posts("/api/holds", {"resource": "hall", "items": [["A-9", 1]]})
            await eventually(lambda: any(tab.missed for tab in live.table.tabs))
        return found

    tab = await ann.connects()
    order: list[str] = []
    tab.on_message = lambda message: order.append(message["type"])
    monkeypatch.setattr(live, "opened", _hears_nothing_of)
    monkeypatch.setattr(Scripts, "run", meanwhile)
    monkeypatch.setattr(house.parts.returns, "serves", script == "returning")
    welcome = await tab.says_hello()
    assert [hold["items"] for hold in welcome["holds"]] == [[["A-9", 1]]]
    await tab.hears("notification")
    assert order[:2] == ["welcome", "notification"]


def _hears_nothing_of(_tab: object, **_: object) -> None:
    pass


async def test_a_token_that_ends_closes_its_sockets(house: House, ann: Buyer) -> None:
    ann.signs_in(jwt_of("ann", seconds=4))
    tab = await ann.opens_tab()
    assert await tab.is_closed() == 4400
    assert (await tab.hears("error"))["code"] == "token_expired"
    assert house.parts.live.table.users_tabs("ann") == []


async def test_a_process_that_goes_says_goodbye(settings: Settings) -> None:
    async with open_hall(settings) as house, visiting(house.base_url, agree=False) as ann:
        tab = await ann.opens_tab()
        await house.parts.drain()
        goodbye = await tab.hears("goodbye")
        assert goodbye["spread_ms"] > 0
        assert await tab.is_closed() == 4100


async def test_sockets_hear_that_the_process_lives(ann: Buyer) -> None:
    tab = await ann.opens_tab()
    first = await tab.hears("heartbeat")
    second = await tab.hears("heartbeat")
    assert second["server_time"] >= first["server_time"]


async def test_ends_are_remembered_for_a_while(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.table.ENDED_KEPT", 2)
    await ann.watches("hall")
    for seat in range(1, 6):
        await ann.releases(await ann.holds(f"A-{seat}"))
    await ann.tab.hears("cart", reference=None)
    await eventually(lambda: len(house.parts.live.table.session(ann.session).ended) == 2)  # type: ignore[union-attr]  # ann is here


async def test_a_seat_that_was_added_since_has_its_name(house: House, ann: Buyer) -> None:
    await ann.watches("hall")
    await ann.holds("A-1")
    news = house.parts.live.news
    (hold,) = await house.parts.holds.holds(ann.session)
    added = msgspec.structs.replace(hold, items=(HeldItem(index=24, quantity=1, price=1),))
    before = hall().slots
    await house.parts.inventory.change(
        "hall", lambda _resource, _slots: (hall(), _laid_out([*before, _seat("D-1")]))
    )
    assert (await news.names.view(added)).items == (("D-1", 1),)


def _seat(name: str) -> SlotDraft:
    return SlotDraft(id=name, label=name, price=1, category="stalls", section="row D", row="D")


def _laid_out(drafts: list[SlotDraft]) -> tuple[Slot, ...]:
    return lay_out((), drafts, currency="eur")


async def test_a_paying_hold_that_nobody_knows_is_its_bookings_to_tell(house: House, ann: Buyer) -> None:
    await ann.watches("hall")
    held = await ann.holds("A-1")
    session = house.parts.live.table.session(ann.session)
    assert session is not None
    await eventually(lambda: bool(session.holds))
    (hold,) = session.holds.values()
    ghost = msgspec.structs.replace(hold, id="ghost", status="paying")
    over = msgspec.structs.replace(hold, id="over", expires_at=1)
    session.holds |= {"ghost": ghost, "over": over}
    house.parts.live.news.read_anew([ann.session])
    assert (await ann.tab.hears("hold", id="over"))["reason"] == "deadline"
    assert set(session.holds) == {held["hold"]["id"]}
    assert [each for each in ann.tab.heard if each.get("id") == "ghost"] == []


async def test_epochs_that_cannot_be_read_are_read_later(
    house: House, ann: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.live.news.CHECK_SECONDS", 0.01)
    asked: list[object] = []

    async def is_away(resources: object) -> object:
        asked.append(resources)
        raise Unavailable

    await ann.watches("hall")
    await ann.holds("A-1")
    monkeypatch.setattr(house.parts.holds, "positions", is_away)
    await eventually(lambda: len(asked) > 2)


async def test_a_new_session_is_greeted_without_asking_redis(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand may come at once."""
    asked: list[object] = []
    call = Pipeline.call

    def noted(pipeline: Pipeline, *command: object) -> object:
        asked.extend(part for part in command if str(part).startswith("{session:"))
        return call(pipeline, *command)

    monkeypatch.setattr(Pipeline, "call", noted)
    async with visiting(house.base_url, agree=False) as ben:
        tab = await ben.connects()
        welcome = await tab.says_hello()
        await house.parts.keeper.flush()
        assert welcome["holds"] == []
        assert asked == []


@pytest.mark.parametrize("together", [True, False])
async def test_who_comes_back_as_their_liveness_runs_out_keeps_what_they_are_shown(
    house: House, ann: Buyer, redis: Redis, monkeypatch: pytest.MonkeyPatch, *, together: bool
) -> None:
    """Nobody loses a cart to a reload: a sweep that comes right behind the reading ends nothing."""
    parts, standing = house.parts, house.parts.holds.standing
    await ann.opens_tab()
    held = await ann.holds("A-1", resource="hall")
    monkeypatch.setattr(parts.keeper.sweeper, "sweep", _hears_nothing)
    monkeypatch.setattr(parts.keeper.sweeper, "expire_due", _hears_nothing)
    await ann.tab.is_cut_off()
    await eventually(lambda: not parts.live.table.tabs)
    await parts.keeper.flush()
    for process in await redis.hkeys(f"{{hall}}:live:{ann.session}"):
        await redis.hset(f"{{hall}}:live:{ann.session}", process, 1)
    await redis.zadd("{hall}:lives", {ann.session: 1})

    async def is_swept_behind(*given: Any) -> Any:
        found = await standing(*given)
        await parts.holds.store.expire("hall", liveness=True)
        return found

    monkeypatch.setattr(parts.holds, "standing", is_swept_behind)
    monkeypatch.setattr(parts.returns, "serves", together)
    tab = await ann.opens_tab()
    assert [each["id"] for each in tab.welcome["holds"]] == [held["hold"]["id"]]
    assert [hold.status for hold in (await standing(ann.session)).live] == ["held"]
