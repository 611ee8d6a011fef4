"""Events are worked off by whichever process comes first, those of one object together, none quietly lost."""

import asyncio
from collections import Counter

import pytest

from server.database.pool import Database
from server.errors import Unavailable
from server.payments import inbox, inbox_store
from server.payments.inbox import Inbox
from server.payments.inbox_store import Letter
from server.payments.intake import Intake
from tests.payments.webhooks.test_intake import an_event


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


class Ear:
    """Hears of objects; those that `ail` raise that error, "every" stands for all of them."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()
        self.began = asyncio.Event()
        self.ail: dict[str, Exception] = {}
        self.hangs: set[str] = set()
        self.at_once = self.most = 0
        self.freed = asyncio.Event()

    async def __call__(self, provider: str, object_id: str) -> None:
        assert provider == "stripe"
        self.heard[object_id] += 1
        self.began.set()
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0)
            if object_id in self.hangs:
                await self.freed.wait()
            if error := self.ail.get(object_id) or self.ail.get("every"):
                raise error
        finally:
            self.at_once -= 1


class Figures:
    def __init__(self) -> None:
        self.lags: list[float] = []
        self.counted = asyncio.Event()

    def delivery(self, outcome: str) -> None:
        raise AssertionError(outcome)

    def event_worked_off(self, seconds: float) -> None:
        self.lags.append(seconds)
        self.counted.set()


class Office:
    """One process' inbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.ear, self.figures, self.clock = Ear(), Figures(), clock
        self.database = database
        self.inbox = Inbox(database, self.ear, clock, self.figures)

    async def receives(self, *names: str, of: str = "pi_1") -> None:
        await asyncio.gather(*(self.inbox.receive("stripe", an_event(name, of)) for name in names))

    async def works(self) -> None:
        await self.inbox.work()

    async def letter(self, name: str) -> Letter:
        async with self.database.connection() as connection:
            found = await inbox_store.letter(connection, name)
        assert found is not None
        return found

    async def states(self) -> Counter[str]:
        async with self.database.connection() as connection:
            found = await inbox_store.letters(connection, ["due", "done", "dead"], 10_000)
        return Counter(letter.state for letter in found)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(database: Database, clock: Clock) -> Office:
    return Office(database, clock)


async def test_all_events_of_one_object_are_worked_off_together(office: Office) -> None:
    await office.receives(*(f"evt_{n}" for n in range(50)))
    await office.receives("evt_other", of="pi_2")
    office.clock.passes(3)
    await office.works()
    assert office.ear.heard == {"pi_1": 1, "pi_2": 1}
    assert await office.states() == {"done": 51}
    assert office.figures.lags == [3.0] * 51


async def test_news_of_an_object_that_was_just_looked_at_makes_it_looked_at_again(office: Office) -> None:
    await office.receives("evt_1")
    await office.works()
    await office.receives("evt_2")
    await office.works()
    assert office.ear.heard["pi_1"] == 2


async def test_one_object_is_never_looked_at_twice_at_the_same_time(office: Office) -> None:
    office.ear.hangs = {"pi_1"}
    await office.receives("evt_1")
    working = asyncio.create_task(office.works())
    await office.ear.began.wait()
    await office.receives("evt_2")
    await office.receives("evt_other", of="pi_2")
    await office.figures.counted.wait()
    assert office.ear.heard == {"pi_1": 1, "pi_2": 1}
    office.ear.freed.set()
    await working
    assert office.ear.heard == {"pi_1": 2, "pi_2": 1}
    assert office.ear.most == 2
    assert await office.states() == {"done": 3}


async def test_no_more_than_so_many_objects_are_looked_at_at_once(office: Office) -> None:
    for number in range(100):
        await office.receives(f"evt_{number}", of=f"pi_{number}")
    await office.works()
    assert await office.states() == {"done": 100}
    assert set(office.ear.heard.values()) == {1}
    assert inbox.AT_ONCE // 2 < office.ear.most <= inbox.AT_ONCE


async def test_while_deliveries_pour_in_fewer_objects_are_looked_at_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        await office.receives(f"evt_{number}", of=f"pi_{number}")
    monkeypatch.setattr(Intake, "busy", property(lambda _intake: True))
    await office.works()
    assert await office.states() == {"done": 30}
    assert office.ear.most == inbox.AT_ONCE_IN_A_STORM


async def test_while_deliveries_are_late_nothing_is_worked_off_and_afterwards_all_is(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.receives("evt_1")
    with monkeypatch.context() as strained:
        strained.setattr(Intake, "strained", property(lambda _intake: True))
        await office.works()
        assert await office.states() == {"due": 1}
    await office.works()
    assert await office.states() == {"done": 1}


async def test_processes_share_the_work_and_none_is_done_twice(database: Database, clock: Clock) -> None:
    offices = [Office(database, clock) for _ in range(3)]
    for number in range(300):
        await offices[number % 3].receives(f"evt_{number}_a", f"evt_{number}_b", of=f"pi_{number}")
    await asyncio.gather(*(office.works() for office in offices))
    heard = sum((office.ear.heard for office in offices), Counter())
    assert len(heard) == 300
    assert await offices[0].states() == {"done": 600}
    # Two processes may come by an object's two events each, never by the same event.
    assert sum(heard.values()) <= 600
    assert sum(len(office.figures.lags) for office in offices) == 600


async def test_what_hangs_keeps_its_place_and_does_not_keep_the_rest_waiting(office: Office) -> None:
    office.ear.hangs = {"pi_slow"}
    await office.receives("evt_slow", of="pi_slow")
    working = asyncio.create_task(office.works())
    await office.ear.began.wait()
    await office.receives("evt_quick", of="pi_quick")
    await office.figures.counted.wait()
    assert not working.done()
    assert (await office.letter("evt_quick")).state == "done"
    assert (await office.letter("evt_slow")).state == "due"
    office.ear.freed.set()
    await working
    assert await office.states() == {"done": 2}


async def test_what_a_process_leaves_behind_when_it_ends_another_takes_after_the_lease(
    office: Office, database: Database
) -> None:
    office.ear.hangs = {"pi_1"}
    await office.receives("evt_1")
    working = asyncio.create_task(office.works())
    await office.ear.began.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert office.ear.at_once == 0

    other = Office(database, office.clock)
    await other.works()
    assert not other.ear.heard
    office.clock.passes(inbox.LEASE_MS / 1000)
    await other.works()
    assert other.ear.heard == {"pi_1": 1}
    assert (await other.letter("evt_1")).attempts == 2
    assert inbox.LEASE_MS <= 10_000, "worked off within 10 s of a crash"


async def test_what_comes_to_an_idle_process_is_its_own_and_the_table_is_not_asked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.works()  # nobody left anything
    await office.receives("evt_1", "evt_2")
    with monkeypatch.context() as broken:
        broken.setattr(inbox_store, "take", None)
        await office.works()
    assert office.ear.heard == {"pi_1": 1}
    assert await office.states() == {"done": 2}
    assert (await office.letter("evt_1")).attempts == 1


async def test_what_came_to_a_process_that_dies_before_it_looks_another_takes_after_the_lease(
    office: Office, database: Database
) -> None:
    await office.works()
    await office.receives("evt_1")
    other = Office(database, office.clock)
    await other.works()
    assert not other.ear.heard
    office.clock.passes(inbox.LEASE_MS / 1000)
    await other.works()
    assert other.ear.heard == {"pi_1": 1}
    assert (await other.letter("evt_1")).attempts == 2


async def test_a_clock_that_was_set_back_keeps_nothing_waiting(office: Office, database: Database) -> None:
    await office.works()
    office.clock.passes(-3_600)
    await Office(database, office.clock).receives("evt_1")
    await office.works()
    assert office.ear.heard == {"pi_1": 1}


async def test_while_others_wait_in_the_table_what_comes_waits_there_too_and_is_looked_at_with_them(
    office: Office,
) -> None:
    await office.receives("evt_1")
    await office.works()
    office.clock.passes(1)
    names = [f"evt_{number}" for number in range(2, 2 + inbox.AT_ONCE + 1)]
    await asyncio.gather(*(office.receives(name, of=f"pi_{name}") for name in names))
    await office.receives("evt_more", of=f"pi_{names[-1]}")
    await office.works()
    assert office.ear.heard[f"pi_{names[-1]}"] == 1
    assert set((await office.states()).keys()) == {"done"}


async def test_what_fails_is_tried_again_ever_more_rarely_and_in_the_end_kept_as_a_dead_letter(
    office: Office,
) -> None:
    office.ear.ail = {"every": ValueError("odd")}
    await office.receives("evt_1")
    waits = []
    for attempt in range(1, inbox.ATTEMPTS + 1):
        await office.works()
        letter = await office.letter("evt_1")
        assert (letter.attempts, letter.last_error) == (attempt, "ValueError: odd")
        waits.append((letter.due_at - office.clock.now) // 1000)
        office.clock.passes(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert letter.state == "dead"

    await office.works()
    assert office.ear.heard["pi_1"] == inbox.ATTEMPTS
    office.clock.passes(inbox.STANDING_EVERY_MS)
    await office.works()
    assert (office.inbox.standing.waiting, office.inbox.standing.dead) == (0, 1)


async def test_a_dead_letter_that_is_replayed_has_all_its_tries_again(office: Office) -> None:
    office.ear.ail = {"every": ValueError("odd")}
    await office.receives("evt_1")
    for _ in range(inbox.ATTEMPTS):
        await office.works()
        office.clock.passes(300)
    async with office.database.connection() as connection:
        assert await inbox_store.replay_dead(connection, office.clock()) == ["evt_1"]
    office.ear.ail = {}
    await office.works()
    letter = await office.letter("evt_1")
    assert (letter.state, letter.attempts, letter.last_error) == ("done", 1, None)


async def test_a_provider_that_is_away_for_days_makes_no_dead_letters(office: Office) -> None:
    office.ear.ail = {"every": Unavailable("the payment provider cannot be reached")}
    await office.receives("evt_1")
    waits = []
    for _ in range(200):
        await office.works()
        letter = await office.letter("evt_1")
        assert (letter.state, letter.attempts) == ("due", 0)
        waits.append((letter.due_at - office.clock.now) / 1000)
        office.clock.passes(waits[-1])
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert waits[-1] == 60
    office.ear.ail = {}
    await office.works()
    assert (await office.letter("evt_1")).state == "done"


async def test_one_object_that_fails_is_no_trouble_for_the_others(office: Office) -> None:
    office.ear.ail = {"pi_7": ValueError("odd")}
    for number in range(20):
        await office.receives(f"evt_{number}", of=f"pi_{number}")
    await office.works()
    assert await office.states() == {"done": 19, "due": 1}


async def test_what_is_done_is_forgotten_after_a_month_and_a_dead_letter_never(office: Office) -> None:
    office.ear.ail = {"pi_bad": ValueError("odd")}
    await office.receives("evt_bad", of="pi_bad")
    await office.receives("evt_old", of="pi_1")
    for _ in range(inbox.ATTEMPTS):
        await office.works()
        office.clock.passes(300)
    office.clock.passes(inbox.KEPT_MS / 1000 - 7_200)
    await office.receives("evt_new", of="pi_1")
    await office.works()
    assert await office.states() == {"done": 2, "dead": 1}
    office.clock.passes(7_200)
    await office.works()
    assert await office.states() == {"done": 1, "dead": 1}
    assert (await office.letter("evt_new")).state == "done"


async def test_what_is_old_is_forgotten_a_part_at_a_time_until_nothing_old_is_left(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "FORGOTTEN_AT_ONCE", 2)
    await office.works()
    await office.receives(*(f"evt_{number}" for number in range(5)))
    await office.works()
    office.clock.passes(inbox.KEPT_MS / 1000 + 1)
    left = []
    for _ in range(4):
        await office.works()
        left.append(sum((await office.states()).values()))
    assert left == [3, 1, 0, 0]
