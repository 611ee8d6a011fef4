"""Out of the house: by whom, how often, and what becomes of what nobody takes."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from server.errors import Unavailable
from server.notices import deliveries as sending
from server.notices import delivery_store
from server.notices.channel import Message, Temporary
from server.notices.deliveries import RETRIES
from tests.notices.conftest import Desk, FakeSender, away, refused

BREATH = 2.0


async def mail(desk: Desk) -> None:
    """One mail, due now."""
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.passes(BREATH)


async def state(desk: Desk) -> tuple[str, int, str | None, str | None]:
    (row,) = await desk.rows("select state, attempts, provider, last_error from delivery")
    return row


async def test_the_next_provider_takes_what_the_first_cannot(desk: Desk) -> None:
    first, second = FakeSender("first", [away(), away()]), FakeSender("second")
    desk.senders = {"email": [first, second]}
    desk.opens()
    await mail(desk)
    assert await state(desk) == ("sent", 1, "second", None)
    assert (len(first.tries), len(second.took)) == (1, 1)


async def test_who_just_failed_is_passed_over_while_there_is_another(desk: Desk) -> None:
    first, second = FakeSender("first", [away(retry_after=3600.0)]), FakeSender("second")
    desk.senders = {"email": [first, second]}
    desk.opens()
    await mail(desk)
    await desk.passes(600)
    await mail(desk)
    assert (len(first.tries), len(second.took)) == (1, 2)


async def test_what_nobody_takes_is_tried_later_and_later_and_then_kept_for_a_person(desk: Desk) -> None:
    tries = len(RETRIES["email"]) + 1
    desk.post.fails = [away("the line is down") for _ in range(tries)]
    await mail(desk)
    for _ in range(tries):
        await desk.passes(0)
        await desk.passes(86_400)
    assert len(desk.post.tries) == tries
    assert len(set(desk.post.tries)) == 1
    assert await state(desk) == ("dead", tries, "post", "post: the line is down")
    async with desk.database.connection() as connection:
        assert (await delivery_store.standing(connection)).dead == 1


async def test_it_is_tried_again_only_when_it_is_due(desk: Desk) -> None:
    desk.post.fails = [away(retry_after=600.0)]
    await mail(desk)
    await desk.passes(599)
    assert desk.post.took == []
    await desk.passes(2)
    assert await state(desk) == ("sent", 2, "post", None)


async def test_what_will_never_be_taken_is_not_tried_again(desk: Desk) -> None:
    desk.post.fails = [refused()]
    await mail(desk)
    assert await state(desk) == ("dead", 1, "post", "no such mailbox")


async def test_an_address_that_is_no_more_is_nobodys_trouble(desk: Desk) -> None:
    desk.post.fails = [refused(gone=True)]
    await mail(desk)
    assert (await state(desk))[0] == "dropped"


async def test_a_fault_in_a_sender_is_one_more_reason_to_try_the_next(desk: Desk) -> None:
    first, second = FakeSender("first", [ZeroDivisionError()]), FakeSender("second")
    desk.senders = {"email": [first, second]}
    desk.opens()
    await mail(desk)
    assert (await state(desk))[:3] == ("sent", 1, "second")


async def test_who_hangs_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs(FakeSender):
        async def send(self, message: Message) -> None:
            self.tries.append(message.key)
            await asyncio.Event().wait()

    monkeypatch.setattr(sending, "SEND_SECONDS", 0.01)
    first, second = Hangs("first"), FakeSender("second")
    desk.senders = {"email": [first, second]}
    desk.opens()
    await mail(desk)
    assert len(first.tries) == 1
    assert (await state(desk))[:3] == ("sent", 1, "second")


async def test_what_a_crash_interrupts_is_sent_again_with_the_same_key(desk: Desk) -> None:
    class Dies(FakeSender):
        async def send(self, message: Message) -> None:
            self.tries.append(message.key)
            raise asyncio.CancelledError

    dying = Dies()
    desk.senders = {"email": [dying]}
    desk.opens()
    with pytest.raises(asyncio.CancelledError):
        await mail(desk)
    assert (await state(desk))[0] == "waiting"
    desk.senders = {"email": [desk.post]}
    desk.opens()
    await desk.passes(0)
    assert desk.post.took == []  # it may still be on its way
    await desk.passes(3600)
    assert desk.post.tries == dying.tries
    assert (await state(desk))[:2] == ("sent", 2)


async def test_two_processes_send_each_once(desk: Desk) -> None:
    await desk.hooks("olga")
    await desk.happens("booking_confirmed", count=40, user="ann")
    await desk.tells()
    other = sending.Deliveries(desk.database, desk.senders, desk.clock)
    loops = [loop for each in (desk.deliveries, other) for loop in each._loops if loop._channel == "webhook"]
    await asyncio.gather(*(loop.work() for loop in loops))
    assert len(desk.post.tries) == 40
    assert len(set(desk.post.tries)) == 40


async def test_those_that_go_along_end_with_the_one_they_go_with(desk: Desk) -> None:
    desk.post.fails = [away()]
    await desk.happens("booking_confirmed", count=3)
    await desk.tells()
    await desk.passes(BREATH)
    assert {each for _, each in await desk.deliveries_of("email")} == {"waiting", "joined"}
    await desk.passes(60)
    assert await desk.rows("select state, count(*) from delivery group by state") == [("sent", 3)]
    assert len(set(desk.post.tries)) == 1


async def test_a_slow_one_keeps_no_other_waiting(desk: Desk) -> None:
    hold, calls = asyncio.Event(), asyncio.Event()

    class Slow(FakeSender):
        async def send(self, message: Message) -> None:
            if not self.tries:
                self.tries.append(message.key)
                calls.set()
                await hold.wait()
            await super().send(message)

    slow = Slow()
    desk.senders = {"webhook": [slow]}
    desk.opens()
    await desk.hooks("olga")
    (loop,) = desk.deliveries._loops
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    working = asyncio.create_task(loop.work())
    await calls.wait()
    await desk.happens("booking_cancelled", user="ann")
    await desk.tells()
    desk.deliveries.wake()
    async with asyncio.timeout(60):
        while not slow.took:  # noqa: ASYNC110  # the loop has no event for it
            await asyncio.sleep(0.01)
    assert [message.kind for message in slow.took] == ["booking_cancelled"]
    hold.set()
    await working
    assert len(slow.took) == 2


class Gate(FakeSender):
    """Takes `slow` addresses' only once it is `open`; counts what is on its way."""

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.open = asyncio.Event()
        self.inside: Counter[str] = Counter()

    async def send(self, message: Message) -> None:
        address = message.recipient.address
        self.inside[address] += 1
        if address in self.slow:
            await self.open.wait()
        self.took.append(message)

    async def heard(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.took) < count:  # noqa: ASYNC110  # the loop has no event for it
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(("endpoints", "inside"), [(1, 2), (10, 4)])
async def test_who_is_slow_keeps_no_other_owner_waiting(desk: Desk, endpoints: int, inside: int) -> None:
    slow = [await desk.hooks("olga") for _ in range(endpoints)]
    quick = await desk.hooks("oscar")
    gate = Gate(*slow)
    desk.senders = {"webhook": [gate]}
    desk.opens()
    await desk.happens("booking_confirmed", count=40, user="ann")
    await desk.happens("booking_confirmed", count=20, owner="oscar", user="ann")
    await desk.tells()
    (loop,) = desk.deliveries._loops
    working = asyncio.create_task(loop.work())
    await gate.heard(20)
    assert {message.recipient.address for message in gate.took} == {quick}
    assert sum(gate.inside[address] for address in slow) == inside
    gate.open.set()
    await working
    assert len({message.key for message in gate.took}) == 40 * endpoints + 20


@pytest.mark.usefixtures("unhurried")
async def test_an_outcome_that_cannot_be_written_down_cuts_no_other_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await desk.hooks("olga")
    others = [await desk.hooks(name) for name in ("oscar", "otto")]
    gate = Gate(*others)
    desk.senders = {"webhook": [gate]}
    desk.opens()
    for owner in ("olga", "oscar", "otto"):
        await desk.happens("booking_confirmed", owner=owner, user="ann")
    await desk.tells()
    end, fails = delivery_store.end, [Unavailable("PostgreSQL is away"), ZeroDivisionError()]

    async def failing(*arguments: Any, **more: Any) -> None:
        if fails:
            gate.open.set()
            raise fails.pop(0)
        await end(*arguments, **more)

    monkeypatch.setattr(delivery_store, "end", failing)
    (loop,) = desk.deliveries._loops
    await loop.work()
    assert len(gate.took) == 3
    states = dict(await desk.deliveries_of("webhook"))
    assert states[first] == "waiting"
    assert sorted(states.values()) == ["sent", "waiting", "waiting"]
    await desk.passes(3_600)
    assert {state for _, state in await desk.deliveries_of("webhook")} == {"sent"}
    assert len({message.key for message in gate.took}) == 3


async def test_what_is_on_its_way_at_the_end_of_a_process_arrives_and_is_written_down(desk: Desk) -> None:
    gate = Gate(await desk.hooks("olga"))
    desk.senders = {"webhook": [gate]}
    desk.opens()
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    (loop,) = desk.deliveries._loops
    working = asyncio.create_task(loop.work())
    async with asyncio.timeout(60):
        while not gate.inside:  # noqa: ASYNC110  # the loop has no event for it
            await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.sleep(0)
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await desk.rows("select state from delivery where channel = 'webhook'") == [("sent",)]


async def test_old_things_are_forgotten_and_letters_kept(desk: Desk) -> None:
    desk.post.fails = [Temporary("never mind"), refused()]
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    await desk.execute("update delivery set state = 'dead', dead_at = now()")
    await desk.happens("booking_cancelled")
    await desk.tells()
    await desk.execute("update delivery set state = 'sent', done_at = now() where state = 'waiting'")
    await desk.execute("update notice set read_at = now() where kind = 'booking_confirmed'")
    later = 4_000_000_000_000
    async with desk.database.connection() as connection:
        await delivery_store.forget(connection, deliveries=later, told=later, read=later, limit=10)
    assert await desk.rows("select state from delivery") == [("dead",)]
    assert await desk.rows("select count(*) from outbox") == [(0,)]
    assert await desk.notices("olga") == [("booking_cancelled", "BK-0")]
