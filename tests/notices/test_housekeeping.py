"""What was told, sent and read is forgotten after a while, by statements that are never too long."""

from itertools import pairwise

import pytest

from server.bookings.store import moment
from server.notices import service
from server.notices.news import Newsman
from server.notices.service import Notices
from server.times import Clock
from tests.notices.conftest import Desk

HOUR = 3_600
DAY = 24 * HOUR


def notices_of(desk: Desk, clock: Clock) -> Notices:
    return Notices(desk.database, Newsman(None), clock=clock)  # type: ignore[arg-type]  # nobody is told


async def left(desk: Desk) -> tuple[int, int, int]:
    """Of what happened, of deliveries, of notices."""
    ((told, sent, noticed),) = await desk.rows(
        "select (select count(*) from outbox), (select count(*) from delivery), (select count(*) from notice)"
    )
    return told, sent, noticed


async def many_mails(desk: Desk, count: int) -> None:
    """To one buyer, so that all but the first go out together; all of it is read."""
    for _ in range(count):
        await desk.happens("payment_failed", user="ann")
    await desk.tells()
    await desk.passes(HOUR)
    now = moment(desk.clock())  # the server has a clock of its own
    await desk.execute("update notice set read_at = $1", now)
    await desk.execute("update outbox set told_at = $1", now)


async def test_what_is_old_goes_a_part_at_a_time_until_nothing_old_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FORGOTTEN_AT_ONCE", 2)
    notices = notices_of(desk, desk.clock)
    await many_mails(desk, 5)
    assert await left(desk) == (5, 5, 5)
    assert await notices.keep_house() == service.HOUSE_SECONDS
    assert await left(desk) == (5, 5, 5)
    assert desk.clock.frozen is not None
    desk.clock.frozen += 1000 * 100 * DAY
    rounds, counts = 0, [await left(desk)]
    while await notices.keep_house() == 0.0:
        rounds += 1
        counts.append(await left(desk))
    assert rounds >= 2, "no statement took all of it"
    assert all(before[2] - after[2] <= 2 for before, after in pairwise(counts))
    assert await left(desk) == (0, 0, 0)


async def test_a_letter_that_was_given_up_stays_with_all_that_were_to_go_with_it(desk: Desk) -> None:
    notices = notices_of(desk, desk.clock)
    await many_mails(desk, 3)
    await desk.execute("update delivery set state = 'dead', done_at = null where leader is null")
    await desk.execute("update delivery set state = 'joined', done_at = null where leader is not null")
    assert desk.clock.frozen is not None
    desk.clock.frozen += 1000 * 100 * DAY
    await notices.keep_house()
    assert (await left(desk))[1] == 3
