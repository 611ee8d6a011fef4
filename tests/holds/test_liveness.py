"""Sessions live by their sockets, each process speaking for its own; deadlines are not touched by it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.errors import HoldfastError, Overloaded, Unavailable
from server.holds import liveness
from server.holds.index import Listing
from server.holds.liveness import READS_AT_ONCE
from server.holds.places import Held
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import Listener, World, hall, rows

GRACE, LIVENESS = 10, 30


class Process:
    """One of several server processes: its holds, its keeper, and its ear on the channel of all holds."""

    def __init__(self, world: World, name: str, listener: Listener) -> None:
        self.holds = world.process(name)
        self.keeper = world.keeper(self.holds)
        self._listener = listener

    async def hears(self) -> None:
        self.keeper.hear_events((await self._listener.so_far()).events)
        await self.tells()

    async def tells(self) -> None:
        await self.keeper.read()
        await self.keeper.flush()

    async def misses(self) -> None:
        """What was said until now it never hears, and knows that."""
        await self._listener.so_far()
        self.keeper.may_have_missed()
        await self.tells()

    async def opens(self, session: str, socket: str = "tab") -> None:
        self.keeper.socket_opened(session, socket)
        await self.hears()

    async def closes(self, session: str, socket: str = "tab") -> None:
        await self.hears()
        self.keeper.socket_closed(session, socket)
        await self.keeper.flush()

    async def renews(self) -> None:
        await self.hears()
        await self.keeper.renew()

    async def sweeps(self) -> None:
        await self.hears()
        await self.keeper.sweep()


@pytest.fixture
async def one(world: World) -> AsyncIterator[Process]:
    async with world.listening() as listener:
        yield Process(world, "one", listener)


@pytest.fixture
async def two(world: World) -> AsyncIterator[Process]:
    async with world.listening() as listener:
        yield Process(world, "two", listener)


async def is_held(world: World) -> bool:
    await world.main.expire()
    return (await world.of("A-1"))[1] == 1


async def test_a_session_that_never_had_a_socket_lives_to_its_deadline(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    world.time_passes(899)
    assert await is_held(world)
    world.time_passes(1)
    assert not await is_held(world)


async def test_closing_the_last_tab_starts_the_grace(world: World, one: Process) -> None:
    ann = world.buyer("ann")
    await one.opens("ann")
    held = await ann.holds("A-1", connected=True)
    await one.closes("ann")
    async with world.listening() as listener:
        world.time_passes(GRACE - 0.001)
        assert await is_held(world)
        world.time_passes(0.001)
        assert not await is_held(world)
        (event,) = (await listener.so_far()).events
    assert (event.hold.status, event.reason) == ("released", "left")
    assert (await ann.finds(held)).status == "released"


async def test_a_reload_within_the_grace_keeps_the_hold_and_its_deadline(world: World, one: Process) -> None:
    await one.opens("ann", "first")
    held = await world.buyer("ann").holds("A-1", connected=True)
    await one.closes("ann", "first")
    world.time_passes(GRACE - 1)
    await one.opens("ann", "second")
    world.time_passes(2)
    assert await is_held(world)
    assert (await world.buyer("ann").finds(held)).expires_at == held.hold.expires_at


async def test_another_tab_keeps_the_hold(world: World, one: Process) -> None:
    await one.opens("ann", "first")
    await one.opens("ann", "second")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.closes("ann", "first")
    world.time_passes(GRACE + 1)
    assert await is_held(world)
    await one.renews()
    world.time_passes(LIVENESS - 1)
    assert await is_held(world)


async def test_a_tab_on_another_process_keeps_the_hold(world: World, one: Process, two: Process) -> None:
    await one.opens("ann", "first")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await two.opens("ann", "second")
    await one.closes("ann", "first")
    world.time_passes(GRACE + 1)
    assert await is_held(world)
    await two.closes("ann", "second")
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_a_process_that_dies_just_stops_renewing(world: World, one: Process, two: Process) -> None:
    await one.opens("ann")
    await one.opens("ben")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await world.buyer("ben", process=one.holds).holds("A-2", connected=True)
    del one  # kill -9
    world.time_passes(LIVENESS - 5)
    await two.opens("ben")
    world.time_passes(4.9)
    assert await is_held(world)
    world.time_passes(0.1)
    assert not await is_held(world)
    assert (await world.of("A-2"))[1] == 1


async def test_renewals_keep_a_hold_as_long_as_its_deadline_allows(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.closes("ann")
    await one.opens("ann")
    for _ in range(89):
        world.time_passes(10)
        await one.renews()
        assert await is_held(world)
    world.time_passes(10)
    assert not await is_held(world)


async def test_a_hold_by_http_lives_by_the_sockets_of_its_session(world: World, one: Process) -> None:
    """Its process hears of the hold, wherever it was made."""
    await one.opens("ann")
    await world.buyer("ann", process=world.process("other")).holds("A-1")
    await one.hears()
    world.time_passes(LIVENESS)
    assert not await is_held(world)


async def test_a_missed_event_is_made_up_for_after_a_gap(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.misses()
    world.time_passes(LIVENESS - 1)
    await one.renews()
    world.time_passes(LIVENESS - 1)
    assert await is_held(world)


class Two:
    """A buyer with a tab on each of two processes, who holds by the second."""

    def __init__(self, world: World, one: Process, two: Process) -> None:
        self.world, self.one, self.two = world, one, two
        self.ann = world.buyer("ann", process=two.holds)

    async def opens(self) -> None:
        await self.one.opens("ann")
        await self.two.opens("ann", "other tab")

    async def holds(self) -> Held:
        return await self.ann.holds("A-1", connected=True)

    async def is_kept_up_by_one(self) -> None:
        """The other tab closes; the hold stands until this one does, too."""
        await self.two.closes("ann", "other tab")
        self.world.time_passes(GRACE)
        assert await is_held(self.world)
        await self.one.closes("ann")
        self.world.time_passes(GRACE)
        assert not await is_held(self.world)


@pytest.fixture
async def both(world: World, one: Process, two: Process) -> Two:
    made = Two(world, one, two)
    await made.opens()
    return made


async def test_a_tab_here_keeps_up_what_is_held_elsewhere_after_all_had_ended(both: Two) -> None:
    """With a session's last hold Redis forgets where it has tabs."""
    held = await both.holds()
    await both.one.hears()
    await both.ann.releases(held)
    await both.holds()
    await both.one.hears()
    await both.is_kept_up_by_one()


async def test_so_it_does_where_the_end_was_never_heard(both: Two) -> None:
    held = await both.holds()
    await both.one.hears()
    await both.ann.releases(held)
    await both.one.misses()
    await both.holds()
    await both.one.hears()
    await both.is_kept_up_by_one()


async def test_so_it_does_where_redis_forgot_without_a_word(both: Two, world: World) -> None:
    await both.holds()
    await both.one.hears()
    await world.redis.flushall()
    await both.holds()
    await both.one.hears()
    await both.is_kept_up_by_one()


@pytest.mark.parametrize("way", ["another tab is greeted", "a gap"])
async def test_so_it_does_where_a_session_is_still_listed_with_what_has_ended(
    both: Two, world: World, way: str
) -> None:
    """By its deadline: nobody has cleared the session's index since."""
    await both.holds()
    for _ in range(90):
        await both.one.renews()
        await both.two.renews()
        world.time_passes(10)
    assert not await is_held(world)
    listed = await both.one.holds.resources_of("ann")
    assert listed == ["hall"]
    if way == "a gap":
        await both.one.misses()
    else:
        both.one.keeper.socket_opened("ann", "third tab", is_read=True)
        await both.one.keeper.session_lives("ann", listed)
        both.one.keeper.session_holds("ann", [])
        await both.one.closes("ann", "third tab")
    await both.holds()
    await both.one.hears()
    await both.is_kept_up_by_one()


async def test_so_it_does_where_the_end_was_heard_before_the_answer_that_it_was_taken(both: Two) -> None:
    answers: list[tuple[str, str, str]] = []
    both.one.holds.on_taken(lambda *answer: answers.append(answer))
    held = await both.world.buyer("ann", process=both.one.holds).holds("A-1", connected=True)
    await both.ann.releases(held)
    await both.one.hears()
    both.one.keeper.liveness.taken(*answers[0])
    await both.holds()
    await both.one.hears()
    await both.is_kept_up_by_one()


async def test_what_may_be_missed_while_it_is_read_is_read_again(
    both: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()
    read = both.one.holds.resources_of

    async def slowly(session: str) -> list[str]:
        found = await read(session)
        asked.set()
        await goes_on.wait()
        return found

    monkeypatch.setattr(both.one.holds, "resources_of", slowly)
    both.one.keeper.may_have_missed()
    reading = asyncio.create_task(both.one.keeper.read())
    await asked.wait()
    await both.holds()
    await both.one._listener.so_far()
    both.one.keeper.may_have_missed()
    goes_on.set()
    await reading
    await both.one.tells()
    await both.is_kept_up_by_one()


async def test_what_is_read_is_told_though_the_gap_was_told_of_before(both: Two) -> None:
    await both.holds()
    await both.one._listener.so_far()
    both.one.keeper.may_have_missed()
    await both.one.keeper.flush()
    await both.one.keeper.read()
    await both.one.keeper.flush()
    await both.is_kept_up_by_one()


async def test_who_cannot_be_read_keeps_nobody_from_being_read_or_told_of(
    both: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cluster, the server is away that knows where half of them hold anything."""
    world, one, two = both.world, both.one, both.two
    read, is_away = one.holds.resources_of, True

    async def read_some(session: str) -> list[str]:
        if is_away and session.endswith("1"):
            raise Unavailable
        return await read(session)

    async def live(session: str) -> list[Any]:
        return sorted(await world.redis.hkeys(f"{{hall}}:live:{session}"))

    monkeypatch.setattr(one.holds, "resources_of", read_some)
    for name in [f"ben {number} {place}" for number in range(100) for place in (0, 1)]:
        one.keeper.socket_opened(name, "tab", is_read=True)
    for number, name in enumerate(("ben 99 0", "ben 99 1"), start=2):
        await world.buyer(name, process=two.holds).holds(f"A-{number}")
    await one._listener.so_far()
    one.keeper.may_have_missed()
    with pytest.raises(Unavailable):
        await one.keeper.read()
    await both.holds()
    one.keeper.hear_events((await one._listener.so_far()).events)
    await one.keeper.flush()
    assert await live("ann") == [b"one", b"two"]
    assert [await live("ben 99 0"), await live("ben 99 1")] == [[b"one"], []]
    assert one.keeper.liveness.reads.is_set(), "the others are read again"
    is_away = False
    await one.tells()
    assert await live("ben 99 1") == [b"one"]


async def test_a_resource_that_is_away_keeps_no_other_from_being_told(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who has left the other one is not granted the grace again with each try."""
    world = make_world(hall("away", rows(A=2)), hall("hall", rows(A=2)))
    keeper, ann, ben = world.keeper(world.main), world.buyer("ann"), world.buyer("ben")
    run, is_away = world.main.store.run, True

    async def run_some(name: str, resource: str, **given: Any) -> Any:
        if resource == "away" and is_away:
            raise Unavailable
        return await run(name, resource, **given)

    for buyer in (ann, ben):
        keeper.socket_opened(buyer.session, "tab", is_read=True)
        for where in ("away", "hall"):
            await buyer.holds("A-1" if buyer is ann else "A-2", hall=where, connected=True)
    monkeypatch.setattr(world.main.store, "run", run_some)
    keeper.socket_closed("ann", "tab")
    keeper.liveness.note("ben")
    for _ in range(GRACE):
        with pytest.raises(Unavailable):
            await keeper.flush()
        with pytest.raises(Unavailable):
            await keeper.liveness.renew()
        world.time_passes(1)
    await world.main.swept("hall")
    assert [(await world.of(slot))[1] for slot in ("A-1", "A-2")] == [0, 1]
    is_away = False
    await keeper.flush()
    world.time_passes(GRACE)
    await world.main.expire()
    assert [(await world.of(slot, "away"))[1] for slot in ("A-1", "A-2")] == [0, 1]


async def test_however_many_cannot_be_read_who_comes_behind_them_is(
    both: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole lot that fails ends a round, and the next one begins with whoever was not tried yet."""
    asked: list[str] = []
    read = both.one.holds.resources_of

    async def read_some(session: str) -> list[str]:
        asked.append(session)
        if session.startswith("aaron"):
            raise Unavailable
        return await read(session)

    monkeypatch.setattr(both.one.holds, "resources_of", read_some)
    for number in range(2 * READS_AT_ONCE):
        both.one.keeper.socket_opened(f"aaron {number}", "tab")
    for _ in range(2):
        asked.clear()
        with pytest.raises(Unavailable):
            await both.one.keeper.read()
        assert len(asked) == READS_AT_ONCE
    await both.holds()
    await both.one._listener.so_far()
    both.one.keeper.may_have_missed()
    with pytest.raises(Unavailable):
        await both.one.keeper.read()
    await both.one.keeper.flush()
    monkeypatch.undo()
    await both.is_kept_up_by_one()


@pytest.mark.parametrize("error", [Unavailable(), Overloaded(retry_after=1)])
async def test_that_a_server_is_away_is_told_whatever_else_goes_wrong(
    one: Process, monkeypatch: pytest.MonkeyPatch, error: HoldfastError
) -> None:
    """And a fault of ours is not lost beside it."""
    fails = {"ann": Overloaded(retry_after=1), "ben": TypeError("of ours"), "cem": error}

    async def read(session: str) -> list[str]:
        raise fails[session]

    monkeypatch.setattr(one.holds, "resources_of", read)
    for session in fails:
        one.keeper.socket_opened(session, "tab")
    with capture_logs() as logs, pytest.raises(type(error)):
        await one.keeper.read()
    assert [(entry["log_level"], entry["exc_info"]) for entry in logs] == [("critical", fails["ben"])]


Does = Callable[[], Awaitable[None]]


def while_it_is_told(one: Process, monkeypatch: pytest.MonkeyPatch, *, before: bool, does: Does) -> None:
    """Something happens before, or after, Redis hears that somebody has left, and before the answer comes."""
    run = one.holds.store.run

    async def told(name: str, *given: Any, **named: Any) -> Any:
        if name == "leave" and before:
            await does()
        answer = await run(name, *given, **named)
        if name == "leave" and not before:
            await does()
        return answer

    monkeypatch.setattr(one.holds.store, "run", told)


@pytest.mark.parametrize("by", ["one", "two"])
async def test_what_was_on_its_way_as_redis_heard_that_its_buyer_left_has_the_grace(
    world: World, one: Process, two: Process, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    ann = world.buyer("ann", process=one.holds)
    await one.opens("ann")
    held = await ann.holds("A-1", connected=True)
    await one.hears()

    async def comes() -> None:
        if by == "one":
            await ann.holds("A-2", connected=True)
        else:
            await ann.releases(held)  # and Redis forgets that she has left
            await world.buyer("ann", process=two.holds).holds("A-2")
        one.keeper.hear_events((await one._listener.so_far()).events)

    with monkeypatch.context() as meanwhile:
        while_it_is_told(one, meanwhile, before=False, does=comes)
        one.keeper.socket_closed("ann", "tab")
        await one.keeper.flush()
    await one.keeper.flush()
    world.time_passes(GRACE)
    await world.main.expire()
    assert [(await world.of(slot))[1] for slot in ("A-1", "A-2")] == [0, 0]


async def test_who_is_back_as_redis_hears_that_they_left_stays(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.opens("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await one.hears()

    async def comes_back() -> None:
        one.keeper.socket_opened("ann", "new tab", is_read=True)
        await one.keeper.session_lives("ann", ["hall"])
        one.keeper.session_holds("ann", ["hall"])

    with monkeypatch.context() as meanwhile:
        while_it_is_told(one, meanwhile, before=True, does=comes_back)
        one.keeper.socket_closed("ann", "tab")
        await one.keeper.flush()
    await one.keeper.flush()
    world.time_passes(GRACE)
    assert await is_held(world)


async def test_who_leaves_while_all_are_renewed_is_not_renewed_behind_that(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "BATCH", 1)
    for name, slot in (("zoe", "A-2"), ("ann", "A-1")):
        await one.opens(name)
        await world.buyer(name, process=one.holds).holds(slot, connected=True)
    await one.hears()
    run = one.holds.store.run

    async def leaves(name: str, *given: Any, **named: Any) -> Any:
        answer = await run(name, *given, **named)
        if name == "renew" and one.keeper.is_here("ann"):
            one.keeper.socket_closed("ann", "tab")
            await one.keeper.flush()
        return answer

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(one.holds.store, "run", leaves)
        await one.keeper.renew()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_who_is_back_before_redis_hears_that_they_left_does_not_leave(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for a moment, in which this process may drain."""
    monkeypatch.setattr(liveness, "BATCH", 1)
    for name, slot in (("ann", "A-2"), ("ben", "A-1")):
        await one.opens(name)
        await world.buyer(name, process=one.holds).holds(slot, connected=True)
    await one.hears()

    async def comes_back() -> None:
        one.keeper.socket_opened("ben", "new tab", is_read=True)

    with monkeypatch.context() as meanwhile:
        while_it_is_told(one, meanwhile, before=True, does=comes_back)
        for name in ("ann", "ben"):
            one.keeper.socket_closed(name, "tab")
        await one.keeper.flush()
    world.time_passes(GRACE)
    assert await is_held(world)


async def test_a_hold_that_outlives_its_socket_has_the_grace_though_nobody_hears_of_it(
    world: World, one: Process
) -> None:
    await one.opens("ann")
    await one.closes("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await one.misses()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_who_was_here_lately_is_known_however_often_sweeps_fail(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them renews who is here; it is the renewals by the clock by which others are forgotten."""

    async def fails(*_: object, **__: object) -> None:
        raise Unavailable

    await one.opens("ann")
    await one.closes("ann")
    with monkeypatch.context() as outage:
        outage.setattr(one.keeper.sweeper, "sweep", fails)
        for _ in range(3):
            await one.keeper.guard(one.keeper.sweep())
    await world.buyer("ann", process=world.process("other")).holds("A-1")
    await one.hears()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_who_is_gone_is_forgotten_though_others_cannot_be_renewed(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise Unavailable

    await one.opens("ben")
    await world.buyer("ben", process=one.holds).holds("A-1", connected=True)
    await one.opens("ann")
    await one.closes("ann")
    monkeypatch.setattr(one.holds.store, "run", fails)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await one.keeper.renew()
    assert list(one.keeper._attendance._sessions) == ["ben"]


@pytest.mark.parametrize("what", ["is to be read", "was heard of"])
async def test_who_is_gone_is_not_forgotten_before_redis_was_told(
    world: World, one: Process, what: str
) -> None:
    held = await world.buyer("ann", process=world.process("other")).holds("A-1")
    one.keeper.socket_opened("ann", "tab", is_read=what == "was heard of")
    if what == "was heard of":
        one.keeper.liveness.hear("ann", "hall", held.hold.id)
    one.keeper._attendance.leave("ann", "tab")
    one.keeper.liveness._noted.clear()
    for _ in range(3):
        await one.keeper.renew()
    await one.tells()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_what_was_taken_here_is_not_remembered_for_long(world: World, one: Process) -> None:
    """Where its own event was lost, or came before the answer."""
    await one.opens("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    taken = one.keeper.liveness
    assert taken._taken
    for _ in range(2):
        await one.keeper.renew()
    assert not taken._taken | taken._taken_before


async def test_what_is_heard_before_its_answer_is_not_told_again(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    answers: list[tuple[str, str, str]] = []
    run = one.holds.store.run

    async def noted(name: str, *given: Any, **named: Any) -> Any:
        told.append(name)
        return await run(name, *given, **named)

    await one.opens("ann")
    one.holds.on_taken(lambda *answer: answers.append(answer))
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    one.keeper.hear_events((await one._listener.so_far()).events)
    one.keeper.liveness.taken(*answers[0])
    monkeypatch.setattr(one.holds.store, "run", noted)
    await one.keeper.flush()
    assert told == []


async def test_no_grace_begins_where_a_process_drains(world: World, one: Process) -> None:
    """Whatever it is that has their sessions told of meanwhile."""
    await one.opens("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await one.hears()
    await one.keeper.drain()
    one.keeper.may_have_missed()
    one.keeper.socket_closed("ann", "tab")
    await one.tells()
    world.time_passes(GRACE)
    assert await is_held(world)


async def test_a_drain_goes_on_whatever_redis_says(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise Overloaded(retry_after=1)

    await one.opens("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    monkeypatch.setattr(one.holds.store, "run", fails)
    await one.keeper.drain()


async def test_who_holds_nothing_costs_no_set_of_their_own(one: Process) -> None:
    await one.opens("ann")
    await one.opens("ben")
    await one.misses()
    known = one.keeper._attendance._sessions
    assert known["ann"].resources is known["ben"].resources


async def test_an_http_leave_starts_the_grace_of_who_has_no_socket(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await ann.leaves()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_an_http_leave_frees_nothing_while_a_socket_is_open(world: World, one: Process) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await one.opens("ann")
    await ann.leaves()
    world.time_passes(GRACE + 1)
    assert await is_held(world)
    await one.renews()
    await one.closes("ann")
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_hello_stops_the_grace_that_an_http_leave_began(world: World, one: Process) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await ann.leaves()
    world.time_passes(GRACE - 1)
    await one.opens("ann")
    world.time_passes(LIVENESS - 1)
    assert await is_held(world)


@pytest.mark.parametrize("act", ["hold", "extend"])
async def test_who_goes_on_buying_has_not_left(world: World, act: str) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await ann.leaves()
    await (ann.holds("A-2") if act == "hold" else ann.extends())
    world.time_passes(GRACE + 1)
    assert await is_held(world)


async def test_leaving_with_nothing_leaves_nothing(world: World, one: Process) -> None:
    await world.main.ensure("hall")
    await world.buyer("ann").leaves()
    await one.opens("ann")
    await one.closes("ann")
    assert await world.redis.keys("{hall}:live*") == []
    await world.buyer("ann").holds("A-1")
    world.time_passes(GRACE + 1)
    assert await is_held(world)


async def test_what_is_being_paid_does_not_ask_who_lives(world: World, one: Process) -> None:
    ann = world.buyer("ann")
    await one.opens("ann")
    await ann.holds("A-1", connected=True)
    await ann.pays("booking")
    await one.closes("ann")
    world.time_passes(7200)
    assert await world.main.expire() == []
    assert (await world.of("A-1"))[1] == 1
    assert await world.redis.exists("{hall}:lives") == 0


async def test_a_resource_may_have_a_grace_of_its_own(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=2), policy=HoldPolicy(disconnect_grace_seconds=2)))
    async with world.listening() as listener:
        one = Process(world, "one", listener)
        await one.opens("ann")
        await world.buyer("ann").holds("A-1", connected=True)
        await one.closes("ann")
    world.time_passes(2)
    assert not await is_held(world)


async def test_a_long_grace_outlasts_a_crash_too(make_world: MakeWorld) -> None:
    """Who has just been renewed has at least the grace left, even if liveness is short."""
    world = make_world(hall("hall", rows(A=2)), liveness_seconds=3)
    await world.buyer("ann").holds("A-1", connected=True)
    world.time_passes(GRACE + 0.9)
    assert await is_held(world)
    world.time_passes(0.1)
    assert not await is_held(world)


async def test_after_an_outage_liveness_waits_a_grace_and_deadlines_do_not(
    world: World, one: Process
) -> None:
    await one.opens("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await world.buyer("ben").holds("A-2")
    await one.hears()
    world.time_passes(LIVENESS - 1)

    async def fails() -> None:
        raise Unavailable

    await one.keeper.guard(fails())
    world.time_passes(5)
    await one.holds.expire()
    assert (await world.of("A-1"))[1] == 1
    with_grace = one.holds.trust
    assert not with_grace
    # Back again: first its sessions are renewed, then the sweep may look at them.
    world.time_passes(GRACE + 1)
    assert with_grace
    await one.sweeps()
    assert (await world.of("A-1"))[1] == 1
    world.time_passes(900)
    await one.keeper.guard(fails())
    await one.sweeps()
    assert (await world.of("A-2"))[1] == 0


async def test_a_new_process_waits_a_grace_too(make_world: MakeWorld) -> None:
    world = make_world(real_time=True)
    assert not world.main.trust


async def test_draining_renews_and_begins_no_grace(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.hears()
    world.time_passes(20)
    await one.keeper.drain()
    await one.closes("ann")
    world.time_passes(LIVENESS - 1)
    assert await is_held(world)


async def test_what_could_not_be_told_stays_noted(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.hears()
    one.keeper.socket_closed("ann", "tab")
    run = one.holds.store.run

    async def fails(*_: object, **__: object) -> None:
        raise Unavailable

    one.holds.store.run = fails  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        await one.keeper.flush()
    assert one.keeper.liveness.awake.is_set()
    one.holds.store.run = run  # type: ignore[method-assign]
    await one.keeper.flush()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_the_keeper_expects_the_end_of_a_grace(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.closes("ann")
    assert one.keeper.sweeper.seconds_to_next(at_most=100) == GRACE
    world.time_passes(GRACE)
    await one.keeper.sweeper.expire_due()
    assert (await world.of("A-1"))[1] == 0


async def test_sockets_that_nobody_knows_change_nothing(one: Process) -> None:
    one.keeper.socket_left("nobody", "tab")
    await one.opens("ann")
    one.keeper.socket_closed("ann", "another")
    assert one.keeper.is_here("ann")
    assert not one.keeper.is_here("nobody")
    await one.closes("ann")
    await one.closes("ann")
    assert not one.keeper.is_here("ann")


async def test_a_hold_that_outlives_its_socket_has_the_grace(world: World, one: Process) -> None:
    """It was on its way when the last tab closed, and is made for a process that has no socket any more."""
    await one.opens("ann")
    await one.closes("ann")
    await world.buyer("ann", process=one.holds).holds("A-1", connected=True)
    await one.hears()
    world.time_passes(GRACE)
    assert not await is_held(world)


async def test_sessions_that_are_gone_are_forgotten(one: Process) -> None:
    await one.opens("ann")
    await one.opens("ben")
    await one.closes("ann")
    for _ in range(2):
        await one.renews()
    assert list(one.keeper._attendance._sessions) == ["ben"]


async def test_who_leaves_while_redis_is_away_leaves_once_it_is_back(
    world: World, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the sessions that stay are renewed meanwhile: here there are none, so nobody is asked."""
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.hears()

    async def is_away(*_given: object, **_named: object) -> object:
        raise Unavailable

    with monkeypatch.context() as outage:
        outage.setattr(one.holds.store, "run", is_away)
        one.keeper.socket_closed("ann", "tab")
        for _ in range(3):
            with pytest.raises(Unavailable):
                await one.keeper.flush()
            await one.keeper.liveness.renew()
    await one.keeper.flush()
    assert await is_held(world)
    world.time_passes(GRACE)
    assert not await is_held(world)
    for _ in range(2):
        await one.renews()
    assert not one.keeper._attendance._sessions


async def test_a_resource_that_is_gone_keeps_nobody_from_leaving(world: World, one: Process) -> None:
    await one.opens("ann")
    await world.buyer("ann").holds("A-1", connected=True)
    await one.hears()
    del world.catalogue.halls["hall"]
    await one.renews()
    await one.closes("ann")
    assert not one.keeper.is_here("ann")


async def test_what_was_read_for_the_welcome_is_not_read_again(world: World) -> None:
    keeper, ann = world.keeper(world.main), world.buyer("ann")
    await ann.holds("A-1")
    listed: list[str] = []
    read = world.main.index.read

    async def noted(session: str) -> Listing:
        listed.append(session)
        return await read(session)

    world.main.index.read = noted  # type: ignore[method-assign]  # a spy
    keeper.socket_opened("ann", "tab", is_read=True)
    await keeper.flush()
    keeper.session_holds("ann", ["hall"])
    await keeper.read()
    await keeper.flush()
    assert listed == []
    assert await world.redis.hkeys("{hall}:live:ann") == [world.main.process.encode()]
    keeper.socket_opened("ann", "a second tab")
    await keeper.read()
    assert listed == ["ann"]


async def test_whoever_takes_by_a_socket_is_alive_by_that(world: World) -> None:
    """Their process need not say so once more, until it is time to."""
    keeper, ann = world.keeper(world.main), world.buyer("ann")
    keeper.socket_opened("ann", "tab", is_read=True)
    await keeper.flush()
    async with world.listening() as listener:
        await ann.holds("A-1", connected=True)
        keeper.hear_events((await listener.so_far()).events)
    assert not keeper.liveness.awake.is_set()
    world.time_passes(20)
    await keeper.liveness.renew()
    world.time_passes(20)
    await keeper.sweep()
    assert await world.of("A-1") == (0, 1, 0)
