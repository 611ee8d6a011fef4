"""Out of the outbox: to whom, in order, once, whatever dies."""

import asyncio

import asyncpg
import pytest

from server.bookings import outbox
from server.notices import dispatcher as dispatching
from tests.notices.conftest import Desk


async def test_owner_and_buyer_are_told_in_order_and_once(desk: Desk) -> None:
    await desk.happens("booking_created", user="ann")
    await desk.happens("payment_succeeded", user="ann", amount=2_500)
    await desk.happens("booking_confirmed", user="ann")
    assert await desk.tells() == 3
    assert await desk.tells() == 0
    kinds = ["booking_created", "payment_succeeded", "booking_confirmed"]
    assert [kind for kind, _ in await desk.notices("olga")] == kinds
    assert [kind for kind, _ in await desk.notices("ann")] == kinds
    assert [set(users) for users in desk.news] == [{"olga", "ann"}]


@pytest.mark.parametrize("kind", ["payment_failed", "hold_expired"])
async def test_the_buyer_alone_hears_of(desk: Desk, kind: outbox.NoticeKind) -> None:
    await desk.happens(kind, user="ann")
    await desk.tells()
    assert len(await desk.notices("ann")) == 1
    assert await desk.notices("olga") == []


async def test_who_handed_a_booking_over_hears_of_it_too(desk: Desk) -> None:
    await desk.happens("booking_changed", user="ben", was_user="ann")
    await desk.tells()
    titles = await desk.rows("select user_id, title from notice order by position")
    assert titles == [("olga", "Changed"), ("ben", "Changed"), ("ann", "Handed over")]


async def test_nobody_is_told_twice_who_is_both(desk: Desk) -> None:
    await desk.happens("booking_confirmed", owner="olga", user="olga")
    await desk.tells()
    assert await desk.rows("select data->>'side' from notice where user_id = 'olga'") == [("owner",)]


async def _is_rolled_back(desk: Desk) -> None:
    facts = outbox.Facts(owner="olga", reference="BK-1", total=1, currency="eur")
    async with desk.database.transaction() as connection:
        await outbox.tell_of_carts(connection, [("one", facts)])
        raise ZeroDivisionError


async def test_what_was_rolled_back_is_never_told(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        await _is_rolled_back(desk)
    assert await desk.tells() == 0


async def test_the_same_happening_is_written_once(desk: Desk) -> None:
    facts = outbox.Facts(owner="olga", user="ann", reference="BK-1", total=1, currency="eur")
    for expected in (1, 0):
        async with desk.database.transaction() as connection:
            assert await outbox.tell_of_carts(connection, [("one", facts)]) == expected


async def test_a_crash_in_the_midst_of_a_round_leaves_nothing_half_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.happens("booking_confirmed", user="ann", count=3)

    async def dies(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(desk.dispatcher._addressing, "write", dies)
        with pytest.raises(ZeroDivisionError):
            await desk.dispatcher.round()
    assert await desk.notices("olga") == []
    desk.opens()
    await desk.tells()
    assert [reference for _, reference in await desk.notices("olga")] == ["BK-0", "BK-1", "BK-2"]
    assert len(await desk.deliveries_of("email")) == 3


async def test_two_processes_take_turns_and_keep_the_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "BATCH", 5)
    await desk.happens("booking_confirmed", user="ann", count=60)
    others = [desk.dispatcher_of() for _ in range(3)]

    async def tells(one: dispatching.Dispatcher) -> int:
        told = 0
        while (taken := await one.round()) != 0:
            told += taken or 0
        return told

    assert sum(await asyncio.gather(*map(tells, others))) == 60
    assert [reference for _, reference in await desk.notices("olga")] == [
        f"BK-{place}" for place in range(60)
    ]


async def test_one_process_at_a_time_takes(desk: Desk) -> None:
    await desk.happens("booking_confirmed")
    async with desk.database.transaction() as connection:
        assert await connection.fetchval(dispatching._queries.alone)
        assert await desk.dispatcher.round() is None
    assert await desk.tells() == 1


async def test_what_cannot_be_put_into_words_keeps_nobody_waiting(desk: Desk) -> None:
    (bad,) = await desk.happens("booking_confirmed")
    await desk.execute('update outbox set facts = facts || \'{"currency": "nonsense"}\' where id = $1', bad)
    (worse,) = await desk.happens("booking_confirmed")
    await desk.execute("update outbox set facts = '{}' where id = $1", worse)
    await desk.happens("booking_confirmed")
    assert await desk.tells() == 3
    assert len(await desk.notices("olga")) == 1
    assert len(await desk.rows("select 1 from outbox where failed is not null")) == 2


async def test_the_outbox_takes_no_kind_that_nobody_knows(desk: Desk) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.happens("booking_lost")  # type: ignore[arg-type]  # that is the point


async def test_a_worker_tells_at_once_and_then_in_rounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "ROUND_SECONDS", 3600.0)
    assert await desk.dispatcher.work() == dispatching.IDLE_SECONDS
    await desk.happens("booking_confirmed")
    assert 0 < await desk.dispatcher.work() <= dispatching.ROUND_SECONDS
    assert await desk.notices("olga") == []
    desk.dispatcher._began = float("-inf")
    assert await desk.dispatcher.work() == dispatching.ROUND_SECONDS
    assert len(await desk.notices("olga")) == 1
    await desk.happens("booking_cancelled")
    desk.dispatcher._began = float("-inf")
    async with desk.database.transaction() as connection:
        await connection.fetchval(dispatching._queries.alone)
        assert await desk.dispatcher.work() == dispatching.BUSY_SECONDS
