"""What waits to go out when its user asks for it otherwise."""

import asyncio
from typing import Any

import pytest

from server.notices import dispatcher as dispatching
from server.notices.news import Newsman
from server.notices.preferences import PreferencesRequest
from server.notices.service import Notices
from tests.notices.conftest import Desk

MAIL = "olga@example.org"
AS_USUAL = PreferencesRequest(email=MAIL)
QUIET: dict[str, Any] = {"quiet": {"start": "00:00", "end": "23:59", "time_zone": "UTC"}}
WAITING = "select planned_at, due_at from delivery where state = 'waiting' order by position"


@pytest.fixture
def notices(desk: Desk) -> Notices:
    return Notices(desk.database, Newsman(None), clock=desk.clock)  # type: ignore[arg-type]  # nobody is told


async def happens_twice(desk: Desk) -> None:
    for _ in range(2):
        await desk.happens("booking_confirmed", user="ann")
        await desk.tells()
        await desk.passes(10)


def mails(desk: Desk) -> list[int]:
    """Of how many parts each is that went to Olga."""
    return [max(len(each.parts), 1) for each in desk.post.took if each.recipient.address == MAIL]


@pytest.mark.parametrize("columns", [QUIET, {"batch_seconds": 86_400}])
async def test_what_is_taken_back_silences_nothing_any_more(
    desk: Desk, notices: Notices, columns: dict[str, Any]
) -> None:
    await desk.prefers("olga", email=MAIL, **columns)
    await happens_twice(desk)
    before, woken = sum(mails(desk)), list[None]()
    assert before < 2
    notices.deliveries.wake = lambda: woken.append(None)  # type: ignore[method-assign]  # the test sends
    await notices.prefer("olga", AS_USUAL)
    assert len(woken) == 1
    await desk.happens("booking_created", user="ann", actions=["confirm", "cancel"])
    await desk.tells()
    await desk.passes(10)
    assert sum(mails(desk)) == 3


async def test_what_stays_as_it_was_goes_out_as_it_was_planned(desk: Desk, notices: Notices) -> None:
    await desk.prefers("olga", email=MAIL, batch_seconds=3_600)
    await happens_twice(desk)
    planned = await desk.rows(WAITING)
    await desk.passes(1_000)  # the one before counts for as long as the batch, not lately alone
    await notices.prefer("olga", PreferencesRequest(email=MAIL, batch_seconds=3_600))
    await notices.prefer("olga", PreferencesRequest(email=MAIL, batch_seconds=86_400))
    assert await desk.rows(WAITING) == planned
    assert mails(desk) == [1]


async def test_a_shorter_batch_is_kept_from_the_message_before(desk: Desk, notices: Notices) -> None:
    await desk.prefers("olga", email=MAIL, batch_seconds=3_600)
    await happens_twice(desk)
    await notices.prefer("olga", PreferencesRequest(email=MAIL, batch_seconds=600))
    await desk.passes(570)
    assert mails(desk) == [1]
    await desk.passes(20)
    assert mails(desk) == [1, 1]


async def test_what_is_anothers_or_was_tried_stays_as_it_is(desk: Desk, notices: Notices) -> None:
    await desk.prefers("olga", email=MAIL, **QUIET)
    await desk.prefers("ann", email="ann@example.org", **QUIET)
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    await desk.execute("update delivery set attempts = 1 where address = $1", MAIL)
    waiting = await desk.rows(WAITING)
    assert len(waiting) == 2
    await notices.prefer("olga", AS_USUAL)
    assert await desk.rows(WAITING) == waiting


async def test_a_round_that_goes_by_what_was_before_is_waited_for(desk: Desk, notices: Notices) -> None:
    await desk.prefers("olga", email=MAIL, **QUIET)
    await desk.happens("booking_confirmed", user="ann")
    waits = (
        "select from pg_locks l join pg_database d on d.oid = l.database "
        "where d.datname = current_database() and locktype = 'advisory' and not granted"
    )
    async with desk.database.transaction() as connection:
        assert await connection.fetchval(dispatching._queries.alone)
        rows = await connection.fetch(dispatching._queries.take_untold, 1)
        await desk.dispatcher._write(connection, rows)
        taking_back = asyncio.create_task(notices.prefer("olga", AS_USUAL))
        while not taking_back.done() and not await desk.rows(waits):
            pass
    await taking_back
    await desk.passes(10)
    assert mails(desk) == [1]
