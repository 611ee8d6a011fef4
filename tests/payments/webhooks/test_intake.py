"""Many requests share one statement; none is told that its event is kept before it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from server.database.pool import Connection, Database
from server.errors import Overloaded, Unavailable
from server.payments import inbox_store, intake
from server.payments.intake import Intake
from server.payments.provider import Event


def clock() -> int:
    return 1_800_000_000_000


def an_event(name: str, of: str = "pi_1", body: bytes = b"{}") -> Event:
    return Event(id=name, kind="payment_intent.succeeded", object_id=of, body=body)


class Watched:
    """The database, with every use of it noted and, where a test wants it, refused or kept waiting."""

    def __init__(self, database: Database, before: Callable[[int], None] = lambda _use: None) -> None:
        self.uses = 0
        self.used = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self._database = database
        self._before = before

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        self.uses += 1
        self.used.set()
        await self.gate.wait()
        self._before(self.uses)
        async with self._database.connection() as connection:
            yield connection


def intake_on(watched: Watched) -> Intake:
    return Intake(watched, clock)  # type: ignore[arg-type]  # all of a database that it uses


async def count(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("select count(*) from inbox"))


async def test_what_comes_together_is_written_together(database: Database) -> None:
    watched = Watched(database)
    intake_ = intake_on(watched)
    watched.gate.clear()
    keeping = [asyncio.create_task(intake_.keep("stripe", an_event(f"evt_{n}"))) for n in range(100)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in keeping)

    watched.gate.set()

    assert await asyncio.gather(*keeping) == [True] * 100
    assert await count(database) == 100
    assert watched.uses <= 2


async def test_a_repeat_is_told_from_what_is_new_within_a_batch_and_after_it(database: Database) -> None:
    intake_ = intake_on(Watched(database))
    together = [intake_.keep("stripe", an_event(name)) for name in ("evt_1", "evt_2", "evt_1", "evt_1")]
    assert sorted(await asyncio.gather(*together)) == [False, False, True, True]
    assert not await intake_.keep("stripe", an_event("evt_2"))
    assert await intake_.keep("other", an_event("evt_2"))
    assert await count(database) == 3


async def test_repeats_of_what_was_just_stored_need_no_database(database: Database) -> None:
    watched = Watched(database)
    intake_ = intake_on(watched)
    assert await intake_.keep("stripe", an_event("evt_1"))
    for _ in range(10):
        assert not await intake_.keep("stripe", an_event("evt_1"))
    assert watched.uses == 1


async def test_what_is_remembered_is_bounded_and_the_database_knows_the_rest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "REMEMBERED", 2)
    intake_ = intake_on(Watched(database))
    for name in ("evt_1", "evt_2", "evt_3"):
        assert await intake_.keep("stripe", an_event(name))
    assert len(intake_._stored) == 2
    for name in ("evt_1", "evt_2", "evt_3"):
        assert not await intake_.keep("stripe", an_event(name))


async def test_bodies_are_kept_as_they_were_signed(database: Database) -> None:
    odd = [b'{"a": "\\u0000"}', b"[" * 5_000 + b"]" * 5_000, b'{"n": %b}' % (b"9" * 5_000), "{ä}".encode()]
    events = [an_event(f"evt_{number}", body=body) for number, body in enumerate(odd)]
    intake_ = intake_on(Watched(database))
    assert all(await asyncio.gather(*(intake_.keep("stripe", event) for event in events)))
    async with database.connection() as connection:
        rows = await connection.fetch("select body from inbox order by event_id")
    assert [row["body"].encode() for row in rows] == odd


async def test_it_knows_when_the_process_is_late_with_what_is_brought(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(database)
    intake_ = intake_on(watched)
    states = [(intake_.busy, intake_.strained)]
    monkeypatch.setattr(intake, "LATE_SECONDS", -1)
    watched.gate.clear()
    keeping = asyncio.create_task(intake_.keep("stripe", an_event("evt_1")))
    await watched.used.wait()
    states.append((intake_.busy, intake_.strained))
    assert intake_._writing is not None
    watched.gate.set()
    await asyncio.gather(keeping, intake_._writing)
    states.append((intake_.busy, intake_.strained))
    assert states == [(False, False), (True, True), (False, False)]


async def test_of_so_many_objects_as_there_is_room_for_events_are_written_as_taken(
    database: Database,
) -> None:
    told: list[tuple[list[inbox_store.Work], bool]] = []

    def kept(works: Sequence[inbox_store.Work], others: bool) -> None:
        told.append((list(works), others))

    watched = Watched(database)
    intake_ = Intake(watched, clock, room=lambda: 2, kept=kept, lease_ms=5_000)  # type: ignore[arg-type]
    watched.gate.clear()
    events = [("evt_1", "pi_1"), ("evt_2", "pi_2"), ("evt_3", "pi_3"), ("evt_4", "pi_1"), ("evt_1", "pi_1")]
    keeping = [asyncio.create_task(intake_.keep("stripe", an_event(name, of))) for name, of in events]
    await asyncio.sleep(0)
    watched.gate.set()
    await asyncio.gather(*keeping)
    now = clock()
    assert told == [
        (
            [
                inbox_store.Work("stripe", "pi_1", {"evt_1": 1, "evt_4": 1}, {"evt_1": now, "evt_4": now}),
                inbox_store.Work("stripe", "pi_2", {"evt_2": 1}, {"evt_2": now}),
            ],
            True,
        )
    ]
    async with database.connection() as connection:
        left = await inbox_store.take(connection, now, now + 5_000, 10)
        assert [list(work.attempts.items()) for work in left] == [[("evt_3", 1)]]
        again = await inbox_store.take(connection, now + 5_000, now + 9_000, 10)
    taken = {name: attempts for work in again for name, attempts in work.attempts.items()}
    assert taken == {"evt_1": 2, "evt_2": 2, "evt_3": 2, "evt_4": 2}


async def test_beyond_its_bounds_it_refuses_and_what_waits_is_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "WAITING_AT_MOST", 5)
    watched = Watched(database)
    intake_ = intake_on(watched)
    watched.gate.clear()
    keeping = [asyncio.create_task(intake_.keep("stripe", an_event("evt_first")))]
    await watched.used.wait()
    keeping += [asyncio.create_task(intake_.keep("stripe", an_event(f"evt_{n}"))) for n in range(5)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refused:
        await intake_.keep("stripe", an_event("evt_late"))

    assert refused.value.retry_after == 1
    watched.gate.set()
    assert await asyncio.gather(*keeping) == [True] * 6
    assert await intake_.keep("stripe", an_event("evt_late"))


async def test_large_bodies_fill_it_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BYTES_AT_MOST", 1_000)
    monkeypatch.setattr(intake, "BATCH_BYTES", 500)
    watched = Watched(database)
    intake_ = intake_on(watched)
    watched.gate.clear()
    large = [an_event(f"evt_{n}", body=b'"%b"' % (b"x" * 398)) for n in range(5)]
    keeping = [asyncio.create_task(intake_.keep("stripe", event)) for event in large[:3]]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await intake_.keep("stripe", large[3])
    watched.gate.set()
    assert await asyncio.gather(*keeping) == [True] * 3
    assert watched.uses == 2
    assert await intake_.keep("stripe", large[4])


async def test_while_postgresql_is_away_everybody_is_told_and_afterwards_all_goes_on(
    database: Database,
) -> None:
    def away(use: int) -> None:
        if use == 1:
            raise Unavailable("The database does not answer", retry_after=1)

    intake_ = intake_on(Watched(database, away))
    answers = await asyncio.gather(
        *(intake_.keep("stripe", an_event(f"evt_{n}")) for n in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert await count(database) == 0
    assert await intake_.keep("stripe", an_event("evt_0"))


async def test_a_request_that_was_given_up_does_not_take_the_others_with_it(database: Database) -> None:
    watched = Watched(database)
    intake_ = intake_on(watched)
    watched.gate.clear()
    keeping = [asyncio.create_task(intake_.keep("stripe", an_event(f"evt_{n}"))) for n in range(3)]
    await watched.used.wait()
    keeping[1].cancel()
    watched.gate.set()
    answers = await asyncio.gather(*keeping, return_exceptions=True)
    assert [answers[0], answers[2]] == [True, True]
    assert isinstance(answers[1], asyncio.CancelledError)


async def test_processes_that_keep_the_same_events_in_opposite_orders_do_not_wait_in_a_ring(
    database: Database,
) -> None:
    names = [f"evt_{n:03}" for n in range(200)]
    new = 0
    for round_ in range(5):
        offices = [intake_on(Watched(database)) for _ in range(3)]
        orders = [names, names[::-1], names[100:] + names[:100]]
        answers = await asyncio.gather(
            *(
                office.keep("stripe", an_event(f"{name}_{round_}"))
                for office, order in zip(offices, orders, strict=True)
                for name in order
            )
        )
        new += sum(answers)
    assert new == await count(database) == 1_000
