"""The audit of grids: Redis has records of some chunks alone, PostgreSQL rows of some steps alone."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from server.accounts.rules import Caller
from server.holds.rules import HeldItem, Hold, HoldRequest
from server.ops.audit import Ledger, LineRow, Live, Record, SlotRow, compare
from server.ops.auditor import audit
from server.settings import Settings
from tests.live.conftest import open_hall
from tests.live.driveway import at, draft, index_of
from tests.support.house import House

NOW = 1_000_000
FREE, HELD, BOOKED, CLOSED = Record(1, 0, 0, 1), Record(0, 1, 0, 1), Record(0, 0, 1, 1), Record(0, 0, 1, 0)


def held(*indices: int) -> Hold:
    return Hold(
        id="cart", session="ann", resource="drive", reference="BK-1", currency="gbp", status="held",
        items=tuple(HeldItem(index, 1, 200) for index in indices), created_at=NOW, expires_at=NOW + 60_000,
    )  # fmt: skip


def line(index: int) -> LineRow:
    return LineRow(index, 1, "confirmed", "sold", "BK-2", "confirmed", NOW)


LEDGER = Ledger(
    resource="drive",
    epoch="one",
    layout=1,
    slots=[SlotRow(index, 1, 1, False) for index in (40, 101, 102)] + [SlotRow(103, 1, 0, False)],
    lines=[line(40), line(101), line(102)],
)
LIVE = Live(
    epoch="one",
    layout=1,
    now=NOW,
    holds=[held(99, 100)],
    days={99: HELD, 100: HELD, 101: BOOKED, 102: CLOSED, 103: FREE},
    oldest=90,
)


def broken(ledger: Ledger, live: Live) -> list[str]:
    return [finding.sentence for finding in compare(ledger, live)]


def with_record(index: int, record: Record) -> Live:
    assert LIVE.days is not None
    return replace(LIVE, days={**LIVE.days, index: record})


def test_nothing_is_found_where_both_agree() -> None:
    """What is long past is forgotten by Redis alone; what was closed after it was booked is both."""
    assert broken(LEDGER, LIVE) == []


@pytest.mark.parametrize(
    ("live", "sentence"),
    [
        (with_record(101, FREE), "slot 101 is booked 0 times in Redis, 1 here"),
        (with_record(103, BOOKED), "slot 103 is booked 1 times in Redis, 0 here"),
        (with_record(103, HELD), "slot 103 has 1 held, its holds 0"),
        (with_record(100, FREE), "slot 100 has 0 held, its holds 1"),
        (with_record(103, Record(2, 0, 0, 2)), "slot 103 has capacity 2 in Redis, 1 in PostgreSQL"),
        (with_record(101, Record(0, 1, 1, 1)), "slot 101 has 1 held and 1 booked of 1"),
        (replace(LIVE, holds=[held(95, 99, 100)]), "slot 95 has no record, its holds 1"),
        (replace(LIVE, oldest=30), "slot 40 is booked 0 times in Redis, 1 here"),
    ],
)
def test_each_lie_is_found(live: Live, sentence: str) -> None:
    assert sentence in broken(LEDGER, live)


def test_a_hold_that_began_before_what_is_kept_is_no_finding() -> None:
    assert broken(LEDGER, replace(LIVE, holds=[held(88, 89, 99, 100)])) == []


async def test_a_driveways_redis_is_read(settings: Settings, redis: Redis) -> None:
    async with open_hall(settings) as house:
        await _takes_and_lies(house, redis)


async def _takes_and_lies(house: House, redis: Redis) -> None:
    await house.parts.inventory.create(draft())
    span = (at("09:00", 2), at("12:00", 2))
    request = HoldRequest(resource="drive", range=span)
    await house.parts.holds.hold(Caller(session="ann"), request, op=None, connected=False)
    in_use = redis.connection_pool._in_use_connections
    before = len(in_use)
    assert await audit(house.parts.database, redis, settle_seconds=0) == []
    assert len(in_use) == before, "an audit gives back what it took"
    index = index_of("13:00", 2)
    await redis.setrange(f"{{drive}}:day:{index // 48}", index % 48 * 4, b"\0\0\1\1")
    (finding,) = await audit(house.parts.database, redis, settle_seconds=0)
    assert str(finding) == f"R=P  drive: slot {index} is booked 1 times in Redis, 0 here"
