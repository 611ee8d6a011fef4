"""Many sessions' commands in one call: as if they came one after the other, and each with its own outcome."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from server.errors import Overloaded, SlotTaken, Unavailable
from server.holds.gathering import Reply
from server.holds.scripts import Own, Scripts
from server.holds.wire import Wire, settle
from tests.holds.conftest import MakeWorld
from tests.holds.grids import driveway, sees, takes
from tests.holds.world import World, hall, places

Calls = list[tuple[str, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Scripts that were run for many, and for how many each time."""
    made: Calls = []
    run_many = Scripts.run_many

    def counted(
        it: Scripts, name: str, key: str, common: Any, each: Sequence[Own], *blobs: bytes
    ) -> Awaitable[list[bytes | Exception]]:
        made.append((name, len(each)))
        return run_many(it, name, key, common, each, *blobs)

    monkeypatch.setattr(Scripts, "run_many", counted)
    return made


async def _loaded(world: World, calls: Calls) -> None:
    await world.main.ensure("hall")
    calls.clear()


async def _hold_at_once(world: World, *seats: str) -> list[Any]:
    """What comes of it: the buyer of each seat is named after their place in the row."""
    work = (world.buyer(f"buyer-{place}").holds(seat) for place, seat in enumerate(seats))
    return await asyncio.gather(*work, return_exceptions=True)


async def test_what_many_ask_at_once_is_one_call_with_an_outcome_for_each(world: World, calls: Calls) -> None:
    await _loaded(world, calls)
    async with world.listening() as listener:
        first, late, third = await _hold_at_once(world, "A-1", "A-1", "B-2")
        heard = await listener.so_far()
    assert calls == [("hold_many", 3)]
    assert isinstance(late, SlotTaken)
    assert late.slots == ["A-1"]
    assert [each.hold.session for each in (first, third)] == ["buyer-0", "buyer-2"]
    assert await world.available() == [0, 1, 1, 1, 1, 1, 1, 0, 1, 1]
    (step,) = heard.changes
    assert step[4] == [0, 0, 1, 7, 0, 1]
    assert heard.batches == 1


async def test_each_has_a_version_of_its_own_and_the_channel_goes_to_the_last(
    world: World, calls: Calls
) -> None:
    """A session tells by that what comes after what, though one call did several things to its holds."""
    await _loaded(world, calls)
    async with world.listening() as listener:
        held = await _hold_at_once(world, "A-1", "A-2", "A-3")
        heard = await listener.so_far()
    versions = [each.version for each in held]
    assert versions == sorted(set(versions))
    assert [event.version for event in heard.events] == versions
    assert heard.changes[0][3] == versions[-1]
    async with world.listening() as listener:
        await asyncio.gather(*(world.buyer(each.hold.session).releases(each) for each in held))
        heard = await listener.so_far()
    assert calls[-1] == ("release_many", 3)
    assert [event.version for event in heard.events] == [heard.changes[0][3] - back for back in (2, 1, 0)]


async def test_what_ends_a_hold_in_the_same_call_comes_after_what_was_told_of_it(
    world: World, calls: Calls
) -> None:
    """Ben's socket is long gone when he takes more; Cleo, behind him, wants what he has: all of it ends."""
    ben, cleo = world.buyer("ben"), world.buyer("cleo")
    await ben.holds("A-1", connected=True)
    world.time_passes(100)
    calls.clear()
    async with world.listening() as listener:
        more, _ = await asyncio.gather(ben.holds("B-1"), cleo.holds("A-1"))
        heard = await listener.so_far()
    assert calls == [("hold_many", 2)]
    of_ben = {event.reason: event.version for event in heard.events if event.hold.session == "ben"}
    assert of_ben == {"": more.version, "left": more.version + 1}


async def test_one_whose_index_is_broken_fails_alone(world: World, calls: Calls) -> None:
    await _loaded(world, calls)
    await world.redis.set("{session:buyer-1}:cart", "no hash")
    first, broken, third = await _hold_at_once(world, "A-1", "A-2", "A-3")
    assert calls == [("hold_many", 3)]
    assert isinstance(broken, ResponseError)
    assert first.hold.session == "buyer-0"
    assert third.hold.session == "buyer-2"
    assert await world.available() == [0, 1, 0, 1, 1, 1, 1, 1, 1, 1]


async def test_no_call_is_for_more_than_is_good_for_redis(
    make_world: MakeWorld, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.holds.gathering.MOST", 3)
    monkeypatch.setattr("server.holds.gathering.MOST_ITEMS", 4)
    world = make_world(hall("hall", places(a=9, b=9, c=9), kind="sessions"))
    await _loaded(world, calls)
    wanted = [("a",), ("a",), ("a",), ("a",), ("a", "b", "c"), ("a", "b")]
    buyers = [world.buyer(f"buyer-{place}") for place in range(len(wanted))]
    await asyncio.gather(*(buyer.holds(*slots) for buyer, slots in zip(buyers, wanted, strict=True)))
    assert calls == [("hold_many", 3), ("hold_many", 2), ("hold_many", 1)]
    assert await world.available() == [3, 7, 8]


async def test_what_comes_while_one_is_on_its_way_goes_with_the_next(world: World, calls: Calls) -> None:
    await _loaded(world, calls)
    first = asyncio.ensure_future(world.buyer("ann").holds("A-1"))
    while not calls:  # noqa: ASYNC110  # it is on its way
        await asyncio.sleep(0)
    rest = [asyncio.ensure_future(world.buyer(f"buyer-{n}").holds(f"A-{n}")) for n in (2, 3)]
    await asyncio.sleep(0)
    rest.append(asyncio.ensure_future(world.buyer("ben").holds("A-4")))
    await asyncio.gather(first, *rest)
    assert calls == [("hold_many", 1), ("hold_many", 3)]


async def test_a_call_for_enough_does_not_wait_for_the_answer_of_the_one_before(
    world: World, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on its way is bounded, and of what waits nothing is forgotten."""
    monkeypatch.setattr("server.holds.gathering.ENOUGH", 2)
    monkeypatch.setattr("server.holds.gathering.MOST", 3)
    await _loaded(world, calls)
    gates: list[asyncio.Event] = []
    run_many = Scripts.run_many

    async def held_up(*asked: Any) -> list[bytes | Exception]:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return await run_many(*asked)

    monkeypatch.setattr(Scripts, "run_many", held_up)
    held = []
    for seat, on_their_way in (
        ("A-1", 1), ("A-2", 1), ("A-3", 2), ("A-4", 2), ("A-5", 3), ("A-6", 3), ("B-1", 3), ("B-2", 3),
        ("B-3", 3),
    ):  # fmt: skip
        held.append(asyncio.ensure_future(world.buyer(seat).holds(seat)))
        while len(gates) < on_their_way:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)
        await _others_work()
        assert len(gates) == on_their_way, seat
    for done, on_their_way in ((0, 4), (1, 4), (2, 4), (3, 5)):
        gates[done].set()
        while len(gates) < on_their_way:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await held[2 * done]
        await _others_work()
        assert len(gates) == on_their_way, done
    gates[4].set()
    assert len({(await each).version for each in held}) == len(held)


async def test_the_next_call_is_sent_before_what_came_of_the_last_is_told(
    world: World, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telling takes as long as Redis needs for the next: it is not to rest meanwhile."""
    await _loaded(world, calls)
    first = asyncio.ensure_future(world.buyer("ann").holds("A-1"))
    while not calls:  # noqa: ASYNC110  # it is on its way
        await asyncio.sleep(0)
    second = asyncio.ensure_future(world.buyer("ben").holds("A-2"))
    await asyncio.sleep(0)
    happened: list[str] = []
    send = Wire.send

    def sends(it: Wire, commands: list[Any]) -> None:
        happened.append("sent")
        send(it, commands)

    def tells(reply: Reply, found: Any) -> None:
        reply.add_done_callback(lambda _: happened.append("told"))
        settle(reply, found)

    monkeypatch.setattr(Wire, "send", sends)
    monkeypatch.setattr("server.holds.gathering.settle", tells)
    await asyncio.gather(first, second)
    assert calls == [("hold_many", 1), ("hold_many", 1)]
    assert happened[:2] == ["sent", "told"]


async def _others_work() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_of_one_session_go_one_after_the_other(world: World, calls: Calls) -> None:
    """The second finds what is remembered of the first's op."""
    await _loaded(world, calls)
    ann = world.buyer("ann")
    both = await asyncio.gather(ann.holds("A-1", op="01HX"), ann.holds("A-1", op="01HX"))
    assert calls == [("hold_many", 1), ("hold_many", 1)]
    assert both[0] == both[1]


async def test_terms_that_differ_are_not_mixed(world: World, calls: Calls) -> None:
    await _loaded(world, calls)
    by_socket = world.buyer("ann").holds("A-1", connected=True)
    await asyncio.gather(by_socket, world.buyer("ben").holds("A-2"))
    assert calls == [("hold_many", 1), ("hold_many", 1)]


async def test_ranges_go_by_themselves(make_world: MakeWorld, calls: Calls) -> None:
    """Each brings the records of its own days."""
    drive = driveway()
    world = make_world(drive)
    await world.main.ensure("drive")
    calls.clear()
    await asyncio.gather(
        takes(world.buyer("ann"), drive, "09:00", "10:00"), takes(world.buyer("ben"), drive, "11:00", "12:00")
    )
    assert calls == [("hold_many", 1), ("hold_many", 1)]
    assert await sees(world, drive, "11:00", "12:00") == {(0, 1)}


async def test_one_who_gives_it_up_takes_nobody_along(world: World, calls: Calls) -> None:
    await _loaded(world, calls)
    ann, ben = (
        asyncio.ensure_future(world.buyer(name).holds(seat))
        for name, seat in (("ann", "A-1"), ("ben", "A-2"))
    )
    await asyncio.sleep(0)
    ann.cancel()
    assert (await ben).hold.session == "ben"


async def test_all_are_told_of_a_redis_that_is_away_and_too_many_are_refused(
    world: World, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _loaded(world, calls)
    monkeypatch.setattr("server.holds.gathering.MOST", 1)
    monkeypatch.setattr("server.holds.gathering.WAITING", 3)

    async def is_away(*_anything: object) -> list[bytes | Exception]:
        calls.append(("hold_many", 1))
        raise Unavailable

    monkeypatch.setattr(Scripts, "run_many", is_away)
    outcomes = await _hold_at_once(world, "A-1", "A-2", "A-3", "A-4")
    assert [type(each) for each in outcomes] == [Unavailable, Unavailable, Unavailable, Overloaded]
    assert len(calls) == 1, "those behind are not tried one after the other"
    monkeypatch.undo()
    assert (await world.buyer("ann").holds("A-1")).created


async def test_who_was_asked_about_or_told_of_it_waits_no_more(
    world: World, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.holds.gathering.MOST", 1)
    monkeypatch.setattr("server.holds.gathering.WAITING", 2)
    await _loaded(world, calls)
    for seat in ("A-1", "A-2", "A-3"):
        await world.buyer("ann").holds(seat)

    async def is_away(*_anything: object) -> list[bytes | Exception]:
        raise Unavailable

    monkeypatch.setattr(Scripts, "run_many", is_away)
    for _ in range(3):
        outcomes = await _hold_at_once(world, "B-1", "B-2")
        assert [type(each) for each in outcomes] == [Unavailable] * 2
